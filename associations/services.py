"""Every write about associations (rules A1, A2, A6, A7, A9).

A seat never changes: it ends and another begins. Services lock the units in order of pk, then the type,
before they read anything that a decision depends on.
"""

import datetime
import uuid
from collections.abc import Collection

from django.db import transaction

from associations.acts import LinkRecord, Swap, link_of
from associations.audit_codes import AuditCode
from associations.errors import (
    NoSpare,
    NotOneAccount,
    NotSharing,
    PairChanged,
    WithItself,
)
from associations.models import AssociationType, Seat
from associations.seating import (
    Place,
    association_gone,
    begin_again,
    check_active,
    check_fit,
    check_free,
    children_of,
    end_groups,
    end_seats,
    leave_groups,
    live_seats,
    lock_types,
    parent_of,
    present_seat,
    seat_children,
    sharing_seats,
)
from associations.sharing_limit import check_sharing_limit
from portal import acts, audit
from portal.models import Act, User
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

    The first child of a sharing type shares the parent's licences, each further one is a spare (A9).
    Without a day, the sharing limit isn't checked, here and below: Support may go beyond it. Repeating an
    association changes nothing. Raises NotOneAccount, UnitNotActive, TypeDoesNotFit and DifferentModels (A1),
    WithItself, AlreadyChild, AlreadyParent and ParentIsChild (A2), TooManySharers (A9).
    """
    parent, child = _lock(parent, child)
    place = Place(parent, child, lock_types(type)[type.pk])
    live = live_seats([place])
    if present := present_seat(place, live):
        return present
    check_free(place, live)
    check_fit(place)
    [seat] = seat_children([place], live, by=by, today=today, reason=reason)
    _record(AuditCode.ASSOCIATED, seat, parent, child, by=by, reason=reason)
    return seat


@transaction.atomic
def remove_association(*, seat: Seat, by: User, reason: str = "") -> None:
    """End the association of a child's seat (source: Removing an HF Association; A7).

    A parent whose last child goes is no longer in an association. Raises AssociationGone.
    """
    parent = parent_of(seat)
    parent, child = _lock(parent, seat.registration, seat=seat)
    end_seats(seat, by=by)
    leave_groups(seat, by=by)
    action = _record(AuditCode.ASSOCIATION_REMOVED, seat, parent, child, by=by, reason=reason)
    links = LinkRecord(ended=(link_of(seat, parent),))
    acts.note(Act.Kind.REMOVE, action=action, account=parent.account, by=by, record=links.to_json())


@transaction.atomic
def change_parent(
    *, seat: Seat, parent: Registration, by: User, today: datetime.date | None, reason: str = ""
) -> Seat:
    """Give the child of a seat another parent, in one transaction; return its new seat (A6).

    If the parent is the present one, returns the seat unchanged. Raises AssociationGone and what `associate`
    raises.
    """
    former = parent_of(seat)
    parent, child, former = _lock(parent, seat.registration, former, seat=seat)
    place = Place(parent, child, lock_types(seat.type)[seat.type_id])
    if parent.pk == former.pk and Seat.objects.live().filter(pk=seat.pk).exists():
        return seat
    end_seats(seat, by=by)
    leave_groups(seat, by=by)
    live = live_seats([place])
    check_free(place, live)
    check_fit(place)
    [changed] = seat_children([place], live, by=by, today=today, reason=reason)
    action = _record(AuditCode.PARENT_CHANGED, changed, parent, child, former, by=by, reason=reason)
    ended, begun = link_of(seat, former), link_of(changed, parent)
    links = LinkRecord((ended,), (begun,), (child.pk,) if changed.shares else ())
    acts.note(Act.Kind.CHANGE_PARENT, action=action, account=parent.account, by=by, record=links.to_json())
    return changed


@transaction.atomic
def make_standby(
    *, seat: Seat, instead: str, by: User, today: datetime.date | None, reason: str = ""
) -> Seat:
    """Let a spare share its parent's licences, in place of the child that does; return its new seat (A9).

    `instead` is the UUID of the seat that shares now, or empty if none does. If it names another one, because
    the page was stale or somebody was quicker, raises PairChanged and changes nothing. Also raises
    AssociationGone, NoSpare, UnitNotActive and TooManySharers.
    """
    sharing = sharing_seats(seat.group)
    parent, child, *former = _lock(
        parent_of(seat), seat.registration, *(s.registration for s in sharing), seat=seat
    )
    if not Seat.objects.live().filter(pk=seat.pk).exists():
        raise association_gone(Seat.objects.select_related("ended_by").get(pk=seat.pk))
    if sharing_seats(seat.group) != sharing or "".join(str(s.uuid) for s in sharing) != instead:
        raise PairChanged
    if not seat.is_spare:
        raise NoSpare(child=child.friendly_name)
    check_active(parent, child)
    if today:
        check_sharing_limit(parent, child, today)
    for present in (seat, *sharing):
        end_seats(present, by=by)
    standby = begin_again(seat, shares=True, by=by, reason=reason)
    for present in sharing:
        begin_again(present, shares=False, by=by, reason=reason)
    action = _record(AuditCode.MADE_STANDBY, standby, parent, child, *former, by=by, reason=reason)
    ended = tuple(link_of(present, parent) for present in (seat, *sharing))
    begun = tuple(link._replace(shares=not link.shares) for link in ended)
    links = LinkRecord(ended, begun, (child.pk,))
    acts.note(Act.Kind.STANDBY, action=action, account=parent.account, by=by, record=links.to_json())
    return standby


@transaction.atomic
def swap_places(
    *, seat: Seat, by: User, today: datetime.date, also: Collection[int] = (), reason: str = ""
) -> Swap:
    """Swap a parent with the child that shares its licences (A8).

    The parent's other children, of every type, go with its role. This function moves no licences, and notes
    no act: `licensing.moves.swap.swap_roles` does, in the same transaction. `also` are further units to lock.
    Raises AssociationGone, NotSharing, PairChanged, UnitNotActive, TypeDoesNotFit, ParentIsChild and
    TooManySharers.
    """
    former = parent_of(seat)
    others = children_of(former, exclude=seat)
    concerned = (former, seat.registration, *(s.registration for s in others))
    parent, child, *followers = _lock(*concerned, seat=seat, also=also)
    if not Seat.objects.live().filter(pk=seat.pk).exists():
        raise association_gone(Seat.objects.select_related("ended_by").get(pk=seat.pk))
    if children_of(former, exclude=seat) != others:
        raise PairChanged
    if not seat.shares:
        raise NotSharing(child=child.friendly_name)
    types = lock_types(seat.type, *(other.type for other in others))
    end_groups(seat, *others, by=by)
    places = [Place(child, parent, types[seat.type_id])]
    places += [
        Place(child, parent if follower == child else follower, types[other.type_id])
        for other, follower in zip(others, followers, strict=True)
    ]
    live = live_seats(places)
    for place in places:
        check_free(place, live)
        check_fit(place)
    seats = seat_children(places, live, by=by, today=today, reason=reason, swapped_with=parent)
    action = _record(AuditCode.ROLES_SWAPPED, seats[0], child, parent, by=by, reason=reason, moved=followers)
    ended = tuple(link_of(present, parent) for present in (seat, *others))
    return Swap(seats[0], LinkRecord(ended, tuple(link_of(begun, child) for begun in seats)), action)


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
    """Associate two units, and rename one of them if a name is given (A5).

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
    """Change the parent of a seat's child, and rename one of the two if a name is given (A5, A6).

    Raises InvalidFriendlyName, and what `change_parent` raises.
    """
    changed = change_parent(seat=seat, parent=parent, by=by, today=today)  # units before registrations
    if friendly_name.strip():
        rename(registration=renamed, friendly_name=friendly_name, by=by)
    return changed


