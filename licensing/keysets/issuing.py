"""Issuing keysets: a unit's current keyset is always true (rules K1 to K3).

A head stores the versions from which a keyset was derived. Writers raise only the version of the unit that
they change; the reader compares the versions and, if one has changed, derives the keyset again.
"""

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Coalesce
from django.utils import timezone

from associations.models import Seat, Side
from licensing.audit_codes import AuditCode
from licensing.entitlements.timeline import ONE_DAY
from licensing.entitlements.today import (
    NODES_CODE,
    Entitlement,
    Grace,
    entitlements,
    keeps,
    named_primary,
    node_count,
    read_graces,
    sharing_primary,
)
from licensing.guards import live_registration
from licensing.keyset import Kind, Payload, Shortened, read, shorten, sign
from licensing.keyset import Service as KeysetService
from licensing.keysets.signing import active_signer
from licensing.models import (
    CatalogueState,
    Keyset,
    KeysetHead,
    Licence,
    PoolPart,
    RmaCase,
)
from portal import audit
from portal.days import day_after
from portal.models import User
from products.errors import UnitRetired
from products.models import Registration, Unit

BATCH = 10_000
KEPT = 2**40
_KINDS: dict[str, Kind] = {Licence.Kind.LICENSED: Kind.LICENSED, Licence.Kind.TRIAL: Kind.TRIAL}


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of everything that a unit's keyset depends on, from one query."""

    unit: int
    source: int | None
    source_version: int | None
    pools: int
    catalogue: int


def read_keyset(*, registration: Registration, today: datetime.date) -> Keyset:
    """Return a unit's current keyset, issuing it if needed, and record that it was read.

    Raises UnitRetired (K3), NoActiveKey, KeyMissing and KeyFileUnknown.
    """
    _refuse_retired(registration.unit)
    keyset = _current(registration, today)
    while keyset is None:
        keyset = _issue(registration, today)
    if keyset.first_read_at is None:
        keyset.first_read_at = timezone.now()
        Keyset.objects.filter(pk=keyset.pk, first_read_at=None).update(first_read_at=keyset.first_read_at)
    return keyset


def _current(registration: Registration, today: datetime.date) -> Keyset | None:
    """The keyset at the unit's head, if nothing that it was derived from has changed."""
    head = current_heads(today).filter(unit=registration.unit_id).select_related("keyset").first()
    return head.keyset if head else None


def current_heads(today: datetime.date) -> QuerySet[KeysetHead]:
    """The heads with current keysets: nothing that they were derived from has changed."""
    return (
        KeysetHead.objects.filter(version=F("unit__version"))
        .filter(keyset__generation=F("unit__last_generation"))
        .filter(Q(source=None) | Q(source_version=F("source__version")))
        .filter(pools=_other_versions(OuterRef("unit"), OuterRef("source")))
        .filter(catalogue=_catalogue_version())
        .filter(Q(recheck_on=None) | Q(recheck_on__gt=today))
    )


def _issue(registration: Registration, today: datetime.date) -> Keyset | None:
    """Derive the keyset and make it the unit's newest. None: a version changed meanwhile, so start over."""
    before = read_versions(registration)
    content, recheck_on = _derive(registration, today)
    with transaction.atomic():
        (unit,) = Unit.objects.locked([registration.unit_id])
        _refuse_retired(unit)
        after = read_versions(registration)
        if after != before:
            return None
        keyset = Keyset.objects.filter(unit=unit, generation=unit.last_generation).first()
        if keyset is None or not says(keyset, content, today):
            keyset = _sign(unit, content)
        KeysetHead.objects.update_or_create(
            unit=unit,
            defaults={
                "keyset": keyset,
                "version": after.unit,
                "source_id": after.source,
                "source_version": after.source_version,
                "pools": after.pools,
                "catalogue": after.catalogue,
                "recheck_on": recheck_on,
            },
        )
        return keyset


def _refuse_retired(unit: Unit) -> None:
    if unit.retired_at:
        raise UnitRetired(unit)


def raise_generations(*, by_how_many: int, by: User | None, progress: Callable[[int, int], None]) -> int:
    """Raise every unit's generation, so that none issued before repeats (K2); return the number of units.

    For a database restored from a backup, which doesn't know what was issued since. The next reader of each
    unit gets a new keyset. Each batch is a transaction of its own: after an interruption, run it again.
    `progress` gets the position and the end, both as primary keys.
    """
    last = Unit.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    total = 0
    for start in range(0, last + 1, BATCH):
        with transaction.atomic():
            batch = Unit.objects.filter(pk__gte=start, pk__lt=start + BATCH)
            total += batch.update(last_generation=F("last_generation") + by_how_many)
        progress(min(start + BATCH, last), last)
    audit.record(AuditCode.GENERATIONS_RAISED, by=by, data={"by": by_how_many, "units": total})
    return total


def read_versions(registration: Registration) -> Versions:
    """Read the versions of the unit, of the unit whose licences it shares, and of the catalogue."""
    sharing = Seat.objects.live().filter(registration=OuterRef(OuterRef("pk")), shares=True).values("group")
    source = Seat.objects.live().filter(side=Side.PARENT, group__in=sharing)
    row = (
        Registration.objects.filter(pk=registration.pk)
        .annotate(
            source_id=Subquery(source.values("registration__unit")),
            source_version=Subquery(source.values("registration__unit__version")),
        )
        .annotate(
            pool_versions=_other_versions(OuterRef("unit"), OuterRef("source_id")),
            catalogue_version=_catalogue_version(),
        )
        .values_list("unit__version", "source_id", "source_version", "pool_versions", "catalogue_version")
        .get()
    )
    return Versions(*row)


