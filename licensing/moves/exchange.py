"""Transferable licences trade places between two units: with the roles of a pair, or to a replacement (L7).

For each service the target gets the better licence, and the other unit what the target had: nothing
vanishes. Parts of a pool, and the parts that others have of it, go with their licence.
"""

import datetime
from dataclasses import dataclass

from django.db.models import Q

from licensing.entitlements.timeline import Right
from licensing.entitlements.today import Entitlement, Holdings, read_holdings
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence, PoolPart, Service, TrialStart
from portal.models import User
from products.models import Registration, Unit


@dataclass(frozen=True, slots=True)
class Move:
    """Whether a transferable service goes from source to target and, if not, why."""

    service: Service
    source: Entitlement
    target: Entitlement
    moves: bool


def plan_moves(source: Registration, target: Registration, *, today: datetime.date) -> list[Move]:
    """What would go from one unit to another, by service; without services that neither holds."""
    services = list(Service.objects.filter(is_transferable=True))
    return _moves(read_holdings([source, target]), services, source, target, today)


def _moves(
    held: Holdings, services: list[Service], source: Registration, target: Registration, today: datetime.date
) -> list[Move]:
    moves = []
    for service in services:
        keys = [(registration.pk, service.pk) for registration in (source, target)]
        holds = [key in held.licences or key in held.parts for key in keys]
        if any(holds):
            theirs, own = (_bought(held, registration, service, today) for registration in (source, target))
            is_better = theirs.worth(today) > own.worth(today)
            moves.append(Move(service, theirs, own, moves=holds[0] and (is_better or not holds[1])))
    return moves


def transfer(
    *,
    source: Registration,
    target: Registration,
    right: LedgerEntry.Right,
    by: User | None,
    today: datetime.date,
    reason: str = "",
) -> list[Move]:
    """Give the target the better transferable licences of two units, and the source what the target had (L7).

    Each then counts as having had the other's free trials (L5). Callers hold a transaction and have locked
    both units and their `pool_units`. Returns what moved.
    """
    moves = [move for move in plan_moves(source, target, today=today) if move.moves]
    detail = {source.unit_id: target.unit.serial, target.unit_id: source.unit.serial}
    with ledger.noted([source, target], right=right, by=by, reason=reason, detail=detail):
        for move in moves:
            _exchange(move.service, source, target)
    share_trials(source.unit, target.unit)
    Unit.objects.filter(pk__in=pool_units(source, target)).raise_version()
    return moves


def pool_units(*registrations: Registration) -> set[int]:
    """These registrations' units, those whose pools they have parts of, and those with parts of theirs."""
    found = PoolPart.objects.filter(
        Q(registration__in=registrations) | Q(licence__registration__in=registrations)
    ).values_list("registration__unit", "licence__registration__unit")
    return {registration.unit_id for registration in registrations} | {pk for row in found for pk in row}


def _exchange(service: Service, source: Registration, target: Registration) -> None:
    """Exchange what two units hold of one service."""
    swapped = {source.pk: target.pk, target.pk: source.pk}
    rearrange(service, swapped, holders=swapped)


def rearrange(service: Service, owners: dict[int, int], *, holders: dict[int, int] | None = None) -> None:
    """Give licences of a service to other registrations, each of which gives up its own or has none.

    The parts that others have of a licence go with it; `holders` maps the registrations that hold parts.
    """
    holders = holders or {}
    rows = {
        row.registration_id: row
        for row in Licence.objects.filter(service=service, registration__in={*owners, *owners.values()})
    }
    after = {owners.get(registration, registration): row for registration, row in rows.items()}
    concerned = Q(licence__in=rows.values()) | Q(licence__service=service, registration__in=holders)
    parts = list(PoolPart.objects.filter(concerned))
    PoolPart.objects.filter(pk__in=[part.pk for part in parts]).delete()
    # The unique constraint keeps two rows from changing places: if both exist, their terms do instead.
    free = [row for registration, row in rows.items() if registration not in after]
    renamed: dict[int, int] = {}
    for registration, terms in after.items():
        row = rows[registration] if registration in rows else free.pop()
        renamed[terms.pk] = row.pk
        Licence.objects.filter(pk=row.pk).update(
            registration=registration, kind=terms.kind, count=terms.count, expires_on=terms.expires_on
        )
    PoolPart.objects.bulk_create(
        PoolPart(
            licence_id=renamed.get(part.licence_id, part.licence_id),
            registration_id=holders.get(part.registration_id, part.registration_id),
            count=part.count,
        )
        for part in parts
    )


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


def _bought(
    held: Holdings, registration: Registration, service: Service, today: datetime.date
) -> Entitlement:
    """The best that a unit holds beyond what every unit of its model comes with.

    What has ended counts for nothing if the model comes with the service.
    """
    holdings = held.of_unit(registration, service)
    bought = [
        Entitlement(service, h.right, h.kind, h.count, h.expires_on)
        for h in holdings
        if h.right != Right.MODEL
    ]
    best = max(bought, key=lambda licence: licence.worth(today), default=Entitlement(service))
    return Entitlement(service) if best.is_expired(today) and len(bought) < len(holdings) else best
