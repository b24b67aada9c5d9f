"""What the database has beside rows: no redundant index, and a check for every choice."""

from collections.abc import Iterator
from itertools import permutations
from typing import NamedTuple

import pytest
from django.apps import apps
from django.db import connection, models

from tests.conftest import OWN_APPS

# Django creates it for the name that people log in with.
PATTERNS = {"portal_user: username"}


class Index(NamedTuple):
    """An index in PostgreSQL: each column with its operators and collation."""

    table: str
    name: str
    method: str
    is_unique: bool
    predicate: str
    columns: tuple[tuple[str, str, int], ...]


def indexes() -> Iterator[Index]:
    """All indexes of the tables of the portal's own models."""
    tables = [model._meta.db_table for label in OWN_APPS for model in apps.get_app_config(label).get_models()]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.relname, i.relname, amname, indisunique, coalesce(pg_get_expr(indpred, indrelid), ''),
                   array_agg(pg_get_indexdef(indexrelid, at::int, true) ORDER BY at),
                   array_agg(opcname::text ORDER BY at), array_agg(x.indcollation[at - 1]::int ORDER BY at)
            FROM pg_index x
            JOIN pg_class t ON t.oid = indrelid JOIN pg_class i ON i.oid = indexrelid
            JOIN pg_am am ON am.oid = i.relam
            CROSS JOIN generate_series(1, indnkeyatts) at JOIN pg_opclass o ON o.oid = x.indclass[at - 1]
            WHERE t.relname = ANY(%s) GROUP BY 1, 2, 3, 4, 5
            """,
            [tables],
        )
        for *facts, names, operators, letters in cursor.fetchall():
            yield Index(*facts, tuple(zip(names, operators, letters, strict=True)))


def is_beginning(index: Index, other: Index) -> bool:
    """Whether another index covers the same rows and begins with these columns: this one is redundant."""
    alike = [(i.table, i.method, i.predicate, i.columns[: len(index.columns)]) for i in (index, other)]
    return not index.is_unique and alike[0] == alike[1]


@pytest.mark.postgres
@pytest.mark.django_db
def test_no_index_is_the_beginning_of_another() -> None:
    found = list(indexes())

    assert len(found) > 50
    assert not [(one.name, other.name) for one, other in permutations(found, 2) if is_beginning(one, other)]


@pytest.mark.postgres
@pytest.mark.django_db
def test_no_index_is_there_for_patterns_that_nobody_searches_by() -> None:
    found = {
        f"{index.table}: {column}"
        for index in indexes()
        for column, operators, _ in index.columns
        if operators.endswith("_pattern_ops")
    }

    assert found == PATTERNS


def choices() -> Iterator[models.Field]:
    """Every required column with choices."""
    for label in OWN_APPS:
        for model in apps.get_app_config(label).get_models():
            yield from (field for field in model._meta.concrete_fields if field.choices and not field.blank)


def checked(field: models.Field) -> list[list[str]]:
    """The choices that the checks of a column's table accept."""
    checks = [c.condition for c in field.model._meta.constraints if isinstance(c, models.CheckConstraint)]
    wanted = f"{field.name}__in"
    said = [child for check in checks for child in check.children if isinstance(child, tuple)]
    return [words for lookup, words in said if lookup == wanted]


@pytest.mark.parametrize("field", list(choices()), ids=str)
def test_the_database_knows_every_choice_and_no_other(field: models.Field) -> None:
    assert checked(field) == [[value for value, _ in field.choices]]


@pytest.mark.django_db
def test_every_constraint_and_index_that_a_model_names_is_there() -> None:
    """Altering a foreign key's index also silently drops a unique index of that column alone."""
    missing = set()
    for model in (model for label in OWN_APPS for model in apps.get_app_config(label).get_models()):
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, model._meta.db_table)
        names = {one.name for one in (*model._meta.constraints, *model._meta.indexes)}
        missing |= {f"{model._meta.db_table}: {name}" for name in names - set(found)}

    assert not missing
