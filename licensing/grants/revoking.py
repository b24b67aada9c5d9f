"""A lead revokes a licence that a unit shouldn't have."""

import datetime

from django.db import transaction

from licensing.audit_codes import AuditCode
from licensing.errors import NoLicence
from licensing.guards import check_no_parts, live_registration
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence
from portal import audit
from portal.models import User
from products.models import Unit


@transaction.atomic
def revoke_licence(*, licence: Licence, reason: str, by: User, today: datetime.date) -> None:
    """Revoke one licence or trial of a unit. What its model comes with and what it shares stays.

    Raises ReasonNeeded, UnitRetired, NotRegistered, NoLicence, and PartsElsewhere if other units hold parts
    of it.
    """
    licence = _lock_licence(licence, reason)
    check_no_parts([licence])
    revoked = ledger.licence_value(licence)
    with ledger.noted([licence.registration], right=LedgerEntry.Right.REVOKE, by=by, reason=reason):
        Licence.objects.filter(pk=licence.pk).delete()
    data: dict[str, object] = {"licence": revoked, "on": today.isoformat()}
    _record(AuditCode.LICENCE_REVOKED, licence, data, by=by, reason=reason)


def _lock_licence(licence: Licence, reason: str) -> Licence:
    """Lock a licence's unit and return the licence as it is now, if it is still that unit's."""
    audit.require_reason(reason)
    registration = licence.registration
    present = live_registration(registration.unit, account=registration.account)
    licences = Licence.objects.select_related("service", "registration__account", "registration__unit")
    found = licences.filter(uuid=licence.uuid, registration=present).first()
    if found is None:
        raise NoLicence(serial=present.unit.serial, service=licence.service)
    return found


def _record(code: AuditCode, licence: Licence, data: dict[str, object], *, by: User, reason: str) -> None:
    """Write the audit entry of a change to a licence, and make the keysets stale that depend on it."""
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
