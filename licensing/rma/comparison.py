"""What a case changes: a few sentences, and a table of services by units (X2). Reads nothing."""

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from licensing.entitlements.steps import NOTHING, count_on, size
from licensing.entitlements.timeline import Right
from licensing.rma.snapshot import ServiceShown, UnitShown, named
from licensing.wording import turn_in_words
from products.models import Registration

MOST_DRAWN = 6


@dataclass(frozen=True, slots=True)
class Column:
    """A unit of the table: its name, and what it is before and after in a word or two."""

    serial: str
    name: str
    before: str
    after: str

    @property
    def is_retired(self) -> bool:
        """Whether it is out of service afterwards."""
        return self.after == "retired"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a unit runs of a service before and after: a line for now and for each that follows, the right."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    right_before: Right | None
    right_after: Right | None

    @property
    def is_changed(self) -> bool:
        """Whether anything about it changes."""
        return (self.before, self.right_before) != (self.after, self.right_after)

    @property
    def is_same_run(self) -> bool:
        """Whether only the right changes."""
        return self.before == self.after

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made of it."""
        rights = [Right(name) if name else None for name in (value["right_before"], value["right_after"])]
        return cls(tuple(value["before"]), tuple(value["after"]), *rights)


@dataclass(frozen=True, slots=True)
class Row:
    """A service, and a cell for each unit."""

    service: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changes: `sentences` in brief, the decisive one first, and the services of which anything does.

    `told` are the sentences once it is done.

    `is_loss`: something ends, or a unit that goes on runs less. `unchanged` is how many other services there
    are: they stay as they are on every unit, are over, or are only what models come with.
    """

    sentences: tuple[str, ...]
    told: tuple[str, ...]
    is_loss: bool
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    unchanged: int

    @property
    def table(self) -> list[tuple[str, list[tuple[Column, Cell]]]]:
        """Each service of `rows`, and each unit with its cell."""
        return [(row.service, list(zip(self.columns, row.cells, strict=True))) for row in self.rows]

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made of it."""
        return cls(
            sentences=tuple(value["sentences"]),
            told=tuple(value["told"]),
            is_loss=value["is_loss"],
            columns=tuple(Column(**column) for column in value["columns"]),
            rows=tuple(
                Row(row["service"], tuple(map(Cell.from_json, row["cells"]))) for row in value["rows"]
            ),
            unchanged=value["unchanged"],
        )


@dataclass(frozen=True, slots=True)
class Moved:
    """Who gets each licence that runs or is to come, and what ends instead: services, each with a sentence.

    `verb` is what a licence does, what several do, and what they did.
    """

    targets: Sequence[Registration]
    ends: Sequence[tuple[str, str]]
    verb: tuple[str, str, str] = ("moves", "move", "moved")


def compare(
    before: Sequence[UnitShown],
    after: Sequence[UnitShown],
    moved: Moved,
    *,
    ends: tuple[str, Iterable[str]],
    keysets: int,
    today: datetime.date,
    also: str = "",
) -> Comparison:
    """Compare units before and after.

    `ends` is the serial number of the unit that goes out of service (empty: none does), with those of the
    units that go on in its place; `keysets` is how many units need a new keyset. `also` is a
    further sentence.
    """
    leaves, heirs = ends
    sides = list(zip(before, after, strict=True))
    lost = [text for _, text in moved.ends]
    ending, there = {name for name, _ in moved.ends}, [unit for unit in after if unit.serial in set(heirs)]
    for old, new in sides:
        if old.serial == leaves:
            less = _less([s for s in old.services if s.name not in ending], there, today)
            lost += [f"In place of {old.label}, less runs: {'; '.join(less)}."] if less else []
        elif less := _less(old.services, [new], today):
            lost.append(f"{new.label} runs less: {'; '.join(less)}.")
    named = {service.code: service.name for unit in (*before, *after) for service in unit.services}
    rows = {code: Row(name, tuple(_cell(code, *side) for side in sides)) for code, name in named.items()}
    lasting = {s.code for unit in (*before, *after) for s in unit.services if _lasts(s)}
    changed = tuple(
        rows[code]
        for code in sorted(lasting)
        if any(cell.is_changed for cell in rows[code].cells) and not _is_the_models(rows[code])
    )
    columns = tuple(_column(old, new) for old, new in sides)
    planned, done = (
        (*_sentences(moved, lost, keysets, sides, is_done), *filter(None, [also]))
        for is_done in (False, True)
    )
    return Comparison(planned, done, bool(lost), columns, changed, len(rows) - len(changed))


def _sentences(
    moved: Moved, lost: list[str], keysets: int, sides: list[tuple[UnitShown, UnitShown]], is_done: bool
) -> tuple[str, ...]:
    """What is to be done, or what was done: licences, losses, keysets, roles."""
    nothing = "Nothing was lost." if is_done else "Nothing is lost."
    return _moves(moved, is_done), *(lost or [nothing]), _keysets(keysets, is_done), *_roles(sides, is_done)


def _moves(moved: Moved, is_done: bool) -> str:
    """Who gets how many licences: 4 licenses move to A (0006B1124422), 1 to B (0006B1124440)."""
    one, several, did = moved.verb
    counts = Counter(map(named, moved.targets))
    if not counts:
        return f"No license {did if is_done else one}."
    (first, number), *others = counts.items()
    some = f"1 license {did if is_done else one}"
    if number > 1:
        some = f"{number} licenses {did if is_done else several}"
    return ", ".join([f"{some} to {first}", *(f"{number} to {name}" for name, number in others)]) + "."


def _keysets(number: int, is_done: bool) -> str:
    verb = "changed" if is_done else "changes" if number < 2 else "change"
    return f"{number or 'No'} keyset{'s' if number > 1 else ''} {verb}."


def _roles(sides: Iterable[tuple[UnitShown, UnitShown]], is_done: bool) -> Iterator[str]:
    """A sentence for the new roles of units that go on, and one for those in no association any more."""
    present = [(old, new) for old, new in sides if new.state == "registered" and old.role != new.role]
    present.sort(key=lambda side: len(side[1].parents))
    verb = "became" if is_done else "becomes"
    if roles := [f"{new.label} {verb} {new.role}" for _, new in present if new.role]:
        yield f"{', '.join(roles)}."
    if alone := [new.label for _, new in present if not new.role]:
        yield f"In no association any more: {', '.join(alone)}."


def _less(services: Iterable[ServiceShown], there: Sequence[UnitShown], today: datetime.date) -> list[str]:
    """What none of these units runs as well as it was run, in words."""
    found = []
    for service in services:
        runs = [s.steps for unit in there for s in unit.services if s.code == service.code]
        for day in sorted({day for steps in (service.steps, *runs) for day, _ in steps}):
            was = count_on(service.steps, day)
            now = max((count_on(steps, day) for steps in runs), key=size, default=NOTHING)
            if size(now) < size(was):
                since = "" if day <= today else f" from {day:%d %b %Y}"
                found.append(f"{turn_in_words(service.name, was, now)}{since}")
                break
    return found


def _lasts(service: ServiceShown) -> bool:
    """Whether it runs, or will."""
    return any(number != NOTHING for _, number in service.steps)


def _is_the_models(row: Row) -> bool:
    """Whether a service is only what models come with, and every unit that goes on runs it as before."""
    rights = {right for cell in row.cells for right in (cell.right_before, cell.right_after)}
    is_as_before = all(cell.is_same_run for cell in row.cells if cell.before and cell.after)
    terms = {lines for cell in row.cells for lines in (cell.before, cell.after) if lines}
    return (
        Right.MODEL in rights
        and rights <= {Right.MODEL, Right.SHARED, None}
        and is_as_before
        and len(terms) == 1
    )


def _cell(code: int, old: UnitShown, new: UnitShown) -> Cell:
    before, after = (next((s for s in unit.services if s.code == code), None) for unit in (old, new))
    return Cell(
        before.lines if before else (),
        after.lines if after else (),
        before.right if before else None,
        after.right if after else None,
    )


def _column(old: UnitShown, new: UnitShown) -> Column:
    return Column(old.serial, new.name or old.name, _what_it_is(old, "new"), _what_it_is(new, "leaves"))


def _what_it_is(unit: UnitShown, unowned: str) -> str:
    return {"registered": unit.role or "alone", "not registered": unowned}.get(unit.state, unit.state)


@dataclass(frozen=True, slots=True)
class Family:
    """A unit, and those associated with it as its children, as a picture shows them: at most MOST_DRAWN."""

    unit: UnitShown
    children: tuple[UnitShown, ...]
    more: int


def families(units: Sequence[UnitShown]) -> list[Family]:
    """Arrange the units that an account has by parents and children."""
    owned = [unit for unit in units if unit.state == "registered"]
    serials = {unit.serial for unit in owned}
    found = []
    for unit in owned:
        if not serials & set(unit.parents):
            children = [child for child in owned if unit.serial in child.parents]
            found.append(Family(unit, tuple(children[:MOST_DRAWN]), max(0, len(children) - MOST_DRAWN)))
    return found
