"""What a unit may run on a given day, and by which right (rules L1 to L3). Nothing here is stored."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Q, Sum

from associations.models import Seat, Side
from licensing.entitlements.timeline import (
    Holding,
    Right,
    Span,
    kept_from,
    shared_from,
    state_on,
    what_runs,
)
from licensing.keyset import UNLIMITED, Status
from licensing.models import Licence, ModelService, PoolPart, RmaCase, Service
from products.models import Registration

NODES_CODE = 1
"""The permanent code of the service Nodes/Users, which a keyset gives as its node count (K1)."""


@dataclass(frozen=True, slots=True)
class Entitlement:
    """One service of one unit on a day. Without a right it is Not Licensed.

    `count` is -1 for Unlimited and None if the service isn't counted; `expires_on` is the last day, None if
    there is no end; `begins_on` is the first, None if it has always run. `licence` names the licence that it
    comes from, if it does. `then` is what runs later.
    """

    service: Service
    right: Right | None = None
    kind: str = Licence.Kind.LICENSED
    count: int | None = None
    expires_on: datetime.date | None = None
    then: tuple[Span, ...] = ()
    licence: UUID | None = None
    begins_on: datetime.date | None = None

    def is_expired(self, today: datetime.date) -> bool:
        """Whether its last day is over."""
        return self.expires_on is not None and self.expires_on < today

    def status(self, today: datetime.date) -> Status:
        """Its status, derived from the day (L1)."""
        if self.right is None:
            return Status.NOT_LICENSED
        if self.is_expired(today):
            return Status.EXPIRED
        return Status.FREE_TRIAL if self.kind == Licence.Kind.TRIAL else Status.LICENSED


@dataclass(frozen=True, slots=True)
class Effect:
    """What a unit may run of a service before something is done, and after."""

    registration: Registration
    before: Entitlement
    after: Entitlement


def node_count(held: Iterable[Entitlement], today: datetime.date) -> int:
    """How many nodes a unit supports (-1: Unlimited), from its entitlements."""
    return next(
        (e.count or 0 for e in held if e.service.code == NODES_CODE and e.right and not e.is_expired(today)),
        0,
    )


def sharing_primary(registration: Registration) -> Registration | None:
    """The registration whose licences this one shares: its HF Primary, unless it is a spare."""
    groups = Seat.objects.live().filter(registration=registration, shares=True).values("group")
    parents = Seat.objects.live().filter(group__in=groups, side=Side.PARENT)
    return Registration.objects.filter(pk__in=parents.values("registration")).select_related("unit").first()


def entitlements(
    registration: Registration, *, source: Registration | None, today: datetime.date
) -> list[Entitlement]:
    """Every service of the catalogue with what the unit may run of it, its own or `source`'s (L2, L3)."""
    services = list(Service.objects.all())
    units = [registration, source] if source else [registration]
    held = read_holdings(units)
    return [held.entitlement(registration, source, service, today) for service in services]


@dataclass(frozen=True, slots=True)
class Grace:
    """What a secondary keeps of its failed primary while a case is open, from a day until a day (X3)."""

    source: Registration
    began_on: datetime.date
    ends_on: datetime.date
    number: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """What some registrations hold, and what their models come with: all that entitlements depend on.

    `licences` and `parts` are by registration and service; `given` is how much of a licence others have.
    `graces` are by registration.
    """

    licences: dict[tuple[int, int], list[Licence]]
    parts: dict[tuple[int, int], list[PoolPart]]
    included: dict[tuple[int, int], int | None]
    given: dict[int, int]
    graces: dict[int, Grace]

    def of_unit(self, registration: Registration, service: Service) -> list[Holding]:
        """What a unit holds of a service itself: its licences, its parts of others', what its model has."""
        key = (registration.pk, service.pk)
        found = [_holding(Right.PART, part.licence, part.count) for part in self.parts.get(key, [])]
        for licence in self.licences.get(key, []):
            count, given = licence.count, self.given.get(licence.pk, 0)
            if not given or given != count:  # else all of it was given away
                left = count - given if count and count != UNLIMITED else count
                found.append(_holding(Right.OWN, licence, left))
        model = (registration.unit.model_id, service.pk)
        if model in self.included:
            found.append(Holding(Right.MODEL, count=self.included[model]))
        return found if service.is_counted else [replace(holding, count=None) for holding in found]

    def held(
        self, registration: Registration, source: Registration | None, service: Service, today: datetime.date
    ) -> list[Holding]:
        """All that a unit holds of a service: itself, shared of `source` (L3), and kept (X3)."""
        found = self.of_unit(registration, service)
        if not service.is_shareable:
            return found
        if source:
            found += shared_from(self.of_unit(source, service))
        grace = self.graces.get(registration.pk)
        if grace and grace.ends_on >= today:
            theirs = self.of_unit(grace.source, service)
            had = [h for h in theirs if h.expires_on is None or h.expires_on >= grace.began_on]
            found += kept_from(had, until=grace.ends_on)
        return found

    def own(self, registration: Registration, service: Service, today: datetime.date) -> Entitlement:
        """What a unit may run of a service by what it holds itself."""
        return _entitlement(service, self.of_unit(registration, service), today)

    def entitlement(
        self, registration: Registration, source: Registration | None, service: Service, today: datetime.date
    ) -> Entitlement:
        """What a unit may run of a service, its own, shared of `source`, or kept (L2, L3, X3)."""
        return _entitlement(service, self.held(registration, source, service, today), today)


