"""Checks shared by the services that write licences: the unit as it is now, counts, parts of others."""

from collections.abc import Iterable

from licensing.entitlements.today import NODES_CODE
from licensing.errors import (
    CountNeeded,
    CountNotAllowed,
    CountOutOfRange,
    NodesForEver,
    NotRegistered,
    PartsElsewhere,
)
from licensing.keyset import UNLIMITED
from licensing.models import LARGEST_COUNT, Licence, Service
from portal.models import Account
from products.errors import UnitRetired
from products.models import Registration, Unit


def live_registration(unit: Unit, *, account: Account | None = None) -> Registration:
    """Lock a unit and return its registration as it is now. Raises UnitRetired and NotRegistered.

    With `account`, NotRegistered also means a registration in another account.
    """
    (unit,) = Unit.objects.locked([unit.pk])
    if unit.retired_at:
        raise UnitRetired(unit)
    live = Registration.objects.live().select_related("account", "unit__model").filter(unit=unit)
    registration = (live.filter(account=account) if account else live).first()
    if registration is None:
        raise NotRegistered(serial=unit.serial)
    return registration


def lock_live(registrations: Iterable[Registration], account: int, *, also: Iterable[int] = ()) -> None:
    """Lock the units of some registrations, and `also` others, in order of pk.

    Raises UnitRetired, and NotRegistered for what is no longer a live registration in the account.
    """
    registrations = list(registrations)
    units = {unit.pk: unit for unit in Unit.objects.locked({*(r.unit_id for r in registrations), *also})}
    live = Registration.objects.live().filter(pk__in=[r.pk for r in registrations], account=account)
    present = set(live.values_list("pk", flat=True))
    for registration in registrations:
        unit = units[registration.unit_id]
        if unit.retired_at:
            raise UnitRetired(unit)
        if registration.pk not in present:
            raise NotRegistered(serial=unit.serial)


def check_endless(service: Service, *, has_end: bool, field: str = "expires_on") -> None:
    """Raise NodesForEver for a last day of Nodes/Users; `field` is where it was typed."""
    if has_end and service.code == NODES_CODE:
        raise NodesForEver(service=service, field=field)


def check_count(service: Service, count: int | None) -> None:
    """Raise CountNeeded, CountNotAllowed or CountOutOfRange if a count doesn't fit its service."""
    if service.is_counted and count is None:
        raise CountNeeded(service=service.name)
    if not service.is_counted and count is not None:
        raise CountNotAllowed(service=service.name)
    if count is not None and count != UNLIMITED and not 1 <= count <= LARGEST_COUNT:
        raise CountOutOfRange


def check_no_parts(licences: list[Licence]) -> None:
    """Raise PartsElsewhere if other units hold parts of one of these licences."""
    for licence in licences:
        if given := sum(licence.parts.values_list("count", flat=True)):
            raise PartsElsewhere(given=given, service=licence.service)
