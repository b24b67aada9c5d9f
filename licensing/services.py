"""Everything that is written about licences (rules L1 to L6)."""

import datetime

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from licensing import ledger
from licensing.entitlements import read_holdings, sharing_primary
from licensing.errors import (
    CountNeeded,
    CountNotAllowed,
    CountOutOfRange,
    GrantAlreadyOver,
    KeysetOlder,
    KeysetUnknown,
    LicensedAlready,
    NotRegistered,
    PartsGivenOut,
    TrialNotOffered,
    TrialOver,
)
from licensing.keyset import UNLIMITED
from licensing.models import Keyset, KeysetHead, LedgerEntry, Licence, Service, TrialStart
from licensing.terms import LARGEST_COUNT
from portal import audit
from portal.errors import ReasonNeeded
from portal.models import Account, User
from products.errors import UnitRetired
from products.models import Registration, Unit

TRIAL_TERM = datetime.timedelta(days=30)
TRIAL_COUNT = 5
"""For how many the trial of a counted service is: the source doesn't say."""


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
    NotRegistered and PartsGivenOut.
    """
    _check_grant(service, count, expires_on, reason, today)
    registration = live_registration(unit)
    check_given(Licence.objects.filter(registration=registration, service=service).first(), count)
    with ledger.noted([registration], right=LedgerEntry.Right.GRANT, by=by, reason=reason):
        licence, _ = Licence.objects.update_or_create(
            registration=registration,
            service=service,
            defaults={"kind": Licence.Kind.LICENSED, "count": count, "expires_on": expires_on},
        )
    _record("licence-granted", licence, by=by, reason=reason)
    return licence


@transaction.atomic
def start_trial(*, registration: Registration, service: Service, by: User, today: datetime.date) -> Licence:
    """Begin the free trial of a service on a unit: 30 days, once per unit and service for ever (L5).

    Raises UnitRetired, NotRegistered, TrialNotOffered, LicensedAlready and TrialOver.
    """
    registration = live_registration(registration.unit, account=registration.account)
    check_trial(registration=registration, service=service, today=today)
    _, is_first = TrialStart.objects.get_or_create(unit=registration.unit, service=service)
    if not is_first:
        raise TrialOver(service=service)
    with ledger.noted([registration], right=LedgerEntry.Right.TRIAL, by=by):
        licence = Licence.objects.create(
            registration=registration,
            service=service,
            kind=Licence.Kind.TRIAL,
            count=TRIAL_COUNT if service.is_counted else None,
            expires_on=today + TRIAL_TERM,
        )
    _record("trial-started", licence, by=by)
    return licence


def check_trial(*, registration: Registration, service: Service, today: datetime.date) -> None:
    """Raise TrialNotOffered, TrialOver or LicensedAlready where a unit can't begin a trial of a service."""
    if not service.is_trial_offered:
        raise TrialNotOffered(service=service)
    if TrialStart.objects.filter(unit=registration.unit_id, service=service).exists():
        raise TrialOver(service=service)
    primary = sharing_primary(registration)
    shared = read_holdings([registration, *([primary] if primary else [])])
    held = shared.entitlement(registration, primary, service, today)
    is_live = held.right is not None and not held.is_expired(today)
    if is_live or Licence.objects.filter(registration=registration, service=service).exists():
        raise LicensedAlready(service=service)


@transaction.atomic
def confirm_applied(*, registration: Registration, generation: int, by: User) -> Keyset:
    """Note that somebody has put a keyset on the appliance: readiness asks what each unit runs (F1).

    Raises UnitRetired, NotRegistered, KeysetUnknown and KeysetOlder.
    """
    unit = live_registration(registration.unit, account=registration.account).unit
    keyset = Keyset.objects.filter(unit=unit, generation=generation).first()
    if keyset is None:
        raise KeysetUnknown(generation=generation)
    newer = KeysetHead.objects.filter(unit=unit, applied__generation__gt=generation)
    if (head := newer.select_related("applied").first()) and head.applied:
        raise KeysetOlder(present=head.applied.generation)
    KeysetHead.objects.filter(unit=unit).update(applied=keyset, applied_at=timezone.now(), applied_by=by)
    data: dict[str, object] = {"generation": generation}
    audit.record("keyset-applied", by=by, account=registration.account, serials=[unit.serial], data=data)
    return keyset


def live_registration(unit: Unit, *, account: Account | None = None) -> Registration:
    """Lock a unit and return its registration as it is now. Raises UnitRetired and NotRegistered.

    With `account` another owner's registration is as if it weren't there.
    """
    (unit,) = Unit.objects.locked([unit.pk])
    if unit.retired_at:
        raise UnitRetired(serial=unit.serial, day=f"{unit.retired_at:%d %b %Y}")
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


def _record(code: str, licence: Licence, *, by: User | None, reason: str = "") -> None:
    """Write the audit entry of a change to a licence, and let its unit's keyset follow."""
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
