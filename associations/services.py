"""Everything that is written about associations (rules A1, A2, A6, A7, A9).

A seat never changes: it ends and another begins. Units are locked in order of pk before anything is read that
a decision rests on, then the type.
"""

import datetime
import uuid
from collections.abc import Collection

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from associations.errors import (
    AlreadyChild,
    AlreadyParent,
    AssociationGone,
    DifferentModels,
    NoSpare,
    NotOneAccount,
    NotSharing,
    PairChanged,
    ParentIsChild,
    TypeDoesNotFit,
    UnitNotActive,
    WithItself,
)
from associations.models import AssociationType, Seat, Side, TypeModel
from associations.reach import check_reach
from portal import audit
from portal.models import User
from products.models import Registration, Unit
from products.services import rename


@transaction.atomic
def associate(
    *,
    parent: Registration,
    child: Registration,
    type: AssociationType,
    by: User,
    today: datetime.date | None,
    reason: str = "",
) -> Seat:
    """Seat a child beside a parent; return the child's seat.

    The first child of a sharing type shares the parent's licences, each further one is a spare (A9). Without
    a day, here and below, nobody counts how many units those have reached: that is Support's way.
    Saying again what is so already changes nothing. Raises NotOneAccount, UnitNotActive, TypeDoesNotFit and
    DifferentModels (A1), WithItself, AlreadyChild, AlreadyParent and ParentIsChild (A2), TooManySharers (A9).
    """
    parent, child = _lock(parent, child)
    type = _lock_type(type)
    seats = _live_seats(type, parent, child)
    parent_seat, child_seat = seats.get(parent.pk), seats.get(child.pk)
    if parent_seat and child_seat and child_seat.group == parent_seat.group and child_seat.side == Side.CHILD:
        return child_seat
    _check_free(parent, child, type, parent_seat, child_seat)
    _check_fit(parent, child, type)
    seat = _seat_child(parent, child, type, parent_seat, by=by, today=today, reason=reason)
    _record("associated", seat, parent, child, by=by, reason=reason)
    return seat


@transaction.atomic
def remove_association(*, seat: Seat, by: User, reason: str = "") -> None:
    """End the association that a child's seat is (source: Removing an HF Association; A7).

    A parent whose last child goes is in no association any more. Raises AssociationGone.
    """
    parent = parent_of(seat)
    parent, child = _lock(parent, seat.registration)
    _end(seat, by=by)
    _leave_group(seat, by=by)
    _record("association-removed", seat, parent, child, by=by, reason=reason)


@transaction.atomic
def change_parent(
    *, seat: Seat, parent: Registration, by: User, today: datetime.date | None, reason: str = ""
) -> Seat:
    """Give the child of a seat another parent, in one transaction; return its new seat (A6).

    Where nothing would change the present seat is returned. Raises AssociationGone and what `associate` does.
    """
    former = parent_of(seat)
    parent, child, former = _lock(parent, seat.registration, former)
    type = _lock_type(seat.type)
    if parent.pk == former.pk and Seat.objects.live().filter(pk=seat.pk).exists():
        return seat
    _end(seat, by=by)
    _leave_group(seat, by=by)
    parent_seat = _live_seats(type, parent).get(parent.pk)
    _check_free(parent, child, type, parent_seat, None)
    _check_fit(parent, child, type)
    changed = _seat_child(parent, child, type, parent_seat, by=by, today=today, reason=reason)
    _record("parent-changed", changed, parent, child, former, by=by, reason=reason)
    return changed


@transaction.atomic
def make_standby(
    *, seat: Seat, instead: str, by: User, today: datetime.date | None, reason: str = ""
) -> Seat:
    """Let a spare share its parent's licences, in place of the child that does; return its new seat (A9).

    `instead` is the UUID of the seat that shares now, empty where none does: whoever means another one, by a
    stale page or because somebody was quicker, gets PairChanged and touches nothing. Also raises
    AssociationGone, NoSpare, UnitNotActive and TooManySharers.
    """
    sharing = sharing_seats(seat.group)
    parent, child, *former = _lock(parent_of(seat), seat.registration, *(s.registration for s in sharing))
    if not Seat.objects.live().filter(pk=seat.pk).exists():
        raise gone(Seat.objects.select_related("ended_by").get(pk=seat.pk))
    if sharing_seats(seat.group) != sharing or "".join(str(s.uuid) for s in sharing) != instead:
        raise PairChanged
    if not seat.is_spare:
        raise NoSpare(child=child.friendly_name)
    _check_active(parent, child)
    if today:
        check_reach(parent, child, today)
    for present in (seat, *sharing):
        _end(present, by=by)
    standby = _begin(seat, shares=True, by=by, reason=reason)
    for present in sharing:
        _begin(present, shares=False, by=by, reason=reason)
    _record("made-standby", standby, parent, child, *former, by=by, reason=reason)
    return standby


