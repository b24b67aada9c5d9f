"""The message on the next page: an association was made, changed or removed, now or already before."""

from django.contrib import messages
from django.http import HttpRequest
from django.template.loader import render_to_string

from associations.errors import AssociationGone
from associations.models import Seat, Side
from associations.seating import association_gone, parent_of
from associations.selectors import Candidates, spares_of, standby_since
from licensing.entitlements.pairing import pairs_reversed
from portal.clock import today
from portal.models import Act
from products.models import Registration


def say_associated(
    request: HttpRequest,
    viewer: Registration,
    *,
    seat: Seat,
    parent: Registration,
    child: Registration,
    done: str,
    undo: Act | None = None,
) -> None:
    """Say what became of a child's seat, as seen from one of the units, with a link to the other.

    `undo` is the act that the message offers to undo, here and below.
    """
    context: dict[str, object] = {"registration": viewer, "seat": seat, "parent": parent, "child": child}
    adding = pairs_reversed(child, [parent], today=today())[0].get(parent.pk) if seat.shares else None
    context |= {"done": done, "adding": adding, "undo": undo}
    level = messages.WARNING if seat.is_spare or adding else messages.SUCCESS
    messages.add_message(request, level, render_to_string("associations/_associated.html", context))


def say_associated_already(
    request: HttpRequest, *, seat: Seat, parent: Registration, child: Registration
) -> None:
    """Say that two units were associated in just this way before."""
    context = {"seat": seat, "parent": parent, "child": child}
    text = render_to_string("associations/_already.html", context)
    messages.info(request, text, extra_tags="already-associated")


def say_alone(request: HttpRequest, registration: Registration, *, is_new: bool) -> None:
    """Say that a unit, new or not, stays in no association."""
    context = {"registration": registration, "is_new": is_new}
    messages.success(request, render_to_string("associations/_alone.html", context))


def say_removed(request: HttpRequest, seat: Seat, changes: object, undo: Act | None) -> None:
    """Say which services the former child loses, and which spares could now take its place."""
    context = {
        "seat": seat,
        "parent": parent_of(seat),
        "changes": changes,
        "spares": spares_of(seat) if seat.shares else [],
        "undo": undo,
    }
    messages.success(request, render_to_string("associations/_removed.html", context))


def say_standby(request: HttpRequest, seat: Seat, undo: Act | None) -> None:
    """Say that a spare now shares its parent's licences."""
    context = {"seat": seat, "parent": parent_of(seat), "undo": undo}
    messages.success(request, render_to_string("associations/_standby.html", context))


def say_gone(request: HttpRequest, seat: Seat, *, for_standby: bool = False) -> None:
    """Say since when the seat that a page meant has ended, and who ended it.

    `for_standby`: the seat was to become the standby. If it did so already, say that instead.
    """
    if for_standby and (standby := standby_since(seat)):
        context = {"seat": standby, "parent": parent_of(seat), "already": True}
        text = render_to_string("associations/_standby.html", context)
        messages.info(request, text, extra_tags="already-standby")
    else:
        messages.error(request, str(association_gone(seat)), extra_tags=AssociationGone.code)


def better_children(
    registration: Registration, offered: Candidates, side: Side
) -> dict[Registration, list[str]]:
    """The offered units whose choice would leave the child with licences that it doesn't share and that would
    add to the pair, with these in words (A10).
    """
    others = [row.registration for row in offered.rows if row.type.shares_licences and not row.is_shared]
    as_parents, as_children = pairs_reversed(registration, others, today=today())
    adding = as_parents if side == Side.PARENT else as_children
    return {other: adding[other.pk] for other in others if other.pk in adding}
