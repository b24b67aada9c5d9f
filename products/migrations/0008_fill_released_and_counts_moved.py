from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import Exists, F, Max, OuterRef, Subquery, TextField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce


def copy(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Copy from the audit trail how units were released, and when counts were last moved."""
    units, told = apps.get_model("products", "Unit").objects, apps.get_model("portal", "AuditEntry").objects
    moves = told.filter(code="counts-moved")
    latest = moves.filter(serial=OuterRef("serial")).order_by().values("serial").values(at=Max("at"))
    units.filter(serial__in=moves.values("serial")).update(counts_moved_at=Subquery(latest))

    registrations = apps.get_model("products", "Registration").objects
    releases = told.annotate(unit=KT("data__unit")).filter(
        code="unit-released", unit=F("serial"), actor__isnull=False
    )
    # The one that it ended is the account's last of the unit by then.
    later = registrations.filter(
        unit=OuterRef(OuterRef("unit")),
        account=OuterRef(OuterRef("account")),
        registered_at__gt=OuterRef(OuterRef("registered_at")),
        registered_at__lte=OuterRef("at"),
    )
    own = releases.filter(
        ~Exists(later),
        serial=Subquery(units.filter(pk=OuterRef(OuterRef("unit"))).values("serial")[:1]),
        account=OuterRef("account"),
        at__gte=OuterRef("registered_at"),
    )
    ended = registrations.filter(
        Exists(own), unit__serial__in=releases.values("serial"), ended_at__isnull=False
    )
    ended.update(
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
