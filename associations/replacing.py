"""A replacement takes a failed unit's place in every association (rules X2, X5).

None of these is a service of its own: callers hold a transaction and have locked the units.
"""

import datetime
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from associations.errors import DifferentModels, PairChanged, TypeDoesNotFit
from associations.models import AssociationType, Seat, Side
from associations.seating import (
    Place,
    check_fit,
    check_free,
    end_groups,
    end_seats,
    leave_groups,
    live_seats,
    lock_types,
    parent_of,
    present_seat,
    seat_children,
)
from portal.models import User
from products.models import Registration


@dataclass(frozen=True, slots=True)
class Replacing:
    """Who takes whose place, and who does it. `partner` is to make a pair with the replacement.

    If the failed unit is a primary, that is the secondary that becomes primary; if it is no longer in a
    pair, the last unit that it was paired with. Without a partner the replacement stands alone.
    """

    failed: Registration
    replacement: Registration
    partner: Registration | None
    by: User
    today: datetime.date
    reason: str

    def seat(self, *places: Place) -> None:
        """Seat children beside parents, except where they sit already, or where the models don't fit.

        Raises AlreadyChild, AlreadyParent and ParentIsChild.
        """
        live = live_seats(places)
        new = [place for place in places if not present_seat(place, live) and _fits(place)]
        for place in new:
            check_free(place, live)
        seat_children(new, live, by=self.by, today=self.today, reason=self.reason, by_rma=True)


def _fits(place: Place) -> bool:
    try:
        check_fit(place)
    except (DifferentModels, TypeDoesNotFit):
        return False
    return True


def replace_in_associations(replacing: Replacing) -> Registration:
    """Let the replacement take the failed unit's place; return the unit that is to get its licences.

    If the failed unit was a primary, the partner succeeds it, with its other children of every type, and
    gets the licences. If it was a secondary, its primary stays and gets them. Without a pair the
    replacement does. Raises what seating raises, and PairChanged if the partner isn't in the pair.
    """
    heir: Registration | None = None
    was_primary = _was_primary(replacing.failed)
    seats = list(replacing.failed.seats.live().with_units().order_by("type__position", "pk"))
    types = lock_types(*(seat.type for seat in seats))
    for seat in seats:
        seat.type = types[seat.type_id]
    children = _end_groups([seat for seat in seats if seat.side == Side.PARENT], by=replacing.by)
    places: list[Place] = []
    for seat in (seat for seat in seats if seat.type.shares_licences):
        if seat.side == Side.CHILD:
            heir = _replace_child(replacing, seat)
        elif replacing.partner:
            heir = replacing.partner
            places += _beside_heir(replacing, heir, seat.type, children[seat.group])
    if heir is None and replacing.partner:
        heir = _pair_again(replacing, replacing.partner)
    # The failed unit's other children go with the primary's role.
    successor = heir if heir and was_primary else replacing.replacement
    for seat in (seat for seat in seats if not seat.type.shares_licences):
        if seat.side == Side.CHILD:
            _replace_child(replacing, seat)
        else:
            places += [Place(successor, child.registration, seat.type) for child in children[seat.group]]
    replacing.seat(*places)
    return heir or _primary_of(replacing.replacement) or replacing.replacement


def _was_primary(failed: Registration) -> bool:
    """Whether a unit is the primary of a pair or, if it is in none, was so in its last one."""
    seats = failed.seats.filter(type__shares_licences=True)
    seat = seats.live().first() or seats.order_by("-pk").first()
    return bool(seat and seat.side == Side.PARENT)


def _replace_child(replacing: Replacing, seat: Seat) -> Registration:
    """Seat the replacement where the failed unit was; return the parent, which may be the replacement."""
    parent, replacement = parent_of(seat), replacing.replacement
    spares = Seat.objects.live().with_units().filter(group=seat.group, registration=replacement)
    # If it is a spare there already and is to share, its seat ends and another begins.
    end_seats(seat, *(spares.filter(side=Side.CHILD) if seat.shares else ()), by=replacing.by)
    if parent != replacement:
        replacing.seat(Place(parent, replacement, seat.type, seat.shares))
    leave_groups(seat, by=replacing.by)
    return parent


