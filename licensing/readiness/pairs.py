"""If the primary died now, what would the secondary run? An answer for every pair (rule F1).

An appliance runs the keyset that was applied to it, not the newest one. People confirm which one that is.
Until then nothing is known of it, which never counts as good. A whole account costs as many queries as one
pair.
"""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Lower

from associations.models import Seat, Side
from associations.querysets import SeatQuerySet
from licensing.entitlements.pairing import services_added
from licensing.entitlements.steps import Steps, keyset_steps, owned_steps
from licensing.entitlements.today import NODES_CODE, Entitlement, Holdings, read_holdings
from licensing.keyset import Payload, Status, read, states_on
from licensing.keyset import State as KeysetState
from licensing.keysets.issuing import content_of, current_heads, says
from licensing.models import Keyset, KeysetHead, Service
from licensing.readiness.findings import Appliance, Code, Finding, Mend, Pair, State
from licensing.readiness.forecast import Course, Forecast, forecast
from licensing.wording import runs_in_words
from portal.models import Account
from portal.paging import seek
from products.models import Registration


@dataclass(frozen=True, slots=True)
class Running:
    """A service that the secondary's applied keyset names, on a day. `then` says in words what follows."""

    name: str
    status: Status
    count: int | None
    expires_on: datetime.date | None
    then: list[str]


@dataclass(frozen=True, slots=True)
class Readiness:
    """The answer for one pair: its findings, worst first, and what the secondary would run.

    `secondary` is the seat that shares (None: there are only spares), `runs` is None if it isn't known, and
    `nodes` is what the secondary would serve (-1: Unlimited). `forecast` tells what changes within a year; of
    a secondary whose keyset isn't known, what it would be with its newest (None: there are only spares).
    """

    primary: Seat
    secondary: Seat | None
    findings: list[Finding]
    runs: list[Running] | None = None
    nodes: int | None = None
    forecast: Forecast | None = None

    @property
    def state(self) -> State:
        """The worst of the findings: not ready before unknown before attention."""
        return max((found.severity for found in self.findings), key=lambda s: s.rank, default=State.READY)

    @property
    def registrations(self) -> list[Registration]:
        """The units of the pair, the primary first."""
        return [seat.registration for seat in (self.primary, self.secondary) if seat]


def readiness_of(registrations: Iterable[Registration], today: datetime.date) -> dict[int, Readiness]:
    """The readiness of many units' pairs, by registration; leaves out spares and units without a pair."""
    roles = Q(side=Side.PARENT) | Q(shares=True)
    mine = _sharing().filter(roles, registration__in=list(registrations))
    groups = list(mine.values_list("group", flat=True))
    parents = _sharing().filter(side=Side.PARENT, group__in=groups)
    found: dict[int, Readiness] = {}
    for readiness in _readiness(list(parents), today):
        for registration in readiness.registrations:
            present = found.get(registration.pk, readiness)
            found[registration.pk] = max(present, readiness, key=lambda r: r.state.rank)
    return found


def account_readiness(
    account: Account, today: datetime.date, after: UUID | None = None, limit: int | None = None
) -> list[Readiness]:
    """The readiness of the account's pairs, by the primary's name: those after the pair with this seat."""
    parents = (
        _sharing()
        .filter(side=Side.PARENT, registration__account=account, registration__ended_at=None)
        .annotate(key=Lower("registration__friendly_name"))
    )
    at = parents.filter(uuid=after).first() if after else None
    return _readiness(list(seek(parents, key="key", after=at)[:limit]), today)


def _sharing() -> SeatQuerySet:
    """The live seats of types in which one child shares the parent's licences."""
    return Seat.objects.live().with_units().filter(type__shares_licences=True)


def _readiness(parents: Sequence[Seat], today: datetime.date) -> list[Readiness]:
    """The pairs of the given parents' seats, in their order."""
    if not parents:
        return []
    standbys = {s.group: s for s in _sharing().filter(shares=True, group__in=[p.group for p in parents])}
    facts = _read_facts(parents, standbys, today)
    return [_judge(facts, parent, standbys.get(parent.group)) for parent in parents]


@dataclass(frozen=True, slots=True)
class _Facts:
    """Everything that pairs are judged by: what their units hold, whose licences they share, their keysets.

    `sources` is by registration, `heads` by unit; `current` are the units with a current head.
    """

    today: datetime.date
    services: list[Service]
    held: Holdings
    sources: dict[int, Registration]
    heads: dict[int, KeysetHead]
    current: set[int]

    def appliance(self, registration: Registration) -> Appliance:
        """The facts about a unit that findings depend on."""
        applied = self._applied(registration)
        is_stale = applied is not None and self._is_stale(registration, applied)
        own = {service: self.held.own(registration, service, self.today) for service in self.services}
        return Appliance(registration, own, _running_today(own, self.today), applied, is_stale)

    def content(self, registration: Registration) -> Payload:
        """What the unit's newest keyset should say."""
        source = self.sources.get(registration.pk)
        held = [self.held.entitlement(registration, source, service, self.today) for service in self.services]
        return content_of(registration, source, held, self.today)

    def _applied(self, registration: Registration) -> Keyset | None:
        """The keyset that the unit runs, if somebody has confirmed one since its account registered it."""
        head = self.heads.get(registration.unit_id)
        return head.applied if head and was_confirmed(head, registration) else None

    def _is_stale(self, registration: Registration, applied: Keyset) -> bool:
        """Whether the unit's newest keyset is another than the applied one, or should be."""
        head, unit = self.heads[registration.unit_id], registration.unit
        if head.applied_id != head.keyset_id:
            return True
        if unit.pk in self.current:
            return False
        return applied.generation != unit.last_generation or not says(
            applied, self.content(registration), self.today
        )


