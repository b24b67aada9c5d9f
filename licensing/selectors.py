"""What pages ask about licences."""

import datetime

from licensing.entitlements import Entitlement, node_count
from licensing.keyset import UNLIMITED
from licensing.models import Licence
from portal.models import Account

NODES_TEXT = {UNLIMITED: "Unlimited", 0: "None"}
SOON = datetime.timedelta(days=30)
MOST_SHOWN = 20


def expiring_soon(account: Account, today: datetime.date) -> list[Licence]:
    """The account's licences that end within 30 days, or ended within the last 30; at most 20, by day."""
    return list(
        Licence.objects.filter(
            registration__account=account,
            registration__ended_at=None,
            expires_on__range=(today - SOON, today + SOON),
        )
        .select_related("service", "registration__unit")
        .order_by("expires_on", "pk")[:MOST_SHOWN]
    )


def node_support(held: list[Entitlement], today: datetime.date) -> str:
    """The number of nodes as pages show it, from a unit's entitlements."""
    count = node_count(held, today)
    return NODES_TEXT.get(count, f"{count:,}")
