"""Find rows by a name or a part of one: quick among millions, by indexes on PostgreSQL.

Names are compared as R5 says, without case, accents and composition, on both databases alike: each such table
has a column `search` with the names as `folded` leaves them, and what is typed is folded too.
"""

import unicodedata
from collections.abc import Iterable
from typing import Any

from django.db import connection, migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F, Model, Q, QuerySet, Value
from django.db.models.functions import Collate, StrIndex
from django.db.models.lookups import GreaterThan

from portal.errors import SearchTooLong

BYTE_ORDER = {"postgresql": "C", "sqlite": "BINARY"}
"""The collations that order names so that those with the same beginning are a range."""
LAST_CHARACTER = "\U0010ffff"
FEWEST_CHARACTERS = 3
"""The shortest part of a name that is searched for: the index holds every three neighbouring characters."""

MOST_CHARACTERS, MOST_WORDS = 100, 8
LONGEST_NAME = 150
"""How much of a folded name is prepared: an entry of PostgreSQL's index has at most 2,700 bytes."""

BATCH = 2000

# Letters that have a plain form to which Unicode doesn't take them apart.
_PLAIN = str.maketrans(
    {
        "\u0131": "i",
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ħ": "h",
        "ŧ": "t",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
    }
)
_UNWRITTEN = {"Cf", "Mn"}


def folded(text: str) -> str:
    """A text without what a search doesn't tell apart (R5): case, accents, composition, width, joiners."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = "".join(c for c in apart if unicodedata.category(c) not in _UNWRITTEN)
    return unicodedata.normalize("NFC", kept.translate(_PLAIN))


def prepared(names: Iterable[str]) -> str:
    """What a row with these names is searched by; the first one is what it is listed by."""
    return " ".join(folded(name)[:LONGEST_NAME] for name in names if name)


class PreparedField(models.CharField):  # type: ignore[type-arg]  # generic in the stubs only
    """A row's own names, prepared for searching whenever it is saved. `of` are the fields of the names."""

    def __init__(self, *, of: list[str], **options: Any) -> None:
        self.of = of
        given: dict[str, Any] = {"max_length": (LONGEST_NAME + 1) * len(of), "default": "", "db_default": ""}
        super().__init__(**given | {"editable": False} | options)

    def deconstruct(self) -> Any:
        name, path, arguments, options = super().deconstruct()
        return name, path, arguments, options | {"of": self.of}

    def pre_save(self, model_instance: Model, add: bool) -> str:
        text = prepared(getattr(model_instance, field) for field in self.of)
        setattr(model_instance, self.attname, text)
        return text


def words_of(text: str) -> list[str]:
    """Split a search into words; every search but the desk's box uses it. Raises SearchTooLong."""
    words = text.split()
    if len(text) > MOST_CHARACTERS or len(words) > MOST_WORDS:
        raise SearchTooLong(characters=MOST_CHARACTERS, words=MOST_WORDS)
    return words


def find_named[M: Model](rows: QuerySet[M], text: str, *, limit: int) -> list[M]:
    """Find rows whose names begin with a text, in their order; if there is room, those that contain it.

    What is contained has at least three characters. Returns at most `limit` rows, which have a `search`.
    """
    wanted = folded(text)
    key = Collate("search", BYTE_ORDER[connection.vendor])
    begin = rows.annotate(found_by=key).filter(found_by__gte=wanted, found_by__lt=wanted + LAST_CHARACTER)
    found = {row.pk: row for row in begin.order_by("found_by", "pk")[:limit]}
    if len(found) < limit and len(wanted) >= FEWEST_CHARACTERS:
        rest = sorted(rows.filter(_stands_in(wanted))[:limit], key=_searched_by)
        found |= {row.pk: row for row in rest if row.pk not in found}
    return list(found.values())[:limit]


def _stands_in(text: str) -> Q:
    pieces = Q(*(Q(search__contains=piece) for piece in _pieces(text)))
    return pieces & Q(GreaterThan(StrIndex(F("search"), Value(text)), 0))


def _pieces(text: str) -> list[str]:
    """What the index is asked for: a single word as it is; of several, the beginnings of the first few.

    The index intersects the rows of every three characters. Each further three take longer than reading the
    few rows that they would rule out: whole texts are compared afterwards.
    """
    first, *others = text.split(" ")[:MOST_WORDS]
    beginnings = [first[:FEWEST_CHARACTERS], *(f" {word[:FEWEST_CHARACTERS]}" for word in others)]
    return beginnings if others else [first]


def _searched_by(row: Any) -> str:
    return str(row.search)


def search_index(name: str, on: str, *, drop: bool = False) -> migrations.RunPython:
    """The operation of a migration that creates or drops a search index on PostgreSQL; SQLite reads all rows.

    `on` is the table with its columns, in SQL. The index holds trigrams, which find any part of a name.
    """

    def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            schema_editor.execute(f"CREATE INDEX {name} ON {on}")

    def remove(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX {name}")

    return migrations.RunPython(remove, create) if drop else migrations.RunPython(create, remove)


def prepare(model: tuple[str, str], of: list[str]) -> migrations.RunPython:
    """The operation of a migration that prepares the rows that are there, a batch in each transaction."""

    def fill(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        rows = apps.get_model(*model)._default_manager.order_by("pk")
        last = 0
        while batch := list(rows.filter(pk__gt=last).only("search", *of)[:BATCH]):
            last = batch[-1].pk
            for row in batch:
                row.search = prepared(getattr(row, name) for name in of)
            rows.bulk_update(batch, ["search"])

    return migrations.RunPython(fill, migrations.RunPython.noop)
