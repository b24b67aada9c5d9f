from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The desk finds friendly names of all accounts by their beginning, in order of bytes."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE INDEX registration_begins"
            ' ON products_registration ((upper(friendly_name) COLLATE "C"), id)'
        )


def drop(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX registration_begins")


class Migration(migrations.Migration):
    dependencies = [("products", "0005_forgiven_tries")]

    operations = [migrations.RunPython(create, drop)]
