"""What a completed case did names licences by uuid; what it left at the failed unit goes to the unit's heir.

Until now the record named licences by service, of which a unit had one, and of two for a service one could
stay with the retired unit.
"""

from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F

DONE = ("completed", "received")
WHY = "What is paid for doesn't stay with a unit that was replaced."

type Where = dict[tuple[int, int], str | None]
"""The licence that a registration had for a service."""


def write_records(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Write the records anew, the newest first: from what is where now follows what was where before."""
    where: Where = {}
    cases = apps.get_model("licensing", "RmaCase").objects.filter(done__isnull=False)
    for case in cases.order_by("-completed_at", "-pk").iterator():
        before: Where = {}
        licences, parts = _moves(apps, case.done, where, before)
        if case.state in DONE:
            where |= before
        case.done = _record(case.done) | {"licences": licences, "parts": parts}
        case.save(update_fields=["done"])


def _moves(apps: StateApps, done: Any, where: Where, before: Where) -> tuple[list[Any], list[Any]]:
    """The licences and parts that a case moved; `before` gets where these licences were until then."""

    def found(registration: int, service: int) -> str | None:
        if (registration, service) not in where:
            held = apps.get_model("licensing", "Licence").objects.filter(registration=registration)
            name = held.filter(service=service).values_list("uuid", flat=True).first()
            where[registration, service] = str(name) if name else None
        return where[registration, service]

    licences = []
    for service, owners in done["owners"].items():
        moves = [(int(old), new, found(new, int(service))) for old, new in owners.items()]
        licences += [[name, old, new] for old, new, name in moves if name]
        before |= {(new, int(service)): None for _, new, _ in moves}
        before |= {(old, int(service)): name for old, _, name in moves}
    parts = [
        [name, holder, to, number]
        for service, owner, holder, to, number in done["parts"]
        if (name := before.get((owner, service)) or found(owner, service))
    ]
    return licences, parts


def _record(done: Any) -> dict[str, Any]:
    lines = [
        line | {"verdict": "moves" if line["verdict"] == "merges" else line["verdict"]}
        for line in done["lines"]
    ]
    units = dict.fromkeys([done["heir"], done["replacement"], *done["pair"]])
    return {
        "version": 2,
        "heir": done["heir"],
        "replacement": done["replacement"],
        "is_registered_by_it": done["registered"],
        "role": done["role"],
        "pair": done["pair"] or None,
        "ended": done["ended"],
        "begun": done["begun"],
        "after": done["after"],
        "lines": lines,
        "keysets": done.get("keysets", list(units)),
        "unreachable": done.get("unreachable"),
        "undone": done.get("undone", []),
    }


def hand_on(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give what stayed with a replaced unit to whoever got its other licences."""
    cases = apps.get_model("licensing", "RmaCase").objects.filter(state__in=DONE).filter(done__isnull=False)
    licences = apps.get_model("licensing", "Licence").objects.filter(service__is_transferable=True)
    for case in cases.order_by("completed_at", "pk").iterator():
        for licence in licences.filter(registration=case.failed_id).select_related("service").order_by("pk"):
            side = "heir" if licence.service.is_shareable else "replacement"
            if target := _goes_on(apps, case.done[side], side):
                _hand_on(apps, case, licence, target)


def _goes_on(apps: StateApps, registration: int, side: str) -> Any:
    """The unit of today that goes on for one that got licences, through later cases; None if it left."""
    cases = apps.get_model("licensing", "RmaCase").objects.filter(state__in=DONE).filter(done__isnull=False)
    while later := cases.filter(failed=registration).order_by("-completed_at").first():
        registration = later.done[side]
    registrations = apps.get_model("products", "Registration").objects.select_related("unit")
    return registrations.filter(pk=registration, ended_at=None).first()


def _hand_on(apps: StateApps, case: Any, licence: Any, target: Any) -> None:
    failed = (
        apps.get_model("products", "Registration")
        .objects.select_related("unit")
        .get(pk=licence.registration_id)
    )
    parts = list(licence.parts.select_related("registration__unit").order_by("pk"))
    staying = [part for part in parts if part.registration_id != target.pk]
    value = _value(licence, licence.count, sum(part.count for part in parts))
    after = _value(licence, licence.count, sum(part.count for part in staying))
    rma = {"right": "rma", "detail": failed.unit.serial}
    lines = [(failed.unit, value, None, rma), (target.unit, None, after, rma)]
    for part in parts:
        held, unit = _value(licence, part.count, 0), part.registration.unit
        lines.append((unit, held, None, {"right": "part", "detail": failed.unit.serial}))
        if part in staying:
            lines.append((unit, None, held, {"right": "part", "detail": target.unit.serial}))
        else:
            part.delete()
    apps.get_model("licensing", "LedgerEntry").objects.bulk_create(
        apps.get_model("licensing", "LedgerEntry")(
            unit=unit,
            service=licence.service,
            licence=licence.uuid,
            before=old,
            after=new,
            reason=WHY,
            **right,
        )
        for unit, old, new, right in lines
    )
    licence.registration = target
    licence.save(update_fields=["registration"])
    units = {target.unit_id, *(part.registration.unit_id for part in parts)}
    apps.get_model("products", "Unit").objects.filter(pk__in=units).update(version=F("version") + 1)
    case.done["licences"].append([str(licence.uuid), case.failed_id, target.pk])
    case.save(update_fields=["done"])


def _value(licence: Any, count: int | None, given: int) -> dict[str, Any]:
    """A licence, or a part of its count, in the ledger's form."""
    value = {
        "kind": licence.kind,
        "count": count,
        "begins_on": licence.begins_on.isoformat(),
        "expires_on": licence.expires_on.isoformat() if licence.expires_on else None,
        "counted_from": licence.counted_from,
    }
    return {**value, "given": given} if given else value


class Migration(migrations.Migration):
    dependencies = [("licensing", "0018_licences_complete"), ("products", "0012_attempt_at_subject")]

    operations = [
        migrations.AlterField(
            "rmacase", "done", models.JSONField(blank=True, encoder=DjangoJSONEncoder, null=True)
        ),
        migrations.RunPython(write_records, migrations.RunPython.noop),
        migrations.RunPython(hand_on, migrations.RunPython.noop),
    ]
