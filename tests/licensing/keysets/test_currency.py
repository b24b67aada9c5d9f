"""K2: the newest keyset is always true, whatever else is going on while it is issued."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from associations.models import AssociationType
from associations.services import associate
from licensing.catalogue.changes import remove_model_service, save_service, set_model_service
from licensing.grants.giving import grant_licence
from licensing.keysets.issuing import Versions, read_keyset
from licensing.models import Keyset, ModelService, Service
from portal.clock import today
from portal.errors import RuleViolation
from products.models import Registration, Unit
from tests.examples import examples
from tests.factories import AccountFactory, RegistrationFactory, UserFactory
from tests.licensing.oracle import derived, said_by, shown
from tests.races import Rival, first_open, race, take_locks_away

pytestmark = [pytest.mark.usefixtures("keys", "catalogue")]
at_once = pytest.mark.django_db(transaction=True)

TODAY = date(2026, 11, 22)
GATEWAY_AV = 3


@pytest.fixture
def units() -> list[Registration]:
    """Two units of one account and model, in the order of their units' pks."""
    return RegistrationFactory.create_batch(2, account=AccountFactory())


def _grant(registration: Registration, code: int = GATEWAY_AV, **details: object) -> None:
    service = Service.objects.get(code=code)
    given = {"count": None, "expires_on": None, "today": TODAY} | details
    grant_licence(unit=registration.unit, service=service, reason="bought", by=None, **given)


def _associate(parent: Registration, child: Registration) -> None:
    associate(
        parent=parent,
        child=child,
        type=AssociationType.objects.get(slug="hf"),
        by=UserFactory(),
        today=today(),
    )


def _pair(units: list[Registration]) -> None:
    _associate(*units)


def _grant_to_primary(units: list[Registration]) -> None:
    _grant(units[0])


def _grant_to_secondary(units: list[Registration]) -> None:
    _grant(units[1])


def _change_the_model(units: list[Registration]) -> None:
    service = Service.objects.get(code=GATEWAY_AV)
    set_model_service(model=units[0].unit.model, service=service, count=None, by=None, reason="an offer")


def _change_a_flag(units: list[Registration]) -> None:
    service = Service.objects.get(code=13)
    service.is_shareable = True
    save_service(service=service, by=None, reason="decided so")


CHANGES = [
    (_grant_to_primary, _pair),
    (_pair, _grant_to_primary),
    (_pair, _grant_to_secondary),
    (_pair, _change_the_model),
]
"""What is so before the reader comes, and what changes between its deriving and its issuing."""


def _read(registration: Registration) -> Keyset:
    return read_keyset(registration=registration, today=TODAY)


def _change_under_a_reader(units: list[Registration], change: Callable[[list[Registration]], None]) -> Keyset:
    """Let a reader of the secondary derive and wait for its lock; change something meanwhile."""
    secondary = units[1]
    with first_open(lambda: list(Unit.objects.locked([secondary.unit_id]))):
        reader = Rival(lambda: _read(secondary))
        reader.assert_waits()
        change(units)
    return reader.result()


@at_once
@pytest.mark.parametrize(("before", "change"), CHANGES)
def test_a_reader_that_derived_before_a_change_starts_over(
    units: list[Registration], before: Callable, change: Callable
) -> None:
    before(units)

    keyset = _change_under_a_reader(units, change)

    assert shown(units[1], TODAY) == derived(units[1], TODAY)
    assert GATEWAY_AV in {service.code for service in derived(units[1], TODAY).services}
    assert _read(units[1]) == keyset


@pytest.mark.postgres
@at_once
@pytest.mark.parametrize(("before", "change"), CHANGES)
def test_control_without_the_second_reading_a_wrong_keyset_is_current(
    monkeypatch: pytest.MonkeyPatch, units: list[Registration], before: Callable, change: Callable
) -> None:
    before(units)
    monkeypatch.setattr(Versions, "__eq__", lambda self, other: True)

    _change_under_a_reader(units, change)

    assert shown(units[1], TODAY) != derived(units[1], TODAY)


@at_once
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("is_read_before", [True, False])
def test_a_primarys_grant_is_open_while_an_association_commits_and_readers_issue(
    units: list[Registration], order: tuple[int, int], is_read_before: bool
) -> None:
    primary, secondary = (units[i] for i in order)
    if is_read_before:
        _read(secondary)

    with first_open(lambda: _grant(primary)):
        association = Rival(lambda: _associate(primary, secondary))
        association.assert_waits()
        readers = [Rival(lambda unit=unit: _read(unit)) for unit in (secondary, primary)]
        for reader in readers:
            reader.settle()
    for rival in (association, *readers):
        rival.result()

    assert GATEWAY_AV in {service.code for service in derived(secondary, TODAY).services}
    for unit in units:
        assert shown(unit, TODAY) == derived(unit, TODAY)