def _lock(
    *registrations: Registration, seat: Seat | None = None, also: Collection[int] = ()
) -> list[Registration]:
    """Lock the units of these registrations; return the registrations as they are now, in the given order.

    `also` are further units to lock. Raises WithItself and NotOneAccount (A1, A2), or AssociationGone if a
    unit has left the account, which ended the association of `seat`.
    """
    parent, child, *_ = registrations
    if parent.pk == child.pk:
        raise WithItself
    list(Unit.objects.locked({*also, *(registration.unit_id for registration in registrations)}))
    pks = [registration.pk for registration in registrations]
    fresh = Registration.objects.live().select_related("account", "unit__model").in_bulk(pks)
    accounts = {registration.account_id for registration in fresh.values()}
    if len(fresh) < len(set(pks)) or len(accounts) > 1:
        if seat and not Seat.objects.live().filter(pk=seat.pk).exists():
            raise association_gone(Seat.objects.select_related("ended_by").get(pk=seat.pk))
        raise NotOneAccount
    return [fresh[pk] for pk in pks]


def _record(
    code: AuditCode,
    seat: Seat,
    parent: Registration,
    child: Registration,
    *former: Registration,
    by: User,
    reason: str,
    moved: Collection[Registration] = (),
) -> uuid.UUID:
    """Write the audit entries of a change, one for each unit concerned; return their `action`."""
    data: dict[str, object] = {
        "type": seat.type.slug,
        "parent": parent.unit.serial,
        "child": child.unit.serial,
        "shares": seat.shares,
        **({"former": former[0].unit.serial} if former else {}),
        **({"moved": [registration.unit.serial for registration in moved]} if moved else {}),
    }
    serials = [registration.unit.serial for registration in (parent, child, *former, *moved)]
    return audit.record(code, by=by, account=parent.account, serials=serials, reason=reason, data=data)
