"""Sharing out a licence's count: a pool is one licence's count and term, divided among an account's units.

Counts move; they are neither created nor lost. What isn't given away belongs to the licence's own unit.
"""

import datetime
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, QuerySet, Sum

from licensing.acts import PartMove, Record
from licensing.audit_codes import AuditCode
from licensing.errors import LicencesChanged, NotDivisible, NotEnough, SameUnit
from licensing.guards import lock_live
from licensing.keyset import UNLIMITED
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence, PoolPart, Service
from portal import acts, audit
from portal.models import Act, User
from products.models import Registration, Unit


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a pool one unit has."""

    registration: Registration
    count: int
    is_owner: bool


@dataclass(frozen=True, slots=True)
class Pool:
    """One licence whose count is or can be shared out, and who has how much of it: first its own unit."""

    licence: Licence
    shares: list[Share]

    @property
    def fingerprint(self) -> str:
        """A text that changes with who has how much of it, to compare with what a page showed."""
        held = sorted(f"{share.registration.unit.serial}:{share.count}" for share in self.shares)
        return " ".join([str(self.licence.uuid), *held])


def read_pool(licence: Licence) -> Pool | None:
    """A licence that can be shared out, or whose parts can be returned; None if it is neither."""
    return next(iter(_pools(Licence.objects.filter(pk=licence.pk))), None)


def read_pools(registration: Registration, service: Service, today: datetime.date) -> list[Pool]:
    """A unit's own licences of a service that are or can be shared out, the one that ends last leading.

    If one can't be shared out any more (because it became Unlimited, say), parts can still be returned. What
    has ended is left out where something hasn't, unless others have parts of it.
    """
    found = Licence.objects.filter(registration=registration, service=service)
    pools = _pools(found.order_by(F("expires_on").desc(nulls_first=True), "begins_on", "pk"))
    return [pool for pool in pools if len(pool.shares) > 1 or not pool.licence.is_expired(today)] or pools


def _pools(licences: QuerySet[Licence]) -> list[Pool]:
    """Those of some licences that are or can be shared out. Two queries, however many there are."""
    found = list(licences.select_related("service", "registration__unit__model"))
    parts: dict[int, list[Share]] = {}
    held = PoolPart.objects.filter(licence__in=found).select_related("registration__unit__model")
    for part in held.order_by("pk"):
        parts.setdefault(part.licence_id, []).append(Share(part.registration, part.count, is_owner=False))
    pools = []
    for licence in found:
        given = parts.get(licence.pk, [])
        if given or is_divisible(licence, licence.service):
            rest = max((licence.count or 0) - sum(share.count for share in given), 0)
            pools.append(Pool(licence, [Share(licence.registration, rest, is_owner=True), *given]))
    return pools


def is_divisible(licence: Licence, service: Service) -> bool:
    """Whether a licence of a service has a count and that can be shared out."""
    is_number = licence.count is not None and licence.count != UNLIMITED
    return service.is_divisible and is_number and licence.kind == Licence.Kind.LICENSED


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

    Counts never move between licences. `seen` is the `fingerprint` of the pool that a page showed. Raises
    SameUnit, NotDivisible, NotEnough, UnitRetired and NotRegistered, and LicencesChanged if the pool has
    changed since.
    """
    if source.pk == target.pk:
        raise SameUnit
    owner = licence.registration
    concerned = (owner, source, target)
    lock_live(concerned, owner.account_id)
    present = Licence.objects.select_related("service").filter(pk=licence.pk, registration=owner).first()
    is_return = target.pk == owner.pk  # always possible: the licence may have become Unlimited since
    if present is None or not (is_return or is_divisible(present, present.service)):
        raise NotDivisible(service=licence.service)
    pool = read_pool(present)
    if seen is not None and pool and seen != pool.fingerprint:
        raise LicencesChanged
    with ledger.noted([owner], right=LedgerEntry.Right.POOL, by=by):
        _take(present, source, count)
        _give(present, target, count)
    Unit.objects.filter(pk__in=[source.unit_id, target.unit_id]).raise_version()
    data: dict[str, object] = {
        "service": present.service.code,
        "count": count,
        "pool": owner.unit.serial,
        "from": source.unit.serial,
        "to": target.unit.serial,
        "on": today.isoformat(),
    }
    serials = sorted({r.unit.serial for r in concerned})
    action = audit.record(AuditCode.COUNTS_MOVED, by=by, account=owner.account, serials=serials, data=data)
    origin, goal = (None if unit.pk == owner.pk else unit.pk for unit in (source, target))
    moved = PartMove(present.uuid, origin, goal, count)
    record = Record(gained=(target.pk,), parts=(moved,)).to_json()
    acts.note(Act.Kind.COUNTS, action=action, account=owner.account, by=by, record=record)


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
