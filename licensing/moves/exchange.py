"""Licences and parts of their counts go from unit to unit, each as it is (rule L7).

A licence that moves keeps its count, its days and its history, and a part keeps its holder: nothing is merged
or replaced. A part that meets its own licence at one unit returns to it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db.models import Q, Sum

from licensing.acts import LicenceMove, PartMove
from licensing.keyset import UNLIMITED
from licensing.models import Licence, PoolPart, TrialStart
from products.models import Registration, Unit


def move_licences(moves: Iterable[LicenceMove]) -> None:
    """Give licences to other registrations, in a statement for each of these; `settle_parts` must follow.

    Callers hold a transaction, have locked the units and their `pool_units`, and note the ledger's lines.
    """
    by_target: dict[int, list[UUID]] = {}
    for move in moves:
        by_target.setdefault(move.target, []).append(move.licence)
    for target, licences in by_target.items():
        Licence.objects.filter(uuid__in=licences).update(registration=target)


def settle_parts(concerned: Q, *, heirs: Mapping[int, int] | None = None) -> list[PartMove]:
    """Return to its licence each part that has met it, give the others that `heirs` names to the heir.

    `concerned` selects the parts, `heirs` maps registrations by primary key. Returns what changed hands.
    """
    moves = []
    for part in PoolPart.objects.filter(concerned).select_related("licence").order_by("pk"):
        source, licence = part.registration_id, part.licence
        target = (heirs or {}).get(source, source)
        if target == licence.registration_id:
            moves.append(PartMove(licence.uuid, source, None, part.count))
        elif target != source:
            moves.append(PartMove(licence.uuid, source, target, part.count))
    move_parts(moves)
    return moves


def move_parts(moves: Iterable[PartMove]) -> None:
    """Let counts change hands. Counts of one licence at one unit add up; a part of nothing is deleted."""
    change: Counter[tuple[UUID, int]] = Counter()
    for move in moves:
        if move.source is not None:
            change[move.licence, move.source] -= move.number
        if move.target is not None:
            change[move.licence, move.target] += move.number
    licences = Licence.objects.in_bulk({licence for licence, _ in change}, field_name="uuid")
    found = PoolPart.objects.filter(licence__in=licences.values()).select_related("licence")
    parts = {(part.licence.uuid, part.registration_id): part for part in found}
    for key in change:
        licence, holder = key
        part = parts.setdefault(key, PoolPart(licence=licences[licence], registration_id=holder, count=0))
        part.count += change[key]
    changed = [parts[key] for key in change]
    PoolPart.objects.filter(pk__in=[part.pk for part in changed if part.pk and not part.count]).delete()
    PoolPart.objects.bulk_update([part for part in changed if part.pk and part.count], ["count"])
    PoolPart.objects.bulk_create(part for part in changed if not part.pk and part.count)


def standing(moves: Iterable[PartMove]) -> list[PartMove]:
    """Those of some moves whose licences there still are."""
    moves = list(moves)
    names = {move.licence for move in moves}
    there = set(Licence.objects.filter(uuid__in=names).values_list("uuid", flat=True))
    return [move for move in moves if move.licence in there]


def lacking(moves: Iterable[PartMove]) -> list[str]:
    """The services of which counts that changed hands are no longer where they went."""
    wanted: Counter[tuple[UUID, int | None]] = Counter()
    for move in standing(moves):
        wanted[move.licence, move.target] += move.number
    names = {name for name, _ in wanted}
    found = Licence.objects.filter(uuid__in=names).select_related("service")
    licences = {row.uuid: row for row in found.annotate(given=Sum("parts__count", default=0))}
    left: dict[tuple[UUID, int | None], float] = {
        (name, None): math.inf if row.count == UNLIMITED else (row.count or 0) - int(row.given)
        for name, row in licences.items()
    }
    parts = PoolPart.objects.filter(licence__uuid__in=names)
    rows = parts.values_list("licence__uuid", "registration", "count")
    left |= {(name, holder): count for name, holder, count in rows}
    return [licences[key[0]].service.name for key, number in wanted.items() if number > left.get(key, 0)]


def pool_units(*registrations: Registration) -> set[int]:
    """These registrations' units, those whose pools they have parts of, and those with parts of theirs."""
    found = PoolPart.objects.filter(
        Q(registration__in=registrations) | Q(licence__registration__in=registrations)
    ).values_list("registration__unit", "licence__registration__unit")
    return {registration.unit_id for registration in registrations} | {pk for row in found for pk in row}


def share_trials(*units: Unit) -> None:
    """Let each unit count as having had the others' trials (L5)."""
    had = set(TrialStart.objects.filter(unit__in=units).values_list("unit", "service"))
    services = {service for _, service in had}
    TrialStart.objects.bulk_create(
        TrialStart(unit=unit, service_id=service)
        for unit in units
        for service in services
        if (unit.pk, service) not in had
    )
