from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from licensing.ledger.append_only import expose, protect

LEDGER = "licensing_ledgerentry"


def forwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    protect(schema_editor, LEDGER)


def backwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    expose(schema_editor, LEDGER)


class Migration(migrations.Migration):
    dependencies = [("licensing", "0001_initial")]

    operations = [migrations.RunPython(forwards, backwards)]
