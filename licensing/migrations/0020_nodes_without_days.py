"""Nodes/Users is licensed without days; every keyset is looked at again, because licences are what they were bought.

A licence of Nodes/Users that hasn't ended loses its last day, which takes nothing from anybody. One that has
ended stays as it is, as does a free trial. Parts of it, where other units have any, are told of, too.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F
from django.utils import timezone

NODES_CODE = 1
WHY = "Nodes/Users is licensed without days."


def end_no_more(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    licences = apps.get_model("licensing", "Licence").objects.filter(
        service__code=NODES_CODE, kind="licensed"
    )
    for licence in licences.filter(expires_on__gte=timezone.now().date()).select_related(
        "registration__unit"
    ):
        entries = list(_entries(apps, licence))
        apps.get_model("licensing", "LedgerEntry").objects.bulk_create(entries)
        licence.expires_on = None
        licence.save(update_fields=["expires_on"])


def _entries(apps: StateApps, licence: Any) -> Iterator[Any]:
    """An entry about the licence, and one about each part that other units have of it."""
    entry = apps.get_model("licensing", "LedgerEntry")
    told = entry.objects.filter(licence=licence.uuid, unit=licence.registration.unit)
    got = (
        told.exclude(right__in=["pool", "part"]).order_by("-pk").first()
    )  # how the licence was got stays known
    facts = {"service_id": licence.service_id, "licence": licence.uuid, "reason": WHY}
    parts = list(licence.parts.select_related("registration"))
    given = sum(part.count for part in parts)
    by = {"right": got.right, "detail": got.detail} if got else {"right": "grant"}
    before, after = (_value(licence, licence.count, day, given) for day in (licence.expires_on, None))
    yield entry(unit_id=licence.registration.unit_id, before=before, after=after, **by, **facts)
    for part in parts:
        before, after = (_value(licence, part.count, day) for day in (licence.expires_on, None))
        by = {"right": "part", "detail": licence.registration.unit.serial}
        yield entry(unit_id=part.registration.unit_id, before=before, after=after, **by, **facts)


def _value(licence: Any, count: int | None, last_day: date | None, given: int = 0) -> dict[str, Any]:
    """A licence, or a part of its count, in the ledger's form."""
    value = {
        "kind": licence.kind,
        "count": count,
        "begins_on": licence.begins_on.isoformat(),
        "expires_on": last_day.isoformat() if last_day else None,
        "counted_from": licence.counted_from,
    }
    return {**value, "given": given} if given else value


def raise_version(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("licensing", "CatalogueState").objects.update(version=F("version") + 1)


class Migration(migrations.Migration):
    dependencies = [("licensing", "0019_records_by_licence")]

    operations = [
        migrations.RunPython(end_no_more, migrations.RunPython.noop),
        migrations.RunPython(raise_version, migrations.RunPython.noop),
    ]
