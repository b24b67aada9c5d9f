"""What a unit was entitled to on an earlier day, and why (rule L6).

The ledger tells what units held, what their models came with and which services were shared; the history of
the associations tells whose licences a unit shared. Both are followed to the end of a UTC day, and judged by
the rules of `licensing.entitlements.today`. Today's rows are never read: `licensing.ledger.verification`
compares them.
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from django.db.models import Q, QuerySet

from associations.models import Seat, Side
from licensing.entitlements.timeline import Right
from licensing.entitlements.today import Entitlement, Grace, Holdings
from licensing.errors import FutureDay, OutsideRegistration
from licensing.keyset import Status
from licensing.ledger.writing import Line, line_of
from licensing.models import FLAGS, LedgerEntry, Licence, PoolPart, RmaCase, Service
from licensing.wording import how_in_words, origin_in_words
from products.models import Registration

MOST_CHANGES = 50
OWN = {Licence.Kind.LICENSED: "own", Licence.Kind.TRIAL: "free trial"}

type Value = dict[str, Any]
type Catalogue = dict[tuple[int | None, int], Value]
"""What models came with, by model and service; a service's flags are under no model."""


@dataclass(frozen=True, slots=True)
class Held:
    """A line of the ledger after an entry. Sharing out counts changes its value, not how it was acquired.

    `since` is the day of its first entry: entries from before licences had first days name no other.
    """

    value: Value
    right: str
    detail: str
    since: datetime.date


@dataclass(frozen=True, slots=True)
class Recalled:
    """One service of a unit as it was on a day; `right` names the right in words (empty: none)."""

    entitlement: Entitlement
    status: Status
    right: str


def check_day(registration: Registration, day: datetime.date, *, today: datetime.date) -> None:
    """Only the account's own registration can be looked up. Raises FutureDay and OutsideRegistration."""
    if day > today:
        raise FutureDay(day=day)
    first, last = registration.registered_at.date(), registration.ended_at
    if day < first or (last and day > last.date()):
        raise OutsideRegistration(serial=registration.unit.serial, first=first, last=last or today)


def entitlements_on(registration: Registration, day: datetime.date) -> list[Recalled]:
    """Every service of that day's catalogue, with what the unit could run of it at the end of the UTC day."""
    moment = end_of(registration, day)
    source, graces = sharing_primary_at(registration, moment), _graces_at(registration, moment)
    registrations = [registration, *([source] if source else []), *(g.source for g in graces.values())]
    registrations = list({r.pk: r for r in registrations}.values())
    catalogue = _catalogue_at(registrations, moment)
    lines = replay(entry for r in registrations for entry in entries_of(r, moment).order_by("pk"))
    past = Past(registration, source, day, lines, _holdings(registrations, lines, catalogue, graces))
    return [past.recall(service) for service in _services(catalogue)]


def changes_until(registration: Registration, day: datetime.date) -> list[LedgerEntry]:
    """The latest changes to what a unit held by the end of a day, newest first, at most 50."""
    entries = entries_of(registration, end_of(registration, day)).select_related(
        "actor__membership", "service"
    )
    return list(entries.order_by("-at", "-pk")[:MOST_CHANGES])


def end_of(registration: Registration, day: datetime.date) -> datetime.datetime:
    """The moment at which a UTC day is over, or the registration if that ended earlier."""
    midnight = datetime.datetime.combine(
        day + datetime.timedelta(days=1), datetime.time(), tzinfo=datetime.UTC
    )
    return min(midnight, registration.ended_at or midnight)


def entries_of(registration: Registration, moment: datetime.datetime) -> QuerySet[LedgerEntry]:
    """The ledger's entries about a unit before a moment, since the account has had it."""
    return LedgerEntry.objects.filter(
        unit=registration.unit_id, at__gte=registration.registered_at, at__lt=moment
    )


def sharing_primary_at(registration: Registration, moment: datetime.datetime) -> Registration | None:
    """The registration whose licences this one shared just before a moment."""
    seats = Seat.objects.filter(began_at__lt=moment).exclude(ended_at__lt=moment)
    own = seats.filter(registration=registration, shares=True).order_by("-pk")
    parents = Seat.objects.filter(group__in=own.values("group")[:1], side=Side.PARENT)
    return Registration.objects.filter(pk__in=parents.values("registration")).select_related("unit").first()


def _graces_at(registration: Registration, moment: datetime.datetime) -> dict[int, Grace]:
    """What the unit kept of a failed primary just before a moment; as a primary it kept nothing (X3)."""
    cases = RmaCase.objects.filter(secondary=registration, asked_at__lt=moment).exclude(grace_ends_on=None)
    open_then = cases.exclude(completed_at__lt=moment).exclude(closed_at__lt=moment)
    case = open_then.select_related("failed__unit").order_by("pk").last()
    if case is None or case.grace_ends_on is None:
        return {}
    as_primary = registration.seats.of_primaries().filter(began_at__lt=moment)
    if as_primary.exclude(ended_at__lt=moment).exists():
        return {}
    return {registration.pk: Grace(case.failed, case.asked_at.date(), case.grace_ends_on, case.number)}


