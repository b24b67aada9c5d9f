"""What keeps a pair from a failover without loss of services (rule F1), each finding with its reason.

Pure functions of what both units hold and run: no reads, no writes.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from licensing.entitlements.steps import NOTHING, Steps, size
from licensing.entitlements.timeline import ONE_DAY
from licensing.entitlements.today import NODES_CODE, Entitlement, node_count
from licensing.keyset import Payload
from licensing.keyset import State as KeysetState
from licensing.models import Keyset, Service
from licensing.readiness.forecast import Course
from licensing.wording import count_in_words
from products.models import Registration

SONICOS_ENHANCED_CODE = 13
"""The permanent code of SonicOS Enhanced, without which a unit can't take part in a failover."""
SOON = datetime.timedelta(days=30)
NEVER = datetime.date.max


class State(StrEnum):
    """The readiness of a pair, from good to bad."""

    READY = "ready"
    ATTENTION = "attention"
    UNKNOWN = "unknown"
    NOT_READY = "not-ready"

    @property
    def label(self) -> str:
        """The state as pages show it."""
        return self.value.replace("-", " ").capitalize()

    @property
    def rank(self) -> int:
        """The larger, the worse."""
        return list(State).index(self)


class Code(StrEnum):
    """What a finding can be about."""

    NO_STANDBY = "no-standby"
    UNIT_RETIRED = "unit-retired"
    DIFFERENT_MODEL = "different-model"
    NO_SONICOS_ENHANCED = "no-sonicos-enhanced"
    SERVICE_NOT_COVERED = "service-not-covered"
    KEYSET_UNKNOWN = "keyset-unknown"
    KEYSET_STALE = "keyset-stale"
    ROLES_REVERSED = "roles-reversed"
    UNSHARED_SERVICE = "unshared-service"
    FEWER_LICENSES = "fewer-licenses"
    FEWER_NODES = "fewer-nodes"
    ENDS_FIRST = "ends-first"
    ENDS_SOON = "ends-soon"


NOT_READY = {
    Code.NO_STANDBY,
    Code.UNIT_RETIRED,
    Code.DIFFERENT_MODEL,
    Code.NO_SONICOS_ENHANCED,
    Code.SERVICE_NOT_COVERED,
}
"""These cost a failover, or a shared service in it. The others ask for attention, or are unknown."""


class Mend(StrEnum):
    """The page on which a finding can be mended."""

    KEYSET = "keyset"
    SERVICES = "services"
    STANDBY = "standby"
    PARENT = "parent"
    SWAP = "swap"


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a pair isn't ready: `text` is a sentence with the reason; `unit` is the one whose page mends it."""

    code: Code
    text: str
    unit: Registration
    mend: Mend

    @property
    def severity(self) -> State:
        """The state of a pair that has only this finding."""
        if self.code == Code.KEYSET_UNKNOWN:
            return State.UNKNOWN
        return State.NOT_READY if self.code in NOT_READY else State.ATTENTION


@dataclass(frozen=True, slots=True)
class Appliance:
    """A unit of a pair: its own entitlements, those that run today, and the keyset that it is known to run.

    `is_stale`: its newest keyset is another one, or should be.
    """

    registration: Registration
    own: dict[Service, Entitlement]
    owned: dict[Service, Entitlement]
    applied: Keyset | None
    is_stale: bool

    @property
    def name(self) -> str:
        """The unit's friendly name."""
        return self.registration.friendly_name


