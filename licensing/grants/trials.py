"""Free trials: 30 days, once per unit and service for ever (rule L5)."""

import datetime

from django.db import transaction

from licensing.audit_codes import AuditCode
from licensing.entitlements.today import read_holdings, sharing_primary
from licensing.errors import LicensedAlready, PrimaryFirst, TrialNotOffered, TrialOver
from licensing.grants.giving import _has_trial_left, _record
from licensing.guards import check_endless, live_registration
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence, Service, TrialStart
from portal.models import User
from products.models import Registration

TRIAL_TERM = datetime.timedelta(days=30)

TRIAL_COUNT = 5
"""The count of a trial of a counted service, which the source doesn't give."""


@transaction.atomic
def start_trial(
    *, registration: Registration, service: Service, by: User, today: datetime.date, alone: bool = False
) -> Licence:
    """Begin the free trial of a service on a unit: 30 days, once per unit and service for ever (L5).

    `alone`: on this unit only, although its primary could have one for both. Raises UnitRetired,
    NotRegistered and what `check_trial` raises.
    """
    registration = live_registration(registration.unit, account=registration.account)
    check_trial(registration=registration, service=service, today=today, alone=alone)
    _, is_first = TrialStart.objects.get_or_create(unit=registration.unit, service=service)
    if not is_first:
        raise TrialOver(service=service)
    with ledger.noted([registration], right=LedgerEntry.Right.TRIAL, by=by):
        licence = Licence.objects.create(
            registration=registration,
            service=service,
            kind=Licence.Kind.TRIAL,
            count=TRIAL_COUNT if service.is_counted else None,
            begins_on=today,
            expires_on=today + TRIAL_TERM,
            counted_from=today.day,
        )
    _record(AuditCode.TRIAL_STARTED, licence, by=by)
    return licence


def check_trial(
    *, registration: Registration, service: Service, today: datetime.date, alone: bool = False
) -> None:
    """Raise TrialNotOffered, NodesForEver, TrialOver or LicensedAlready if a unit can't begin a trial.

    A unit that runs the service needs none, nor does one that has, had or is to have a licence of its own.
    Raises PrimaryFirst if the primary could begin it instead, unless it is meant for this unit `alone`.
    """
    if not service.is_trial_offered:
        raise TrialNotOffered(service=service)
    check_endless(service, has_end=True)
    if TrialStart.objects.filter(unit=registration.unit_id, service=service).exists():
        raise TrialOver(service=service)
    primary = sharing_primary(registration)
    shared = read_holdings([registration, *([primary] if primary else [])])
    held = shared.entitlement(registration, primary, service, today)
    is_live = held.right is not None and not held.is_expired(today)
    if is_live or Licence.objects.filter(registration=registration, service=service).exists():
        raise LicensedAlready(service=service)
    if primary and service.is_shareable and not alone and _has_trial_left(primary, service):
        raise PrimaryFirst(primary=primary.friendly_name)
