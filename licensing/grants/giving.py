"""Support grants a unit a licence."""

import datetime

from django.db import transaction

from licensing.audit_codes import AuditCode
from licensing.errors import (
    GrantAlreadyOver,
)
from licensing.guards import check_count, live_registration
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence, Service, TrialStart
from portal import audit
from portal.days import check_last_day
from portal.models import User
from products.models import Registration, Unit


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
    """Grant a unit a further licence for a service, from today on (L7: nothing is replaced).

    `count` is -1 for Unlimited and None for an uncounted service; `expires_on` is the last day, None if there
    is no end. Raises ReasonNeeded, CountNeeded, CountNotAllowed, CountOutOfRange, GrantAlreadyOver,
    UnitRetired, NotRegistered and DayTooLate.
    """
    _check_grant(service, count, expires_on, reason, today)
    registration = live_registration(unit)
    with ledger.noted([registration], right=LedgerEntry.Right.GRANT, by=by, reason=reason):
        licence = Licence.objects.create(
            registration=registration,
            service=service,
            count=count,
            begins_on=today,
            expires_on=expires_on,
            counted_from=(expires_on or today).day,
        )
    _record(AuditCode.LICENCE_GRANTED, licence, by=by, reason=reason)
    return licence


def _has_trial_left(unit: Registration, service: Service) -> bool:
    """Whether a unit never had or tried a service that it doesn't run now."""
    had = Licence.objects.filter(registration=unit, service=service)
    return not (had.exists() or TrialStart.objects.filter(unit=unit.unit_id, service=service).exists())


def _record(code: AuditCode, licence: Licence, *, by: User | None, reason: str = "") -> None:
    """Write the audit entry of a change to a licence, and make its unit's keyset stale."""
    registration = licence.registration
    Unit.objects.filter(pk=registration.unit_id).raise_version()
    audit.record(
        code,
        by=by,
        account=registration.account,
        serials=[registration.unit.serial],
        reason=reason,
        data={"service": licence.service.code, "licence": ledger.licence_value(licence)},
    )


def _check_grant(
    service: Service, count: int | None, expires_on: datetime.date | None, reason: str, today: datetime.date
) -> None:
    audit.require_reason(reason)
    check_count(service, count)
    if expires_on is not None and expires_on < today:
        raise GrantAlreadyOver(day=expires_on)
    check_last_day(expires_on)