def _beside_heir(
    replacing: Replacing, heir: Registration, type: AssociationType, children: list[Seat]
) -> list[Place]:
    """The places beside a failed primary's heir: its other children's, then the replacement's."""
    others = [child for child in children if child.registration_id != replacing.replacement.pk]
    if heir not in [other.registration for other in others]:
        raise PairChanged
    places = [Place(heir, other.registration, type, other.shares) for other in others]
    return [*(place for place in places if place.child != heir), Place(heir, replacing.replacement, type)]


def _pair_again(replacing: Replacing, partner: Registration) -> Registration:
    """Pair the replacement of a unit that is in no pair: its former partner is, or becomes, the primary.

    If the administrator has paired the two already, that pair stays as it is.
    """
    groups = replacing.replacement.seats.live().filter(type__shares_licences=True).values("group")
    present = partner.seats.live().with_units().filter(group__in=groups).first()
    if present is not None:
        return partner if present.side == Side.PARENT else replacing.replacement
    type = _type_of_before(replacing.failed)
    if type is not None:
        replacing.seat(Place(partner, replacing.replacement, lock_types(type)[type.pk]))
    return partner


def _type_of_before(failed: Registration) -> AssociationType | None:
    latest = failed.seats.select_related("type").filter(type__shares_licences=True).order_by("-pk").first()
    return latest.type if latest else None


def _primary_of(registration: Registration) -> Registration | None:
    """The parent of a sharing child; None for any other unit."""
    seat = registration.seats.live().with_units().filter(shares=True).first()
    return parent_of(seat) if seat else None


def _end_groups(parents: list[Seat], *, by: User) -> dict[uuid.UUID, list[Seat]]:
    """End the groups of some parents' seats; return the children's seats by group, the sharing one first."""
    seats = Seat.objects.live().with_units().filter(group__in=[seat.group for seat in parents])
    children: dict[uuid.UUID, list[Seat]] = {seat.group: [] for seat in parents}
    for seat in seats.filter(side=Side.CHILD).order_by("-shares", "pk"):
        children[seat.group].append(seat)
    end_groups(*parents, *(child for group in children.values() for child in group), by=by)
    return children


class Link(NamedTuple):
    """A live association: the type's slug, both registrations, and whether the child shares."""

    type: str
    parent: int
    child: int
    shares: bool


def links_of(registrations: Iterable[Registration]) -> list[Link]:
    """The live associations of some registrations and of everyone in a group with them, sorted."""
    groups = Seat.objects.live().filter(registration__in=list(registrations)).values_list("group", flat=True)
    seats = list(Seat.objects.live().filter(group__in=set(groups)).select_related("type"))
    parents = {seat.group: seat.registration_id for seat in seats if seat.side == Side.PARENT}
    return sorted(
        Link(seat.type.slug, parents[seat.group], seat.registration_id, seat.shares)
        for seat in seats
        if seat.side == Side.CHILD
    )


def exchange_links(
    *,
    out: Iterable[Link],
    back: Iterable[Link],
    by: User,
    reason: str,
    by_rma: bool,
    swapped_with: Registration | None = None,
) -> None:
    """End some live associations, and make others again as they were (X5, L8).

    They don't count for the sharing limit if they are made `by_rma`; and it stops none of them (A9).
    `swapped_with` is the unit whose role parents get back.
    """
    out, back = list(out), sorted(back, key=lambda link: not link.shares)
    slugs = {link.type for link in (*out, *back)}
    locked = lock_types(*AssociationType.objects.filter(slug__in=slugs))
    types = {type.slug: type for type in locked.values()}
    live = Seat.objects.live().with_units().filter(side=Side.CHILD, type__in=locked)
    children = {(link.type, link.child) for link in out}
    seats = live.filter(registration__in={link.child for link in out})
    ended = [seat for seat in seats if (seat.type.slug, seat.registration_id) in children]
    end_seats(*ended, by=by)
    leave_groups(*ended, by=by)
    pks = {pk for link in back for pk in (link.parent, link.child)}
    found = Registration.objects.select_related("unit__model", "account").in_bulk(pks)
    places = [Place(found[link.parent], found[link.child], types[link.type], link.shares) for link in back]
    seat_children(
        places,
        live_seats(places),
        by=by,
        today=None,
        reason=reason,
        by_rma=by_rma,
        swapped_with=swapped_with,
    )
