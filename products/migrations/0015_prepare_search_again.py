from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from portal.name_search import BATCH, prepared


def prepare_again(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Fold the search texts: most are of plain letters and stay as they are."""
    rows = apps.get_model("products", "Registration").objects.select_related("unit__model").order_by("pk")
    last = 0
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        last, changed = batch[-1].pk, []
        for row in batch:
            before = row.search
            row.search = prepared([row.friendly_name, row.unit.serial, row.unit.model.line, row.code])
            if row.search != before:
                changed.append(row)
        rows.bulk_update(changed, ["search"])


class Migration(migrations.Migration):
    """What is searched is compared without accents and composition too, on both databases alike.

    Backwards nothing is to be done: a folded text is found by the older code as well.
    """

    atomic = False  # each batch commits alone: rows stay locked for a moment only

    dependencies = [("products", "0014_longer_friendly_names"), ("portal", "0014_prepared_names")]

    operations = [migrations.RunPython(prepare_again, migrations.RunPython.noop)]
