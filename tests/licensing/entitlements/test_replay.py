"""Whatever is done to licences, on whichever day: the ledger tells every day as it was."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from unittest import mock

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from associations.models import AssociationType, Seat
from associations.services import associate, make_standby, remove_association
from licensing.activation.redeeming import make_activation_keys, redeem_key
from licensing.catalogue.changes import remove_model_service, save_service, set_model_service
from licensing.entitlements.on_a_day import entitlements_on
from licensing.entitlements.today import Entitlement, entitlements, sharing_primary
from licensing.grants.giving import grant_licence
from licensing.grants.trials import start_trial
from licensing.ledger.verification import verify
from licensing.ledger.writing import noted
from licensing.models import LedgerEntry, Licence, ModelService, Service
from licensing.moves.pools import move_counts
from licensing.moves.swap import swap_roles
from portal.errors import RuleViolation
from products.models import Registration
from tests.examples import examples
from tests.factories import LicenceFactory, MembershipFactory, RegistrationFactory, sharing

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

_units = st.integers(0, 3)
_picks = st.integers(0, 3)
_services = st.sampled_from([2, 3, 5, 9])
"""Client AV is divisible, Global VPN Client counted; trials are offered of Client AV, 3 and 5."""
_days = st.sampled_from([None, 0, 5, 40])
_begins = st.sampled_from([0, 1, 5, 30])


class Histories(RuleBasedStateMachine):
    """Four units of a model in one account; the first two are a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.now = (timezone.now() + timedelta(days=1)).replace(hour=12)  # after the catalogue
        self._clock = mock.patch("django.utils.timezone.now", side_effect=lambda: self.now)
        self._clock.start()
        self._world = transaction.atomic()
        self._world.__enter__()
        member = MembershipFactory()
        self.user = member.user
        self.units: list[Registration] = RegistrationFactory.create_batch(4, account=member.account)
        self.recorded: dict[tuple[int, date], list[Entitlement]] = {}
        self._grant(0, 2, 9, 40)
        self._associate(0, 1)
        self._grant(0, 3, 0, 40)
        self._buy(0, 2, 20, 3, 5)
        self._move(0, 0, 2, 3)
        self._wait(6)

    def teardown(self) -> None:
        """Each day is told as it was, though the catalogue is another now."""
        try:
            for code in (2, 3, 5, 9):
                self._change_catalogue(code)
            for (unit, day), was in self.recorded.items():
                assert _recalled(self.units[unit], day) == was
        finally:
            transaction.set_rollback(True)
            self._world.__exit__(None, None, None)
            self._clock.stop()

    @property
    def today(self) -> date:
        return self.now.date()

    @rule(unit=_units, code=_services, count=st.sampled_from([-1, 4, 20]), days=_days)
    def grant(self, unit: int, code: int, count: int, days: int | None) -> None:
        self._grant(unit, code, count, days)

    def _grant(self, unit: int, code: int, count: int, days: int | None) -> None:
        service = Service.objects.get(code=code)
        terms = {
            "count": count if service.is_counted else None,
            "expires_on": None if days is None else self.today + timedelta(days=days),
        }
        facts = {"unit": self.units[unit].unit, "service": service, **terms}
        self._take(partial(grant_licence, **facts, reason="bought", by=self.user, today=self.today))

    @rule(unit=_units, code=_services, count=st.sampled_from([-1, 4, 20]), begins=_begins, days=_days)
    def buy(self, unit: int, code: int, count: int, begins: int, days: int | None) -> None:
        self._buy(unit, code, count, begins, days)

    def _buy(self, unit: int, code: int, count: int, begins: int, days: int | None) -> None:
        """A further licence, whatever the unit has, that may begin later."""
        first_day, service = self.today + timedelta(days=begins), Service.objects.get(code=code)
        terms = {
            "count": count if service.is_counted else None,
            "begins_on": first_day,
            "expires_on": None if days is None else first_day + timedelta(days=days),
        }
        with noted([self.units[unit]], right=LedgerEntry.Right.GRANT, by=self.user):
            LicenceFactory(registration=self.units[unit], service=service, **terms)

    @rule(unit=_units, code=_services, months=st.sampled_from([1, 12, None]))
    def redeem(self, unit: int, code: int, months: int | None) -> None:
        service, registration = Service.objects.get(code=code), self.units[unit]
        facts = {"count": 3 if service.is_counted else None, "months": months, "number": 1, "model": None}
        with suppress(RuleViolation):
            _, (key,) = make_activation_keys(service=service, **facts, reason="sold", by=None)
            registration.unit.refresh_from_db()
            named = {"activation_key": key, "version": registration.unit.version}
            when = {"today": self.today, "now": self.now}
            self._take(partial(redeem_key, registration=registration, **named, by=self.user, **when))

    @rule(unit=_units, code=_services)
    def trial(self, unit: int, code: int) -> None:
        service = Service.objects.get(code=code)
        start = partial(start_trial, registration=self.units[unit], service=service, alone=True)
        self._take(partial(start, by=self.user, today=self.today))

    @rule(owner=_units, giver=_units, taker=_units, count=st.integers(1, 4))
    def move(self, owner: int, giver: int, taker: int, count: int) -> None:
        self._move(owner, giver, taker, count)

    def _move(self, owner: int, giver: int, taker: int, count: int) -> None:
        licence = Licence.objects.filter(registration=self.units[owner], service__code=2).first()
        if licence:
            between = {"source": self.units[giver], "target": self.units[taker], "count": count}
            self._take(partial(move_counts, licence=licence, **between, by=self.user, today=self.today))

    @rule(parent=_units, child=_units)
    def associate(self, parent: int, child: int) -> None:
        self._associate(parent, child)

    def _associate(self, parent: int, child: int) -> None:
        ends = {"parent": self.units[parent], "child": self.units[child]}
        hf = AssociationType.objects.get(slug="hf")
        self._take(partial(associate, **ends, type=hf, by=self.user, today=self.today))

    @rule(pick=_picks, what=st.sampled_from(["swap", "swap", "remove", "standby"]))
    def change_association(self, pick: int, what: str) -> None:
        seats = list(Seat.objects.live().with_units().filter(side="child").order_by("pk"))
        if not seats:
            return
        seat = seats[pick % len(seats)]
        actions = {
            "swap": partial(swap_roles, seat=seat, today=self.today),
            "remove": partial(remove_association, seat=seat),
            "standby": partial(make_standby, seat=seat, instead=sharing(seat), today=self.today),
        }
        self._take(partial(actions[what], by=self.user))

    @rule(code=_services)
    def change_catalogue(self, code: int) -> None:
        self._change_catalogue(code)

    def _change_catalogue(self, code: int) -> None:
        """A service is shared or no longer; a model comes with it or no longer."""
        service, model = Service.objects.get(code=code), self.units[0].unit.model
        service.is_shareable = not service.is_shareable
        save_service(service=service, by=self.user, reason="decided")
        count = 2 if service.is_counted else None
        if entry := ModelService.objects.filter(model=model, service=service).first():
            remove_model_service(entry=entry, by=self.user, reason="decided")
        else:
            set_model_service(model=model, service=service, count=count, by=self.user, reason="decided")

    @rule(days=st.sampled_from([1, 6, 35]))
    def wait(self, days: int) -> None:
        self._wait(days)

    def _wait(self, days: int) -> None:
        for later in {0, days // 2, days - 1}:  # nothing happens until then
            for number, registration in enumerate(self.units):
                day = self.today + timedelta(days=later)
                self.recorded[number, day] = _derived(registration, day)
        self.now += timedelta(days=days)

    @invariant()
    def replay_leads_to_the_rows(self) -> None:
        verify(progress=lambda done: None)

    @invariant()
    def today_is_shown_as_it_is(self) -> None:
        for registration in self.units:
            assert _recalled(registration, self.today) == _derived(registration, self.today)

    def _take(self, action: Callable[[], object]) -> None:
        self.now += timedelta(minutes=1)
        with suppress(RuleViolation):
            action()


def _derived(registration: Registration, day: date) -> list[Entitlement]:
    return entitlements(registration, source=sharing_primary(registration), today=day)


def _recalled(registration: Registration, day: date) -> list[Entitlement]:
    rows = entitlements_on(registration, day)
    assert all(bool(row.right) == (row.entitlement.right is not None) for row in rows)
    assert [row.status for row in rows] == [row.entitlement.status(day) for row in rows]
    return [row.entitlement for row in rows]


def test_the_ledger_tells_every_day_of_any_history() -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=examples(6),
            stateful_step_count=12,
            deadline=None,
            phases=[Phase.generate],  # the steps are few enough to read, and shrinking takes minutes
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
