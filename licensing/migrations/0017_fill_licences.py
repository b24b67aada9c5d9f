"""Each licence gets a uuid and its first day; the entries of the ledger about what stands get the uuid.

The ledger refuses updates: it is opened and closed again in this transaction. Entries about what had ended
name no licence.
"""

import uuid
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from licensing.ledger.append_only import expose, protect

LEDGER = "licensing_ledgerentry"
BATCH = 2000

type Line = tuple[int, int, str]
"""A registration, a service, and the unit of whose pool it is a part: until now one licence at most."""
type Entries = list[tuple[int, datetime]]
"""The primary keys and moments of a line's entries since there was nothing."""


def forwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    expose(schema_editor, LEDGER)
    for first, last in _batches(apps, "licensing", "Licence"):
        pks = apps.get_model("licensing", "Licence").objects.filter(pk__range=(first, last))
        rows = [(uuid.uuid4(), pk) for pk in pks.values_list("pk", flat=True)]
        _update(apps, schema_editor, "Licence", ["uuid"], rows)
    for units in _batches(apps, "products", "Unit"):
        _fill(apps, schema_editor, units)
    protect(schema_editor, LEDGER)


def _batches(apps: StateApps, app: str, model: str) -> Iterator[tuple[int, int]]:
    """The first and the last primary key of so many rows at a time."""
    rows, last = apps.get_model(app, model).objects.order_by("pk"), 0
    while batch := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH]):
        last = batch[-1]
        yield batch[0], last


def _fill(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor, units: tuple[int, int]) -> None:
    """Give the licences of some units their days, and the entries about these units their licences."""
    lines = _lines(apps, units)
    licences, named = [], []
    held = apps.get_model("licensing", "Licence").objects.filter(registration__unit__pk__range=units)
    for licence in held.select_related("registration"):
        entries = lines.get((licence.registration_id, licence.service_id, ""), [])
        began_on = (entries[0][1] if entries else licence.registration.registered_at).date()
        first_day = min(began_on, licence.expires_on or began_on)
        licences.append((first_day, (licence.expires_on or first_day).day, licence.pk))
        named += [(licence.uuid, pk) for pk, _ in entries]
    parts = apps.get_model("licensing", "PoolPart").objects.filter(registration__unit__pk__range=units)
    for part in parts.select_related("licence__registration__unit"):
        pool = part.licence.registration.unit.serial
        entries = lines.get((part.registration_id, part.licence.service_id, pool), [])
        named += [(part.licence.uuid, pk) for pk, _ in entries]
    _update(apps, schema_editor, "Licence", ["begins_on", "counted_from"], licences)
    _update(apps, schema_editor, "LedgerEntry", ["licence"], named)


def _lines(apps: StateApps, units: tuple[int, int]) -> dict[Line, Entries]:
    """The lines of some units that stand, by the registration that a unit had at the time."""
    owners: dict[int, list[Any]] = {}
    registrations = apps.get_model("products", "Registration").objects.filter(unit__pk__range=units)
    for registration in registrations.order_by("registered_at", "pk"):
        owners.setdefault(registration.unit_id, []).append(registration)
    entries = apps.get_model("licensing", "LedgerEntry").objects.filter(unit__pk__range=units)
    names = ("pk", "unit_id", "service_id", "right", "detail", "before", "after", "at")
    lines: dict[Line, Entries] = {}
    for pk, unit, service, right, detail, before, after, at in entries.order_by("unit", "pk").values_list(
        *names
    ):
        # What began earlier isn't the new owner's, even if it ends at the very moment of registering.
        bisect = bisect_right if before is None else bisect_left
        present = owners.get(unit, [])
        number = bisect(present, at, key=lambda registration: registration.registered_at)
        line = (present[max(number - 1, 0)].pk if present else 0, service, detail if right == "part" else "")
        if before is None:
            lines[line] = []
        lines.setdefault(line, []).append((pk, at))
        if after is None:
            del lines[line]
    return lines


def _update(
    apps: StateApps,
    schema_editor: BaseDatabaseSchemaEditor,
    model: str,
    names: list[str],
    rows: Sequence[tuple[object, ...]],
) -> None:
    """Set columns of many rows, in few statements; each tuple has their values and the primary key."""
    connection, meta = schema_editor.connection, apps.get_model("licensing", model)._meta
    fields = [meta.get_field(name) for name in names]
    quote = connection.ops.quote_name
    sets = ", ".join(f"{quote(f.column)} = given.column{n}" for n, f in enumerate(fields, start=1))
    one = f"({', '.join(['%s'] * (len(fields) + 1))})"
    for chunk in batched(rows, BATCH):
        values = ", ".join([one] * len(chunk))
        table = quote(meta.db_table)
        sql = f"UPDATE {table} SET {sets} FROM (VALUES {values}) AS given WHERE {table}.id = given.column{len(fields) + 1}"  # noqa: S608, E501
        prepared = [
            value
            for *given, pk in chunk
            for value in (*(f.get_db_prep_value(v, connection) for f, v in zip(fields, given, strict=True)), pk)
        ]
        with connection.cursor() as cursor:
            cursor.execute(sql, prepared)


class Migration(migrations.Migration):
    dependencies = [("licensing", "0016_licences_as_bought"), ("products", "0001_initial")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
