"""Find rows by a name or a part of one: quick among millions, by indexes on PostgreSQL."""

from typing import Any

from django.db import connection, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F, Model, Q, QuerySet, Value
from django.db.models.functions import Collate, Concat, StrIndex, Upper
from django.db.models.lookups import GreaterThan

from portal.errors import SearchTooLong

BYTE_ORDER = {"postgresql": "C", "sqlite": "BINARY"}
"""The collations that order names so that those with the same beginning are a range."""
LAST_CHARACTER = "\U0010ffff"
FEWEST_CHARACTERS = 3
"""The shortest part of a name that is searched for: the index holds every three neighbouring characters."""

MOST_CHARACTERS, MOST_WORDS = 100, 8


def words_of(text: str) -> list[str]:
    """Split a search into words; every search but the desk's box uses it. Raises SearchTooLong."""
    words = text.split()
    if len(text) > MOST_CHARACTERS or len(words) > MOST_WORDS:
        raise SearchTooLong(characters=MOST_CHARACTERS, words=MOST_WORDS)
    return words


def find_named[M: Model](
    rows: QuerySet[M], field: str, text: str, *, limit: int, prepared: str = ""
) -> list[M]:
    """Find rows whose field begins with a text, in its order; if there is room, those that contain it.

    What is contained has at least three characters, and is looked up in the lower-case field `prepared`, if
    one is named. Case doesn't matter. Returns at most `limit` rows.
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
    """What the index is asked for: a single word as it is; of several, the beginnings of the first few.

    The index intersects the rows of every three characters. Each further three take longer than reading the
    few rows that they would rule out: whole texts are compared afterwards.
    """
    first, *others = text.split(" ")[:MOST_WORDS]
    beginnings = [first[:FEWEST_CHARACTERS], *(f" {word[:FEWEST_CHARACTERS]}" for word in others)]
    return beginnings if others else [first]


def _folded(row: Any, field: str) -> str:
    return str(getattr(row, field)).casefold()


def search_index(name: str, on: str) -> migrations.RunPython:
    """The operation of a migration that creates a search index on PostgreSQL; SQLite reads all rows instead.

    `on` is the table with its columns, in SQL. The index holds trigrams, which find any part of a name.
    """

    def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            schema_editor.execute(f"CREATE INDEX {name} ON {on}")

    def drop(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX {name}")

    return migrations.RunPython(create, drop)
