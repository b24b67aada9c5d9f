"""Queries about licences for pages."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import BigIntegerField, Case, Exists, F, IntegerField, Max, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce

from associations.models import Seat, Side
from licensing.activation.terms import Verb
from licensing.entitlements.timeline import Right
from licensing.entitlements.today import Entitlement, entitlements, node_count, read_holdings
from licensing.keyset import UNLIMITED, Status
from licensing.models import (
    LARGEST_COUNT,
    Keyset,
    KeysetHead,
    LedgerEntry,
    Licence,
    PoolPart,
    Service,
    TrialStart,
)
from licensing.moves.pools import is_divisible
from licensing.wording import count_in_words, entitlement_in_words, how_in_words
from portal.models import Account
from products.models import Registration

SOON = datetime.timedelta(days=30)
MOST_SHOWN = 20
MOST_COUNTED = 1000
SIZE = Case(
    When(count=UNLIMITED, then=LARGEST_COUNT + 1),
    default=Coalesce("count", 0),
    output_field=BigIntegerField(),
)
"""A licence's count as a column to compare: Unlimited is the largest."""


class _Counted(Subquery):
    """The number of rows of a query, as a column of another query."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"


@dataclass(frozen=True, slots=True)
class Expiring:
    """Licences that end soon, and how many more there are: at most MOST_COUNTED + 1."""

    rows: Sequence[Licence]
    more: int

    @property
    def more_text(self) -> str:
        """How many more, as people read it: 17, or 1,000+."""
        return f"{MOST_COUNTED:,}+" if self.more > MOST_COUNTED else f"{self.more:,}"


def expiring_soon(account: Account, today: datetime.date) -> Expiring:
    """The account's licences that end within 30 days, soonest first; then those that ended in the last 30,
    latest first. One after which the unit has at least as much without a gap is none of them. At most 20, in
    one query.
    """
    found = (
        Licence.objects.annotate(size=SIZE)
        .filter(
            registration__account=account,
            registration__ended_at=None,
            expires_on__range=(today - SOON, today + SOON),
        )
        .exclude(_is_followed())
    )
    counted = found.order_by().values("pk")[: MOST_SHOWN + MOST_COUNTED + 1]
    is_to_end = Q(expires_on__gte=today)
    rows = list(
        found.select_related("service", "registration__unit")
        .annotate(found=_Counted(counted, output_field=IntegerField()))
        .order_by(
            Case(When(is_to_end, then="expires_on")).asc(nulls_last=True), F("expires_on").desc(), "pk"
        )[:MOST_SHOWN]
    )
    return Expiring(rows, more=rows[0].found - len(rows) if rows else 0)


def _is_followed() -> Exists:
    """Whether the unit has a licence of at least that `size` which runs on when another one ends."""
    later = Q(expires_on=None) | Q(expires_on__gt=OuterRef("expires_on"))
    as_good = Q(kind=Licence.Kind.LICENSED) | Q(kind=OuterRef("kind"))
    others = Licence.objects.annotate(size=SIZE).filter(
        later,
        as_good,
        registration=OuterRef("registration"),
        service=OuterRef("service"),
        size__gte=OuterRef("size"),
        begins_on__lte=OuterRef("expires_on") + datetime.timedelta(days=1),
    )
    return Exists(others)


def node_support(held: list[Entitlement], today: datetime.date) -> str:
    """A unit's number of nodes as pages show it, from its entitlements."""
    return count_in_words(node_count(held, today) or None) or "None"


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """How one service of a unit changes when it shares another unit's licences, or nobody's any more.

    `before` and `after` are words.
    """

    service: Service
    before: str
    after: str


