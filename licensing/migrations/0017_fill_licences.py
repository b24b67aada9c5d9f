"""Each licence gets a uuid and its first day; the entries of the ledger about what stands get the uuid.

The ledger refuses updates: it is opened and closed again in this transaction. Entries about what had ended
name no licence. A last day after `portal.days.LAST_DAY` stays: nobody loses a day.
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

type Units = tuple[int, int]
"""The first and the last primary key of some units."""
type Line = tuple[int, int, str]
"""A registration, a service, and the unit of whose pool it is a part: until now one licence at most."""
type Entries = list[tuple[int, datetime]]
"""The primary keys and moments of a line's entries since there was nothing."""


def forwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    expose(schema_editor, LEDGER)
    for fill in (_fill_licences, _fill_parts):  # a part is named after its licence, whichever unit has that
        for units in _batches(apps):
            fill(apps, schema_editor, units)
    protect(schema_editor, LEDGER)


def _batches(apps: StateApps) -> Iterator[Units]:
    """So many units at a time."""
    rows, last = apps.get_model("products", "Unit").objects.order_by("pk"), 0
    while batch := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH]):
        last = batch[-1]
        yield batch[0], last


def _fill_licences(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor, units: Units) -> None:
    """Give the licences of some units a uuid and their days, and the entries about them the uuid."""
    held = apps.get_model("licensing", "Licence").objects.filter(registration__unit__pk__range=units)
    lines = _lines(apps, units, is_part=False)
    licences, named = [], []
    for licence in held.select_related("registration"):
        entries = lines.get((licence.registration_id, licence.service_id, ""), [])
        began_on = (entries[0][1] if entries else licence.registration.registered_at).date()
        first_day = min(began_on, licence.expires_on or began_on)
        name = uuid.uuid4()
        licences.append((name, first_day, (licence.expires_on or first_day).day, licence.pk))
        named += [(name, pk) for pk, _ in entries]
    _update(apps, schema_editor, "Licence", ["uuid", "begins_on", "counted_from"], licences)
    _update(apps, schema_editor, "LedgerEntry", ["licence"], named)


def _fill_parts(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor, units: Units) -> None:
    """Give the entries about some units' parts of licences the licences' uuid."""
    held = apps.get_model("licensing", "PoolPart").objects.filter(registration__unit__pk__range=units)
    parts = list(held.select_related("licence__registration__unit"))
    lines = _lines(apps, units, is_part=True) if parts else {}
    named = []
    for part in parts:
        pool = part.licence.registration.unit.serial
        entries = lines.get((part.registration_id, part.licence.service_id, pool), [])
        named += [(part.licence.uuid, pk) for pk, _ in entries]
    _update(apps, schema_editor, "LedgerEntry", ["licence"], named)


def _lines(apps: StateApps, units: Units, *, is_part: bool) -> dict[Line, Entries]:
    """The lines of some units that stand, by the registration that a unit had at the time."""
    owners: dict[int, list[Any]] = {}
    registrations = apps.get_model("products", "Registration").objects.filter(unit__pk__range=units)
    for registration in registrations.order_by("registered_at", "pk"):
        owners.setdefault(registration.unit_id, []).append(registration)
    of_units = apps.get_model("licensing", "LedgerEntry").objects.filter(unit__pk__range=units)
    entries = of_units.filter(right="part") if is_part else of_units.exclude(right="part")
    names = ("pk", "unit_id", "service_id", "detail", "before", "after", "at")
    lines: dict[Line, Entries] = {}
    for pk, unit, service, detail, before, after, at in entries.order_by("unit", "pk").values_list(*names):
        # What began earlier isn't the new owner's, even if it ends at the very moment of registering.
        bisect = bisect_right if before is None else bisect_left
        present = owners.get(unit, [])
        number = bisect(present, at, key=lambda registration: registration.registered_at)
        line = (present[max(number - 1, 0)].pk if present else 0, service, detail if is_part else "")
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
    """Set columns of many rows in few statements; each tuple has their values and the primary key."""
    connection, meta = schema_editor.connection, apps.get_model("licensing", model)._meta
    fields = [meta.get_field(name) for name in [*names, "id"]]
    table, *columns = (
        connection.ops.quote_name(name) for name in (meta.db_table, *(f.column for f in fields))
    )
    sets = ", ".join(f"{column} = given.column{n}" for n, column in enumerate(columns[:-1], start=1))
    row_of_values = f"({', '.join(['%s'] * len(fields))})"
    for chunk in batched(rows, BATCH):
        values = ", ".join([row_of_values] * len(chunk))
        given = f"FROM (VALUES {values}) AS given WHERE {table}.id = given.column{len(fields)}"
        pairs = (pair for row in chunk for pair in zip(fields, row, strict=True))
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {table} SET {sets} {given}",  # noqa: S608  (names of tables and columns can't be bound)
                [field.get_db_prep_value(value, connection) for field, value in pairs],
            )


class Migration(migrations.Migration):
    dependencies = [("licensing", "0016_licences_as_bought"), ("products", "0001_initial")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
