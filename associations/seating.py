"""The steps that changes of associations consist of; they check A1, A2 and A9.

None is a service of its own: callers hold a transaction, and have locked the units and then the types.
The number of queries doesn't depend on how many seats end or begin.
"""

import datetime
import uuid
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone

from associations.errors import (
    AlreadyChild,
    AlreadyParent,
    AssociationGone,
    DifferentModels,
    ParentIsChild,
    TypeDoesNotFit,
    UnitNotActive,
)
from associations.models import AssociationType, Seat, Side
from associations.sharing_limit import check_sharing_limit
from portal.models import User
from products.models import Registration, Unit


class Place(NamedTuple):
    """A child to be seated beside a parent, in a locked type; without `may_share` it becomes a spare."""

    parent: Registration
    child: Registration
    type: AssociationType
    may_share: bool = True


type LiveSeats = dict[tuple[int, int], Seat]
"""Live seats by type and registration."""


def lock_types(*types: AssociationType) -> dict[int, AssociationType]:
    """Lock types, and with them the models that fit, against changes of the catalogue; return them by key.

    A seat's foreign key would lock its type only at COMMIT.
    """
    locked = AssociationType.objects.select_for_update(no_key=True).prefetch_related("models")
    return {type.pk: type for type in locked.filter(pk__in=[type.pk for type in types]).order_by("pk")}


def live_seats(places: Iterable[Place]) -> LiveSeats:
    """The live seats of the parents and children of places, in the types of these places."""
    places = list(places)
    units = {unit.pk for place in places for unit in (place.parent, place.child)}
    seats = Seat.objects.live().filter(type__in={place.type.pk for place in places}, registration__in=units)
    return {(seat.type_id, seat.registration_id): seat for seat in seats}


def present_seat(place: Place, live: LiveSeats) -> Seat | None:
    """The seat of a place's child, if it sits beside this very parent already."""
    parent_seat, child_seat = _seats_of(place, live)
    is_there = parent_seat and child_seat and child_seat.group == parent_seat.group
    return child_seat if is_there and child_seat and child_seat.side == Side.CHILD else None


def _seats_of(place: Place, live: LiveSeats) -> tuple[Seat | None, Seat | None]:
    return live.get((place.type.pk, place.parent.pk)), live.get((place.type.pk, place.child.pk))


def parent_of(seat: Seat) -> Registration:
    """The registration beside which a child is, or was, seated: a group only ever has one parent."""
    return Seat.objects.with_units().filter(group=seat.group, side=Side.PARENT).latest("pk").registration


def association_gone(seat: Seat) -> AssociationGone:
    """The error for a seat that has ended: since when, and by whom."""
    return AssociationGone(at=seat.ended_at, who=f" by {seat.ended_by}" if seat.ended_by else "")


def end_seats(*seats: Seat, by: User) -> None:
    """End seats, all of which must be live. Raises AssociationGone."""
    ended = Seat.objects.filter(pk__in=[seat.pk for seat in seats])
    if ended.live().update(ended_at=timezone.now(), ended_by=by) < len(seats):
        raise association_gone(ended.select_related("ended_by").earliest("ended_at"))
    _make_stale(seats)


def end_groups(*seats: Seat, by: User) -> None:
    """End everything live in the groups of these seats, which include all the groups' children."""
    groups = {seat.group for seat in seats}
    Seat.objects.live().filter(group__in=groups).update(ended_at=timezone.now(), ended_by=by)
    _make_stale(seats)


def _make_stale(seats: Iterable[Seat]) -> None:
    children = [seat.registration.unit_id for seat in seats if seat.side == Side.CHILD]
    Unit.objects.filter(pk__in=children).raise_version()


def leave_groups(*seats: Seat, by: User) -> None:
    """End the seats of parents whose last child has gone."""
    rest = Seat.objects.live().filter(group__in=[seat.group for seat in seats])
    kept = rest.filter(side=Side.CHILD).values("group")
    rest.exclude(group__in=kept).update(ended_at=timezone.now(), ended_by=by)


def begin_again(seat: Seat, *, shares: bool, by: User, reason: str) -> Seat:
    """Begin another seat in place of an ended child's seat, sharing or not."""
    return Seat.objects.create(
        group=seat.group,
        type=seat.type,
        registration=seat.registration,
        side=Side.CHILD,
        shares=shares,
        began_by=by,
        reason=reason,
    )


