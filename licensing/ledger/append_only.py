"""Triggers that refuse updates and deletes of a table's rows, on both databases (rule L6).

SQLite silently drops a table's triggers when a later migration rebuilds the table: such a migration must
call `protect` again. A test checks this after all migrations.
"""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

VERBS = ("update", "delete")


def protect(schema_editor: BaseDatabaseSchemaEditor, table: str) -> None:
    """Make a table append-only."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
        )
    else:
        # REPLACE deletes the conflicting row without firing the trigger for deletes.
        there = f"EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"  # noqa: S608 (a table's name can't be bound)
        schema_editor.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {there} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    for verb in VERBS:
        schema_editor.execute(_trigger(schema_editor.connection.vendor, table, verb))


def expose(schema_editor: BaseDatabaseSchemaEditor, table: str) -> None:
    """Remove the protection, as a reversed migration must."""
    for verb in VERBS:
        on_table = f" ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
        schema_editor.execute(f"DROP TRIGGER {table}_no_{verb}{on_table}")
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP FUNCTION {table}_refuse()")
    else:
        schema_editor.execute(f"DROP TRIGGER {table}_no_replace")


def _trigger(vendor: str, table: str, verb: str) -> str:
    head = f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table}"
    if vendor == "postgresql":
        return f"{head} FOR EACH ROW EXECUTE FUNCTION {table}_refuse()"
    return f"{head} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
