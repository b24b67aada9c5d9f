"""A lead moves one licence from one unit of an account to another, as a correction (L7)."""

import datetime

from django.db import transaction
from django.db.models import Q

from associations.errors import NotOneAccount
from licensing.acts import LicenceMove
from licensing.audit_codes import AuditCode
from licensing.errors import LicencesChanged, NoLicence, NotTransferable, SameUnit
from licensing.guards import lock_live
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence, PoolPart
from licensing.moves.exchange import move_licences, settle_parts, share_trials
from portal import audit
from portal.models import User
from products.models import Registration, Unit


@transaction.atomic
def move_licence(
    *, licence: Licence, to: Registration, reason: str, by: User, today: datetime.date
) -> Licence:
    """Move one licence to another unit of its account; it stays the licence that it is, parts included.

    The part that the other unit has of it returns to it. Each unit then counts as having had the other's free
    trials (L5). Raises ReasonNeeded, SameUnit, NotOneAccount, NotTransferable, UnitRetired, NotRegistered,
    NoLicence if the licence has left its unit, and LicencesChanged.
    """
    audit.require_reason(reason)
    source = licence.registration
    check_move(licence, to)
    parts = PoolPart.objects.filter(licence__uuid=licence.uuid)
    holders = parts.values_list("registration__unit", flat=True)
    concerned = {source.unit_id, to.unit_id, *holders.all()}
    lock_live([source, to], source.account_id, also=concerned)
    present = Licence.objects.select_related("service").filter(uuid=licence.uuid, registration=source).first()
    if present is None:
        raise NoLicence(serial=source.unit.serial, service=licence.service)
    if not concerned.issuperset(holders.all()):  # counts were shared out before the locks were held
        raise LicencesChanged
    from_whom = source.unit.serial
    with ledger.noted([source, to], right=LedgerEntry.Right.MOVE, by=by, reason=reason, detail=from_whom):
        move_licences([LicenceMove(present.uuid, source.pk, to.pk)])
        settle_parts(Q(licence=present))
    share_trials(source.unit, to.unit)
    Unit.objects.filter(pk__in=concerned).raise_version()
    data: dict[str, object] = {"service": present.service.code, "licence": ledger.licence_value(present)}
    data |= {"from": from_whom, "to": to.unit.serial, "on": today.isoformat()}
    audit.record(
        AuditCode.LICENCE_MOVED,
        by=by,
        account=source.account,
        serials=[from_whom, to.unit.serial],
        reason=reason,
        data=data,
    )
    present.registration = to
    return present


def check_move(licence: Licence, to: Registration) -> None:
    """Raise SameUnit, NotOneAccount or NotTransferable if a licence can't go to a unit."""
    source = licence.registration
    if to.pk == source.pk:
        raise SameUnit(field="serial_number")
    if to.account_id != source.account_id:
        raise NotOneAccount
    if not licence.service.is_transferable:
        raise NotTransferable(service=licence.service)
