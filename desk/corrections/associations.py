from collections.abc import Iterable
from typing import Any

from django.db.models import Q
from django.http import HttpResponse

from associations import services
from associations.models import Seat, Side, TypeModel
from associations.seating import parent_of, sharing_seats
from associations.selectors import live_seats
from desk.access import DeskRequest, desk_page
from desk.corrections.base import correct, find_unit, sent, unregistered
from desk.corrections.forms import ChoiceForm, OtherUnitForm
from licensing.moves.exchange import plan_moves
from licensing.moves.swap import swap_roles
from licensing.selectors import sharing_changes
from portal.clock import today
from products.models import Registration

MOST_SHOWN = 100
BEYOND = "Support may do this however many units a parent's licenses have reached."
ALONE = "It is in no association of this kind."


@desk_page("portal.lead")
def associate(request: DeskRequest, serial: str) -> HttpResponse:
    unit, registration = find_unit(serial)
    shown: dict[str, Any] = {"title": "Associate", "button": "Associate"}
    if registration is None:
        return unregistered(request, unit, **shown)
    places = {f"{place.type.slug}:{place.side}": place for place in _places(registration)}
    choices = [(value, _place_in_words(place)) for value, place in places.items()]
    form = OtherUnitForm(sent(request), choices=choices, label="This unit becomes")

    def act(given: dict[str, Any]) -> str:
        place, other = places[given["choice"]], given["serial_number"]
        ends = (registration, other) if place.side == Side.PARENT else (other, registration)
        seat = services.associate(
            parent=ends[0],
            child=ends[1],
            type=place.type,
            by=request.user,
            today=None,
            reason=given["reason"],
        )
        return f"Associated: {ends[1].unit} is {_label(seat)} of {ends[0].unit}."

    others = [seat for seat in live_seats(registration) if seat.registration_id != registration.pk]
    shown["preview"] = [f"Associated with it now: {_name(seat)}, {_label(seat)}" for seat in others]
    shown["intro"] = BEYOND
    shown["nothing"] = "" if choices else "Its model takes no side in any type of association."
    return correct(request, form, act, unit=unit, registration=registration, **shown)


@desk_page("portal.lead")
def remove(request: DeskRequest, serial: str) -> HttpResponse:
    unit, registration = find_unit(serial)
    shown: dict[str, Any] = {"title": "Remove an association", "button": "Remove"}
    if registration is None:
        return unregistered(request, unit, **shown)
    seats = _child_seats(registration)
    form = ChoiceForm(sent(request), choices=_choices(seats), label="Association")

    def act(given: dict[str, Any]) -> str:
        seat = seats[given["choice"]]
        services.remove_association(seat=seat, by=request.user, reason=given["reason"])
        return f"Removed: {seat.registration.unit} and {parent_of(seat).unit} are apart."

    shown |= {"preview": _losses(seats.values()), "nothing": "" if seats else ALONE}
    return correct(request, form, act, unit=unit, registration=registration, **shown)


@desk_page("portal.lead")
def change_parent(request: DeskRequest, serial: str) -> HttpResponse:
    unit, registration = find_unit(serial)
    shown: dict[str, Any] = {"title": "Change parent", "button": "Change parent"}
    if registration is None:
        return unregistered(request, unit, **shown)
    seats = _child_seats(registration)
    form = OtherUnitForm(sent(request), choices=_choices(seats), label="Whose parent")
    form.fields["serial_number"].label = "Serial Number of the new parent"

    def act(given: dict[str, Any]) -> str:
        seat, parent = seats[given["choice"]], given["serial_number"]
        changed = services.change_parent(
            seat=seat, parent=parent, by=request.user, today=None, reason=given["reason"]
        )
        return f"Parent changed: {seat.registration.unit} is {_label(changed)} of {parent.unit}."

    shown |= {"intro": BEYOND, "preview": _losses(seats.values()), "nothing": "" if seats else ALONE}
    return correct(request, form, act, unit=unit, registration=registration, **shown)


