from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

NAMES = [
    ("account_name", "portal_account", "name"),
    ("user_username", "portal_user", "username"),
    ("user_email", "portal_user", "email"),
]


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The desk finds names by their beginning in order of bytes, and by any part; SQLite reads the rows."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        for name, table, column in NAMES:
            begins, inside = f'(upper({column}) COLLATE "C"), id', f"upper({column}) gin_trgm_ops"
            schema_editor.execute(f"CREATE INDEX {name}_begins ON {table} ({begins})")
            schema_editor.execute(f"CREATE INDEX {name}_inside ON {table} USING gin ({inside})")


def drop(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for name, _, _ in NAMES:
            schema_editor.execute(f"DROP INDEX {name}_begins")
            schema_editor.execute(f"DROP INDEX {name}_inside")


class Migration(migrations.Migration):
    dependencies = [("portal", "0003_mail_and_desk_permissions")]

    operations = [migrations.RunPython(create, drop)]
