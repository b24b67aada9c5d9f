"""The steps that changes of associations are made of; what they check is A1, A2 and A9.

None is a service of its own: who calls them is in a transaction, has locked the units and then the type.
"""

import datetime
import uuid

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
from associations.models import AssociationType, Seat, Side, TypeModel
from associations.sharing_limit import check_reach
from portal.models import User
from products.models import Registration, Unit


def lock_type(type: AssociationType) -> AssociationType:
    """Lock a type against the catalogue's changes: a seat's foreign key would hold it from COMMIT on only."""
    return AssociationType.objects.select_for_update(no_key=True).get(pk=type.pk)


def live_in_type(type: AssociationType, *registrations: Registration) -> dict[int, Seat]:
    """The live seats of registrations in a type, by registration."""
    seats = Seat.objects.live().filter(type=type, registration__in=registrations)
    return {seat.registration_id: seat for seat in seats}


def parent_of(seat: Seat) -> Registration:
    """The registration beside which a child is, or was, seated: a group has one parent for ever."""
    return Seat.objects.with_units().filter(group=seat.group, side=Side.PARENT).latest("pk").registration


def gone(seat: Seat) -> AssociationGone:
    """The refusal of who meant a seat that has ended: since when, and by whom."""
    return AssociationGone(at=seat.ended_at, who=f" by {seat.ended_by}" if seat.ended_by else "")


def end_seat(seat: Seat, *, by: User) -> None:
    """End a seat, if it is live still. Raises AssociationGone."""
    ended = Seat.objects.live().filter(pk=seat.pk)
    if not ended.update(ended_at=timezone.now(), ended_by=by):
        raise gone(Seat.objects.select_related("ended_by").get(pk=seat.pk))
    if seat.side == Side.CHILD:
        Unit.objects.filter(pk=seat.registration.unit_id).raise_version()


def leave_group(seat: Seat, *, by: User) -> None:
    """End the parent's seat too where its last child has gone."""
    rest = Seat.objects.live().filter(group=seat.group)
    if not rest.filter(side=Side.CHILD).exists():
        rest.update(ended_at=timezone.now(), ended_by=by)


def begin_again(seat: Seat, *, shares: bool, by: User, reason: str, by_rma: bool = False) -> Seat:
    """Begin a child's seat anew where one has ended, sharing or not."""
    return Seat.objects.create(
        group=seat.group,
        type=seat.type,
        registration=seat.registration,
        side=Side.CHILD,
        shares=shares,
        began_by=by,
        reason=reason,
        by_rma=by_rma,
    )


def seat_child(
    parent: Registration,
    child: Registration,
    type: AssociationType,
    parent_seat: Seat | None,
    *,
    by: User,
    today: datetime.date | None,
    reason: str,
    may_share: bool = True,
    by_rma: bool = False,
    swapped_with: Registration | None = None,
) -> Seat:
    """Begin the child's seat, and the parent's if it has none; the first child of a sharing type shares.

    One that may not is a spare. What an RMA makes doesn't count among the units that licences reach (A9).
    `swapped_with` is whose role a new parent got by a swap (A8).
    """
    if parent_seat is None:
        parent_seat = Seat.objects.create(
            group=uuid.uuid4(),
            type=type,
            registration=parent,
            side=Side.PARENT,
            began_by=by,
            reason=reason,
            swapped_with=swapped_with,
        )
    taken = Seat.objects.live().filter(Q(group=parent_seat.group) | Q(registration=child), shares=True)
    shares = may_share and type.shares_licences and not taken.exists()
    if shares and today and not by_rma:
        check_reach(parent, child, today)
    seat = Seat.objects.create(
        group=parent_seat.group,
        type=type,
        registration=child,
        side=Side.CHILD,
        shares=shares,
        began_by=by,
        reason=reason,
        by_rma=by_rma,
    )
    Unit.objects.filter(pk=child.unit_id).raise_version()
    return seat


def check_active(*registrations: Registration) -> None:
    for registration in registrations:
        if registration.unit.retired_at:
            raise UnitNotActive(serial=registration.unit.serial)


def check_fit(parent: Registration, child: Registration, type: AssociationType) -> None:
    """A1: both are active, their models fit their sides in the type, and are the same where it asks so."""
    check_active(parent, child)
    fitting = set(TypeModel.objects.filter(type=type).values_list("side", "model_id"))
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


def check_free(
    parent: Registration,
    child: Registration,
    type: AssociationType,
    parent_seat: Seat | None,
    child_seat: Seat | None,
) -> None:
    """A2: the child is in no association of the type, the parent in none or a parent there."""
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
    """The live seat in a group that shares, if there is one."""
    return list(Seat.objects.live().filter(group=group, shares=True).select_related("type", "registration"))


def children_of(parent: Registration, *, besides: Seat) -> list[Seat]:
    """The live seats of a parent's children, of every type, but one."""
    groups = Seat.objects.live().filter(registration=parent, side=Side.PARENT).values("group")
    seats = Seat.objects.live().filter(group__in=groups, side=Side.CHILD).exclude(pk=besides.pk)
    return list(seats.with_units().order_by("pk"))
