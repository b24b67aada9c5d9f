"""Everything that is written about licences (rules L1 to L6)."""

import datetime

from django.db import transaction

from licensing.errors import (
    CountNeeded,
    CountNotAllowed,
    CountOutOfRange,
    GrantAlreadyOver,
    NotRegistered,
)
from licensing.keyset import UNLIMITED
from licensing.models import LedgerEntry, Licence, Service
from portal import audit
from portal.errors import ReasonNeeded
from portal.models import User
from products.errors import UnitRetired
from products.models import Registration, Unit

LARGEST_COUNT = 2**32 - 1


@transaction.atomic
def grant_licence(
    *,
    unit: Unit,
    service: Service,
    count: int | None,
    expires_on: datetime.date | None,
    reason: str,
    by: User | None,
    today: datetime.date,
) -> Licence:
    """Give a unit a licence for a service, in place of the one that it has; the ledger keeps both (L6).

    `count` is -1 for Unlimited and none for an uncounted service; `expires_on` is the last day, none for
    ever. Raises ReasonNeeded, CountNeeded, CountNotAllowed, CountOutOfRange, GrantAlreadyOver, UnitRetired
    and NotRegistered.
    """
    _check_grant(service, count, expires_on, reason, today)
    (unit,) = Unit.objects.locked([unit.pk])
    if unit.retired_at:
        raise UnitRetired(serial=unit.serial, day=f"{unit.retired_at:%d %b %Y}")
    registration = Registration.objects.live().select_related("account", "unit").filter(unit=unit).first()
    if registration is None:
        raise NotRegistered(serial=unit.serial)
    present = Licence.objects.filter(registration=registration, service=service).first()
    licence = Licence(
        pk=present.pk if present else None,
        registration=registration,
        service=service,
        count=count,
        expires_on=expires_on,
    )
    licence.save()
    _note_grant(licence, present, registration, by, reason)
    Unit.objects.filter(pk=unit.pk).raise_version()
    return licence


def _note_grant(
    licence: Licence, present: Licence | None, registration: Registration, by: User | None, reason: str
) -> None:
    service, unit = licence.service, registration.unit
    before, after = ledger_value(present), ledger_value(licence)
    LedgerEntry.objects.create(
        actor=by,
        reason=reason,
        unit=unit,
        service=service,
        before=before,
        after=after,
        right=LedgerEntry.Right.GRANT,
    )
    audit.record(
        "licence-granted",
        by=by,
        account=registration.account,
        serials=[unit.serial],
        reason=reason,
        data={"service": service.code, "before": before, "after": after},
    )


def ledger_value(licence: Licence | None) -> dict[str, object] | None:
    """A licence as the ledger keeps it, none where there is none."""
    if licence is None:
        return None
    expires_on = licence.expires_on.isoformat() if licence.expires_on else None
    return {"kind": str(licence.kind), "count": licence.count, "expires_on": expires_on}


def check_count(service: Service, count: int | None) -> None:
    """Raise CountNeeded, CountNotAllowed or CountOutOfRange where a count doesn't fit its service."""
    if service.is_counted and count is None:
        raise CountNeeded(service=service.name)
    if not service.is_counted and count is not None:
        raise CountNotAllowed(service=service.name)
    if count is not None and count != UNLIMITED and not 1 <= count <= LARGEST_COUNT:
        raise CountOutOfRange


def _check_grant(
    service: Service, count: int | None, expires_on: datetime.date | None, reason: str, today: datetime.date
) -> None:
    if not reason.strip():
        raise ReasonNeeded
    check_count(service, count)
    if expires_on is not None and expires_on < today:
        raise GrantAlreadyOver(day=f"{expires_on:%d %b %Y}")
