from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.fields.json import KT


def copy(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Copy from the audit trail which seats of parents a swap of roles began, and with whom."""
    seats, registrations = (
        apps.get_model(*name).objects for name in [("associations", "Seat"), ("products", "Registration")]
    )
    swaps = (
        apps.get_model("portal", "AuditEntry")
        .objects.annotate(parent=KT("data__parent"), child=KT("data__child"))
        .filter(code="roles-swapped", serial=F("parent"))
    )
    # Who becomes parent by a swap was a child until then: seats from before that are none of its making.
    was_child = seats.filter(
        registration=OuterRef(OuterRef("registration")),
        side="child",
        ended_at__gt=OuterRef(OuterRef("began_at")),
        ended_at__lte=OuterRef("at"),
    )
    own = registrations.filter(pk=OuterRef(OuterRef("registration"))).values("unit__serial")[:1]
    former = registrations.filter(
        Q(ended_at=None) | Q(ended_at__gt=OuterRef("at")),
        account=OuterRef("account"),
        unit__serial=OuterRef("child"),
        registered_at__lte=OuterRef("at"),
    )
    began = swaps.filter(~Exists(was_child), serial=Subquery(own), at__gte=OuterRef("began_at"))
    parents = seats.filter(side="parent", registration__unit__serial__in=swaps.values("serial"))
    parents.filter(Exists(began)).update(
        swapped_with=Subquery(began.order_by("at").values(former=Subquery(former.values("pk")[:1]))[:1])
    )


class Migration(migrations.Migration):
    dependencies = [("associations", "0005_seat_swapped_with"), ("portal", "0006_auditentry_action")]

    # What is copied goes with its column.
    operations = [migrations.RunPython(copy, migrations.RunPython.noop)]
