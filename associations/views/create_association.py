from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from associations import notices, services
from associations.errors import ChoiceGone
from associations.models import AssociationType, Seat, Side
from associations.pages import change_address
from associations.selectors import (
    Candidates,
    candidates,
    is_beside,
    seat_elsewhere,
    sides_of,
    why_not_offered,
)
from licensing.entitlements.today import entitlements, sharing_primary
from licensing.rma.selectors import in_cases
from licensing.selectors import node_support
from portal.access import MemberRequest, editor_required
from portal.clock import today
from portal.errors import RuleViolation
from portal.forms import sent_text, typed_search
from products.models import Registration
from products.pages import get_registration, origin_of, was_just_registered, with_origin


@editor_required
def create_association(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_registration(request, serial)
    url = with_origin(reverse("choose_child", args=[serial]), origin_of(request))
    after = url if Side.PARENT in sides_of(registration) else None
    if after and request.method == "GET" and _comes_from_child(request):
        return redirect(after)  # its origin is a child, which this unit is to get as its new parent (A5)
    return _step(request, registration, side=Side.PARENT, after=after)


@editor_required
def choose_child(request: MemberRequest, serial: str) -> HttpResponse:
    return _step(request, get_registration(request, serial), side=Side.CHILD, after=None)


def _step(
    request: MemberRequest, registration: Registration, *, side: Side, after: str | None
) -> HttpResponse:
    """One step of Create Association: offer units for a side, and seat the chosen one.

    `after` is the page that follows if none is chosen; without it the unit stays alone.
    """
    refusal = None
    if request.method == "POST":
        try:
            return _choose(request, registration, side, after)
        except RuleViolation as error:
            refusal = error
    search = typed_search(request)
    from_child = side == Side.CHILD and _comes_from_child(request)
    offered = candidates(
        request.membership.account,
        registration,
        side=side,
        query=search.text,
        with_children=from_child,
    )
    if side == Side.PARENT and not offered.labels and after and not refusal:
        return redirect(after)  # its model can be no child, or it has a place already
    # An origin that was declined as the parent isn't preselected as the child.
    preselected = _preselected(offered, origin_of(request)) if side == Side.PARENT or from_child else ""
    context = {
        **_unit_context(registration),
        **_offer_context(request, registration, offered, side),
        "search": search,
        "has_next": after is not None,
        "choice": sent_text(request, "choice") or preselected,
        "refusal": refusal,
    }
    status = 422 if refusal or search.too_long else 200
    return render(request, "associations/create_association.html", context, status=status)


def _choose(
    request: MemberRequest, registration: Registration, side: Side, after: str | None
) -> HttpResponse:
    """Seat the unit that was chosen; if none was, go on or stay alone."""
    if choice := sent_text(request, "choice"):
        return _associate(request, registration, side, choice)
    return redirect(after) if after else _stay_alone(request, registration)


def _unit_context(registration: Registration) -> dict[str, object]:
    """What the page shows of the unit that is to get a place."""
    held = entitlements(registration, source=sharing_primary(registration), today=today())
    return {
        "registration": registration,
        "nodes": node_support(held, today()),
        "roles": registration.seats.live().select_related("type"),
    }


def _offer_context(
    request: MemberRequest, registration: Registration, offered: Candidates, side: Side
) -> dict[str, object]:
    """What the page shows of the units that are offered, and of an origin that isn't."""
    failed, keepers = in_cases([registration, *(row.registration for row in offered.rows)])
    parents = [registration] if side == Side.CHILD else [row.registration for row in offered.rows]
    return {
        "failed": failed,
        "keepers": {unit: case for unit, case in keepers.items() if unit in parents},
        "side": side,
        "offered": offered,
        "better": notices.better_children(registration, offered, side),
        "missing": _missing(request, registration, offered),
        "origin": origin_of(request),
    }


def _comes_from_child(request: MemberRequest) -> bool:
    """Whether the origin is a child that shares its parent's licences."""
    seats = Seat.objects.live().filter(side=Side.CHILD, type__shares_licences=True)
    origin = Registration.objects.visible_to(request.membership.account)
    return seats.filter(registration__in=origin.filter(unit__serial=origin_of(request))).exists()


def _preselected(offered: Candidates, origin: str) -> str:
    """The choice of the origin, if it is offered (A5)."""
    return next((c.value for c in offered.rows if c.registration.unit.serial == origin), "")


def _missing(
    request: MemberRequest, registration: Registration, offered: Candidates
) -> tuple[Registration, str] | None:
    """The origin, if no step can ever offer it, with the code of the reason."""
    visible = Registration.objects.visible_to(request.membership.account)
    origin = visible.filter(unit__serial=origin_of(request)).first() if origin_of(request) else None
    if origin is None or origin in [candidate.registration for candidate in offered.rows]:
        return None
    reason = why_not_offered(registration, origin)
    return (origin, reason) if reason else None


def _associate(request: MemberRequest, registration: Registration, side: Side, choice: str) -> HttpResponse:
    slug, _, serial = choice.partition(":")
    type = AssociationType.objects.filter(slug=slug).first()
    chosen = Registration.objects.visible_to(request.membership.account).filter(unit__serial=serial).first()
    if type is None or chosen is None:
        raise ChoiceGone
    parent, child = (chosen, registration) if side == Side.PARENT else (registration, chosen)
    if side == Side.CHILD and (elsewhere := seat_elsewhere(child, type, parent)):
        return redirect(change_address(elsewhere, parent))
    was_associated = is_beside(child, type, parent)
    seat = services.associate(parent=parent, child=child, type=type, by=request.user, today=today())
    if was_associated:
        notices.say_associated_already(request, seat=seat, parent=parent, child=child)
    else:
        done = "Registered and associated." if was_just_registered(request, registration) else "Associated."
        notices.say_associated(request, registration, seat=seat, parent=parent, child=child, done=done)
    return redirect("service_management", registration.unit.serial)


def _stay_alone(request: MemberRequest, registration: Registration) -> HttpResponse:
    notices.say_alone(request, registration, is_new=was_just_registered(request, registration))
    return redirect("service_management", registration.unit.serial)
