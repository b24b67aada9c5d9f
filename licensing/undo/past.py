"""What an act did, with the rows that it concerns as they are now, and what stands in Undo's way (L8)."""

import datetime
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.db.models import Q

from associations.errors import DifferentModels, TypeDoesNotFit, UnitNotActive
from associations.models import AssociationType, Seat, Side
from associations.replacing import Link, links_of
from associations.seating import Place, check_fit, lock_types
from licensing.acts import KeyUse, Record, record_of
from licensing.keyset import UNLIMITED
from licensing.ledger.writing import licence_value
from licensing.models import Keyset, Licence, PoolPart, RmaCase
from licensing.moves.exchange import lacking
from licensing.undo.errors import KeysetReadSince, UndoBlocked, UndoneAlready, UndoTooLate
from portal.acts import UNDO_DAYS, is_in_time
from portal.models import Act
from portal.people import named_to
from products.models import Registration


@dataclass(frozen=True)
class Past:
    """An act, its record, and the registrations and licences that this names: those that there still are."""

    act: Act
    record: Record
    units: dict[int, Registration]
    licences: dict[UUID, Licence]

    @classmethod
    def read(cls, act: Act) -> "Past":
        """Read what an act concerns."""
        record = record_of(act)
        found = Licence.objects.filter(uuid__in=record.licence_names)
        licences = {row.uuid: row for row in found.select_related("service", "registration__unit")}
        pks = record.registrations | {row.registration_id for row in licences.values()}
        units = Registration.objects.select_related("account", "unit__model").in_bulk(sorted(pks))
        return cls(act, record, units, licences)

    @property
    def named(self) -> list[Registration]:
        """The registrations, in order."""
        return [unit for _, unit in sorted(self.units.items())]

    @cached_property
    def parts(self) -> list[PoolPart]:
        """What other units have of the licence that a key changed."""
        names = [self.record.key.licence] if self.record.key else []
        return list(PoolPart.objects.filter(licence__uuid__in=names).select_related("registration__unit"))

    @property
    def _is_longer(self) -> bool:
        """Whether a key lengthened its licence, and with it every part of its count."""
        use = self.record.key
        return bool(use and use.before and use.before["expires_on"] != use.after["expires_on"])

    @cached_property
    def gained(self) -> list[Registration]:
        """The units that gained: those that the act names, who has parts of it, who has shared it since."""
        first = {*self.record.gained, *(part.registration_id for part in self.parts if self._is_longer)}
        groups = Seat.objects.filter(registration__in=first, side=Side.PARENT).values("group")
        shared = Seat.objects.filter(Q(ended_at=None) | Q(ended_at__gt=self.act.at), group__in=groups)
        sharers = set(shared.filter(shares=True).values_list("registration", flat=True)) if first else set()
        found = Registration.objects.filter(pk__in=first | sharers)
        return list(found.select_related("unit__model").order_by("pk"))


def check_undo(past: Past, today: datetime.date) -> None:
    """Raise what stands in the way of undoing: UndoneAlready, UndoTooLate, UndoBlocked, KeysetReadSince."""
    act = past.act
    if act.undone_at:
        raise UndoneAlready(at=act.undone_at, who=named_to(act.undone_by, act.account))
    if not is_in_time(act, today):
        raise UndoTooLate(day=act.at, days=UNDO_DAYS)
    if obstacles := _obstacles(past):
        raise UndoBlocked(what=" ".join(obstacles))
    read = Keyset.objects.filter(
        unit__in=[unit.unit_id for unit in past.gained], first_read_at__gte=act.at
    ).order_by("unit__serial")
    if serials := list(dict.fromkeys(read.values_list("unit__serial", flat=True))):
        raise KeysetReadSince(units=", ".join(serials))


def _obstacles(past: Past) -> list[str]:
    """What was built on an act: one sentence each, naming the thing and the unit."""
    gone = _of_units(past)
    found = [*gone, *_of_cases(past), *_of_licences(past), *_of_key(past)]
    return found if gone else [*found, *_of_links(past)]


