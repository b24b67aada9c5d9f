"""Swap roles: HF Primary and HF Secondary change places, and the licences go with the primary's role (A8)."""

import datetime

from django.db import transaction

from associations.errors import PairChanged
from associations.models import Seat
from associations.seating import parent_of
from associations.services import swap_places
from licensing.models import LedgerEntry
from licensing.moves.exchange import pool_units, transfer
from portal.models import User


@transaction.atomic
def swap_roles(*, seat: Seat, by: User, today: datetime.date, reason: str = "") -> Seat:
    """Swap the primary and the sharing secondary of a seat; return the new secondary's seat.

    Transferable licences, further secondaries and SonicPoints go with the primary's role, all in one
    transaction. Raises what `swap_places` raises.
    """
    primary, secondary = parent_of(seat), seat.registration
    concerned = pool_units(primary, secondary)
    swapped = swap_places(seat=seat, by=by, today=today, also=concerned, reason=reason)
    if not pool_units(primary, secondary) <= concerned:
        raise PairChanged  # counts were shared out before the locks were held
    transfer(
        source=primary, target=secondary, right=LedgerEntry.Right.SWAP, by=by, today=today, reason=reason
    )
    return swapped
