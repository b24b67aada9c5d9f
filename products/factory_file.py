"""A factory file: a CSV file that lists units. Only this module knows what its rows must be like."""

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TextIO

from portal.days import read_day
from portal.errors import DayTooLate, RuleViolation
from products.errors import ImportRefused
from products.record import FIRMWARE_CHARACTERS
from products.serials import normalize_code, normalize_serial

COLUMNS = ["serial_number", "model", "authentication_code", "firmware", "warranty_ends_on"]
NOT_UTF8 = "the file isn't UTF-8: save it as “CSV UTF-8”"
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_CHARACTERS_AT_ONCE = 1 << 13
_SHOWN_CHARACTERS = 40


class Problem(NamedTuple):
    """Why a line of the file can't be imported."""

    line: int
    reason: str


class Row(NamedTuple):
    """A unit as the file names it, all values normalized."""

    line: int
    serial: str
    model_id: int
    code: str
    firmware: str
    warranty_ends_on: str | None


class Problems:
    """Counts the problems of a file, and reports each when it is found."""

    def __init__(self, report: Callable[[Problem], None]) -> None:
        self._report = report
        self.count = 0

    def add(self, line: int, reason: str) -> None:
        """Count and report a problem. Characters that could control a terminal are masked."""
        self.count += 1
        shown = "".join(character if character.isprintable() else "\ufffd" for character in reason)
        self._report(Problem(line, shown))

    def raise_if_any(self, rows: int) -> None:
        """Raise ImportRefused if there was a problem."""
        if self.count:
            raise ImportRefused(problems=self.count, rows=rows)


class FactoryFile:
    """Reads the rows of a file once, a few at a time; afterwards it knows the digest of what it read."""

    def __init__(self, file: TextIO, models: dict[str, int], problems: Problems) -> None:
        self._file, self._models, self._problems = file, models, problems
        self._digest = hashlib.sha256()

    def rows(self) -> Iterator[Row | None]:
        """Each row; None for a bad one, which is reported and counted."""
        reader = csv.reader(self._lines(), strict=True)
        following = 1
        try:
            if problem := problem_of_header(next(reader, [])):
                self._problems.add(1, problem)
                return
            following = reader.line_num + 1
            for values in reader:
                line, following = following, reader.line_num + 1
                if not any(map(str.strip, values)):
                    continue
                yield self._row(line, values)
        except csv.Error as error:
            self._problems.add(following, f"from here on this is no CSV: {error}")

    def digest(self) -> bytes:
        """The digest of the whole file; reads what wasn't read yet."""
        for _ in self._lines():
            pass
        return self._digest.digest()

    def _lines(self) -> Iterator[str]:
        while lines := self._file.readlines(_CHARACTERS_AT_ONCE):
            self._digest.update("".join(lines).encode("utf-8", "surrogatepass"))
            yield from lines

    def _row(self, line: int, values: list[str]) -> Row | None:
        try:
            return _parse(line, values, self._models)
        except RuleViolation as error:
            self._problems.add(line, f"{error.field}: {error}")
        except ValueError as error:
            self._problems.add(line, str(error))
        return None


def reading(path: Path) -> Callable[[], TextIO]:
    """Return a function that opens a file, which may begin with the byte order mark of spreadsheets."""
    return lambda: path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def problem_of_first_line(file: TextIO) -> str:
    """What is wrong with a file's first line; reads no more of it than a good one could have."""
    try:
        return problem_of_header(next(csv.reader([file.readline(_CHARACTERS_AT_ONCE)], strict=True), []))
    except csv.Error as error:
        return f"this is no CSV: {error}"


def problem_of_header(values: list[str]) -> str:
    """What is wrong with a file's first line; empty if it is correct."""
    if [name.strip() for name in values] == COLUMNS:
        return ""
    return f"the first line must be {','.join(COLUMNS)}" if _is_utf8(values) else NOT_UTF8


def _is_utf8(values: list[str]) -> bool:
    """Whether no value has a byte that was escaped on reading."""
    text = "".join(values)
    return text.isascii() or not _ESCAPED_BYTE.search(text)


def _parse(line: int, values: list[str], models: dict[str, int]) -> Row:
    if len(values) != len(COLUMNS):
        raise ValueError(f"{len(values)} columns where {len(COLUMNS)} are due")
    if not _is_utf8(values):
        raise ValueError(NOT_UTF8)
    serial, model, code, firmware, warranty = map(str.strip, values)
    if model not in models:
        raise ValueError(
            f"model: there is no model “{_shorten(model)}” in the catalogue. {_models_like(model, models)}"
        )
    if len(firmware) > FIRMWARE_CHARACTERS or not firmware.isprintable():
        raise ValueError(f"firmware: at most {FIRMWARE_CHARACTERS} characters, on one line")
    return Row(
        line, normalize_serial(serial), models[model], normalize_code(code), firmware, _parse_day(warranty)
    )


def _models_like(name: str, models: Iterable[str]) -> str:
    """Name the models most similar to an unknown name, or all models if none is."""
    close = get_close_matches(name[:_SHOWN_CHARACTERS].upper(), models, n=3)
    listed = ", ".join(f"“{model}”" for model in close or sorted(models))
    return f"{'Did you mean' if close else 'There are'} {listed}{'?' if close else '.'}"


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


@lru_cache(maxsize=4096)  # a file has few different days
def _parse_day(text: str) -> str | None:
    """A day as the database takes it; None if it isn't one."""
    if not text:
        return None
    try:
        return read_day(text).isoformat()
    except DayTooLate as refusal:
        raise ValueError(f"warranty_ends_on: {refusal}") from None
    except ValueError:
        raise ValueError(f"warranty_ends_on: “{_shorten(text)}” isn't a day such as 2027-11-30") from None
