from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from licensing.ledger.append_only import expose, protect

LEDGER = "licensing_ledgerentry"
RIGHTS = {
    "grant": "granted by Support",
    "key": "activation key",
    "trial": "free trial",
    "pool": "shared out",
    "part": "a part of another unit's license",
    "swap": "swap of roles",
    "rma": "RMA",
    "revoke": "revoked by Support",
    "move": "moved with the unit",
    "model": "comes with the model",
    "catalogue": "the catalogue",
    "undo": "by Undo",
}


def expose_on_sqlite(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """SQLite rebuilds the table for every change, and drops its triggers."""
    if schema_editor.connection.vendor == "sqlite":
        expose(schema_editor, LEDGER)


def protect_on_sqlite(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "sqlite":
        protect(schema_editor, LEDGER)


class Migration(migrations.Migration):
    """The ledger knows what a member's Undo changed (L8)."""

    dependencies = [
        ("licensing", "0020_nodes_without_days"),
    ]

    operations = [
        migrations.RunPython(expose_on_sqlite, protect_on_sqlite),
        migrations.RemoveConstraint(model_name="ledgerentry", name="ledgerentry_right_known"),
        migrations.AlterField(
            model_name="ledgerentry",
            name="right",
            field=models.CharField(choices=list(RIGHTS.items()), max_length=16),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("right__in", list(RIGHTS))), name="ledgerentry_right_known"
            ),
        ),
        migrations.RunPython(protect_on_sqlite, expose_on_sqlite),
    ]
