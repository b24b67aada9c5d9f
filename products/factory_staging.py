"""Stages a factory file's rows in a temporary table, and compares them by SQL on their way to the record.

Every statement is valid on both PostgreSQL and SQLite. The table contains codes as keyed hashes only, is
visible to its own connection only, and ends with the transaction, also if that fails.
"""

import datetime
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connection, transaction

from portal.models import Key
from products.codes import active_kid, code_hasher
from products.factory_file import Problems, Row
from products.models import Unit
from products.record import Change

MEANWHILE = "another import wrote units of these rows meanwhile: start again"
_AT_ONCE = 1000

_CREATE = [
    """
    CREATE TEMPORARY TABLE factory_row (
        line integer PRIMARY KEY,
        serial varchar(12) NOT NULL,
        model_id bigint NOT NULL,
        code_mac varchar(64) NOT NULL,
        firmware varchar(32) NOT NULL,
        warranty_ends_on date
    )
    """,
    "CREATE TEMPORARY TABLE factory_repeat (serial varchar(12) PRIMARY KEY, first integer NOT NULL)",
]
_DROP = ["DROP TABLE factory_repeat", "DROP TABLE factory_row"]

_COPY = "COPY factory_row (line, serial, model_id, code_mac, firmware, warranty_ends_on) FROM STDIN"
_INSERT = """
INSERT INTO factory_row (line, serial, model_id, code_mac, firmware, warranty_ends_on)
VALUES (%s, %s, %s, %s, %s, %s)
"""

# '-infinity' stands for no day: to PostgreSQL it is a day, and to SQLite just another text.
_TALLY = """
SELECT row.model_id, count(*), count(unit.id), count(*) FILTER (
    WHERE unit.model_id <> row.model_id OR unit.code_mac <> row.code_mac OR unit.firmware <> row.firmware
        OR (unit.id IS NOT NULL
            AND coalesce(unit.warranty_ends_on, '-infinity') <> coalesce(row.warranty_ends_on, '-infinity'))
)
FROM factory_row AS row LEFT JOIN products_unit AS unit ON unit.serial = row.serial
GROUP BY row.model_id
"""
_CONTRADICTIONS = """
SELECT row.line, row.serial, unit.model_id <> row.model_id, unit.code_mac <> row.code_mac,
    unit.firmware <> row.firmware,
    coalesce(unit.warranty_ends_on, '-infinity') <> coalesce(row.warranty_ends_on, '-infinity')
FROM factory_row AS row JOIN products_unit AS unit ON unit.serial = row.serial
WHERE unit.model_id <> row.model_id OR unit.code_mac <> row.code_mac OR unit.firmware <> row.firmware
    OR coalesce(unit.warranty_ends_on, '-infinity') <> coalesce(row.warranty_ends_on, '-infinity')
ORDER BY row.line
"""
_CHANGES = """
SELECT row.serial, unit.warranty_ends_on, row.warranty_ends_on, unit.firmware, row.firmware,
    unit.code_mac <> row.code_mac, owner.account_id
FROM factory_row AS row JOIN products_unit AS unit ON unit.serial = row.serial
LEFT JOIN products_registration AS owner ON owner.unit_id = unit.id AND owner.ended_at IS NULL
WHERE unit.model_id = row.model_id AND (unit.code_mac <> row.code_mac OR unit.firmware <> row.firmware
    OR coalesce(unit.warranty_ends_on, '-infinity') <> coalesce(row.warranty_ends_on, '-infinity'))
ORDER BY row.line
"""
_UPDATE = """
UPDATE products_unit
SET code_mac = row.code_mac, firmware = row.firmware, warranty_ends_on = row.warranty_ends_on
FROM factory_row AS row
WHERE row.serial = products_unit.serial AND (
    products_unit.code_mac <> row.code_mac OR products_unit.firmware <> row.firmware
    OR coalesce(products_unit.warranty_ends_on, '-infinity') <> coalesce(row.warranty_ends_on, '-infinity')
)
"""
COMPARED = ["model", "authentication_code", "firmware", "warranty_ends_on"]
_FORGET_KNOWN = """
DELETE FROM factory_row
WHERE EXISTS (SELECT 1 FROM products_unit AS unit WHERE unit.serial = factory_row.serial)
"""

