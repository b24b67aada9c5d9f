"""L6: the database itself refuses to change or delete what the ledger has."""

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.db.migrations.executor import MigrationExecutor

from licensing.ledger.append_only import protect
from licensing.models import LedgerEntry
from tests.rows import nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

TABLE = "licensing_ledgerentry"


def _refused(statement: str) -> None:
    with (
        nothing_written(),
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


STATEMENTS = [
    "UPDATE licensing_ledgerentry SET reason = 'never said'",
    "UPDATE licensing_ledgerentry SET reason = reason",
    "DELETE FROM licensing_ledgerentry",
    "DELETE FROM licensing_ledgerentry WHERE id = (SELECT max(id) FROM licensing_ledgerentry)",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_after_all_migrations_raw_sql_is_refused(statement: str) -> None:
    """`catalogue` has filled the ledger, and the test database has every migration behind it."""
    assert LedgerEntry.objects.exists()

    _refused(statement)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.update(reason="never said"),
        lambda rows: rows.delete(),
        lambda rows: rows.first().delete(),
        lambda rows: rows.first().save(),
        lambda rows: rows.filter(pk=rows.first().pk)._raw_delete("default"),
        lambda rows: rows.bulk_update([LedgerEntry(pk=rows.first().pk, reason="x")], ["reason"]),
        lambda rows: rows.bulk_create(
            [rows.first()], update_conflicts=True, unique_fields=["id"], update_fields=["reason"]
        ),
    ],
)
def test_the_orm_is_refused(change) -> None:
    with nothing_written(), pytest.raises(DatabaseError, match="only"), transaction.atomic():
        change(LedgerEntry.objects.order_by("pk"))


def test_a_row_cannot_be_replaced() -> None:
    """SQLite's REPLACE deletes the row that is in the way without asking the trigger for deletes."""
    rows = "INTO licensing_ledgerentry SELECT * FROM licensing_ledgerentry"
    if connection.vendor == "postgresql":
        _refused(f"INSERT {rows} ON CONFLICT (id) DO UPDATE SET reason = 'never said'")
    else:
        _refused(f"REPLACE {rows}")


def test_rows_can_be_added() -> None:
    present = LedgerEntry.objects.first()

    entry = LedgerEntry.objects.create(service=present.service, right="grant")

    assert LedgerEntry.objects.filter(pk=entry.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_a_rebuild_of_the_table_is_noticed() -> None:
    """SQLite drops the triggers with the old table in silence: the tests above would notice."""
    with connection.schema_editor() as editor:
        widened = models.CharField(max_length=300, blank=True)
        widened.set_attributes_from_name("reason")
        editor.alter_field(LedgerEntry, LedgerEntry._meta.get_field("reason"), widened)
        is_lost = connection.vendor == "sqlite"
        if is_lost:
            assert LedgerEntry.objects.update(reason="never said") == LedgerEntry.objects.count()
            protect(editor, TABLE)
        editor.alter_field(LedgerEntry, widened, LedgerEntry._meta.get_field("reason"))
        if is_lost:
            protect(editor, TABLE)

    _refused(STATEMENTS[0])


@pytest.mark.django_db(transaction=True)
def test_the_migration_reverses() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([("licensing", "0001_initial")])
    try:
        assert LedgerEntry.objects.update(reason="never said") == LedgerEntry.objects.count()
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())

    _refused(STATEMENTS[0])
