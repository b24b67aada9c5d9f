"""The factory's record: units are read from a CSV file, all of it or nothing.

The file is read twice, a batch at a time, so that memory stays the same however long it is: the first
pass checks every row, the second writes them in one transaction.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
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
NOT_UTF8 = "the file isn't UTF-8: save it as “CSV UTF-8”"


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


class Problems:
    """Counts the problems of a file and hands each on as it is found."""

    def __init__(self, report: Callable[[Problem], None]) -> None:
        self._report = report
        self._count = 0

    def add(self, line: int, reason: str) -> None:
        """Take one more in."""
        self._count += 1
        self._report(Problem(line, reason))

    def refuse_any(self, rows: int) -> None:
        """Raise ImportRefused where there was one."""
        if self._count:
            raise ImportRefused(problems=self._count, rows=rows)


def import_units(
    open_file: Callable[[], TextIO],
    *,
    by: User | None,
    report: Callable[[Problem], None],
    progress: Callable[[int], None],
) -> tuple[int, int]:
    """Read units into the factory's record; return how many rows the file has and how many units are new.

    `open_file` opens the file anew for each pass, with `errors="surrogateescape"`: so a byte that isn't UTF-8
    is a problem of its own line. `report` gets each problem as it is found, `progress` the rows done in the
    present pass. A unit that is there already with the same values is no problem. Raises ImportRefused where
    any row had a problem; nothing is written then.
    """
    problems = Problems(report)
    with open_file() as file:
        rows = _check(file, problems, progress)
    written = created = 0
    with transaction.atomic(), open_file() as file:
        for batch in batched(_rows(file, problems), BATCH, strict=False):
            written += len(batch)
            created += _write(batch, problems, rows)
            progress(written)
        if written != rows:
            problems.add(1, f"the file changed while it was read: it had {rows} rows, then {written}")
        problems.refuse_any(rows)
        audit.record("units-imported", by=by, data={"rows": rows, "created": created})
    return rows, created


def _check(file: TextIO, problems: Problems, progress: Callable[[int], None]) -> int:
    rows = 0
    for batch in batched(_rows(file, problems, keep_bad=True), BATCH, strict=False):
        rows += len(batch)
        _new_units([row for row in batch if row.serial], problems)
        progress(rows)
    problems.refuse_any(rows)
    return rows


def _write(batch: Iterable[Row], problems: Problems, rows: int) -> int:
    """Create those units of a batch that are new. Earlier rows of the same file are there by now, so a
    serial number that the file names twice with different values is found here."""
    new = _new_units(batch, problems)
    problems.refuse_any(rows)
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
        problems.add(new[0].line, "another import wrote units of these rows meanwhile: start again")
        raise ImportRefused(problems=1, rows=rows) from None
    return len(created)


def _new_units(batch: Iterable[Row], problems: Problems) -> list[Row]:
    """Return the rows whose units don't exist yet; report those that contradict the record or each other."""
    rows = list(batch)
    known = {unit.serial: unit for unit in Unit.objects.filter(serial__in=[row.serial for row in rows])}
    new: dict[str, Row] = {}
    for row in rows:
        if unit := known.get(row.serial):
            if differing := ", ".join(row.differences(unit)):
                problems.add(row.line, f"serial_number: {row.serial} is known with another {differing}")
        elif replace(first := new.setdefault(row.serial, row), line=row.line) != row:
            problems.add(row.line, f"serial_number: line {first.line} names {row.serial} with other values")
    return list(new.values())


def _rows(file: TextIO, problems: Problems, *, keep_bad: bool = False) -> Iterator[Row]:
    """Read a file's rows, each with the line where it begins. A bad one is reported, and yielded without a
    serial number if it counts."""
    models = dict(ProductModel.objects.values_list("name", "pk"))
    reader = csv.reader(file, strict=True)
    following = 1
    try:
        header = [name.strip() for name in next(reader, [])]
        if header != COLUMNS:
            problems.add(1, f"the first line must be {','.join(COLUMNS)}" if _is_utf8(header) else NOT_UTF8)
            return
        following = reader.line_num + 1
        for values in reader:
            line, following = following, reader.line_num + 1
            if not any(value.strip() for value in values):
                continue
            try:
                yield _parse(line, values, models)
            except (RuleViolation, ValueError) as error:
                problems.add(line, _reason(error))
                if keep_bad:
                    yield Row(line, "", 0, "", "", None)
    except csv.Error as error:
        problems.add(following, f"from here on this is no CSV: {error}")


def _is_utf8(values: list[str]) -> bool:
    """Whether no value has a byte that had to be escaped when it was read."""
    return not any("\udc80" <= character <= "\udcff" for value in values for character in value)


def _reason(error: Exception) -> str:
    return f"{error.field}: {error}" if isinstance(error, RuleViolation) else str(error)


def _parse(line: int, values: list[str], models: dict[str, int]) -> Row:
    if len(values) != len(COLUMNS):
        raise ValueError(f"{len(values)} columns where {len(COLUMNS)} are due")
    if not _is_utf8(values):
        raise ValueError(NOT_UTF8)
    serial, model, code, firmware, warranty = (value.strip() for value in values)
    if model not in models:
        raise ValueError(
            f"model: there is no model “{model}” in the catalogue. {_models_like(model, models)}"
        )
    if len(firmware) > FIRMWARE_CHARACTERS or not firmware.isprintable():
        raise ValueError(f"firmware: at most {FIRMWARE_CHARACTERS} characters, on one line")
    return Row(
        line=line,
        serial=normalize_serial(serial),
        model_id=models[model],
        code=normalize_code(code),
        firmware=firmware,
        warranty_ends_on=_parse_day(warranty),
    )


def _models_like(name: str, models: Iterable[str]) -> str:
    """Name the models that a wrong name resembles most, or all where it resembles none."""
    close = get_close_matches(name.upper(), models, n=3)
    listed = ", ".join(f"“{model}”" for model in close or sorted(models))
    return f"{'Did you mean' if close else 'There are'} {listed}{'?' if close else '.'}"


def _parse_day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"warranty_ends_on: “{text}” isn't a day such as 2027-11-30") from None
