"""What the tests of keys, trials, pools and swaps share."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from licensing.activation.redeeming import Redemption, make_activation_keys, preview_key, redeem_key
from licensing.entitlements.today import Entitlement, entitlements, sharing_primary
from licensing.models import Licence, Service
from portal.models import User
from products.models import ProductModel, Registration
from tests.factories import LicenceFactory
from tests.rows import nothing_written

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NODES, CLIENT_AV, GATEWAY_AV, SERVER_AV, CONTENT_FILTER, VPN, GLOBAL_VPN, ENHANCED, SUPPORT = (
    1, 2, 3, 4, 5, 8, 9, 13, 14,
)  # fmt: skip
"""Client AV is counted and divisible; a PRO 5060 comes with VPN and Global VPN Client for 5."""


def service(code: int) -> Service:
    """A service of the shipped catalogue."""
    return Service.objects.get(code=code)


def refuses(error: type[Exception], action: Callable[[], object]) -> None:
    """Assert that the rule's class is raised, and every table is as it was."""
    with nothing_written(), pytest.raises(error) as caught:
        action()

    assert caught.type is error


def give(registration: Registration, code: int, **terms: object) -> Licence:
    """Grant a licence, without an end unless `terms` give one."""
    counted = {"count": 10} if service(code).is_counted else {}
    return LicenceFactory(registration=registration, service=service(code), **counted | terms)


def make(
    code: int = CONTENT_FILTER,
    *,
    count: int | None = None,
    months: int | None = 12,
    number: int = 1,
    model: ProductModel | None = None,
    reason: str = "sold",
    by: User | None = None,
) -> list[str]:
    """Make keys, and return them as they are shown."""
    facts = {"count": count, "months": months, "number": number, "model": model}
    return make_activation_keys(service=service(code), reason=reason, by=by, **facts)[1]


def look(registration: Registration, key: str, *, now: datetime = NOW) -> Redemption:
    """Preview a key on a unit."""
    return preview_key(registration=registration, activation_key=key, today=now.date(), now=now)


def redeem(
    registration: Registration,
    key: str,
    *,
    by: User,
    now: datetime = NOW,
    version: int | None = None,
    begins_on: date | None = None,
) -> Redemption:
    """Redeem a key on a unit as it is now."""
    if version is None:
        registration.unit.refresh_from_db()
        version = registration.unit.version
    facts = {"version": version, "begins_on": begins_on, "today": now.date(), "now": now}
    return redeem_key(registration=registration, activation_key=key, by=by, **facts)


def held(registration: Registration, code: int, today: date = TODAY) -> Entitlement:
    """What a unit may run of a service on a day, its own or shared."""
    found = entitlements(registration, source=sharing_primary(registration), today=today)
    return next(e for e in found if e.service.code == code)
