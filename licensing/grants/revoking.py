"""What Support puts right on one unit: a licence that it shouldn't have, one that ends too soon, its keyset.

Each is a lead's act, with its reason. What is granted anew goes through `licensing.grants.giving`.
"""

import datetime

from django.db import transaction
from django.db.models import F

from licensing.errors import GrantAlreadyOver, NoLicence, NotLater, PartsElsewhere, TrialNotExtended
from licensing.grants.giving import live_registration
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence, Service
from portal import audit
from portal.days import check_last_day
from portal.errors import ReasonNeeded
from portal.models import User
from products.models import Registration, Unit


@transaction.atomic
def revoke_licence(
    *, registration: Registration, service: Service, reason: str, by: User, today: datetime.date
) -> None:
    """Take a unit's own licence for a service away, a trial too; its model's and shared ones are no licences.

    Parts of it that other units hold stand in the way. Raises ReasonNeeded, UnitRetired, NotRegistered,
    NoLicence and PartsElsewhere.
    """
    licence = _lock_licence(registration, service, reason)
    check_no_parts([licence])
    revoked = ledger.licence_value(licence)
    with ledger.noted([licence.registration], right=LedgerEntry.Right.REVOKE, by=by, reason=reason):
        Licence.objects.filter(pk=licence.pk).delete()
    data: dict[str, object] = {"licence": revoked, "on": today.isoformat()}
    _record("licence-revoked", licence, data, by=by, reason=reason)


@transaction.atomic
def extend_licence(
    *,
    registration: Registration,
    service: Service,
    expires_on: datetime.date | None,
    reason: str,
    by: User,
    today: datetime.date,
) -> Licence:
    """Let a unit's own licence run to a later day (none: for ever), with the parts that others have of it.

    Raises ReasonNeeded, UnitRetired, NotRegistered, NoLicence, TrialNotExtended, NotLater, GrantAlreadyOver
    and DayTooLate.
    """
    licence = _lock_licence(registration, service, reason)
    if licence.kind == Licence.Kind.TRIAL:
        raise TrialNotExtended(service=service)
    last_day = licence.expires_on
    if last_day is None or (expires_on and expires_on <= last_day):
        raise NotLater(service=service, until=f"until {last_day:%d %b %Y}" if last_day else "for ever")
    if expires_on and expires_on < today:
        raise GrantAlreadyOver(day=f"{expires_on:%d %b %Y}")
    check_last_day(expires_on)
    with ledger.noted([licence.registration], right=LedgerEntry.Right.GRANT, by=by, reason=reason):
        Licence.objects.filter(pk=licence.pk).update(expires_on=expires_on)
    licence.expires_on = expires_on
    data: dict[str, object] = {"before": last_day.isoformat(), "licence": ledger.licence_value(licence)}
    _record("licence-extended", licence, data, by=by, reason=reason)
    return licence


@transaction.atomic
def reissue_keyset(*, registration: Registration, reason: str, by: User) -> None:
    """Let the next reader of a unit's keyset get a new generation, whatever it says (K2, K3).

    Raises ReasonNeeded, UnitRetired and NotRegistered.
    """
    if not reason.strip():
        raise ReasonNeeded
    present = live_registration(registration.unit, account=registration.account)
    unit = present.unit
    Unit.objects.filter(pk=unit.pk).update(last_generation=F("last_generation") + 1)
    data: dict[str, object] = {"generation": unit.last_generation}
    audit.record(
        "keyset-reissued", by=by, account=present.account, serials=[unit.serial], reason=reason, data=data
    )


def check_no_parts(licences: list[Licence]) -> None:
    """Raise PartsElsewhere where other units hold parts of one of these licences."""
    for licence in licences:
        if given := sum(licence.parts.values_list("count", flat=True)):
            raise PartsElsewhere(given=given, service=licence.service)


def _lock_licence(registration: Registration, service: Service, reason: str) -> Licence:
    """Lock a unit and return its own licence for a service as it is now."""
    if not reason.strip():
        raise ReasonNeeded
    present = live_registration(registration.unit, account=registration.account)
    licences = Licence.objects.select_related("service", "registration__account", "registration__unit")
    licence = licences.filter(registration=present, service=service).first()
    if licence is None:
        raise NoLicence(serial=present.unit.serial, service=service)
    return licence


def _record(code: str, licence: Licence, data: dict[str, object], *, by: User, reason: str) -> None:
    """Write the audit entry of a change to a licence, and let the keysets follow that rest on it."""
    registration = licence.registration
    Unit.objects.filter(pk=registration.unit_id).raise_version()
    audit.record(
        code,
        by=by,
        account=registration.account,
        serials=[registration.unit.serial],
        reason=reason,
        data={"service": licence.service.code, **data},
    )
