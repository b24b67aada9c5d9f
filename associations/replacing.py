"""A replacement takes a failed unit's place in every association (rules X2, X5).

None of these is a service of its own: who calls them is in a transaction and has locked the units.
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from django.utils import timezone

from associations.errors import DifferentModels, PairChanged, TypeDoesNotFit
from associations.models import AssociationType, Seat, Side
from associations.seating import (
    begin_again,
    check_fit,
    check_free,
    end_seat,
    leave_group,
    live_in_type,
    lock_type,
    parent_of,
    seat_child,
)
from portal.models import User
from products.models import Registration, Unit


@dataclass(frozen=True, slots=True)
class Replacing:
    """Who takes whose place, and who says so. `partner` is to make a pair with the replacement.

    Of the secondaries of a failed primary it is the one that becomes primary; of a unit that is in no pair
    any more the one that it was in a pair with, by the history. Without one the replacement stands alone.
    """

    failed: Registration
    replacement: Registration
    partner: Registration | None
    by: User
    today: datetime.date
    reason: str

    def seat(
        self, parent: Registration, child: Registration, type: AssociationType, *, may_share: bool = True
    ) -> Seat | None:
        """Seat a child beside a parent, unless it is there already. None: their models don't fit.

        Raises AlreadyChild, AlreadyParent and ParentIsChild.
        """
        seats = live_in_type(type, parent, child)
        parent_seat, child_seat = seats.get(parent.pk), seats.get(child.pk)
        if parent_seat and child_seat and parent_seat.group == child_seat.group:
            return child_seat
        try:
            check_fit(parent, child, type)
        except (DifferentModels, TypeDoesNotFit):
            return None  # a successor model stands alone
        check_free(parent, child, type, parent_seat, child_seat)
        return seat_child(
            parent,
            child,
            type,
            parent_seat,
            by=self.by,
            today=self.today,
            reason=self.reason,
            may_share=may_share,
            by_rma=True,
        )


def replace_in_associations(replacing: Replacing) -> Registration:
    """Let the replacement take the failed unit's place; return the unit that is to have its licences.

    The partner becomes a failed primary's successor, with the other children of every type; a failed
    secondary's primary stays. That unit gets the licences; without a pair the replacement does. Raises what
    seating raises, and PairChanged where the partner isn't in the failed primary's pair.
    """
    heir: Registration | None = None
    was_primary = _was_primary(replacing.failed)
    seats = list(replacing.failed.seats.live().with_units().order_by("type__position", "pk"))
    for seat in seats:
        if seat.type.shares_licences:
            heir = _replace_in_pair(replacing, seat) or heir
    if heir is None and replacing.partner:
        heir = _pair_again(replacing, replacing.partner)
    # The failed unit's other children go with the primary's role.
    successor = heir if heir and was_primary else replacing.replacement
    for seat in seats:
        if not seat.type.shares_licences:
            lock_type(seat.type)
            if seat.side == Side.CHILD:
                _replace_child(replacing, seat, parent_of(seat))
            else:
                _replace_parent(replacing, seat, successor)
    return heir or _primary_of(replacing.replacement) or replacing.replacement


def _was_primary(failed: Registration) -> bool:
    """Whether a unit is, or was last, the primary of a pair."""
    seats = failed.seats.filter(type__shares_licences=True)
    seat = seats.live().first() or seats.order_by("-pk").first()
    return bool(seat and seat.side == Side.PARENT)


def _replace_in_pair(replacing: Replacing, seat: Seat) -> Registration | None:
    """Let the replacement have a place in the failed unit's pair; return who is primary then."""
    lock_type(seat.type)
    if seat.side == Side.PARENT:
        return _replace_primary(replacing, seat)
    parent = parent_of(seat)
    _replace_child(replacing, seat, parent)
    return parent


def _replace_child(replacing: Replacing, seat: Seat, parent: Registration) -> None:
    end_seat(seat, by=replacing.by)
    if parent.pk == replacing.replacement.pk:  # it is no child of its own
        return leave_group(seat, by=replacing.by)
    present = replacing.seat(parent, replacing.replacement, seat.type, may_share=seat.shares)
    if present and seat.shares and not present.shares:  # it was a spare there already
        end_seat(present, by=replacing.by)
        begin_again(present, shares=True, by=replacing.by, reason=replacing.reason, by_rma=True)
    return leave_group(seat, by=replacing.by)


