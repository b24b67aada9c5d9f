"""A lead extends a licence that ends too soon."""

import datetime

from django.db import transaction

from licensing.audit_codes import AuditCode
from licensing.errors import GrantAlreadyOver, NotLater, TrialNotExtended
from licensing.grants.revoking import _lock_licence, _record
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence, Service
from licensing.wording import end_in_words
from portal.days import check_last_day
from portal.models import User
from products.models import Registration


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
    """Extend a unit's own licence to a later day (None: without end), and the parts that others have of it.

    Raises ReasonNeeded, UnitRetired, NotRegistered, NoLicence, TrialNotExtended, NotLater, GrantAlreadyOver
    and DayTooLate.
    """
    licence = _lock_licence(registration, service, reason)
    if licence.kind == Licence.Kind.TRIAL:
        raise TrialNotExtended(service=service)
    last_day = licence.expires_on
    if last_day is None or (expires_on and expires_on <= last_day):
        raise NotLater(service=service, until=end_in_words(last_day))
    if expires_on and expires_on < today:
        raise GrantAlreadyOver(day=expires_on)
    check_last_day(expires_on)
    with ledger.noted([licence.registration], right=LedgerEntry.Right.GRANT, by=by, reason=reason):
        Licence.objects.filter(pk=licence.pk).update(expires_on=expires_on)
    licence.expires_on = expires_on
    data: dict[str, object] = {"before": last_day.isoformat(), "licence": ledger.licence_value(licence)}
    _record(AuditCode.LICENCE_EXTENDED, licence, data, by=by, reason=reason)
    return licence
