"""What writes about licences check first: the unit as it is now, counts, the parts that others hold."""

from django.db.models import Sum

from licensing.errors import (
    CountNeeded,
    CountNotAllowed,
    CountOutOfRange,
    NotRegistered,
    PartsElsewhere,
    PartsGivenOut,
)
from licensing.keyset import UNLIMITED
from licensing.models import LARGEST_COUNT, Licence, Service
from portal.models import Account
from products.errors import UnitRetired
from products.models import Registration, Unit


def live_registration(unit: Unit, *, account: Account | None = None) -> Registration:
    """Lock a unit and return its registration as it is now. Raises UnitRetired and NotRegistered.

    With `account` another owner's registration is as if it weren't there.
    """
    (unit,) = Unit.objects.locked([unit.pk])
    if unit.retired_at:
        raise UnitRetired(unit)
    live = Registration.objects.live().select_related("account", "unit__model").filter(unit=unit)
    registration = (live.filter(account=account) if account else live).first()
    if registration is None:
        raise NotRegistered(serial=unit.serial)
    return registration


def check_given(licence: Licence | None, count: int | None) -> None:
    """Raise PartsGivenOut where a licence for so many could not cover what other units got of it."""
    given = licence.parts.aggregate(given=Sum("count"))["given"] if licence else 0
    if licence and given and count != UNLIMITED and (count or 0) < given:
        raise PartsGivenOut(given=given, service=licence.service, count=count or 0)


def check_count(service: Service, count: int | None) -> None:
    """Raise CountNeeded, CountNotAllowed or CountOutOfRange where a count doesn't fit its service."""
    if service.is_counted and count is None:
        raise CountNeeded(service=service.name)
    if not service.is_counted and count is not None:
        raise CountNotAllowed(service=service.name)
    if count is not None and count != UNLIMITED and not 1 <= count <= LARGEST_COUNT:
        raise CountOutOfRange


def check_no_parts(licences: list[Licence]) -> None:
    """Raise PartsElsewhere where other units hold parts of one of these licences."""
    for licence in licences:
        if given := sum(licence.parts.values_list("count", flat=True)):
            raise PartsElsewhere(given=given, service=licence.service)
