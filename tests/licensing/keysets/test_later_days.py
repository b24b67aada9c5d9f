"""K2: the function, the page and a keyset that was read once say the same of every later day."""

from datetime import date, timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from associations.services import remove_association
from licensing.entitlements.today import Entitlement, read_holdings, sharing_primary
from licensing.keyset import Kind, State, Status, read, states_on
from licensing.keysets.issuing import read_keyset
from licensing.models import KeysetHead, Licence, ModelService, PoolPart, RmaCase, Service
from licensing.selectors import service_rows
from portal.clock import today
from products.models import Registration
from tests.examples import examples
from tests.factories import LicenceFactory, MembershipFactory, RegistrationFactory, pair
from tests.licensing.support import CLIENT_AV, GATEWAY_AV, GLOBAL_VPN, SUPPORT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

YEARS = 730
CODES = [CLIENT_AV, GATEWAY_AV, GLOBAL_VPN, SUPPORT]
COUNTED = {CLIENT_AV, GLOBAL_VPN}

_end = st.none() | st.sampled_from([-3, -1, 0, 1, 20, 30, 31]) | st.integers(0, YEARS)
_count = st.sampled_from([1, 3, 5, 9, -1])
_begin = st.sampled_from([-9, 0, 1, 20, 31]) | st.integers(0, YEARS)
_terms = st.tuples(st.sampled_from(["licensed", "trial"]), _count, _begin, _end)
_licences = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(CODES), _terms), max_size=12)
_parts = st.dictionaries(st.integers(0, 1), st.tuples(st.integers(1, 9), _end))
_graces = st.none() | st.tuples(st.integers(-2, 30), st.booleans())

type Told = tuple[Status, int | None, date | None, list[tuple[date, date | None, str, int | None]]]


class World:
    """A pair, and units that lend it counts."""

    def __init__(self) -> None:
        self.member, self.today = MembershipFactory(), today()
        *self.pair, self.seat = pair(self.member.account, self.member.user)
        self.units = [*self.pair, RegistrationFactory(account=self.member.account)]

    def day(self, offset: int | None) -> date | None:
        return None if offset is None else self.today + timedelta(offset)

    def license(
        self, unit: Registration, code: int, kind: str, count: int, begin: int, end: int | None
    ) -> Licence:
        first_day = begin if end is None else min(begin, end)
        return LicenceFactory(
            registration=unit,
            service=Service.objects.get(code=code),
            kind=kind,
            count=count if code in COUNTED else None,
            begins_on=self.day(first_day),
            expires_on=self.day(end),
        )

    def lend(self, unit: Registration, count: int, end: int | None) -> None:
        lender = RegistrationFactory(account=self.member.account)
        licence = self.license(lender, CLIENT_AV, "licensed", 10, -9, end)
        PoolPart.objects.create(licence=licence, registration=unit, count=count)

    def fail(self, ends: int, is_removed: bool) -> None:
        """The primary fails, and the secondary keeps what it shared."""
        primary, secondary = self.pair
        facts = {"account": self.member.account, "symptom": "dead", "asked_by": self.member.user}
        RmaCase.objects.create(failed=primary, secondary=secondary, grace_ends_on=self.day(ends), **facts)
        RmaCase.objects.update(asked_at=timezone.now() + timedelta(ends - 30))
        if is_removed:
            remove_association(seat=self.seat, by=self.member.user)


def _by_function(held: Entitlement, day: date) -> Told:
    then = [(s.first_day, s.last_day, s.holding.kind, s.holding.count) for s in held.then]
    return held.status(day), held.count, held.expires_on, then


def _by_keyset(state: State | None) -> Told:
    if state is None:
        return Status.NOT_LICENSED, None, None, []
    kinds = {Kind.LICENSED: "licensed", Kind.TRIAL: "trial"}
    then = [(run.first, run.last, kinds[run.row.kind], run.row.count) for run in state.follows]
    return state.status, state.row and state.row.count, state.row and state.row.expiry, then


def _check(unit: Registration, first_day: date, grace_ends_on: date | None) -> None:
    """Read the keyset once, and once more when a grace is over; then ask for each day of two years."""
    primary = sharing_primary(unit)
    held = read_holdings([unit, *([primary] if primary else [])])
    rows = read(read_keyset(registration=unit, today=first_day).text).services
    ends = first_day, KeysetHead.objects.get(unit=unit.unit).recheck_on
    services = list(Service.objects.filter(code__in=CODES))
    for number in range(YEARS + 2):
        day = first_day + timedelta(number)
        if day == ends[1]:
            assert day == grace_ends_on + timedelta(1)
            rows = read(read_keyset(registration=unit, today=day).text).services
        by_function = [_by_function(held.entitlement(unit, primary, s, day), day) for s in services]
        states = states_on(day, rows)
        assert by_function == [_by_keyset(states.get(service.code)) for service in services]
        if number in {0, 1, 30, 31, YEARS}:
            page = [row.entitlement for row in service_rows(unit, primary, day)]
            assert [_by_function(e, day) for e in page if e.service in services] == by_function


@settings(max_examples=examples(10), deadline=None, suppress_health_check=list(HealthCheck))
@given(licences=_licences, parts=_parts, included=st.none() | _count, grace=_graces)
def test_function_page_and_keyset_say_the_same_of_every_later_day(
    licences: list, parts: dict, included: int | None, grace: tuple[int, bool] | None
) -> None:
    with transaction.atomic():
        world = World()
        for unit, code, terms in licences:
            world.license(world.units[unit], code, *terms)
        for unit, terms in parts.items():
            world.lend(world.units[unit], *terms)
        if included is not None:
            ModelService.objects.filter(service__code=GLOBAL_VPN).update(count=included)
        if grace:
            world.fail(*grace)

        for unit in world.units:
            _check(unit, world.today, grace and world.day(grace[0]))
        transaction.set_rollback(True)
