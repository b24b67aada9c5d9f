"""A10 until it asks by day."""

import datetime
from dataclasses import dataclass

from licensing.entitlements.timeline import Right
from licensing.entitlements.today import Entitlement, Holdings, read_holdings
from licensing.models import Service
from products.models import Registration


@dataclass(frozen=True, slots=True)
class Move:
    """Whether a transferable service goes from source to target and, if not, why."""

    service: Service
    source: Entitlement
    target: Entitlement
    moves: bool


def better_held(
    unit: Registration, others: list[Registration], *, today: datetime.date
) -> tuple[set[int], set[int]]:
    """The units that have worse transferable licences than `unit`, and those that have better ones (A10).

    Only shareable services that haven't expired count. Both are sets of primary keys. Five queries.
    """
    held = read_holdings([unit, *others])
    services = list(Service.objects.filter(is_transferable=True, is_shareable=True))

    def is_better(first: Registration, second: Registration) -> bool:
        moves = _moves(held, services, first, second, today)
        return any(move.moves and not move.source.is_expired(today) for move in moves)

    return (
        {other.pk for other in others if is_better(unit, other)},
        {other.pk for other in others if is_better(other, unit)},
    )


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
