"""What the tests of the ledger's past share."""

from datetime import date

from licensing.grants.giving import grant_licence
from licensing.models import Licence, Service
from licensing.moves.pools import move_counts
from portal.clock import today
from portal.models import User
from products.models import Registration


def grant(
    registration: Registration,
    code: int,
    *,
    count: int | None = None,
    expires_on: date | None = None,
    day: date | None = None,
) -> Licence:
    """A licence granted by Support on a day or today, for 10 where the service is counted."""
    service = Service.objects.get(code=code)
    terms = {"count": count or (10 if service.is_counted else None), "expires_on": expires_on}
    facts = {"unit": registration.unit, "service": service, "reason": "bought", "by": None}
    return grant_licence(**facts, **terms, today=day or today(), all_the_same=True)


def divide(licence: Licence, target: Registration, count: int, *, by: User) -> None:
    """Share so many of a licence's count out to another unit."""
    move_counts(
        licence=licence, source=licence.registration, target=target, count=count, by=by, today=today()
    )