def was_confirmed(head: KeysetHead, registration: Registration) -> bool:
    """Whether the applied keyset was confirmed since the registration: a former owner's doesn't count."""
    return head.applied_at is not None and head.applied_at >= registration.registered_at


def _read_facts(parents: Sequence[Seat], standbys: dict[UUID, Seat], today: datetime.date) -> _Facts:
    """Read everything for many pairs, from nine queries."""
    primaries = [seat.registration for seat in parents]
    units = [*primaries, *(seat.registration for seat in standbys.values())]
    unit_pks = [registration.unit_id for registration in units]
    sources = _sources(primaries) | {
        standbys[seat.group].registration_id: seat.registration for seat in parents if seat.group in standbys
    }
    heads = KeysetHead.objects.filter(unit__in=unit_pks).select_related("applied")
    return _Facts(
        today,
        list(Service.objects.all()),
        read_holdings({r.pk: r for r in [*units, *sources.values()]}.values()),
        sources,
        {head.unit_id: head for head in heads},
        set(current_heads(today).filter(unit__in=unit_pks).values_list("unit", flat=True)),
    )


def _sources(primaries: Sequence[Registration]) -> dict[int, Registration]:
    """The units whose licences the primaries share themselves, in another type of association."""
    groups = Seat.objects.live().filter(registration__in=primaries, shares=True).values("group")
    seats = _sharing().filter(Q(side=Side.PARENT) | Q(shares=True), group__in=groups)
    ends = {(seat.group, seat.side): seat.registration for seat in seats}
    return {
        ends[group, Side.CHILD].pk: source for (group, side), source in ends.items() if side == Side.PARENT
    }


def _judge(facts: _Facts, parent: Seat, standby: Seat | None) -> Readiness:
    primary = parent.registration
    if standby is None:
        text = (
            f"{primary.friendly_name} has spares only: nobody shares its licenses, and none could take over."
        )
        return Readiness(parent, None, [Finding(Code.NO_STANDBY, text, primary, Mend.STANDBY)])
    first, second = (facts.appliance(seat.registration) for seat in (parent, standby))
    content = read(second.applied.text) if second.applied else facts.content(second.registration)
    states = states_on(facts.today, content.services)
    courses = _courses(first, content, states, facts.today)
    adding = services_added(
        facts.held, facts.services, parent=primary, child=second.registration, today=facts.today
    )
    pair = Pair(
        first,
        second,
        content,
        states,
        parent.type.is_same_model,
        courses,
        [service for service, _ in adding],
        facts.today,
    )
    to_come = forecast(first.name, second.name, courses, facts.today)
    if second.applied is None:
        return Readiness(parent, standby, pair.findings(), forecast=to_come)
    return Readiness(parent, standby, pair.findings(), _running(facts, states), content.nodes, to_come)


def _courses(
    primary: Appliance, content: Payload, states: dict[int, KeysetState], today: datetime.date
) -> dict[Service, Course]:
    """How each service runs from today on: by what the primary holds, and by the secondary's keyset."""
    nodes: Steps = [(today, content.nodes)]  # without days, and not among the services
    return {
        service: Course(
            owned_steps(held, today),
            nodes if service.code == NODES_CODE else keyset_steps(states.get(service.code), today),
        )
        for service, held in primary.own.items()
    }


def _running_today(own: dict[Service, Entitlement], today: datetime.date) -> dict[Service, Entitlement]:
    return {s: held for s, held in own.items() if held.right is not None and not held.is_expired(today)}


def _running(facts: _Facts, states: dict[int, KeysetState]) -> list[Running]:
    """The services of an applied keyset, as it says of today."""
    names = {service.code: service.name for service in facts.services}
    return [
        Running(
            names.get(code, f"Service {code}"),
            state.status,
            state.row.count if state.row else None,
            state.row.expiry if state.row else None,
            runs_in_words(state.row, state.follows),
        )
        for code, state in states.items()
    ]


def with_applied(
    keysets: Sequence[tuple[Registration, str, Keyset]],
) -> list[tuple[Registration, str, Keyset, KeysetHead | None]]:
    """Add to each unit's role and keyset the head that names the confirmed keyset; None without one."""
    heads = KeysetHead.objects.filter(unit__in=[unit.unit_id for unit, _, _ in keysets])
    found = {head.unit_id: head for head in heads.select_related("applied", "applied_by__membership")}
    return [
        (
            unit,
            role,
            keyset,
            head if (head := found.get(unit.unit_id)) and was_confirmed(head, unit) else None,
        )
        for unit, role, keyset in keysets
    ]
