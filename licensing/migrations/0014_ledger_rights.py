import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from licensing.ledger.append_only import expose, protect

LEDGER = "licensing_ledgerentry"


def expose_on_sqlite(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """SQLite rebuilds the table for every change, and drops its triggers."""
    if schema_editor.connection.vendor == "sqlite":
        expose(schema_editor, LEDGER)


def protect_on_sqlite(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "sqlite":
        protect(schema_editor, LEDGER)


class Migration(migrations.Migration):
    """The database knows the rights of the ledger, and reads its units by the index that has the moments too."""

    dependencies = [
        ("licensing", "0013_rmacase_kind_known"),
    ]

    operations = [
        migrations.RunPython(expose_on_sqlite, protect_on_sqlite),
        migrations.AlterField(
            model_name="ledgerentry",
            name="unit",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="ledger",
                to="products.unit",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "right__in",
                        [
                            "grant",
                            "key",
                            "trial",
                            "pool",
                            "part",
                            "swap",
                            "rma",
                            "revoke",
                            "move",
                            "model",
                            "catalogue",
                        ],
                    )
                ),
                name="ledgerentry_right_known",
            ),
        ),
        migrations.RunPython(protect_on_sqlite, expose_on_sqlite),
    ]