@at_once
def test_a_primarys_grant_is_open_while_its_secondarys_keyset_is_issued(units: list[Registration]) -> None:
    _associate(*units)

    with first_open(lambda: _grant(units[0])):
        reader = Rival(lambda: _read(units[1]))
        waits = reader.settle()
    reader.result()

    assert waits == (connection.vendor == "sqlite")
    assert shown(units[1], TODAY) == derived(units[1], TODAY)


@at_once
@pytest.mark.parametrize("change", [_change_the_model, _change_a_flag])
def test_a_change_of_the_catalogue_is_open_while_a_keyset_is_issued(
    units: list[Registration], change: Callable
) -> None:
    _associate(*units)
    _read(units[1])

    with first_open(lambda: change(units)):
        reader = Rival(lambda: _read(units[1]))
        reader.settle()
    reader.result()

    assert shown(units[1], TODAY) == derived(units[1], TODAY)


@at_once
def test_two_readers_at_once_issue_once(units: list[Registration]) -> None:
    other = race(lambda: _read(units[0]), lambda: _read(units[0]))

    assert other == Keyset.objects.get()


@pytest.mark.postgres
@at_once
def test_control_without_the_lock_a_generation_is_issued_twice(
    monkeypatch: pytest.MonkeyPatch, units: list[Registration]
) -> None:
    take_locks_away(monkeypatch)

    with pytest.raises(IntegrityError):
        race(lambda: _read(units[0]), lambda: _read(units[0]))


_unit = st.integers(0, 2)
_counted = st.tuples(st.sampled_from([1, 2, 9]), st.sampled_from([-1, 0, 3, 50]))
_uncounted = st.tuples(st.sampled_from([3, 5, 8, 13]), st.none())
_last_day = st.none() | st.integers(0, 4)
_steps = st.one_of(
    st.tuples(st.just("grant"), _unit, _counted | _uncounted, _last_day),
    st.tuples(st.just("associate"), _unit, _unit),
    st.tuples(st.just("comes with"), _counted | _uncounted),
    st.tuples(st.just("comes without"), st.sampled_from([1, 3, 8, 13])),
    st.tuples(st.just("shareable"), st.sampled_from([1, 3, 13]), st.booleans()),
    st.tuples(st.just("days pass"), st.integers(1, 3)),
)


class World:
    """Three units of one model, the day, and the last keyset that was read of each."""

    def __init__(self) -> None:
        self.units = RegistrationFactory.create_batch(3, account=AccountFactory())
        self.today = TODAY
        self.last: dict[int, Keyset] = {}

    def take(self, step: tuple) -> None:
        """Do one thing; a rule that refuses is as good."""
        kind, *details = step
        try:
            with transaction.atomic():
                getattr(self, kind.replace(" ", "_"))(*details)
        except RuleViolation:
            pass

    def grant(self, unit: int, what: tuple[int, int | None], days: int | None) -> None:
        code, count = what
        last_day = None if days is None else self.today + timedelta(days)
        _grant(self.units[unit], code, count=count, expires_on=last_day, today=self.today)

    def associate(self, parent: int, child: int) -> None:
        _associate(self.units[parent], self.units[child])

    def comes_with(self, what: tuple[int, int | None]) -> None:
        service = Service.objects.get(code=what[0])
        set_model_service(
            model=self.units[0].unit.model, service=service, count=what[1], by=None, reason="an offer"
        )

    def comes_without(self, code: int) -> None:
        entry = ModelService.objects.filter(model=self.units[0].unit.model, service__code=code).first()
        if entry:
            remove_model_service(entry=entry, by=UserFactory(), reason="withdrawn")

    def shareable(self, code: int, is_shareable: bool) -> None:
        service = Service.objects.get(code=code)
        service.is_shareable = is_shareable
        save_service(service=service, by=None, reason="decided so")

    def days_pass(self, days: int) -> None:
        self.today += timedelta(days)

    def check(self, unit: int) -> None:
        """Its reader is told the truth, under a new generation only if that is new."""
        registration, last = self.units[unit], self.last.get(unit)
        was = last and said_by(last, self.today)
        truth = derived(registration, self.today)
        keyset = read_keyset(registration=registration, today=self.today)
        assert said_by(keyset, self.today) == truth
        if last and was == truth:
            assert keyset.text == last.text
        else:
            assert keyset.generation == (last.generation + 1 if last else 1)
        self.last[unit] = keyset


@pytest.mark.django_db
@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(_steps, st.sets(_unit)), min_size=2, max_size=8))
def test_stored_is_as_derived_whatever_happened(steps: list) -> None:
    with transaction.atomic():
        world = World()
        for step, readers in steps:
            world.take(step)
            for unit in sorted(readers):
                world.check(unit)
        for unit in range(3):
            world.check(unit)
        transaction.set_rollback(True)