def seat_children(
    places: Iterable[Place],
    live: LiveSeats,
    *,
    by: User,
    today: datetime.date | None,
    reason: str,
    by_rma: bool = False,
    swapped_with: Registration | None = None,
) -> list[Seat]:
    """Begin the seats of children, in this order, and of parents that have none; return the children's.

    The first child of a parent in a sharing type shares. Seats made `by_rma` don't count for the sharing
    limit (A9). `swapped_with` is the unit whose role a new parent got by a swap (A8).
    """
    places = list(places)
    groups = {key: seat.group for key, seat in live.items() if seat.side == Side.PARENT}
    children = [place.child for place in places]
    sharing = Seat.objects.live().filter(
        Q(group__in=groups.values()) | Q(registration__in=children), shares=True
    )
    taken: set[object] = {one for row in sharing.values_list("group", "registration") for one in row}
    begin = partial(Seat, began_by=by, reason=reason)
    begun: list[Seat] = []
    for parent, child, type, may_share in places:
        if (type.pk, parent.pk) not in groups:
            seat = begin(
                group=uuid.uuid4(),
                type=type,
                registration=parent,
                side=Side.PARENT,
                swapped_with=swapped_with,
            )
            groups[type.pk, parent.pk] = seat.group
            begun.append(seat)
        group = groups[type.pk, parent.pk]
        both = {group, child.pk}
        shares = may_share and type.shares_licences and not both & taken
        if shares:
            taken |= both
            if today and not by_rma:
                check_sharing_limit(parent, child, today)
        side = Side.CHILD
        begun.append(
            begin(group=group, type=type, registration=child, side=side, shares=shares, by_rma=by_rma)
        )
    Seat.objects.bulk_create(begun)
    Unit.objects.filter(pk__in=[child.unit_id for child in children]).raise_version()
    return [seat for seat in begun if seat.side == Side.CHILD]


def check_active(*registrations: Registration) -> None:
    for registration in registrations:
        if registration.unit.retired_at:
            raise UnitNotActive(serial=registration.unit.serial)


def check_fit(place: Place) -> None:
    """A1: both are active, their models fit their sides and, if the type asks for it, are the same."""
    parent, child, type, _ = place
    check_active(parent, child)
    fitting = {(entry.side, entry.model_id) for entry in type.models.all()}
    for registration, side, label in (
        (parent, Side.PARENT, type.parent_label),
        (child, Side.CHILD, type.child_label),
    ):
        if (side, registration.unit.model_id) not in fitting:
            raise TypeDoesNotFit(product=registration.unit.model.full_name, label=label)
    if type.is_same_model and parent.unit.model_id != child.unit.model_id:
        raise DifferentModels(
            parent=parent.friendly_name,
            child=child.friendly_name,
            parent_label=type.parent_label,
            child_label=type.child_label,
        )


def check_free(place: Place, live: LiveSeats) -> None:
    """A2: the child is in no association of the type; the parent is in none, or is a parent there."""
    parent, child, type, _ = place
    parent_seat, child_seat = _seats_of(place, live)
    labels = {"parent_label": type.parent_label, "child_label": type.child_label}
    if child_seat and child_seat.side == Side.CHILD:
        present = Seat.objects.live().with_units().get(group=child_seat.group, side=Side.PARENT).registration
        raise AlreadyChild(
            child=child.friendly_name, serial=child.unit.serial, parent=present.friendly_name, **labels
        )
    if child_seat:
        raise AlreadyParent(child=child.friendly_name, serial=child.unit.serial, **labels)
    if parent_seat and parent_seat.side == Side.CHILD:
        raise ParentIsChild(parent=parent.friendly_name, serial=parent.unit.serial, **labels)


def sharing_seats(group: uuid.UUID) -> list[Seat]:
    """The live seat in a group that shares, as a list of at most one."""
    return list(Seat.objects.live().filter(group=group, shares=True).select_related("type", "registration"))


def children_of(parent: Registration, *, exclude: Seat) -> list[Seat]:
    """The live seats of a parent's children, of every type, except one."""
    groups = Seat.objects.live().filter(registration=parent, side=Side.PARENT).values("group")
    seats = Seat.objects.live().filter(group__in=groups, side=Side.CHILD).exclude(pk=exclude.pk)
    return list(seats.with_units().order_by("pk"))