def sharing_changes(
    unit: Registration, *, before: Registration | None, after: Registration | None, today: datetime.date
) -> list[ServiceChange]:
    """The services of a unit that change when it shares the licences of `after` instead of `before`."""
    held = entitlements(unit, source=before, today=today)
    to_hold = entitlements(unit, source=after, today=today)
    changes = [
        ServiceChange(old.service, entitlement_in_words(old, today), entitlement_in_words(new, today))
        for old, new in zip(held, to_hold, strict=True)
    ]
    return [change for change in changes if change.before != change.after]


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One row of a unit's services (the source's last table), and what can be done about it.

    `verbs` are the links under Manage Service; `licences` are the unit's own, `given` is how much of them
    other units have, `parts` are its parts of theirs. A shared service is managed on the primary's page.
    `trial_on` is the unit whose free trial is offered: the primary's first, because both run it (L3); None if
    neither has one left.
    """

    entitlement: Entitlement
    status: Status
    licences: list[Licence]
    parts: list[PoolPart]
    given: int
    trial_on: Registration | None
    verbs: list[Verb]

    @property
    def is_shared(self) -> bool:
        """Whether it runs by the primary's licence."""
        return self.entitlement.right == Right.SHARED

    @property
    def is_from_another(self) -> bool:
        """Whether it runs by another unit's licence, the primary's or any."""
        return self.entitlement.right in {Right.SHARED, Right.PART, Right.KEPT}

    @property
    def is_plain(self) -> bool:
        """Whether the row says all about the unit's licences: that it has none, or one, which it shows."""
        shown = {self.entitlement.licence, *(span.holding.licence for span in self.entitlement.then)}
        is_one = len(self.licences) < 2 and all(licence.uuid in shown for licence in self.licences)
        return is_one and not (self.parts or self.given)


def service_rows(
    registration: Registration, primary: Registration | None, today: datetime.date
) -> list[ServiceRow]:
    """Every service of the catalogue for a unit, as its page lists them."""
    units = [*([primary] if primary else []), registration]
    held = read_holdings(units)
    starts = TrialStart.objects.filter(unit__in=[unit.unit_id for unit in units])
    tried = set(starts.values_list("unit", "service"))
    rows = []
    for service in Service.objects.all():
        entitlement = held.entitlement(registration, primary, service, today)
        licences = held.licences.get((registration.pk, service.pk), [])
        included = held.included.get((registration.unit.model_id, service.pk), 0)
        given = sum(held.given.get(licence.pk, 0) for licence in licences)
        triers = units if service.is_shareable else [registration]
        status = entitlement.status(today)
        is_offered = service.is_trial_offered and status in {Status.NOT_LICENSED, Status.EXPIRED}
        left = (
            unit
            for unit in triers
            if (unit.pk, service.pk) not in held.licences and (unit.unit_id, service.pk) not in tried
        )
        verbs = _key_verbs(service, licences, included, today) if service.is_activation_offered else []
        is_pool = given or any(is_divisible(licence, service) for licence in licences)
        rows.append(
            ServiceRow(
                entitlement,
                status,
                licences,
                held.parts.get((registration.pk, service.pk), []),
                given,
                trial_on=next(left, None) if is_offered else None,
                verbs=[*verbs, *([Verb.SHARE] if is_pool else [])],
            )
        )
    return rows


def _key_verbs(
    service: Service, licences: list[Licence], included: int | None, today: datetime.date
) -> list[Verb]:
    """What a key would do, by the unit's own licences; `included`: what its model comes with, 0 is nothing.

    Those that run or are to come decide; where all have ended, the source offers them for renewal.
    """
    bought = [licence for licence in licences if licence.kind == Licence.Kind.LICENSED]
    if not bought:
        if included == 0 or (licences and included is not None):
            return [Verb.ACTIVATE]
        return [Verb.UPGRADE] if included and included != UNLIMITED else []
    lasting = [row for row in bought if not row.is_expired(today)] or bought
    begun = [row for row in lasting if row.begins_on <= today]
    verbs = []
    if service.is_counted and any(row.count != UNLIMITED for row in begun):
        verbs.append(Verb.UPGRADE)
    if any(row.expires_on for row in lasting):
        verbs.append(Verb.RENEW)
    return verbs


@dataclass(frozen=True, slots=True)
class LicenceLine:
    """One licence of a unit, or of another unit (`owner`) of which it has a part.

    `count` is the whole licence's, or the part's; `origin` says how it came to its unit, if the ledger knows;
    `parts` are those that other units have of it.
    """

    service: Service
    licence: Licence
    count: int | None
    origin: str
    owner: Registration | None
    parts: list[PoolPart]


def licence_lines(rows: Iterable[ServiceRow], today: datetime.date) -> list[LicenceLine]:
    """A unit's licences one by one, those that are over last; none if its rows say all about them.

    At most two queries, however many there are.
    """
    rows = list(rows)
    if all(row.is_plain for row in rows):
        return []
    of_others = {part.pk for row in rows for part in row.parts}
    divided = [licence for row in rows if row.given for licence in row.licences]
    parts: list[PoolPart] = []
    if of_others or divided:
        found = PoolPart.objects.filter(Q(pk__in=of_others) | Q(licence__in=divided))
        parts = list(found.select_related("registration__unit", "licence__registration__unit").order_by("pk"))
    origins = origins_of(licence for row in rows for licence in row.licences)
    return [line for row in rows for line in _lines(row, parts, origins, today)]