def _other_versions(unit: OuterRef, source: OuterRef) -> CombinedExpression:
    """The sum of the versions of the other units that a keyset depends on.

    These are the owners of licences of which the unit, or the one whose licences it shares, has parts; and
    the failed unit whose rights it keeps, with the owners of that one's parts (X3). Versions only rise, and
    a change of the set itself raises the unit's own version, so the sum shows any change. There is one
    exception: a unit that becomes a primary loses the rights it kept, and no version rises. So each kept
    right adds a number larger than any version.
    """
    parts = PoolPart.objects.filter(registration__ended_at=None)
    kept = RmaCase.objects.filter(keeps(), secondary__unit=unit)
    failed = RmaCase.objects.filter(keeps(), secondary__unit=OuterRef(unit)).values("failed")
    pool = "licence__registration__unit__version"
    return (
        _total(parts.filter(registration__unit=unit), pool)
        + _total(parts.filter(registration__unit=source), pool)
        + _total(parts.filter(registration__in=failed), pool)
        + _total(kept, F("failed__unit__version") + KEPT)
    )


def _total(rows: QuerySet[Any], summand: str | CombinedExpression) -> Coalesce:
    summed = rows.order_by().values(one=Value(1)).annotate(total=Sum(summand))
    return Coalesce(Subquery(summed.values("total")), 0)


def _catalogue_version() -> Coalesce:
    return Coalesce(Subquery(CatalogueState.objects.values("version")), 0)


def _derive(registration: Registration, today: datetime.date) -> tuple[Payload, datetime.date | None]:
    """What the unit's keyset must say, and the day on which to derive it again."""
    primary, grace = sharing_primary(registration), read_graces([registration]).get(registration.pk)
    held = entitlements(registration, source=primary, today=today)
    content = content_of(registration, named_primary(primary, grace, today), held, today)
    rechecks = (day for day in _rechecks(held, grace, today) if day)
    return content, min(rechecks, default=None)


def _rechecks(
    held: list[Entitlement], grace: Grace | None, today: datetime.date
) -> Iterator[datetime.date | None]:
    """The days from which a keyset of today isn't true any more, because time has passed (K2)."""
    if grace and grace.ends_on >= today:
        yield day_after(grace.ends_on)
    if left_out_from := _rows(held, today).left_out_from:  # its rows had no room: issued a day before
        yield max(left_out_from - ONE_DAY, today + ONE_DAY)
    for nodes in (e for e in held if e.service.code == NODES_CODE):  # a node count has no days
        yield from (span.first_day for span in nodes.then)
        if nodes.expires_on and not nodes.is_expired(today):
            yield day_after(nodes.expires_on)


def content_of(
    registration: Registration, source: Registration | None, held: Iterable[Entitlement], today: datetime.date
) -> Payload:
    """What a unit's keyset says of its entitlements from today on (K1, K2). Generation and moment are 0."""
    held = list(held)
    return Payload(
        serial=registration.unit.serial,
        generation=0,
        issued=0,
        model=registration.unit.model.code,
        nodes=node_count(held, today),
        services=_rows(held, today).services,
        primary=source.unit.serial if source else None,
    )


def _rows(held: Iterable[Entitlement], today: datetime.date) -> Shortened:
    """The rows of what runs or ended last, and of what follows."""
    rows = []
    for entitlement in held:
        code = entitlement.service.code
        if code == NODES_CODE:
            continue
        if entitlement.right is not None:
            kind = _KINDS[entitlement.kind]
            rows.append(KeysetService(code, kind, entitlement.count, entitlement.expires_on))
        for holding in (span.holding for span in entitlement.then):
            kind = _KINDS[holding.kind]
            rows.append(KeysetService(code, kind, holding.count, holding.expires_on, holding.begins_on))
    return shorten(rows, today)


def says(keyset: Keyset, content: Payload, today: datetime.date) -> bool:
    """Whether an issued keyset says exactly this of today and every later day."""
    issued = read(keyset.text)
    services = shorten(issued.services, today).services
    return replace(issued, generation=0, issued=0, services=services) == content


def _sign(unit: Unit, content: Payload) -> Keyset:
    """Issue the unit's next generation; callers have locked the unit."""
    generation, now = unit.last_generation + 1, timezone.now()
    issued = int(now.timestamp())
    if any(row.begin and row.begin <= now.date() for row in content.services):  # midnight passed since
        content = replace(content, services=shorten(content.services, now.date()).services)
    text = sign(replace(content, generation=generation, issued=issued), active_signer())
    Unit.objects.filter(pk=unit.pk).update(last_generation=generation)
    return Keyset.objects.create(unit=unit, generation=generation, issued=issued, text=text)


@transaction.atomic
def reissue_keyset(*, registration: Registration, reason: str, by: User) -> None:
    """Make the next reader of a unit's keyset get a new generation, whatever it says (K2, K3).

    Raises ReasonNeeded, UnitRetired and NotRegistered.
    """
    audit.require_reason(reason)
    present = live_registration(registration.unit, account=registration.account)
    unit = present.unit
    Unit.objects.filter(pk=unit.pk).update(last_generation=F("last_generation") + 1)
    data: dict[str, object] = {"generation": unit.last_generation}
    audit.record(
        AuditCode.KEYSET_REISSUED,
        by=by,
        account=present.account,
        serials=[unit.serial],
        reason=reason,
        data=data,
    )
