from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F, OuterRef, Subquery, TextField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce


def copy(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Copy from the audit trail how units were released, and when counts were last moved."""
    units, told = apps.get_model("products", "Unit").objects, apps.get_model("portal", "AuditEntry").objects
    moves = told.filter(code="counts-moved")
    latest = moves.filter(serial=OuterRef("serial")).order_by("-at").values("at")[:1]  # by the trail's index
    units.filter(serial__in=moves.values("serial")).update(counts_moved_at=Subquery(latest))

    registrations = apps.get_model("products", "Registration").objects
    by_then = registrations.filter(
        unit__serial=OuterRef("serial"), account=OuterRef("account"), registered_at__lte=OuterRef("at")
    )
    releases = told.annotate(
        unit=KT("data__unit"), ended=Subquery(by_then.order_by("-registered_at").values("pk")[:1])
    ).filter(code="unit-released", unit=F("serial"))
    own = releases.filter(
        serial=Subquery(units.filter(pk=OuterRef(OuterRef("unit"))).values("serial")[:1]),
        ended=OuterRef("pk"),
    ).order_by("at")
    registrations.filter(pk__in=releases.values("ended"), ended_at__isnull=False).update(
        released_by=Subquery(own.values("actor")[:1]),
        released_to=Subquery(
            own.values(name=Coalesce(KT("data__name"), Value(""), output_field=TextField()))[:1]
        ),
        release_reason=Subquery(own.values("reason")[:1]),
    )


class Migration(migrations.Migration):
    dependencies = [("products", "0007_released_and_counts_moved"), ("portal", "0006_auditentry_action")]

    # What is copied goes with its columns.
    operations = [migrations.RunPython(copy, migrations.RunPython.noop)]
