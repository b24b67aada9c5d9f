import datetime

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import Case, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Concat, Left, TruncDate


def part(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make of a waiver what it was used for: the ended warranty's, the other model's, or both."""
    waived = apps.get_model("licensing", "RmaCase").objects.exclude(waiver="")
    asked_on = TruncDate("asked_at", tzinfo=datetime.UTC)
    ended = waived.filter(kind="replacement", failed__unit__warranty_ends_on__lt=asked_on)
    ended.update(warranty_waiver=F("waiver"))
    units = apps.get_model("products", "Unit").objects.filter(pk=OuterRef("replacement"))
    other = waived.filter(~Q(replacement__model=F("failed__unit__model")), replacement__isnull=False)
    other.update(model_waiver=F("waiver"), waived_model=Subquery(units.values("model")))


def join(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """One waiver again: the warranty's reason, and the model's where it is another."""
    reasons = Case(
        When(Q(model_waiver="") | Q(model_waiver=F("warranty_waiver")), then=F("warranty_waiver")),
        When(warranty_waiver="", then=F("model_waiver")),
        default=Left(Concat("warranty_waiver", Value("; "), "model_waiver"), 200),
    )
    apps.get_model("licensing", "RmaCase").objects.update(waiver=reasons)


class Migration(migrations.Migration):
    dependencies = [("licensing", "0008_waivers"), ("products", "0006_find_by_name")]

    operations = [migrations.RunPython(part, join)]
