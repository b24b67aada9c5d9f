"""The ledger records every change to what units hold (rule L6).

A unit's lines are its licences and its parts of other units' licences. Code that changes any does so inside
`noted`, which writes an entry for each line that differs afterwards: replaying them gives today's lines.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from licensing.models import LedgerEntry, Licence, PoolPart
from portal.models import User
from products.models import Registration

type Value = dict[str, object]


@dataclass(frozen=True, slots=True)
class Line:
    """What an entry is about: a unit's licence or, with `pool`, its part of another unit's.

    Entries from before licences had a `licence` uuid are about a unit's only one for the service.
    """

    unit: int
    service: int
    licence: UUID | None
    pool: str = ""


def licence_value(licence: Licence, *, given: int = 0) -> Value:
    """A licence in the ledger's form; other units have `given` of its count."""
    value: Value = {
        "kind": str(licence.kind),
        "count": licence.count,
        "begins_on": licence.begins_on.isoformat(),
        "expires_on": licence.expires_on.isoformat() if licence.expires_on else None,
        "counted_from": licence.counted_from,
    }
    return {**value, "given": given} if given else value


def part_value(part: PoolPart) -> Value:
    """A part of a licence in the ledger's form."""
    return {**licence_value(part.licence), "count": part.count}


def read_lines(registrations: Iterable[Registration | int]) -> dict[Line, Value]:
    """The lines of some registrations, and those of every unit with a part of their licences."""
    licences = list(Licence.objects.filter(registration__in=registrations).select_related("registration"))
    found = PoolPart.objects.filter(Q(registration__in=registrations) | Q(licence__in=licences))
    parts = list(found.select_related("registration", "licence__registration__unit"))
    given: dict[int, int] = {}
    for part in parts:
        given[part.licence_id] = given.get(part.licence_id, 0) + part.count
    lines = {
        Line(licence.registration.unit_id, licence.service_id, licence.uuid): licence_value(
            licence, given=given.get(licence.pk, 0)
        )
        for licence in licences
    }
    for part in parts:
        licence, unit = part.licence, part.registration.unit_id
        pool = licence.registration.unit.serial
        lines[Line(unit, licence.service_id, licence.uuid, pool)] = part_value(part)
    return lines


@contextmanager
def noted(
    registrations: Iterable[Registration],
    *,
    right: LedgerEntry.Right,
    by: User | None,
    reason: str = "",
    detail: str | dict[int, str] = "",
) -> Iterator[None]:
    """Write an entry for every line of these registrations that the block changes.

    `detail` completes the right: one text for all, or one for each unit by its primary key.
    """
    pks = [registration.pk for registration in registrations]
    before = read_lines(pks)
    yield
    write_changes(before, read_lines(pks), right=right, by=by, reason=reason, detail=detail)


def write_changes(
    before: dict[Line, Value],
    after: dict[Line, Value],
    *,
    right: LedgerEntry.Right,
    by: User | None,
    reason: str = "",
    detail: str | dict[int, str] = "",
) -> None:
    """Write an entry for every line that differs. If a unit changes hands, both sides get one."""
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            actor=by,
            reason=reason,
            unit_id=line.unit,
            service_id=line.service,
            licence=line.licence,
            before=before.get(line),
            after=after.get(line),
            right=LedgerEntry.Right.PART if line.pool else right,
            detail=line.pool or (detail if isinstance(detail, str) else detail.get(line.unit, "")),
        )
        for line in sorted({*before, *after}, key=_order)
        if before.get(line) != after.get(line)
    )


def line_of(entry: LedgerEntry) -> Line:
    """What an entry about a unit is about."""
    pool = entry.detail if entry.right == LedgerEntry.Right.PART else ""
    return Line(entry.unit_id or 0, entry.service_id, entry.licence, pool)


def _order(line: Line) -> tuple[int, int, str, str]:
    return line.unit, line.service, str(line.licence), line.pool
