"""What pages ask about licences."""

import datetime
from dataclasses import dataclass

from licensing.entitlements import Entitlement, entitlements, node_count
from licensing.keyset import UNLIMITED, Status
from licensing.models import Licence
from portal.models import Account
from products.models import Registration

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


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """What becomes of one service of a unit when it shares another unit's licences, or nobody's any more."""

    before: Entitlement
    after: Entitlement
    status_before: Status | None
    status_after: Status | None


def sharing_changes(
    unit: Registration, *, before: Registration | None, after: Registration | None, today: datetime.date
) -> list[ServiceChange]:
    """The services that change for a unit when the one whose licences it shares does; only those that do."""
    held = entitlements(unit, source=before, today=today)
    to_hold = entitlements(unit, source=after, today=today)
    return [
        ServiceChange(old, new, old.status(today), new.status(today))
        for old, new in zip(held, to_hold, strict=True)
        if (old.status(today), old.count, old.expires_on) != (new.status(today), new.count, new.expires_on)
    ]
