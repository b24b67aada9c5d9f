"""Rows by a name, or by a part of one: quick among millions, by indexes that PostgreSQL has for it."""

from typing import Any

from django.db import connection
from django.db.models import Model, Q, QuerySet, Value
from django.db.models.functions import Collate, Concat, Upper

BYTE_ORDER = {"postgresql": "C", "sqlite": "BINARY"}
"""The collations in which a beginning is a range, whatever the database's own is."""
LAST_CHARACTER = "\U0010ffff"


def find_named[M: Model](rows: QuerySet[M], field: str, text: str, *, inside: Q, limit: int) -> list[M]:
    """Find rows by the beginning of a field, in its order; then, if there is room, by any part.

    `inside` is the condition for a part. Letters' case doesn't matter. At most `limit` rows.
    """
    key = Collate(Upper(field), BYTE_ORDER[connection.vendor])
    start = Upper(Value(text))
    end = Concat(start, Value(LAST_CHARACTER))
    begin = rows.annotate(found_by=key).filter(found_by__gte=start, found_by__lt=end)
    found = {row.pk: row for row in begin.order_by("found_by", "pk")[:limit]}
    if len(found) < limit:
        rest = sorted(rows.filter(inside)[:limit], key=lambda row: _folded(row, field))
        found |= {row.pk: row for row in rest if row.pk not in found}
    return list(found.values())[:limit]


def _folded(row: Any, field: str) -> str:
    return str(getattr(row, field)).casefold()
