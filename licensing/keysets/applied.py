"""Which keyset an appliance runs, as people confirm it: readiness depends on it (rule F1)."""

from django.db import transaction
from django.utils import timezone

from licensing.audit_codes import AuditCode
from licensing.errors import (
    KeysetOlder,
    KeysetUnknown,
)
from licensing.guards import live_registration
from licensing.models import Keyset, KeysetHead
from portal import audit
from portal.models import User
from products.models import Registration


@transaction.atomic
def confirm_applied(*, registration: Registration, generation: int, by: User) -> Keyset:
    """Record that somebody has applied a keyset to the appliance, for readiness (F1).

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
    audit.record(
        AuditCode.KEYSET_APPLIED, by=by, account=registration.account, serials=[unit.serial], data=data
    )
    return keyset
