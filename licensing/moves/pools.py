"""Sharing out a licence's count: a pool is one licence's count and term, divided among an account's units.

Counts move; they are neither created nor lost. What isn't given away belongs to the licence's own unit.
"""

import datetime
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from licensing.acts import PartMove, Record
from licensing.audit_codes import AuditCode
from licensing.errors import LicencesChanged, NotDivisible, NotEnough, NotRegistered, SameUnit
from licensing.keyset import UNLIMITED
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence, PoolPart, Service
from portal import acts, audit
from portal.models import Act, User
from products.errors import UnitRetired
from products.models import Registration, Unit


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a pool one unit has."""

    registration: Registration
    count: int
    is_owner: bool


def read_pool(registration: Registration, service: Service) -> tuple[Licence, list[Share]] | None:
    """A unit's licence that can be shared out, with who has how much of it; None if there is none.

    If it can't be shared out any more (because it became Unlimited, say), parts can still be returned.
    """
    licence = Licence.objects.filter(registration=registration, service=service).first()
    if licence is None:
        return None
    parts = licence.parts.select_related("registration__unit__model").order_by("pk")
    given = [Share(part.registration, part.count, is_owner=False) for part in parts]
    if not given and not is_divisible(licence):
        return None
    rest = max((licence.count or 0) - sum(share.count for share in given), 0)
    return licence, [Share(registration, rest, is_owner=True), *given]


def fingerprint(shares: list[Share]) -> str:
    """A text that changes with who has how much of a pool, to compare with what a page showed."""
    return " ".join(sorted(f"{share.registration.unit.serial}:{share.count}" for share in shares))


def is_divisible(licence: Licence) -> bool:
    """Whether a licence has a count and its service can be shared out."""
    is_number = licence.count is not None and licence.count != UNLIMITED
    return licence.service.is_divisible and is_number and licence.kind == Licence.Kind.LICENSED


@transaction.atomic
def move_counts(
    *,
    licence: Licence,
    source: Registration,
    target: Registration,
    count: int,
    by: User,
    today: datetime.date,
    seen: str | None = None,
) -> None:
    """Move counts of a licence from one unit of its account to another; either may be the licence's own unit.

    `seen` is the `fingerprint` of the pool that a page showed. Raises SameUnit, NotDivisible, NotEnough,
    UnitRetired and NotRegistered, and LicencesChanged if the pool has changed since.
    """
    if source.pk == target.pk:
        raise SameUnit
    owner = licence.registration
    units = {unit.pk: unit for unit in Unit.objects.locked({r.unit_id for r in (owner, source, target)})}
    _check_units(owner, source, target, units)
    present = Licence.objects.select_related("service").filter(pk=licence.pk, registration=owner).first()
    is_return = target.pk == owner.pk  # always possible: the licence may have become Unlimited since
    if present is None or not (is_return or is_divisible(present)):
        raise NotDivisible(service=licence.service)
    pool = read_pool(owner, present.service)
    if seen is not None and pool and seen != fingerprint(pool[1]):
        raise LicencesChanged
    with ledger.noted([owner], right=LedgerEntry.Right.POOL, by=by):
        _take(present, source, count)
        _give(present, target, count)
    Unit.objects.filter(pk__in=[source.unit_id, target.unit_id]).raise_version()
    Unit.objects.filter(pk__in=units).update(counts_moved_at=timezone.now())
    data: dict[str, object] = {
        "service": present.service.code,
        "count": count,
        "pool": owner.unit.serial,
        "from": source.unit.serial,
        "to": target.unit.serial,
        "on": today.isoformat(),
    }
    serials = sorted({r.unit.serial for r in (owner, source, target)})
    action = audit.record(AuditCode.COUNTS_MOVED, by=by, account=owner.account, serials=serials, data=data)
    origin, goal = (None if unit.pk == owner.pk else unit.pk for unit in (source, target))
    moved = PartMove(present.uuid, origin, goal, count)
    record = Record(gained=(target.pk,), parts=(moved,)).to_json()
    acts.note(Act.Kind.COUNTS, action=action, account=owner.account, by=by, record=record)


def _check_units(
    owner: Registration, source: Registration, target: Registration, units: dict[int, Unit]
) -> None:
    """Check that all are live registrations in the licence's account, and none is retired."""
    pks = {owner.pk, source.pk, target.pk}
    live = set(
        Registration.objects.live().filter(pk__in=pks, account=owner.account_id).values_list("pk", flat=True)
    )
    for registration in (owner, source, target):
        unit = units[registration.unit_id]
        if unit.retired_at:
            raise UnitRetired(unit)
        if registration.pk not in live:
            raise NotRegistered(serial=unit.serial)


def _take(licence: Licence, source: Registration, count: int) -> None:
    """Take counts from a unit; the licence's own unit has what wasn't given away."""
    part = PoolPart.objects.filter(licence=licence, registration=source).first()
    if source.pk == licence.registration_id:
        given = licence.parts.aggregate(given=Sum("count"))["given"] or 0
        available = (licence.count or 0) - given
    else:
        available = part.count if part else 0
    if not 1 <= count <= available:
        raise NotEnough(unit=source.friendly_name, available=available)
    if part and part.count == count:
        part.delete()
    elif part:
        PoolPart.objects.filter(pk=part.pk).update(count=part.count - count)


def _give(licence: Licence, target: Registration, count: int) -> None:
    """Give counts to a unit; the licence's own unit has what no other unit has."""
    if target.pk == licence.registration_id:
        return
    part = PoolPart.objects.filter(licence=licence, registration=target).first()
    PoolPart.objects.update_or_create(
        licence=licence, registration=target, defaults={"count": count + (part.count if part else 0)}
    )
