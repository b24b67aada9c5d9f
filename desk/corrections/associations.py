import uuid
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.http import QueryDict

from associations import services
from associations.models import Seat, Side, TypeModel
from associations.seating import parent_of, sharing_seats
from associations.selectors import live_seats
from desk.corrections.base import Choice, Subject
from desk.corrections.forms import ChoiceForm, Option, OtherUnitForm
from licensing.moves.swap import shared_licences, shared_parts, swap_roles
from licensing.selectors import sharing_changes
from licensing.wording import licence_in_words
from portal.clock import today

MOST_SHOWN = 100
BEYOND = "Support may do this with however many units a parent has shared its licenses."


class Associate(Choice):
    name = "associate"
    title = button = "Associate"
    did = "associated a unit with another"
    intro = BEYOND
    form = OtherUnitForm
    asked = "This unit becomes"
    none = "Its model takes no side in any type of association."

    @cached_property
    def options(self) -> list[Option]:
        """The sides that the unit's model can take, by type."""
        places = TypeModel.objects.filter(model=self.registration.unit.model_id).select_related("type")
        return [
            Option(f"{place.type.slug}:{place.side}", place, _place_in_words(place))
            for place in places.order_by("type__position", "type", "-side")
        ]

    @cached_property
    def preview(self) -> Sequence[str]:
        seats = live_seats(self.registration)
        others = [seat for seat in seats if seat.registration_id != self.registration.pk]
        return [f"Associated with it now: {_name(seat)}, {seat.role}" for seat in others]

    def perform(self, given: dict[str, Any]) -> str:
        place, ends = given["choice"], [self.registration, given["serial_number"]]
        parent, child = ends if place.side == Side.PARENT else reversed(ends)
        seat = services.associate(
            parent=parent, child=child, type=place.type, by=self.by, today=None, reason=given["reason"]
        )
        return f"Associated: {child.unit} is {seat.role} of {parent.unit}."


class SeatChoice(Choice):
    """A correction of a live seat: the unit's own as a child or one of its children's, of at most 100."""

    subject = Subject.ASSOCIATED
    asked = "Association"
    none = "It is in no association of this kind."

    def fits(self, seat: Seat) -> bool:
        """Whether the seat can be chosen."""
        return True

    def value(self, seat: Seat) -> str:
        """The value that the form sends for it."""
        return str(seat.uuid)

    @cached_property
    def seats(self) -> list[Seat]:
        led = self.registration.seats.live().filter(side=Side.PARENT).values("group")
        seats = Seat.objects.live().with_units().filter(side=Side.CHILD)
        seats = seats.filter(Q(registration=self.registration) | Q(group__in=led))
        found = seats.order_by("type__position", "-shares", "pk")[:MOST_SHOWN]
        return [seat for seat in found if self.fits(seat)]

    @cached_property
    def options(self) -> list[Option]:
        groups = {seat.group for seat in self.seats}
        found = Seat.objects.live().with_units().filter(group__in=groups, side=Side.PARENT)
        parents = {seat.group: _name(seat) for seat in found}
        return [
            Option(self.value(seat), seat, f"{_name(seat)}, {seat.role} of {parents[seat.group]}")
            for seat in self.seats
        ]

    @cached_property
    def preview(self) -> Sequence[str]:
        """What sharing children lose when they are taken from their parents."""
        return [_loss(seat) for seat in self.seats if seat.shares]


class Remove(SeatChoice):
    name = "remove"
    title = "Remove an association"
    did = "removed an association"
    link = "Remove association"
    button = "Remove"

    def perform(self, given: dict[str, Any]) -> str:
        seat = given["choice"]
        services.remove_association(seat=seat, by=self.by, reason=given["reason"])
        return f"Removed: {seat.registration.unit} and {parent_of(seat).unit} are apart."


class ChangeParent(SeatChoice):
    name = "change_parent"
    title = button = "Change parent"
    did = "changed the parent of a unit"
    intro = BEYOND
    form = OtherUnitForm
    asked = "Whose parent"

    def ask(self, sent: QueryDict | None) -> ChoiceForm:
        form = super().ask(sent)
        form.fields["serial_number"].label = "Serial Number of the new parent"
        return form

    def perform(self, given: dict[str, Any]) -> str:
        seat, parent = given["choice"], given["serial_number"]
        changed = services.change_parent(
            seat=seat, parent=parent, by=self.by, today=None, reason=given["reason"]
        )
        return f"Parent changed: {seat.registration.unit} is {changed.role} of {parent.unit}."


class Swap(SeatChoice):
    name = "swap"
    title = button = "Swap roles"
    did = "swapped the roles of a pair"
    asked = "Pair"
    none = "It is in no pair that shares licenses."

    def fits(self, seat: Seat) -> bool:
        return seat.shares

    @cached_property
    def preview(self) -> Sequence[str]:
        return [line for seat in self.seats for line in _moves(seat)]

    def perform(self, given: dict[str, Any]) -> str:
        swapped = swap_roles(seat=given["choice"], by=self.by, today=today(), reason=given["reason"])
        return f"Swapped: {swapped.registration.unit} is {swapped.role} now."


class MakeStandby(SeatChoice):
    name = "make_standby"
    title = button = "Make standby"
    did = "made another unit the standby"
    intro = BEYOND
    asked = "Spare"
    none = "There is no spare here."

    def fits(self, seat: Seat) -> bool:
        return seat.is_spare

    def value(self, seat: Seat) -> str:
        return f"{seat.uuid}:{self._instead(seat)}"

    @cached_property
    def sharing(self) -> dict[uuid.UUID, list[Seat]]:
        """The sharing seat in each spare's group, as a list of at most one."""
        return {group: sharing_seats(group) for group in dict.fromkeys(seat.group for seat in self.seats)}

    def _instead(self, spare: Seat) -> str:
        return "".join(str(seat.uuid) for seat in self.sharing[spare.group])

    @cached_property
    def preview(self) -> Sequence[str]:
        return [f"Becomes a spare: {_name(seat)}" for seats in self.sharing.values() for seat in seats]

    def perform(self, given: dict[str, Any]) -> str:
        spare = given["choice"]
        standby = services.make_standby(
            seat=spare, instead=self._instead(spare), by=self.by, today=None, reason=given["reason"]
        )
        return f"Made standby: {standby.registration.unit} shares the licenses of its parent now."


def _place_in_words(place: TypeModel) -> str:
    type = place.type
    if place.side == Side.PARENT:
        return f"{type.parent_label}, the other one its {type.child_label}"
    return f"{type.child_label} of the other one, its {type.parent_label}"


def _loss(seat: Seat) -> str:
    parent = parent_of(seat)
    changes = sharing_changes(seat.registration, before=parent, after=None, today=today())
    lost = "; ".join(f"{change.service}: {change.after}" for change in changes) or "nothing changes"
    return f"{_name(seat)} shares the licenses of {parent.unit}. Without them: {lost}."


def _moves(seat: Seat) -> list[str]:
    """The licences and parts that go with the primary's role when a pair swaps roles."""
    name, primary = seat.registration.friendly_name, parent_of(seat)
    licences = [
        f"{row.service}, {licence_in_words(row, today())}: goes to {name}" for row in shared_licences(primary)
    ]
    return licences + [
        f"{part.licence.service}, {part.count} of the licenses of {part.licence.registration.friendly_name}: "
        f"goes to {name}"
        for part in shared_parts(primary)
    ]


def _name(seat: Seat) -> str:
    return f"“{seat.registration.friendly_name}” ({seat.registration.unit})"