def _holding(right: Right, licence: Licence, count: int | None) -> Holding:
    """So much of a licence, with its kind and its days."""
    return Holding(right, licence.kind, count, licence.begins_on, licence.expires_on, licence.uuid)


def _entitlement(service: Service, holdings: list[Holding], day: datetime.date) -> Entitlement:
    """What these holdings of a service come to on a day, and what follows."""
    if not holdings:  # as of many services on every page
        return Entitlement(service)
    then = tuple(span for span in what_runs(holdings, since=day) if span.first_day > day)
    state = state_on(holdings, day)
    if state.status is None or state.holding is None:
        return Entitlement(service, then=then)
    held = state.holding
    return Entitlement(
        service, held.right, held.kind, held.count, held.expires_on, then, held.licence, held.begins_on
    )


def read_holdings(registrations: Iterable[Registration]) -> Holdings:
    """Read what registrations hold, and what they keep of others. Five queries, however many there are."""
    registrations = list(registrations)
    graces = read_graces(registrations)
    registrations += [grace.source for grace in graces.values()]
    licences = Licence.objects.filter(registration__in=registrations)
    parts = PoolPart.objects.filter(registration__in=registrations).select_related("licence")
    included = ModelService.objects.filter(model__in={r.unit.model_id for r in registrations})
    given = PoolPart.objects.filter(licence__registration__in=registrations)
    held_licences: dict[tuple[int, int], list[Licence]] = {}
    for licence in licences:
        held_licences.setdefault((licence.registration_id, licence.service_id), []).append(licence)
    held_parts: dict[tuple[int, int], list[PoolPart]] = {}
    for part in parts:
        held_parts.setdefault((part.registration_id, part.licence.service_id), []).append(part)
    return Holdings(
        held_licences,
        held_parts,
        {(row.model_id, row.service_id): row.count for row in included},
        dict(given.values_list("licence").annotate(Sum("count"))),
        graces,
    )


def read_graces(registrations: Iterable[Registration]) -> dict[int, Grace]:
    """What each of these registrations keeps of a failed primary, by registration."""
    cases = RmaCase.objects.filter(keeps(), secondary__in=list(registrations))
    return {
        case.secondary_id: Grace(case.failed, case.asked_at.date(), case.grace_ends_on, case.number)
        for case in cases.select_related("failed__unit").order_by("pk")
        if case.secondary_id and case.grace_ends_on
    }


def keeps() -> Q:
    """The condition on cases whose secondary keeps its failed primary's rights: a primary keeps nothing (X3).

    What a unit keeps it doesn't share, and a secondary of its own must not have less than the unit has (K1).
    """
    primaries = Seat.objects.live().of_primaries().values("registration")
    return Q(state__in=RmaCase.OPEN, secondary__isnull=False) & ~Q(secondary__in=primaries)


def named_primary(
    primary: Registration | None, grace: Grace | None, today: datetime.date
) -> Registration | None:
    """The unit that a keyset names as primary: whose licences the unit shares, or else keeps in part."""
    return primary or (grace.source if grace and grace.ends_on >= today else None)