@dataclass(frozen=True, slots=True)
class Pair:
    """Two units, the second of which is to take over.

    `content` is that of the secondary's applied keyset or, if that isn't known, of its newest one; `states`
    are what it says of today, by the services' codes, and `courses` how services run from today on, the
    primary's by its own entitlements and the secondary's by that keyset. `adding` are the services of which
    only the secondary holds something that would add to the pair (A10).
    """

    primary: Appliance
    secondary: Appliance
    content: Payload
    states: dict[int, KeysetState]
    needs_one_model: bool
    courses: dict[Service, Course]
    adding: list[Service]
    today: datetime.date

    def running(self, service: Service) -> KeysetState | None:
        """What the secondary's keyset says of a service, if it runs today."""
        state = self.states.get(service.code)
        return state if state and state.row and state.row.runs_on(self.today) else None

    def findings(self) -> list[Finding]:
        """All findings, worst first."""
        found = [
            *self._of_units(),
            *self._of_keysets(),
            *self._of_coverage(),
            *self._of_roles(),
            *self._of_counts(),
            *self._of_ends(),
        ]
        return sorted(found, key=lambda finding: -finding.severity.rank)

    def _of_units(self) -> Iterator[Finding]:
        units = [appliance.registration for appliance in (self.primary, self.secondary)]
        for unit in units:
            if unit.unit.retired_at:
                text = f"{unit} was retired on {unit.unit.retired_at:%d %b %Y}: it runs nothing any more."
                yield Finding(Code.UNIT_RETIRED, text, units[0], Mend.STANDBY)
        first, second = (unit.unit.model for unit in units)
        if first != second and self.needs_one_model:
            text = f"{units[0]} is a {first}, {units[1]} a {second}: a failover asks for two of one model."
            yield Finding(Code.DIFFERENT_MODEL, text, units[1], Mend.PARENT)
        sonicos = next((s for s in self.courses if s.code == SONICOS_ENHANCED_CODE), None)
        for appliance in (self.primary, self.secondary):
            if sonicos and sonicos not in appliance.owned:
                text = f"{appliance.name} has no license of its own for {sonicos}, which both units need."
                yield Finding(Code.NO_SONICOS_ENHANCED, text, appliance.registration, Mend.SERVICES)

    def _of_keysets(self) -> Iterator[Finding]:
        for appliance in (self.primary, self.secondary):
            name, unit = appliance.name, appliance.registration
            if appliance.applied is None:
                text = f"Nobody has confirmed which keyset {name} runs: apply its newest, and say so there."
                yield Finding(Code.KEYSET_UNKNOWN, text, unit, Mend.KEYSET)
            elif appliance.is_stale:
                number = appliance.applied.generation
                text = f"{name} runs generation {number} of its keyset, and there is a newer one: apply it."
                yield Finding(Code.KEYSET_STALE, text, unit, Mend.KEYSET)

    def _of_coverage(self) -> Iterator[Finding]:
        """Services of the primary that the secondary wouldn't run."""
        absent = [s for s in self.primary.owned if s.code != NODES_CODE and self.running(s) is None]
        lacking = [s for s in absent if s.is_shareable or s in self.secondary.owned]
        unshared = [s for s in absent if s not in lacking and s.code != SONICOS_ENHANCED_CODE]
        name, unit = self.secondary.name, self.secondary.registration
        if lacking:
            number = self.content.generation
            text = f"{name} would lack {_listed(lacking)}: generation {number}, which it runs, is without."
            yield Finding(Code.SERVICE_NOT_COVERED, text, unit, Mend.KEYSET)
        if unshared:
            text = f"{name} has no {_listed(unshared)} as {self.primary.name} has, and that isn't shared."
            yield Finding(Code.UNSHARED_SERVICE, text, unit, Mend.SERVICES)

    def _of_roles(self) -> Iterator[Finding]:
        """Licences of the secondary that would add to what the pair runs if they were shared (A10)."""
        if self.adding:
            text = (
                f"{self.secondary.name} holds licenses of {_listed(self.adding)} that would add to what the "
                f"pair runs, and only {self.primary.name}'s are shared."
            )
            yield Finding(Code.ROLES_REVERSED, text, self.secondary.registration, Mend.SWAP)

    def _of_counts(self) -> Iterator[Finding]:
        """Services that the secondary would run for fewer."""
        unit, mend = self.secondary.registration, self._mend_of_secondary
        for service, owned in self.primary.owned.items():
            state = self.running(service)
            count = state.row.count if state and state.row else owned.count
            if size(count) < size(owned.count):
                text = (
                    f"{unit} would run {service} for {count_in_words(count or 0)}, "
                    f"{self.primary.name} runs it for {count_in_words(owned.count)}."
                )
                yield Finding(Code.FEWER_LICENSES, text, unit, mend)
        nodes = node_count(self.primary.owned.values(), self.today)
        if size(self.content.nodes) < size(nodes):
            fewer, more = count_in_words(self.content.nodes), count_in_words(nodes)
            text = f"{unit} would serve {fewer} nodes, {self.primary.name} serves {more}."
            yield Finding(Code.FEWER_NODES, text, unit, mend)

    def _of_ends(self) -> Iterator[Finding]:
        """Services that end earlier on one side, or soon; one sentence for those of one day."""
        first: dict[tuple[datetime.date, bool], list[Service]] = defaultdict(list)
        soon: dict[datetime.date, list[Service]] = defaultdict(list)
        for service in self.primary.owned:
            course = self.courses[service]
            mine = its = _end(course.primary)
            if self.running(service):
                its = _end(course.standby)
            if mine != its:
                first[min(mine, its), its < mine].append(service)
            term_ends = min(_end(course.primary, is_less=True), its)
            if term_ends <= self.today + SOON:
                soon[term_ends].append(service)
        for (day, is_secondary), services in sorted(first.items()):
            appliance = self.secondary if is_secondary else self.primary
            text = f"On {appliance.name} {_listed(services)} would end first, on {day:%d %b %Y}."
            mend = self._mend_of_secondary if is_secondary else Mend.SERVICES
            yield Finding(Code.ENDS_FIRST, text, appliance.registration, mend)
        for day, services in sorted(soon.items()):
            text = f"{_listed(services)}: within 30 days the term ends, on {day:%d %b %Y}."
            yield Finding(Code.ENDS_SOON, text, self.primary.registration, Mend.SERVICES)

    @property
    def _mend_of_secondary(self) -> Mend:
        """The secondary's keyset page if its applied keyset is behind: that comes first."""
        return Mend.KEYSET if self.secondary.is_stale else Mend.SERVICES


def _end(steps: Steps, *, is_less: bool = False) -> datetime.date:
    """The last day on which a service goes on without a gap; `is_less`: or on which it runs for no less."""
    least = size(steps[0][1]) if is_less else size(NOTHING) + 1
    ended = (day for day, count in steps if size(count) < least)
    return next((day - ONE_DAY for day in ended), NEVER)


def _listed(services: list[Service]) -> str:
    names = [service.name for service in services]
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])
