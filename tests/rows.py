"""The contents of the database, to show that a refusal left every row as it was."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.apps import apps
from django.db import connection

SESSIONS = {"sessions.Session"}
"""The only table that may change where a page leaves a message for the next one."""


class Rows(NamedTuple):
    """A digest of a table's rows: how many, and what distinguishes them from any others."""

    count: int
    digest: object


def every_row() -> dict[str, Rows]:
    """A digest of every table that has a model, by its label; equal if no row has changed.

    Thousands of tests need two: PostgreSQL computes all digests in one query, SQLite returns its rows.
    """
    tables = {model._meta.label: model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            found = {
                label: cursor.execute(f'SELECT * FROM "{table}" ORDER BY rowid').fetchall()  # noqa: S608
                for label, table in tables.items()
            }
        return {label: Rows(len(rows), rows) for label, rows in found.items()}
    digest = "md5(string_agg(md5(rows::text), '' ORDER BY md5(rows::text)))"
    parts = [
        f"SELECT '{label}', count(*), {digest} FROM \"{table}\" rows"  # noqa: S608  (the portal's own names)
        for label, table in tables.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return {label: Rows(count, digest) for label, count, digest in cursor.fetchall()}


@contextmanager
def nothing_written(*, but: Collection[str] = ()) -> Iterator[None]:
    """Assert that the block leaves every row as it was, except those of some tables."""
    before = every_row()
    try:
        yield
    finally:  # a refusal that passes through is looked at too
        after = every_row()
        assert {table for table in after if after[table] != before[table]} <= set(but)


def whole_rows() -> dict[str, list[tuple[object, ...]]]:
    """The rows themselves, for tests that look for something in them."""
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values_list())
        for model in apps.get_models(include_auto_created=True)
    }
