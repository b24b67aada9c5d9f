"""What a dry run tells, against what was then done to the rows: its sentences and its table (X2, X5)."""

import datetime
import re
from collections import Counter
from collections.abc import Callable

from licensing.keyset import UNLIMITED, Payload
from licensing.keyset import Service as KeysetService
from licensing.models import Keyset, Licence, Service
from licensing.rma.comparison import Comparison
from products.models import Registration
from tests.licensing.oracle import derived, said_by

NODES = 1
DAYS = [datetime.timedelta(days) for days in (0, 1, 29, 31, 364, 366, 729, 731)]


def check_told[T](comparison: Comparison, today: datetime.date, do: Callable[[], T]) -> T:
    """Do what was rehearsed, assert that the rows changed as was told, and return what doing it returned."""
    licences, before = _placed(today), _said(today)

    done = do()

    after = _said(today)
    moved = Counter(unit for name, unit in _placed(today).items() if licences.get(name) != unit)
    had = _issued(after.keys() - before.keys(), today) | before
    changed = {serial for serial, said in after.items() if _differs(had.get(serial), said)}
    named = re.findall(
        r"(\d+) (?:licenses? \w+ (?:back )?)?to .+? \(([0-9A-F]{12})\)", comparison.sentences[0]
    )
    assert {serial: int(number) for number, serial in named} == moved
    assert f"{len(changed) or 'No'} keyset" in " ".join(comparison.sentences)
    _check_table(comparison, before, after)
    if not comparison.is_loss:
        assert not [
            serial for serial in before.keys() & after.keys() if _loses(before[serial], after[serial], today)
        ]
    return done


def _placed(today: datetime.date) -> dict[object, str]:
    """The unit of each licence that runs or is to come."""
    lasting = [
        row for row in Licence.objects.select_related("registration__unit") if not row.is_expired(today)
    ]
    return {row.uuid: row.registration.unit.serial for row in lasting}


def _said(today: datetime.date) -> dict[str, Payload]:
    live = Registration.objects.live().select_related("unit__model")
    return {registration.unit.serial: derived(registration, today) for registration in live}


def _issued(serials: set[str], today: datetime.date) -> dict[str, Payload]:
    """What the last issued keyset of units says that come back."""
    rows = Keyset.objects.filter(unit__serial__in=serials).order_by("generation").select_related("unit")
    return {row.unit.serial: said_by(row, today) for row in rows}


def _differs(before: Payload | None, after: Payload) -> bool:
    has_any = any(said and (said.services or said.nodes) for said in (before, after))
    return after != before and has_any


def _check_table(comparison: Comparison, before: dict[str, Payload], after: dict[str, Payload]) -> None:
    """What a unit that stays is told to run differently is what its keyset says differently."""
    codes = dict(Service.objects.values_list("name", "code"))
    cells = {
        (column.serial, codes[row.service]): cell
        for row in comparison.rows
        for column, cell in zip(comparison.columns, row.cells, strict=True)
    }
    for serial in before.keys() & after.keys():
        for code in codes.values():
            cell = cells.get((serial, code))
            is_other = _lasting(before[serial], code) != _lasting(after[serial], code)
            assert is_other == bool(cell and not cell.is_same_run), (serial, code)


def _lasting(said: Payload, code: int) -> object:
    """What a keyset says of a service, unless all of it is over."""
    if code == NODES:
        return said.nodes
    return [(row.kind, row.count, row.begin, row.expiry) for row in said.services if row.code == code]


def _loses(before: Payload, after: Payload, today: datetime.date) -> bool:
    """Whether some service runs for less on one of a few days."""
    codes = {row.code for row in before.services}
    days = [today + days for days in DAYS]
    return after.nodes != before.nodes or any(
        _runs(after, code, day) < _runs(before, code, day) for code in codes for day in days
    )


def _runs(said: Payload, code: int, day: datetime.date) -> float:
    return max((_size(row) for row in said.services if row.code == code and row.runs_on(day)), default=0)


def _size(row: KeysetService) -> float:
    return {None: 1.0, UNLIMITED: float("inf")}.get(row.count, float(row.count or 0))
