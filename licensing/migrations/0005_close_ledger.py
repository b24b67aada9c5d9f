"""The ledger is append-only again on SQLite too: see 0003."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from licensing.ledger.append_only import expose, protect

LEDGER = "licensing_ledgerentry"


def forwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "sqlite":
        protect(schema_editor, LEDGER)


def backwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "sqlite":
        expose(schema_editor, LEDGER)


class Migration(migrations.Migration):
    dependencies = [("licensing", "0004_living_licences")]

    operations = [migrations.RunPython(forwards, backwards)]
