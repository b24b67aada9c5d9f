"""Queries about licences for pages."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Case, F, IntegerField, Q, Subquery, When

from associations.models import Seat, Side
from licensing.activation.terms import Verb
from licensing.entitlements.timeline import Right
from licensing.entitlements.today import Entitlement, entitlements, node_count, read_holdings
from licensing.keyset import UNLIMITED, Status
from licensing.models import Keyset, KeysetHead, Licence, Service, TrialStart
from licensing.moves.pools import is_divisible
from licensing.wording import count_in_words, entitlement_in_words
from portal.models import Account
from products.models import Registration

SOON = datetime.timedelta(days=30)
MOST_SHOWN = 20
MOST_COUNTED = 1000


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
    latest first. At most 20, in one query.
    """
    found = Licence.objects.filter(
        registration__account=account,
        registration__ended_at=None,
        expires_on__range=(today - SOON, today + SOON),
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

    `verbs` are the links under Manage Service; `licence` is the unit's own, `given` is how much of it other
    units have. A shared service's licence is managed on the primary's page. `trial_on` is the unit whose free
    trial is offered: the primary's first, because both run it (L3); None if neither has one left.
    """

    entitlement: Entitlement
    status: Status
    licence: Licence | None
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
        licence = next(iter(held.licences.get((registration.pk, service.pk), [])), None)
        included = held.included.get((registration.unit.model_id, service.pk), 0)
        given = held.given.get(licence.pk, 0) if licence else 0
        triers = units if service.is_shareable else [registration]
        status = entitlement.status(today)
        is_offered = service.is_trial_offered and status in {Status.NOT_LICENSED, Status.EXPIRED}
        left = (
            unit
            for unit in triers
            if (unit.pk, service.pk) not in held.licences and (unit.unit_id, service.pk) not in tried
        )
        rows.append(
            ServiceRow(
                entitlement,
                status,
                licence,
                given,
                trial_on=next(left, None) if is_offered else None,
                verbs=_verbs(service, licence, included, given),
            )
        )
    return rows


def _verbs(service: Service, licence: Licence | None, included: int | None, given: int) -> list[Verb]:
    """What Manage Service offers, given the service and the unit's own licence; `included`: 0 is none."""
    verbs = _key_verbs(service, licence, included) if service.is_activation_offered else []
    return [*verbs, *([Verb.SHARE] if licence and (given or is_divisible(licence)) else [])]


def _key_verbs(service: Service, licence: Licence | None, included: int | None) -> list[Verb]:
    if licence is None or licence.kind == Licence.Kind.TRIAL:
        if included == 0 or (licence and included is not None):
            return [Verb.ACTIVATE]
        return [Verb.UPGRADE] if included and included != UNLIMITED else []
    verbs = [Verb.UPGRADE] if service.is_counted and licence.count != UNLIMITED else []
    return [*verbs, *([Verb.RENEW] if licence.expires_on else [])]


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
