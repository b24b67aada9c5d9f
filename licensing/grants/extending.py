"""A lead extends a licence that ends too soon."""

import datetime

from django.db import transaction

from licensing.audit_codes import AuditCode
from licensing.errors import GrantAlreadyOver, NotLater, TrialNotExtended
from licensing.grants.revoking import _lock_licence, _record
from licensing.guards import check_endless
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence
from licensing.wording import end_in_words
from portal.days import check_last_day
from portal.models import User


@transaction.atomic
def extend_licence(
    *,
    licence: Licence,
    expires_on: datetime.date | None,
    reason: str,
    by: User,
    today: datetime.date,
) -> Licence:
    """Extend one licence of a unit to a later day (None: without end), and the parts that others have of it.

    Later months are counted from that day. Raises ReasonNeeded, UnitRetired, NotRegistered, NoLicence,
    TrialNotExtended, NodesForEver, NotLater, GrantAlreadyOver and DayTooLate.
    """
    licence = _lock_licence(licence, reason)
    service, last_day = licence.service, licence.expires_on
    if licence.kind == Licence.Kind.TRIAL:
        raise TrialNotExtended(service=service)
    check_endless(service, has_end=expires_on is not None)
    if last_day is None or (expires_on and expires_on <= last_day):
        raise NotLater(service=service, until=end_in_words(last_day))
    if expires_on and expires_on < today:
        raise GrantAlreadyOver(day=expires_on)
    check_last_day(expires_on)
    with ledger.noted([licence.registration], right=LedgerEntry.Right.GRANT, by=by, reason=reason):
        licence.expires_on = expires_on
        licence.counted_from = expires_on.day if expires_on else licence.counted_from
        licence.save(update_fields=["expires_on", "counted_from"])
    data: dict[str, object] = {"before": last_day.isoformat(), "licence": ledger.licence_value(licence)}
    _record(AuditCode.LICENCE_EXTENDED, licence, data, by=by, reason=reason)
    return licence
