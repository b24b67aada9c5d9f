"""The factory's record: units are imported from a CSV file, all of it or nothing.

The file is read in batches into a temporary table, where the database compares its rows with the record
and with each other. New units are written from there, in the same transaction. So memory doesn't grow
with the file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import batched, pairwise
from typing import NamedTuple, TextIO

from django.db import IntegrityError, transaction

from portal import audit
from portal.audit import Concerned
from portal.models import User
from products.audit_codes import AuditCode
from products.errors import ImportRefused
from products.factory_file import COLUMNS, FactoryFile, Problem, Problems, problem_of_first_line, reading
from products.factory_staging import MEANWHILE, Sample, Staging, Tally, staging
from products.models import ProductModel
from products.record import Change, facts_of

__all__ = [
    "COLUMNS",
    "Preview",
    "Problem",
    "import_units",
    "preview_units",
    "problem_of_first_line",
    "reading",
    "update_units",
]

BATCH = 10_000
SAMPLES = 10

type Report = Callable[[Problem], None]
type OpenFile = Callable[[], TextIO]
type Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ModelCount:
    """How many rows of a file are of one model, and how many of these are new units."""

    name: str
    rows: int
    new: int


class Updated(NamedTuple):
    """What correcting units by a file did: the rows of the file, new units, and corrected ones."""

    rows: int
    created: int
    updated: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What importing a file would do: its rows, bad ones included; new units; units that exist already."""

    rows: int
    new: int
    known: int
    problems: int
    models: list[ModelCount]
    first: list[Sample]


def import_units(
    open_file: OpenFile, *, by: User | None, report: Report, progress: Progress
) -> tuple[int, int]:
    """Import units into the factory's record; return the number of rows in the file and of new units.

    `open_file` opens the file again for each pass, with `errors="surrogateescape"`, so that a byte that isn't
    UTF-8 is a problem of its line only. `report` gets each problem when it is found, `progress` the number of
    rows done in the present pass. A unit that exists with the same values is no problem. If any row had
    a problem, raises ImportRefused and writes nothing.
    """
    problems = Problems(report)
    with staging() as staged:
        with open_file() as file:
            reader = FactoryFile(file, _models(), problems)
            ends = _read(reader, staged, progress)
            digest = reader.digest()
        rows = ends[-1][1]
        staged.keep_new(staged.tally(), problems)
        problems.raise_if_any(rows)
        with open_file() as file:
            if FactoryFile(file, {}, problems).digest() != digest:
                problems.add(1, "the file changed while it was read")
        problems.raise_if_any(rows)
        created = _write(staged, ends, problems, progress)
        audit.record(AuditCode.UNITS_IMPORTED, by=by, data={"rows": rows, "created": created})
    return rows, created


def update_units(
    open_file: OpenFile,
    *,
    by: User | None,
    reason: str,
    report: Report,
    told: Callable[[Change], None],
    progress: Progress,
    is_rehearsed: bool = False,
) -> Updated:
    """Import units as `import_units` does, and correct the record of those that are known with other values.

    `told` gets each change, in the file's order; a unit's model is never changed, and a row with another one
    is a problem. `is_rehearsed`: everything is told, and nothing written. Raises ReasonNeeded and
    ImportRefused.
    """
    if not is_rehearsed:
        audit.require_reason(reason)
    problems = Problems(report)
    with staging() as staged:
        with open_file() as file:
            ends = _read(FactoryFile(file, _models(), problems), staged, progress)
        rows = ends[-1][1]
        staged.forget_repeats(problems)
        tallies = staged.tally()
        changes = _tell(staged, told)
        if is_rehearsed:
            updated = sum(1 for _ in changes)
        else:
            updated = audit.record_each(AuditCode.RECORD_CORRECTED, changes, by=by, reason=reason)
            if staged.update() != updated:
                problems.add(1, MEANWHILE)
        staged.keep_new(tallies, problems, compared=["model"])
        problems.raise_if_any(rows)
        if is_rehearsed:
            return Updated(rows, sum(staged.new_of_models().values()), updated)
        created = _write(staged, ends, problems, progress)
        data: dict[str, object] = {"rows": rows, "created": created, "updated": updated}
        audit.record(AuditCode.UNITS_IMPORTED, by=by, reason=reason, data=data)
    return Updated(rows, created, updated)


def _tell(staged: Staging, told: Callable[[Change], None]) -> Iterator[Concerned]:
    """Tell each change, and pass it on for the audit trail."""
    for change, account in staged.changes():
        told(change)
        yield Concerned(change.serial, account, facts_of(change))


def preview_units(open_file: OpenFile, *, report: Report) -> Preview:
    """Check a file as `import_units` does, and return what importing it would do. Nothing is written."""
    problems, models = Problems(report), _models()
    with staging() as staged:
        with open_file() as file:
            ends = _read(FactoryFile(file, models, problems), staged, lambda rows: None)
        tallies, first = staged.tally(), staged.first(SAMPLES)
        staged.keep_new(tallies, problems)
        new = staged.new_of_models()
    return Preview(
        rows=ends[-1][1],
        new=sum(new.values()),
        known=sum(tally.known for tally in tallies),
        problems=problems.count,
        models=_model_counts(tallies, new, models),
        first=first,
    )


def _models() -> dict[str, int]:
    return dict(ProductModel.objects.values_list("name", "pk"))


def _model_counts(tallies: list[Tally], new: dict[int, int], models: dict[str, int]) -> list[ModelCount]:
    names = {pk: name for name, pk in models.items()}
    counts = [ModelCount(names[tally.model_id], tally.rows, new.get(tally.model_id, 0)) for tally in tallies]
    return sorted(counts, key=lambda count: count.name)


def _read(reader: FactoryFile, staged: Staging, progress: Progress) -> list[tuple[int, int]]:
    """Stage every good row; return, for each batch, its last line and the number of rows so far."""
    line = rows = 0
    ends = [(line, rows)]
    for batch in batched(reader.rows(), BATCH, strict=False):
        if good := [row for row in batch if row]:
            staged.add(good)
            line = good[-1].line
        rows += len(batch)
        ends.append((line, rows))
        progress(rows)
    return ends


def _write(staged: Staging, ends: list[tuple[int, int]], problems: Problems, progress: Progress) -> int:
    """Write the new units in the batches in which they were read."""
    created = 0
    for (after, _), (until, rows) in pairwise(ends):
        try:
            with transaction.atomic():
                created += staged.write(after, until)
        except IntegrityError:
            problems.add(after + 1, MEANWHILE)
            raise ImportRefused(problems=1, rows=ends[-1][1]) from None
        progress(rows)
    return created
