"""Whether the ledger and today's rows agree (rule L6)."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from django.db.models import Q, Sum

from licensing.ledger.writing import licence_value, line_of, part_value
from licensing.models import FLAGS, LedgerEntry, Licence, ModelService, PoolPart, Service
from products.models import ProductModel, Registration, Unit

BATCH = 1000
LATER = {"begins_on", "counted_from"}
"""What the ledger says of licences only since they have it."""

type Value = dict[str, Any] | None
type Step = tuple[Key, Value, Value]
"""What an entry is about, and its values before and after."""
type Steps = Callable[[], Generator[Step]]
type Rows = Callable[[], dict[Key, Value]]


class Key(NamedTuple):
    """What a value is of: a registration's licence or part, what a model comes with, or a service's flags.

    `subject` is registration, model or service (or unit, if nobody had registered it); `pk` is its row's.
    """

    subject: str
    pk: int
    service: int
    licence: str = ""
    pool: str = ""


class Differs(Exception):
    """The ledger contradicts the rows, or itself: something was changed without an entry."""

    def __init__(self, subject: str, service: str, *, ledger: Value, row: Value) -> None:
        self.subject, self.service, self.ledger, self.row = subject, service, ledger, row
        values = (json.dumps(value) if value else "nothing" for value in (ledger, row))
        super().__init__("{}, {}: the ledger says {}, the row says {}.".format(subject, service, *values))


@dataclass(slots=True)
class Verified:
    """How much has been compared so far."""

    units: int = 0
    entries: int = 0


def verify(*, progress: Callable[[Verified], None]) -> Verified:
    """Replay the whole ledger and compare it with today's rows: the catalogue's, then units in batches.

    Writes nothing and keeps only a batch in memory, so it may be stopped at any moment. Raises Differs at the
    first difference.
    """
    done = Verified(entries=_compare(_catalogue_steps, _catalogue_rows))
    last = 0
    while units := list(Unit.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        first, last = units[0], units[-1]
        done.entries += _compare(partial(_unit_steps, first, last), partial(_unit_rows, first, last))
        done.units += len(units)
        progress(done)
    return done


def _compare(steps: Steps, rows: Rows) -> int:
    """Return the number of entries compared; reads again what changed while reading both sides."""
    replayed = _follow(steps())
    while different := _different(replayed[0], found := rows()):
        again = _follow(steps())
        if again == replayed:
            held, key = replayed[0], min(different)
            raise _differs(key, held.get(key), found.get(key))
        replayed = again
    return replayed[1]


def _different(held: dict[Key, Value], found: dict[Key, Value]) -> list[Key]:
    return [key for key in {*held, *found} if not _is_same(held.get(key), found.get(key))]


def _is_same(one: Value, other: Value) -> bool:
    """Whether two values are equal; an entry from before licences had first days says nothing of these."""
    if one is None or other is None:
        return one is other
    names = (one.keys() | other.keys()) - (LATER - (one.keys() & other.keys()))
    return all(one.get(name) == other.get(name) for name in names)


def _follow(steps: Generator[Step]) -> tuple[dict[Key, Value], int]:
    """The values after all entries, and the number of entries; each must begin where the last one ended."""
    held: dict[Key, Value] = {}
    count = 0
    with closing(steps):  # closes its server-side cursor after a difference, too
        for key, before, after in steps:
            if not _is_same(before, present := held.pop(key, None)):
                raise _differs(key, present, before)
            if after is not None:
                held[key] = after
            count += 1
    return held, count


def _unit_steps(first: int, last: int) -> Generator[Step]:
    """The entries about some units, each under the registration that the unit had then."""
    owners: dict[int, list[Registration]] = {}
    for registration in Registration.objects.filter(unit__pk__range=(first, last)).order_by(
        "registered_at", "pk"
    ):
        owners.setdefault(registration.unit_id, []).append(registration)
    entries = LedgerEntry.objects.filter(unit__pk__range=(first, last)).order_by("unit", "pk")
    for entry in entries.iterator():
        unit = entry.unit_id or 0
        present = owners.get(unit, [])
        # What began earlier isn't the new owner's, even if it ends at the very moment of registering.
        bisect = bisect_right if entry.before is None else bisect_left
        number = bisect(present, entry.at, key=lambda registration: registration.registered_at)
        owner = ("registration", present[max(number - 1, 0)].pk) if present else ("unit", unit)
        line = line_of(entry)
        licence = str(line.licence or "")
        yield Key(*owner, entry.service_id, licence, line.pool), entry.before, entry.after


def _unit_rows(first: int, last: int) -> dict[Key, Value]:
    """The licences and parts of some units, in the ledger's form."""
    held = Q(registration__unit__pk__range=(first, last))
    rows: dict[Key, Value] = {}
    for licence in Licence.objects.filter(held).annotate(given=Sum("parts__count")):
        value = licence_value(licence, given=int(licence.given or 0))
        rows[Key("registration", licence.registration_id, licence.service_id, str(licence.uuid))] = value
    for part in PoolPart.objects.filter(held).select_related("licence__registration__unit"):
        source, pool = part.licence, part.licence.registration.unit.serial
        key = Key("registration", part.registration_id, source.service_id, str(source.uuid), pool)
        rows[key] = part_value(part)
    return rows


def _catalogue_steps() -> Generator[Step]:
    for entry in LedgerEntry.objects.filter(unit=None).order_by("pk").iterator():
        if entry.model_id is None:
            key = Key("service", entry.service_id, entry.service_id)
            yield key, _flags(entry.before), _flags(entry.after)
        else:
            yield Key("model", entry.model_id, entry.service_id), entry.before, entry.after


def _flags(value: Value) -> Value:
    """A service's flags; one that was introduced later counts as off until somebody sets it."""
    return None if value is None else {flag: value.get(flag, False) for flag in FLAGS}


def _catalogue_rows() -> dict[Key, Value]:
    """What models come with and how services are flagged, in the ledger's form."""
    rows: dict[Key, Value] = {
        Key("model", row.model_id, row.service_id): {"count": row.count} for row in ModelService.objects.all()
    }
    for service in Service.objects.all():
        rows[Key("service", service.pk, service.pk)] = {flag: getattr(service, flag) for flag in FLAGS}
    return rows


def _differs(key: Key, ledger: Value, row: Value) -> Differs:
    """Describe a difference by the names that people know."""
    part = f" (part of {key.pool}'s license)" if key.pool else ""
    service = f"{Service.objects.get(pk=key.service)}{part}"
    if key.subject == "registration":
        return Differs(str(Registration.objects.get(pk=key.pk).unit), service, ledger=ledger, row=row)
    names: dict[str, type[Unit | ProductModel]] = {"unit": Unit, "model": ProductModel}
    model = names.get(key.subject)
    subject = str(model._default_manager.get(pk=key.pk)) if model else "the catalogue"
    return Differs(subject, service, ledger=ledger, row=row)