def _lines(
    row: ServiceRow, parts: list[PoolPart], origins: dict[UUID, str], today: datetime.date
) -> Iterator[LicenceLine]:
    """The licences of one service, and the parts of others'."""
    service, mine = row.entitlement.service, {part.pk for part in row.parts}

    def order(licence: Licence) -> tuple[bool, datetime.date, int]:
        is_over = licence.is_expired(today)
        return is_over, licence.begins_on, licence.pk

    for licence in sorted(row.licences, key=order):
        given = [part for part in parts if part.licence_id == licence.pk]
        yield LicenceLine(service, licence, licence.count, origins.get(licence.uuid, ""), None, given)
    for part in (part for part in parts if part.pk in mine):
        yield LicenceLine(service, part.licence, part.count, "", part.licence.registration, [])


def origins_of(licences: Iterable[Licence]) -> dict[UUID, str]:
    """How licences came to their units, in words: the ledger's latest word but on sharing out. One query."""
    known = {licence.uuid: licence.registration_id for licence in licences}
    units = Registration.objects.filter(pk__in=set(known.values())).values("unit")
    told = LedgerEntry.objects.filter(unit__in=units, licence__in=known, after__isnull=False)
    right = LedgerEntry.Right
    told = told.exclude(right__in=[right.POOL, right.PART, right.UNDO])  # it was got as it had been before
    latest = told.values("licence").annotate(last=Max("pk")).values("last")
    return {
        entry.licence: how_in_words(entry.right, entry.detail)
        for entry in LedgerEntry.objects.filter(pk__in=latest)
        if entry.licence
    }


@dataclass(frozen=True, slots=True)
class Lingering:
    """An appliance that may still run what it shared until an association ended, by its old keyset."""

    registration: Registration
    began_at: datetime.datetime
    ended_at: datetime.datetime


def lingering(registration: Registration) -> list[Lingering]:
    """The units that shared this one's licences, or this one itself, and aren't known to run a newer keyset.

    A unit runs a keyset once somebody has confirmed it. A unit that read no keyset while sharing has none to
    keep, and one that became a primary since holds its licences itself. Considers the latest 20 ends.
    """
    groups = list(registration.seats.filter(side=Side.PARENT).values_list("group", flat=True))
    ended = Seat.objects.filter(shares=True).exclude(ended_at=None).with_units()
    ended = ended.filter(Q(group__in=groups) | Q(registration=registration), registration__ended_at=None)
    latest = {
        seat.registration_id: Lingering(seat.registration, seat.began_at, seat.ended_at)
        for seat in reversed(ended.order_by("-ended_at")[:MOST_SHOWN])
        if seat.ended_at
    }
    if not latest:
        return []
    placed = _placed_again(registration, latest)
    units = {former.registration.unit_id: former for pk, former in latest.items() if pk not in placed}
    read = Keyset.objects.filter(unit__in=units).exclude(first_read_at=None)
    kept = {
        unit
        for unit, at in read.values_list("unit", "first_read_at")
        if at and units[unit].began_at <= at < units[unit].ended_at
    }
    heads = KeysetHead.objects.filter(unit__in=kept).select_related("applied")
    for head in heads:
        at = head.applied.first_read_at if head.applied else None
        if at and at >= units[head.unit_id].ended_at:
            kept.remove(head.unit_id)
    return [former for unit, former in units.items() if unit in kept]


def _placed_again(registration: Registration, latest: dict[int, Lingering]) -> set[int]:
    """The former sharers that are in a pair with this unit again, or became primaries since."""
    seats = list(Seat.objects.filter(registration__in=[registration.pk, *latest]))
    together = {seat.group for seat in seats if seat.registration_id == registration.pk and not seat.ended_at}
    return {
        seat.registration_id
        for seat in seats
        if (former := latest.get(seat.registration_id))
        and (
            (not seat.ended_at and seat.group in together)
            or (seat.side == Side.PARENT and seat.began_at >= former.ended_at)
        )
    }