def replay(entries: Iterable[LedgerEntry]) -> dict[Line, Held]:
    """The lines that result from some entries, which come in order of pk."""
    lines: dict[Line, Held] = {}
    gone: dict[Line, Held] = {}
    for entry in entries:
        line = line_of(entry)
        present = lines.pop(line, None)
        if present:
            gone[line] = present
        if entry.after is not None:
            # What is shared out, or comes back by Undo, was got as it had been before.
            is_same = entry.right in {LedgerEntry.Right.POOL, LedgerEntry.Right.UNDO}
            got = gone.get(line, entry) if is_same else entry
            since = present.since if present else entry.at.date()
            lines[line] = Held(entry.after, got.right, got.detail, since)
    return lines


@dataclass(frozen=True, slots=True)
class Past:
    """What entitlements depended on at the end of a day: a unit's lines, and those of the units it shared."""

    registration: Registration
    source: Registration | None
    day: datetime.date
    lines: dict[Line, Held]
    holdings: Holdings

    def recall(self, service: Service) -> Recalled:
        """A service of the unit, judged by the same rules as today's entitlements."""
        found = self.holdings.entitlement(self.registration, self.source, service, self.day)
        return Recalled(found, found.status(self.day), self._right(self.registration, found))

    def _right(self, holder: Registration, held: Entitlement) -> str:
        """The right by which a unit held something, in words."""
        service = held.service
        if held.right == Right.SHARED and self.source:
            theirs = self.holdings.own(self.source, service, self.day)
            shared = f"{origin_in_words(held.right)} {self.source.unit.serial}"
            return f"{shared}: {self._right(self.source, theirs)}"
        if held.right == Right.KEPT:
            grace = self.holdings.graces[holder.pk]
            return f"{origin_in_words(held.right, grace.number)} {grace.source.unit.serial}"
        if held.right == Right.PART:
            return f"{origin_in_words(held.right)} {self._line(holder, held).pool}"
        if held.right == Right.OWN:
            line = self.lines[self._line(holder, held)]
            way = how_in_words(line.right, line.detail)
            return way if line.right == LedgerEntry.Right.TRIAL else f"{OWN[Licence.Kind(held.kind)]}, {way}"
        return str(held.right.label) if held.right else ""

    def _line(self, holder: Registration, held: Entitlement) -> Line:
        """The line that an entitlement by a licence, or by a part of one, comes from."""
        is_part = held.right == Right.PART
        return next(
            line
            for line in self.lines
            if line.unit == holder.unit_id and bool(line.pool) == is_part and _uuid(line) == held.licence
        )


def _uuid(line: Line) -> UUID:
    """The licence of a line; before they had a uuid, a unit had one for a service, and a part of a pool's."""
    return line.licence or uuid5(NAMESPACE_OID, f"{line.unit} {line.service} {line.pool}")


def _holdings(
    registrations: list[Registration],
    lines: dict[Line, Held],
    catalogue: Catalogue,
    graces: dict[int, Grace],
) -> Holdings:
    """The lines in the form in which today's rows are read."""
    holders = {registration.unit_id: registration.pk for registration in registrations}
    included = {(model, service): value["count"] for (model, service), value in catalogue.items() if model}
    holdings = Holdings({}, {}, included, {}, graces)
    for number, (line, held) in enumerate(lines.items(), start=1):
        key = (holders[line.unit], line.service)
        licence = _licence(number, line, held)
        if line.pool:
            part = PoolPart(licence=licence, count=held.value["count"])
            holdings.parts.setdefault(key, []).append(part)
        else:
            holdings.licences.setdefault(key, []).append(licence)
            holdings.given[number] = held.value.get("given", 0)
    return holdings


def _licence(number: int, line: Line, held: Held) -> Licence:
    """A licence as the ledger tells of it."""
    value = held.value
    last_day = datetime.date.fromisoformat(value["expires_on"]) if value["expires_on"] else None
    known = value.get("begins_on")
    first_day = datetime.date.fromisoformat(known) if known else min(held.since, last_day or held.since)
    return Licence(
        pk=number,
        uuid=_uuid(line),
        kind=value["kind"],
        count=value["count"],
        begins_on=first_day,
        expires_on=last_day,
    )


def _catalogue_at(registrations: list[Registration], moment: datetime.datetime) -> Catalogue:
    """What these units' models came with, and every service's flags (under no model), before a moment."""
    models = {registration.unit.model_id for registration in registrations}
    entries = LedgerEntry.objects.filter(Q(model=None) | Q(model__in=models), unit=None, at__lt=moment)
    found = {(entry.model_id, entry.service_id): entry.after for entry in entries.order_by("pk")}
    return {key: value for key, value in found.items() if value is not None}


def _services(catalogue: Catalogue) -> list[Service]:
    """The services that existed, with the flags that they had."""
    services = [service for service in Service.objects.all() if (None, service.pk) in catalogue]
    for service in services:
        for flag in FLAGS:
            setattr(service, flag, catalogue[None, service.pk].get(flag, False))
    return services
