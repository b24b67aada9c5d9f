"""Rows by a name, or by a part of one: quick among millions, by indexes that PostgreSQL has for it."""

from typing import Any

from django.db import connection, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F, Model, Q, QuerySet, Value
from django.db.models.functions import Collate, Concat, StrIndex, Upper
from django.db.models.lookups import GreaterThan

from portal.errors import SearchTooLong

BYTE_ORDER = {"postgresql": "C", "sqlite": "BINARY"}
"""The collations in which a beginning is a range, whatever the database's own is."""
LAST_CHARACTER = "\U0010ffff"
FEWEST_CHARACTERS = 3
"""Of a part of a name: an index knows those by every three characters that stand side by side."""

MOST_CHARACTERS, MOST_WORDS = 100, 8


def words_of(text: str) -> list[str]:
    """The words that rows are searched for: every search but the desk's box. Raises SearchTooLong."""
    words = text.split()
    if len(text) > MOST_CHARACTERS or len(words) > MOST_WORDS:
        raise SearchTooLong(characters=MOST_CHARACTERS, words=MOST_WORDS)
    return words


def find_named[M: Model](
    rows: QuerySet[M], field: str, text: str, *, limit: int, prepared: str = ""
) -> list[M]:
    """Find rows by the beginning of a field, in its order; then, if there is room, by a part of it.

    A part has three characters at least, and is looked for in the lower-case field `prepared` where one is
    named. Letters' case doesn't matter. At most `limit` rows.
    """
    key = Collate(Upper(field), BYTE_ORDER[connection.vendor])
    start = Upper(Value(text))
    end = Concat(start, Value(LAST_CHARACTER))
    begin = rows.annotate(found_by=key).filter(found_by__gte=start, found_by__lt=end)
    found = {row.pk: row for row in begin.order_by("found_by", "pk")[:limit]}
    if len(found) < limit and len(text) >= FEWEST_CHARACTERS:
        inside = _stands_in(prepared, text.lower()) if prepared else _stands_in_any_case(field, text)
        rest = sorted(rows.filter(inside)[:limit], key=lambda row: _folded(row, field))
        found |= {row.pk: row for row in rest if row.pk not in found}
    return list(found.values())[:limit]


def _stands_in(field: str, text: str) -> Q:
    pieces = Q(*(Q((f"{field}__contains", piece)) for piece in _pieces(text)))
    return pieces & Q(GreaterThan(StrIndex(F(field), Value(text)), 0))


def _stands_in_any_case(field: str, text: str) -> Q:
    pieces = Q(*(Q((f"{field}__icontains", piece)) for piece in _pieces(text)))
    return pieces & Q(GreaterThan(StrIndex(Upper(field), Upper(Value(text))), 0))


def _pieces(text: str) -> list[str]:
    """What the index is asked for: one word as it is; of several the beginnings, of the first few alone.

    It intersects what it knows of every three characters, and each three more take longer than the few rows
    that they rule out: those are read and compared as a whole.
    """
    first, *others = text.split(" ")[:MOST_WORDS]
    beginnings = [first[:FEWEST_CHARACTERS], *(f" {word[:FEWEST_CHARACTERS]}" for word in others)]
    return beginnings if others else [first]


def _folded(row: Any, field: str) -> str:
    return str(getattr(row, field)).casefold()


def search_index(name: str, on: str) -> migrations.RunPython:
    """The step of a migration that makes an index for a search: on PostgreSQL, as SQLite reads the rows.

    `on` is the table with the columns, in SQL; trigrams find any part of a name.
    """

    def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            schema_editor.execute(f"CREATE INDEX {name} ON {on}")

    def drop(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX {name}")

    return migrations.RunPython(create, drop)