_FIND_REPEATS = """
INSERT INTO factory_repeat (serial, first)
SELECT serial, min(line) FROM factory_row GROUP BY serial HAVING count(*) > 1
"""
_REPEATS_THAT_DIFFER = """
SELECT row.line, row.serial, first.line
FROM factory_repeat AS repeat
JOIN factory_row AS first ON first.line = repeat.first
JOIN factory_row AS row ON row.serial = repeat.serial AND row.line <> repeat.first
WHERE first.model_id <> row.model_id OR first.code_mac <> row.code_mac OR first.firmware <> row.firmware
    OR coalesce(first.warranty_ends_on, '-infinity') <> coalesce(row.warranty_ends_on, '-infinity')
ORDER BY row.line
"""
_FORGET_REPEATS = """
DELETE FROM factory_row WHERE EXISTS (
    SELECT 1 FROM factory_repeat AS repeat
    WHERE repeat.serial = factory_row.serial AND repeat.first <> factory_row.line
)
"""

_FIRST = """
SELECT row.line, row.serial, model.name, row.firmware, row.warranty_ends_on, unit.id IS NULL
FROM factory_row AS row
JOIN products_productmodel AS model ON model.id = row.model_id
LEFT JOIN products_unit AS unit ON unit.serial = row.serial
ORDER BY row.line LIMIT %s
"""
_NEW_OF_MODELS = "SELECT model_id, count(*) FROM factory_row GROUP BY model_id"
_WRITE = """
INSERT INTO products_unit
    (serial, model_id, code_mac, code_kid, firmware, warranty_ends_on, version, last_generation)
SELECT serial, model_id, code_mac, %s, firmware, warranty_ends_on, 0, 0
FROM factory_row WHERE line > %s AND line <= %s ORDER BY line
"""


class Tally(NamedTuple):
    """The staged rows of one model: their number, and how many of their units the record already has."""

    model_id: int
    rows: int
    known: int
    contradicting: int


class Sample(NamedTuple):
    """A staged row as a preview shows it, without its code."""

    line: int
    serial: str
    model: str
    firmware: str
    warranty_ends_on: object
    is_new: bool