@transaction.atomic
def swap_places(
    *, seat: Seat, by: User, today: datetime.date, also: Collection[int] = (), reason: str = ""
) -> Seat:
    """Let a parent and the child that shares its licences change places; return the new child's seat (A8).

    The parent's other children, of every type, go with its role. Licences are no business of this function:
    `licensing.swapping.swap_roles` moves them in the same transaction. `also` are further units to lock.
    Raises AssociationGone, NotSharing, PairChanged, UnitNotActive, TypeDoesNotFit, ParentIsChild and
    TooManySharers.
    """
    former = parent_of(seat)
    others = children_of(former, besides=seat)
    parent, child, *_ = _lock(former, seat.registration, *(s.registration for s in others), also=also)
    if not Seat.objects.live().filter(pk=seat.pk).exists():
        raise gone(Seat.objects.select_related("ended_by").get(pk=seat.pk))
    if children_of(former, besides=seat) != others:
        raise PairChanged
    if not seat.shares:
        raise NotSharing(child=child.friendly_name)
    type = _lock_type(seat.type)
    groups = set(
        Seat.objects.live().filter(registration=parent, side=Side.PARENT).values_list("group", flat=True)
    )
    Seat.objects.live().filter(group__in=groups).update(ended_at=timezone.now(), ended_by=by)
    _check_fit(child, parent, type)
    swapped = _seat_child(child, parent, type, None, by=by, today=today, reason=reason)
    for other in others:
        place = _live_seats(other.type, child).get(child.pk)
        follower = parent if other.registration_id == child.pk else other.registration
        _check_free(child, follower, other.type, place, None)
        _check_fit(child, follower, other.type)
        _seat_child(child, follower, other.type, place, by=by, today=today, reason=reason)
    Unit.objects.filter(pk=child.unit_id).raise_version()
    moved = [other.registration for other in others]
    _record("roles-swapped", swapped, child, parent, by=by, reason=reason, moved=moved)
    return swapped


def children_of(parent: Registration, *, besides: Seat) -> list[Seat]:
    """The live seats of a parent's children, of every type, but one."""
    groups = Seat.objects.live().filter(registration=parent, side=Side.PARENT).values("group")
    seats = Seat.objects.live().filter(group__in=groups, side=Side.CHILD).exclude(pk=besides.pk)
    return list(seats.with_units().order_by("pk"))


@transaction.atomic
def associate_and_rename(
    *,
    parent: Registration,
    child: Registration,
    type: AssociationType,
    renamed: Registration,
    friendly_name: str,
    by: User,
    today: datetime.date,
) -> Seat:
    """Associate two units, and give one of them another friendly name if there is one (A5).

    Raises InvalidFriendlyName, and what `associate` raises.
    """
    seat = associate(parent=parent, child=child, type=type, by=by, today=today)  # units before registrations
    if friendly_name.strip():
        rename(registration=renamed, friendly_name=friendly_name, by=by)
    return seat


@transaction.atomic
def change_parent_and_rename(
    *,
    seat: Seat,
    parent: Registration,
    renamed: Registration,
    friendly_name: str,
    by: User,
    today: datetime.date,
) -> Seat:
    """Change the parent of a seat's child, and give one of the two another name if there is one (A5, A6).

    Raises InvalidFriendlyName, and what `change_parent` raises.
    """
    changed = change_parent(seat=seat, parent=parent, by=by, today=today)  # units before registrations
    if friendly_name.strip():
        rename(registration=renamed, friendly_name=friendly_name, by=by)
    return changed


def sharing_seats(group: uuid.UUID) -> list[Seat]:
    """The live seat in a group that shares, if there is one."""
    return list(Seat.objects.live().filter(group=group, shares=True).select_related("type", "registration"))


def _lock(*registrations: Registration, also: Collection[int] = ()) -> list[Registration]:
    """Lock the units of these registrations, then read the registrations as they are now, in the given order.

    `also` are further units to lock. Raises WithItself and NotOneAccount (A1, A2).
    """
    parent, child, *_ = registrations
    if parent.pk == child.pk:
        raise WithItself
    list(Unit.objects.locked({*also, *(registration.unit_id for registration in registrations)}))
    pks = [registration.pk for registration in registrations]
    fresh = Registration.objects.live().select_related("account", "unit__model").in_bulk(pks)
    accounts = {registration.account_id for registration in fresh.values()}
    if len(fresh) < len(set(pks)) or len(accounts) > 1:
        raise NotOneAccount
    return [fresh[pk] for pk in pks]


