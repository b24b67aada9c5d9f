from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F


def raise_version(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("licensing", "CatalogueState").objects.update(version=F("version") + 1)


class Migration(migrations.Migration):
    """No keyset is current any more: the next reader of each compares what it says with what runs and follows."""

    dependencies = [
        ("licensing", "0014_ledger_rights"),
    ]

    operations = [
        migrations.RunPython(raise_version, migrations.RunPython.noop),
    ]