def _replace_primary(replacing: Replacing, seat: Seat) -> Registration | None:
    """Let the partner become primary, with those beside it; return it. Without one all stand alone."""
    children = _children(seat)
    others = [child for child in children if child.registration_id != replacing.replacement.pk]
    units = [other.registration for other in others]
    if replacing.partner and replacing.partner not in units:
        raise PairChanged
    heir = replacing.partner
    _end_group(seat, children, by=replacing.by)
    if heir is not None:
        for other in others:
            if other.registration_id != heir.pk:
                replacing.seat(heir, other.registration, seat.type, may_share=other.shares)
        replacing.seat(heir, replacing.replacement, seat.type)
    return heir


def _replace_parent(replacing: Replacing, seat: Seat, successor: Registration) -> None:
    children = _children(seat)
    _end_group(seat, children, by=replacing.by)
    for child in children:
        replacing.seat(successor, child.registration, seat.type)


def _pair_again(replacing: Replacing, partner: Registration) -> Registration:
    """Make the pair of a unit that is in none any more: its partner of before is, or becomes, the primary.

    Where the administrator has paired both already that pair stays as it is.
    """
    groups = replacing.replacement.seats.live().filter(type__shares_licences=True).values("group")
    present = partner.seats.live().with_units().filter(group__in=groups).first()
    if present is not None:
        return partner if present.side == Side.PARENT else replacing.replacement
    type = _type_of_before(replacing.failed)
    if type is not None:
        replacing.seat(partner, replacing.replacement, lock_type(type))
    return partner


def _type_of_before(failed: Registration) -> AssociationType | None:
    latest = failed.seats.select_related("type").filter(type__shares_licences=True).order_by("-pk").first()
    return latest.type if latest else None


def _primary_of(registration: Registration) -> Registration | None:
    """The unit whose sharing child another is; none where it is no such child."""
    seat = registration.seats.live().with_units().filter(shares=True).first()
    return parent_of(seat) if seat else None


def _children(seat: Seat) -> list[Seat]:
    """The live children in a parent's group, the sharing one first."""
    seats = Seat.objects.live().with_units().filter(group=seat.group, side=Side.CHILD)
    return list(seats.order_by("-shares", "pk"))


def _end_group(seat: Seat, children: list[Seat], *, by: User) -> None:
    Seat.objects.live().filter(group=seat.group).update(ended_at=timezone.now(), ended_by=by)
    Unit.objects.filter(pk__in=[child.registration.unit_id for child in children]).raise_version()


class Link(NamedTuple):
    """A live association: the type's slug, both registrations, and whether the child shares."""

    type: str
    parent: int
    child: int
    shares: bool


def links_of(registrations: Iterable[Registration]) -> list[Link]:
    """How some registrations are associated now, and all who are in a group with them; sorted."""
    groups = Seat.objects.live().filter(registration__in=list(registrations)).values_list("group", flat=True)
    seats = list(Seat.objects.live().filter(group__in=set(groups)).select_related("type"))
    parents = {seat.group: seat.registration_id for seat in seats if seat.side == Side.PARENT}
    return sorted(
        Link(seat.type.slug, parents[seat.group], seat.registration_id, seat.shares)
        for seat in seats
        if seat.side == Side.CHILD
    )


def exchange_links(
    *, out: Iterable[Link], back: Iterable[Link], by: User, today: datetime.date, reason: str
) -> None:
    """End some associations that are live and make others anew, as they were (X5)."""
    out, back = list(out), sorted(back, key=lambda link: not link.shares)
    types = AssociationType.objects.in_bulk({link.type for link in (*out, *back)}, field_name="slug")
    for type in sorted(types.values(), key=lambda type: (not type.shares_licences, type.position)):
        lock_type(type)
    live = Seat.objects.live().with_units().filter(side=Side.CHILD)
    ended = [live.get(type=types[link.type], registration=link.child) for link in out]
    for seat in ended:
        end_seat(seat, by=by)
    for seat in ended:
        leave_group(seat, by=by)
    pks = {pk for link in back for pk in (link.parent, link.child)}
    found = Registration.objects.select_related("unit__model", "account").in_bulk(pks)
    for link in back:
        type, parent = types[link.type], found[link.parent]
        place = live_in_type(type, parent).get(parent.pk)
        seat_child(
            parent,
            found[link.child],
            type,
            place,
            by=by,
            today=today,
            reason=reason,
            may_share=link.shares,
            by_rma=True,
        )
