"""Steps about offers, for tests: an owner offers a product, an owner of the other account takes it."""

from datetime import date, datetime

from django.utils import timezone

from licensing.models import Offer
from licensing.moves.offers import accept_offer, offer_product
from licensing.moves.release import plan_release
from portal.clock import today
from portal.models import Account, User
from products.models import Registration
from tests.factories import MembershipFactory


def offered(
    unit: Registration,
    account: Account,
    by: User,
    *,
    friendly_name: str = "",
    seen: str | None = None,
    on: date | None = None,
    now: datetime | None = None,
) -> Offer:
    """Offer a product as its owner's page shows it now."""
    return offer_product(
        registration=unit,
        account=account,
        friendly_name=friendly_name,
        seen=plan_release(unit).fingerprint if seen is None else seen,
        by=by,
        today=on or today(),
        now=now or timezone.now(),
    )


def accepted(
    offer: Offer, by: User | None = None, *, on: date | None = None, now: datetime | None = None
) -> Registration:
    """Accept an offer as its page shows it now; by a new owner unless one is given."""
    return accept_offer(
        offer=offer,
        seen=plan_release(offer.registration).fingerprint,
        by=by or MembershipFactory(account=offer.account).user,
        today=on or today(),
        now=now or timezone.now(),
    )


def given(unit: Registration, account: Account, by: User, **facts: object) -> Registration:
    """Offer a product and have it accepted; return its registration there."""
    return accepted(offered(unit, account, by, **facts))
