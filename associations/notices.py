"""What the next page says after an association was made, changed or removed, or had been meanwhile."""

from django.contrib import messages
from django.http import HttpRequest
from django.template.loader import render_to_string

from associations.errors import AssociationGone
from associations.models import Seat, Side
from associations.seating import gone, parent_of
from associations.selectors import Candidates, spares_of, standby_since
from licensing.moves.exchange import better_held
from portal.clock import today
from products.models import Registration


def say_associated(
    request: HttpRequest,
    viewer: Registration,
    *,
    seat: Seat,
    parent: Registration,
    child: Registration,
    done: str,
) -> None:
    """Tell what became of a child's seat, as seen from one of the units; the other is named with a link."""
    context: dict[str, object] = {"registration": viewer, "seat": seat, "parent": parent, "child": child}
    is_reversed = seat.shares and bool(better_held(child, [parent], today=today())[0])
    context |= {"done": done, "is_reversed": is_reversed}
    level = messages.WARNING if seat.is_spare or is_reversed else messages.SUCCESS
    messages.add_message(request, level, render_to_string("associations/_associated.html", context))


def say_associated_already(
    request: HttpRequest, *, seat: Seat, parent: Registration, child: Registration
) -> None:
    """Tell that two units were associated just so before."""
    context = {"seat": seat, "parent": parent, "child": child}
    text = render_to_string("associations/_already.html", context)
    messages.info(request, text, extra_tags="already-associated")


def say_alone(request: HttpRequest, registration: Registration, *, is_new: bool) -> None:
    """Tell that a unit stays as it is, registered just now or long ago."""
    context = {"registration": registration, "is_new": is_new}
    messages.success(request, render_to_string("associations/_alone.html", context))


def say_removed(request: HttpRequest, seat: Seat, changes: object) -> None:
    """Tell what the former child loses, and which spares nobody's place was given to."""
    context = {
        "seat": seat,
        "parent": parent_of(seat),
        "changes": changes,
        "spares": spares_of(seat) if seat.shares else [],
    }
    messages.success(request, render_to_string("associations/_removed.html", context))


def say_standby(request: HttpRequest, seat: Seat) -> None:
    """Tell that a spare shares its parent's licences now."""
    context = {"seat": seat, "parent": parent_of(seat)}
    messages.success(request, render_to_string("associations/_standby.html", context))


def say_gone(request: HttpRequest, seat: Seat, *, for_standby: bool = False) -> None:
    """Tell who means a seat that has ended since when it has, and by whom.

    Who meant to make a spare the standby learns that it is, where somebody was quicker.
    """
    if for_standby and (standby := standby_since(seat)):
        context = {"seat": standby, "parent": parent_of(seat), "already": True}
        text = render_to_string("associations/_standby.html", context)
        messages.info(request, text, extra_tags="already-standby")
    else:
        messages.error(request, str(gone(seat)), extra_tags=AssociationGone.code)


def better_children(registration: Registration, offered: Candidates, side: Side) -> set[int]:
    """The units that, chosen, would leave the better licences with the child, which shares none (A10)."""
    others = [row.registration for row in offered.rows if row.type.shares_licences and not row.is_shared]
    than_others, of_others = better_held(registration, others, today=today())
    return than_others if side == Side.PARENT else of_others