class Staging:
    """The rows of one file, staged in the transaction that `staging` began."""

    def __init__(self) -> None:
        self.kid = active_kid()
        self._hash = code_hasher(self.kid)
        self._were_keys_changed = Key.objects.filter(purpose=Key.Purpose.CODES).exclude(kid=self.kid).exists()

    def add(self, rows: Sequence[Row]) -> None:
        """Stage more rows, with their codes hashed."""
        if connection.vendor == "postgresql":
            text = "".join(map(_copy_line, self._hashed(rows)))
            with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.write(text)
        else:
            with connection.cursor() as cursor:
                cursor.executemany(_INSERT, list(self._hashed(rows)))

    def _hashed(self, rows: Sequence[Row]) -> Iterator[tuple[int, str, int, str, str, str | None]]:
        """Hash each code under the active key, or under an older one that the unit's code is stored under."""
        hashers = {}
        if self._were_keys_changed:
            known = Unit.objects.filter(serial__in=[row.serial for row in rows]).exclude(code_kid=self.kid)
            hashers = {serial: code_hasher(kid) for serial, kid in known.values_list("serial", "code_kid")}
        for line, serial, model_id, code, firmware, day in rows:
            mac = hashers.get(serial, self._hash)(serial, code)
            yield line, serial, model_id, mac, firmware, day

    def tally(self) -> list[Tally]:
        """Compare all rows with the record."""
        if connection.vendor == "postgresql":
            _execute("ANALYZE factory_row")  # autovacuum doesn't analyze temporary tables
        with connection.cursor() as cursor:
            cursor.execute(_TALLY)
            return [Tally(*values) for values in cursor.fetchall()]

    def first(self, count: int) -> list[Sample]:
        """Return the first rows."""
        with connection.cursor() as cursor:
            cursor.execute(_FIRST, [count])
            return [Sample(*values) for values in cursor.fetchall()]

    def changes(self) -> Iterator[tuple[Change, int | None]]:
        """What the rows would change in the record, in the file's order, each with the account of the unit.

        A model is never changed. `forget_repeats` comes first.
        """
        for serial, warranty, warranty_now, *firmware, is_other, account in _stream(_CHANGES):
            days = (_day(warranty), _day(warranty_now))
            yield Change(serial, days, (firmware[0], firmware[1]), bool(is_other)), account

    def update(self) -> int:
        """Write the changes, codes under the keys that they were hashed with; return how many."""
        return _execute(_UPDATE)

    def keep_new(
        self, tallies: Sequence[Tally], problems: Problems, *, compared: Sequence[str] = COMPARED
    ) -> None:
        """Delete the rows that are no new units; report those that contradict the record or each other.

        `compared` are the columns in which they may not differ from the record.
        """
        if any(tally.contradicting for tally in tallies):
            for line, serial, *differing in _stream(_CONTRADICTIONS):
                columns = zip(COMPARED, differing, strict=True)
                others = [column for column, is_other in columns if is_other and column in compared]
                if not others:
                    continue
                named = ", ".join(others)
                problems.add(line, f"serial_number: {serial} is known with another {named}")
        known = sum(tally.known for tally in tallies)
        if known and _execute(_FORGET_KNOWN) != known:  # a unit written in between wasn't compared
            problems.add(1, MEANWHILE)
        self.forget_repeats(problems)

    def forget_repeats(self, problems: Problems) -> None:
        """Delete the rows that name a unit again; report those with other values than its first."""
        if _execute(_FIND_REPEATS):
            for line, serial, first in _stream(_REPEATS_THAT_DIFFER):
                problems.add(line, f"serial_number: line {first} names {serial} with other values")
            _execute(_FORGET_REPEATS)

    def new_of_models(self) -> dict[int, int]:
        """Count the remaining rows of each model."""
        with connection.cursor() as cursor:
            cursor.execute(_NEW_OF_MODELS)
            return dict(cursor.fetchall())

    def write(self, after: int, until: int) -> int:
        """Write the units of the lines after `after`, up to `until`. Raises IntegrityError."""
        return _execute(_WRITE, [self.kid, after, until])


@contextmanager
def staging() -> Iterator[Staging]:
    """Stage a file's rows: the whole block is one transaction."""
    with transaction.atomic():
        for statement in _CREATE:
            _execute(statement)
        if connection.vendor == "postgresql":
            # Statements of a long file take minutes, and so may waiting for another import: don't time out.
            _execute("SET LOCAL statement_timeout = 0")
            _execute("SET LOCAL lock_timeout = 0")
            # Otherwise a million foreign key checks would wait in memory for the commit.
            _execute("SET CONSTRAINTS ALL IMMEDIATE")
        yield Staging()
        for statement in _DROP:
            _execute(statement)


def _copy_line(row: tuple[int, str, int, str, str, str | None]) -> str:
    line, serial, model_id, mac, firmware, day = row
    if "\\" in firmware:
        firmware = firmware.replace("\\", "\\\\")
    return f"{line}\t{serial}\t{model_id}\t{mac}\t{firmware}\t{day or '\\N'}\n"


def _execute(statement: str, parameters: Sequence[str | int] | None = None) -> int:
    """Execute a statement; return the number of affected rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def _stream(query: str) -> Iterator[tuple[Any, ...]]:
    """Read a query's rows a few at a time, because there may be as many as in the file."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(_AT_ONCE):
            yield from rows


def _day(value: Any) -> datetime.date | None:
    """A day as a query returns it: SQLite keeps text."""
    return datetime.date.fromisoformat(value) if isinstance(value, str) else value