def _lock_type(type: AssociationType) -> AssociationType:
    """Lock a type against the catalogue's changes: a seat's foreign key would hold it from COMMIT on only."""
    return AssociationType.objects.select_for_update(no_key=True).get(pk=type.pk)


def _live_seats(type: AssociationType, *registrations: Registration) -> dict[int, Seat]:
    """The live seats of registrations in a type, by registration."""
    seats = Seat.objects.live().filter(type=type, registration__in=registrations)
    return {seat.registration_id: seat for seat in seats}


def parent_of(seat: Seat) -> Registration:
    """The registration beside which a child is, or was, seated: a group has one parent for ever."""
    return Seat.objects.with_units().filter(group=seat.group, side=Side.PARENT).latest("pk").registration


def gone(seat: Seat) -> AssociationGone:
    """The refusal of who meant a seat that has ended: since when, and by whom."""
    return AssociationGone(at=seat.ended_at, who=f" by {seat.ended_by}" if seat.ended_by else "")


def _end(seat: Seat, *, by: User) -> None:
    """End a seat, if it is live still. Raises AssociationGone."""
    ended = Seat.objects.live().filter(pk=seat.pk)
    if not ended.update(ended_at=timezone.now(), ended_by=by):
        raise gone(Seat.objects.select_related("ended_by").get(pk=seat.pk))
    if seat.side == Side.CHILD:
        Unit.objects.filter(pk=seat.registration.unit_id).raise_version()


def _leave_group(seat: Seat, *, by: User) -> None:
    """End the parent's seat too where its last child has gone."""
    rest = Seat.objects.live().filter(group=seat.group)
    if not rest.filter(side=Side.CHILD).exists():
        rest.update(ended_at=timezone.now(), ended_by=by)


def _begin(seat: Seat, *, shares: bool, by: User, reason: str) -> Seat:
    """Begin a child's seat anew where one has ended, sharing or not."""
    return Seat.objects.create(
        group=seat.group,
        type=seat.type,
        registration=seat.registration,
        side=Side.CHILD,
        shares=shares,
        began_by=by,
        reason=reason,
    )


def _seat_child(
    parent: Registration,
    child: Registration,
    type: AssociationType,
    parent_seat: Seat | None,
    *,
    by: User,
    today: datetime.date | None,
    reason: str,
) -> Seat:
    """Begin the child's seat, and the parent's if it has none; the first child of a sharing type shares."""
    if parent_seat is None:
        parent_seat = Seat.objects.create(
            group=uuid.uuid4(), type=type, registration=parent, side=Side.PARENT, began_by=by, reason=reason
        )
    taken = Seat.objects.live().filter(Q(group=parent_seat.group) | Q(registration=child), shares=True)
    shares = type.shares_licences and not taken.exists()
    if shares and today:
        check_reach(parent, child, today)
    seat = Seat.objects.create(
        group=parent_seat.group,
        type=type,
        registration=child,
        side=Side.CHILD,
        shares=shares,
        began_by=by,
        reason=reason,
    )
    Unit.objects.filter(pk=child.unit_id).raise_version()
    return seat


def _check_active(*registrations: Registration) -> None:
    for registration in registrations:
        if registration.unit.retired_at:
            raise UnitNotActive(serial=registration.unit.serial)


def _record(
    code: str,
    seat: Seat,
    parent: Registration,
    child: Registration,
    *former: Registration,
    by: User,
    reason: str,
    moved: Collection[Registration] = (),
) -> None:
    """Write the audit entries of a change, one for each unit that it concerns."""
    data: dict[str, object] = {
        "type": seat.type.slug,
        "parent": parent.unit.serial,
        "child": child.unit.serial,
        "shares": seat.shares,
        **({"former": former[0].unit.serial} if former else {}),
        **({"moved": [registration.unit.serial for registration in moved]} if moved else {}),
    }
    serials = [registration.unit.serial for registration in (parent, child, *former, *moved)]
    audit.record(code, by=by, account=parent.account, serials=serials, reason=reason, data=data)


def _check_fit(parent: Registration, child: Registration, type: AssociationType) -> None:
    """A1: both are active, their models fit their sides in the type, and are the same where it asks so."""
    _check_active(parent, child)
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


def _check_free(
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