def _of_units(past: Past) -> list[str]:
    left = [unit for unit in past.named if unit.ended_at]
    retired = [unit for unit in past.named if not unit.ended_at and unit.unit.retired_at]
    return [
        *(f"{unit.unit} has left the account since." for unit in left),
        *(f"{unit.unit} has been retired since." for unit in retired),
    ]


def _of_cases(past: Past) -> list[str]:
    """Open cases of these units, and those completed since."""
    units = [unit.unit_id for unit in past.named]
    cases = RmaCase.objects.filter(Q(failed__unit__in=units) | Q(replacement__in=units))
    since = Q(state__in=RmaCase.DONE, completed_at__gte=past.act.at)
    found = cases.filter(Q(state__in=RmaCase.OPEN) | since).order_by("pk")
    is_open, is_done = "{} is open: end it first.", "{} has been completed since."
    return [(is_open if case.is_open else is_done).format(case) for case in found]


def _of_licences(past: Past) -> list[str]:
    """Licences that aren't where they went, and counts that aren't there any more to go back."""
    there = past.licences
    found = [
        f"A license for {row.service} has been moved to {row.registration.unit} since."
        for move in past.record.licences
        if (row := there.get(move.licence)) and row.registration_id != move.target
    ]
    names = dict.fromkeys(lacking(past.record.parts))
    found += [f"Counts of a license for {name} have been moved since." for name in names]
    if past.act.kind == Act.Kind.COUNTS and not there:
        found.append("The license that the counts are of is gone.")
    return found


def _of_key(past: Past) -> list[str]:
    """Why a key's licence can't be put back: it is gone, has moved or changed, or counts were given out."""
    use = past.record.key
    if use is None:
        return []
    licence = past.licences.get(use.licence)
    if licence is None:
        return ["The license that the key was for is gone."]
    if licence.registration_id != use.registration:
        return [f"The license for {licence.service} has been moved to {licence.registration.unit} since."]
    if _without_given(licence_value(licence)) != _without_given(use.after):
        return [f"The license for {licence.service} has been changed since."]
    if sum(part.count for part in past.parts) > _left_after(use):
        holders = ", ".join(sorted(part.registration.unit.serial for part in past.parts))
        return [f"Counts of the license for {licence.service} are shared out to {holders}."]
    return []


def _without_given(value: dict[str, object]) -> dict[str, object]:
    return {name: fact for name, fact in value.items() if name != "given"}


def _left_after(use: KeyUse) -> float:
    """How many counts may be given out of a key's licence for it to be put back."""
    count = use.before["count"] if use.before else None
    return float("inf") if count == UNLIMITED else count or 0


def _of_links(past: Past) -> list[str]:
    """Associations that aren't as the act left them, and former places that are taken or don't fit."""
    begun, ended = set(past.record.begun), past.record.ended
    present = set(links_of(past.named)) if begun or ended else set()
    found = [
        f"{past.units[link.child].unit} isn't associated any more as it was then."
        for link in sorted(begun - present)
    ]
    return (
        found
        + [
            f"The former place of {past.units[link.child].unit} is taken."
            for link in ended
            if _is_taken(link, present - begun)
        ]
        + _of_types(past)
    )


def _is_taken(link: Link, others: set[Link]) -> bool:
    """Whether other associations leave no room for one."""
    for other in others:
        is_same_type = other.type == link.type
        if is_same_type and (link.child in {other.child, other.parent} or link.parent == other.child):
            return True
        is_source_taken = link.child == other.child or (is_same_type and link.parent == other.parent)
        if link.shares and other.shares and is_source_taken:
            return True
    return False


def _of_types(past: Past) -> list[str]:
    """Former associations that the catalogue doesn't allow any more; locks their types."""
    slugs = {link.type for link in past.record.ended}
    types = {type.slug: type for type in lock_types(*AssociationType.objects.filter(slug__in=slugs)).values()}
    found = [f"The catalogue has no association type {slug} any more." for slug in sorted(slugs - set(types))]
    for link in (link for link in past.record.ended if link.type in types):
        try:
            check_fit(Place(past.units[link.parent], past.units[link.child], types[link.type]))
        except (DifferentModels, TypeDoesNotFit, UnitNotActive) as refusal:
            found.append(str(refusal))
    return found
