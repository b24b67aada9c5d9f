"""Swap roles: HF Primary and HF Secondary change places, and what they share goes with the role (A8, L7)."""

import datetime
from dataclasses import replace

from django.db import transaction
from django.db.models import Q, QuerySet

from associations.acts import Swap
from associations.errors import PairChanged
from associations.models import Seat
from associations.seating import parent_of
from associations.services import swap_places
from licensing.acts import LicenceMove, Record
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence, PoolPart
from licensing.moves.exchange import move_licences, pool_units, settle_parts, share_trials
from portal import acts
from portal.models import Act, User
from products.models import Registration, Unit


@transaction.atomic
def swap_roles(*, seat: Seat, by: User, today: datetime.date, reason: str = "") -> Seat:
    """Swap the primary and the sharing secondary of a seat; return the new secondary's seat.

    The primary's `shared_licences` and `shared_parts`, further secondaries and SonicPoints go with its role,
    all in one transaction; each unit then counts as having had the other's free trials (L5). Raises what
    `swap_places` raises.
    """
    primary, secondary = parent_of(seat), seat.registration
    concerned = pool_units(primary, secondary)
    swapped = swap_places(seat=seat, by=by, today=today, also=concerned, reason=reason)
    if not pool_units(primary, secondary) <= concerned:
        raise PairChanged  # counts were shared out before the locks were held
    detail = {primary.unit_id: secondary.unit.serial, secondary.unit_id: primary.unit.serial}
    right = LedgerEntry.Right.SWAP
    with ledger.noted([primary, secondary], right=right, by=by, reason=reason, detail=detail):
        parts = list(shared_parts(primary).values_list("pk", flat=True))
        moves = [LicenceMove(row.uuid, primary.pk, secondary.pk) for row in shared_licences(primary)]
        move_licences(moves)
        meeting = Q(licence__registration=secondary, registration=secondary)
        settled = settle_parts(Q(pk__in=parts) | meeting, heirs={primary.pk: secondary.pk})
    share_trials(primary.unit, secondary.unit)
    Unit.objects.filter(pk__in=concerned).raise_version()
    _note(swapped, Record(licences=tuple(moves), parts=tuple(settled)), by=by)
    return swapped.seat


def _note(swapped: Swap, moved: Record, *, by: User) -> None:
    record = replace(moved, ended=swapped.links.ended, begun=swapped.links.begun).to_json()
    account = swapped.seat.registration.account
    acts.note(Act.Kind.SWAP, action=swapped.action, account=account, by=by, record=record)


def shared_licences(primary: Registration) -> QuerySet[Licence]:
    """The licences that go with a primary's role, in the order of pages."""
    found = Licence.objects.filter(
        registration=primary, service__is_shareable=True, service__is_transferable=True
    )
    return found.select_related("service").order_by("service__code", "begins_on", "pk")


def shared_parts(primary: Registration) -> QuerySet[PoolPart]:
    """The parts of other units' licences that go with a primary's role, in the order of pages."""
    found = PoolPart.objects.filter(
        registration=primary, licence__service__is_shareable=True, licence__service__is_transferable=True
    )
    return found.select_related("licence__service", "licence__registration__unit").order_by("pk")