@desk_page("portal.lead")
def swap(request: DeskRequest, serial: str) -> HttpResponse:
    unit, registration = find_unit(serial)
    shown: dict[str, Any] = {"title": "Swap roles", "button": "Swap roles"}
    if registration is None:
        return unregistered(request, unit, **shown)
    seats = {value: seat for value, seat in _child_seats(registration).items() if seat.shares}
    form = ChoiceForm(sent(request), choices=_choices(seats), label="Pair")

    def act(given: dict[str, Any]) -> str:
        swapped = swap_roles(
            seat=seats[given["choice"]], by=request.user, today=today(), reason=given["reason"]
        )
        return f"Swapped: {swapped.registration.unit} is {_label(swapped)} now."

    lines = [line for seat in seats.values() for line in _moves(seat)]
    shown |= {"preview": lines, "nothing": "" if seats else "It is in no pair that shares licenses."}
    return correct(request, form, act, unit=unit, registration=registration, **shown)


@desk_page("portal.lead")
def make_standby(request: DeskRequest, serial: str) -> HttpResponse:
    unit, registration = find_unit(serial)
    shown: dict[str, Any] = {"title": "Make standby", "button": "Make standby"}
    if registration is None:
        return unregistered(request, unit, **shown)
    spares = [seat for seat in _child_seats(registration).values() if seat.is_spare]
    sharing = {seat.group: sharing_seats(seat.group) for seat in spares}
    meant = {f"{s.uuid}:{''.join(str(other.uuid) for other in sharing[s.group])}": s for s in spares}
    form = ChoiceForm(sent(request), choices=_choices(meant), label="Spare")

    def act(given: dict[str, Any]) -> str:
        value, reason = given["choice"], given["reason"]
        _, _, instead = value.partition(":")
        standby = services.make_standby(
            seat=meant[value], instead=instead, by=request.user, today=None, reason=reason
        )
        return f"Made standby: {standby.registration.unit} shares the licenses of its parent now."

    shown["preview"] = [f"Becomes a spare: {_name(seat)}" for seats in sharing.values() for seat in seats]
    shown["intro"] = BEYOND
    shown["nothing"] = "" if spares else "There is no spare here."
    return correct(request, form, act, unit=unit, registration=registration, **shown)


def _places(registration: Registration) -> list[TypeModel]:
    """Which sides the unit's model can take in which types."""
    places = TypeModel.objects.filter(model=registration.unit.model_id).select_related("type")
    return list(places.order_by("type__position", "type", "-side"))


def _place_in_words(place: TypeModel) -> str:
    type = place.type
    if place.side == Side.PARENT:
        return f"{type.parent_label}, the other one its {type.child_label}"
    return f"{type.child_label} of the other one, its {type.parent_label}"


def _child_seats(registration: Registration) -> dict[str, Seat]:
    """The live seats of a unit as a child, and of its children, by their UUIDs; at most 100."""
    led = registration.seats.live().filter(side=Side.PARENT).values("group")
    seats = Seat.objects.live().with_units().filter(side=Side.CHILD)
    seats = seats.filter(Q(registration=registration) | Q(group__in=led))
    return {str(seat.uuid): seat for seat in seats.order_by("type__position", "-shares", "pk")[:MOST_SHOWN]}


def _choices(seats: dict[str, Seat]) -> list[tuple[str, str]]:
    groups = {seat.group for seat in seats.values()}
    found = Seat.objects.live().with_units().filter(group__in=groups, side=Side.PARENT)
    parents = {seat.group: seat for seat in found}
    return [
        (value, f"{_name(seat)}, {_label(seat)} of {_name(parents[seat.group])}")
        for value, seat in seats.items()
    ]


def _losses(seats: Iterable[Seat]) -> list[str]:
    """What children that share lose when they are taken from their parents."""
    lines = []
    for seat in seats:
        if seat.shares:
            parent = parent_of(seat)
            changes = sharing_changes(seat.registration, before=parent, after=None, today=today())
            lost = ", ".join(str(change.before.service) for change in changes) or "nothing"
            lines.append(
                f"{_name(seat)} shares the licenses of {parent.unit}. Without them it loses: {lost}."
            )
    return lines


def _moves(seat: Seat) -> list[str]:
    """What becomes of each licence when a pair changes places."""
    name = seat.registration.friendly_name
    return [
        f"{move.service}: {f'goes to {name}' if move.moves else f'stays with {name}, whose own is as good'}"
        for move in plan_moves(parent_of(seat), seat.registration, today=today())
    ]


def _name(seat: Seat) -> str:
    return f"“{seat.registration.friendly_name}” ({seat.registration.unit})"


def _label(seat: Seat) -> str:
    return f"{seat.label} (spare)" if seat.is_spare else seat.label
