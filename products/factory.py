"""The factory's record: units are read from a CSV file, all of it or nothing.

The file is read twice, a batch at a time, so that memory stays the same however long it is: the first
pass checks every row, the second writes them in one transaction.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import batched
from typing import TextIO

from django.db import IntegrityError, transaction

from portal import audit
from portal.errors import RuleViolation
from portal.models import User
from products.codes import active_kid, code_mac, code_matches
from products.errors import ImportRefused
from products.models import ProductModel, Unit
from products.serials import normalize_code, normalize_serial

COLUMNS = ["serial_number", "model", "authentication_code", "firmware", "warranty_ends_on"]
BATCH = 1000
FIRMWARE_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a line of the file can't be imported."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """A unit as the file names it, each value in its canonical form."""

    line: int
    serial: str
    model_id: int
    code: str
    firmware: str
    warranty_ends_on: date | None

    def differences(self, unit: Unit) -> list[str]:
        """Name the columns in which the factory's record already says something else."""
        same = {
            "model": unit.model_id == self.model_id,
            "authentication_code": code_matches(self.serial, self.code, mac=unit.code_mac, kid=unit.code_kid),
            "firmware": unit.firmware == self.firmware,
            "warranty_ends_on": unit.warranty_ends_on == self.warranty_ends_on,
        }
        return [column for column, is_same in same.items() if not is_same]


def import_units(
    open_file: Callable[[], TextIO],
    *,
    by: User | None,
    report: Callable[[Problem], None],
    progress: Callable[[int], None],
) -> tuple[int, int]:
    """Read units into the factory's record; return how many rows the file has and how many units are new.

    `open_file` opens the file anew for each pass. `report` gets each problem as it is found, `progress` the
    number of rows done in the present pass. A unit that is there already with the same values is no problem.
    Raises ImportRefused after the last row where any had a problem; nothing is written then.
    """
    with open_file() as file:
        rows, problems = _check(file, report, progress)
    if problems:
        raise ImportRefused(problems=problems, rows=rows)
    created = 0
    with transaction.atomic(), open_file() as file:
        for batch in batched(_rows(file, report), BATCH, strict=False):
            created += _write(batch, report, rows)
            progress(batch[-1].line)
        audit.record("units-imported", by=by, data={"rows": rows, "created": created})
    return rows, created


def _check(
    file: TextIO, report: Callable[[Problem], None], progress: Callable[[int], None]
) -> tuple[int, int]:
    problems = rows = 0

    def count(problem: Problem) -> None:
        nonlocal problems
        problems += 1
        report(problem)

    for batch in batched(_rows(file, count, keep_bad=True), BATCH, strict=False):
        rows += len(batch)
        _new_units([row for row in batch if row.serial], count)
        progress(rows)
    return rows, problems


def _write(batch: Iterable[Row], report: Callable[[Problem], None], rows: int) -> int:
    """Create those units of a batch that are new. Earlier rows of the same file are there by now, so a
    serial number that the file names twice with different values is found here."""
    problems: list[Problem] = []
    new = _new_units(batch, problems.append)
    for problem in problems:
        report(problem)
    if problems:
        raise ImportRefused(problems=len(problems), rows=rows)
    kid = active_kid()
    try:
        with transaction.atomic():
            created = Unit.objects.bulk_create(
                Unit(
                    serial=row.serial,
                    model_id=row.model_id,
                    code_mac=code_mac(row.serial, row.code, kid=kid),
                    code_kid=kid,
                    firmware=row.firmware,
                    warranty_ends_on=row.warranty_ends_on,
                )
                for row in new
            )
    except IntegrityError:
        report(
            Problem(
                line=new[0].line, reason="another import wrote units of these rows meanwhile: start again"
            )
        )
        raise ImportRefused(problems=1, rows=rows) from None
    return len(created)


def _new_units(batch: Iterable[Row], report: Callable[[Problem], None]) -> list[Row]:
    """Return the rows whose units don't exist yet; report those that contradict the record or each other."""
    rows = list(batch)
    known = {unit.serial: unit for unit in Unit.objects.filter(serial__in=[row.serial for row in rows])}
    new: dict[str, Row] = {}
    for row in rows:
        if unit := known.get(row.serial):
            if differing := row.differences(unit):
                report(
                    Problem(
                        row.line, f"serial_number: {row.serial} is known with another {', '.join(differing)}"
                    )
                )
        elif first := new.setdefault(row.serial, row):
            same = (first.model_id, first.code, first.firmware, first.warranty_ends_on)
            if same != (row.model_id, row.code, row.firmware, row.warranty_ends_on):
                report(
                    Problem(
                        row.line, f"serial_number: line {first.line} names {row.serial} with other values"
                    )
                )
    return list(new.values())


def _rows(file: TextIO, report: Callable[[Problem], None], *, keep_bad: bool = False) -> Iterator[Row]:
    """Read a file's rows. A bad one is reported, and yielded without a serial number if it counts."""
    models = dict(ProductModel.objects.values_list("name", "pk"))
    reader = csv.reader(file, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if header != COLUMNS:
            report(Problem(1, f"the first line must be {','.join(COLUMNS)}"))
            return
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            try:
                yield _parse(reader.line_num, values, models)
            except (RuleViolation, ValueError) as error:
                report(Problem(reader.line_num, _reason(error)))
                if keep_bad:
                    yield Row(reader.line_num, "", 0, "", "", None)
    except UnicodeDecodeError:
        report(Problem(reader.line_num + 1, "the file isn't UTF-8: save it as “CSV UTF-8”"))
    except csv.Error as error:
        report(Problem(reader.line_num, f"this is no CSV: {error}"))


def _reason(error: Exception) -> str:
    return f"{error.field}: {error}" if isinstance(error, RuleViolation) else str(error)


def _parse(line: int, values: list[str], models: dict[str, int]) -> Row:
    if len(values) != len(COLUMNS):
        raise ValueError(f"{len(values)} columns where {len(COLUMNS)} are due")
    serial, model, code, firmware, warranty = (value.strip() for value in values)
    if model not in models:
        raise ValueError(f"model: there is no model “{model}” in the catalogue")
    if len(firmware) > FIRMWARE_CHARACTERS or not firmware.isprintable():
        raise ValueError(f"firmware: at most {FIRMWARE_CHARACTERS} characters")
    return Row(
        line=line,
        serial=normalize_serial(serial),
        model_id=models[model],
        code=normalize_code(code),
        firmware=firmware,
        warranty_ends_on=_parse_day(warranty),
    )


def _parse_day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"warranty_ends_on: “{text}” isn't a day such as 2027-11-30") from None
