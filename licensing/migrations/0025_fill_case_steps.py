"""Cases from before get the history that their own columns tell, and the moment since when they are as they are.

When a case was approved, received by whom and closed by whom stands in no column: there is no such step, or
it names nobody. An approved case has been so since it was asked for, for all that is known.
"""

from collections.abc import Iterator
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import Case, F, When

CLOSED = ("declined", "cancelled", "undone")


def fill(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    cases, steps = apps.get_model("licensing", "RmaCase"), apps.get_model("licensing", "CaseStep")
    rows = (steps(**step) for case in cases.objects.order_by("pk").iterator() for step in _steps(case))
    steps.objects.bulk_create(rows, batch_size=1_000)
    cases.objects.update(
        state_since=Case(
            When(state="completed", completed_at__isnull=False, then=F("completed_at")),
            When(state="received", received_at__isnull=False, then=F("received_at")),
            When(state__in=CLOSED, closed_at__isnull=False, then=F("closed_at")),
            default=F("asked_at"),
        )
    )


def _steps(case: Any) -> Iterator[dict[str, Any]]:
    yield {"case": case, "state": "requested", "at": case.asked_at, "by_id": case.asked_by_id}
    if case.completed_at:
        yield {"case": case, "state": "completed", "at": case.completed_at, "by_id": case.completed_by_id}
    if case.received_at:
        yield {"case": case, "state": "received", "at": case.received_at}
    if case.closed_at and case.state in CLOSED:
        yield {"case": case, "state": case.state, "at": case.closed_at, "reason": case.decision}


def empty(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("licensing", "CaseStep").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("licensing", "0024_case_history")]

    operations = [migrations.RunPython(fill, empty)]
