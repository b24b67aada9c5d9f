"""Whatever two accounts do, in any order, on any days: the rules hold at every step."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from functools import partial
from unittest import mock

import pytest
from django.conf import settings as portal_settings
from django.db import transaction
from django.db.models import F, Model
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from associations.models import AssociationType, Seat, TypeModel
from associations.seating import parent_of
from associations.services import (
    associate,
    change_parent,
    make_standby,
    remove_association,
)
from associations.sharing_limit import SHARING_WINDOW
from licensing.activation.redeeming import make_activation_keys, redeem_key
from licensing.acts import record_of
from licensing.grants.giving import grant_licence
from licensing.grants.revoking import revoke_licence
from licensing.grants.trials import start_trial
from licensing.keyset import UNLIMITED, Status, read, states_on
from licensing.keysets.issuing import read_keyset
from licensing.ledger.verification import verify
from licensing.models import (
    ActivationKey,
    Keyset,
    KeysetHead,
    LedgerEntry,
    Licence,
    PoolPart,
    RmaCase,
    Service,
    TrialStart,
)
from licensing.moves.one_licence import move_licence
from licensing.moves.pools import move_counts
from licensing.moves.swap import swap_roles
from licensing.undo.undoing import undo_act
from portal.errors import RuleViolation
from portal.models import Act, AuditEntry, Mail, Membership, User
from products.errors import NoMatch
from products.models import Attempt, Registration, Unit
from products.services import register
from tests.examples import run_histories
from tests.factories import CODE, MembershipFactory, RegistrationFactory, UnitFactory, sharing
from tests.licensing.bought import Bought, by_key, terms_of
from tests.licensing.offers import accepted, offered
from tests.licensing.oracle import derived, said_by

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHANGED: list[type[Model]] = [
    Unit,
    Registration,
    Seat,
    Act,
    Licence,
    PoolPart,
    TrialStart,
    ActivationKey,
    LedgerEntry,
    Keyset,
    KeysetHead,
    AuditEntry,
    RmaCase,
    Mail,
]
"""The tables that these histories change, except attempts."""
RUNS = {Status.LICENSED, Status.FREE_TRIAL}

_accounts = st.integers(0, 1)
_units = st.integers(0, 7)
_picks = st.integers(0, 6)


class Histories(RuleBasedStateMachine):
    """Six units are the first account's and one is the second's; one isn't registered. One is a TZ 170."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self._clock = mock.patch("django.utils.timezone.now", side_effect=self._tick)
        self._clock.start()
        self._world = transaction.atomic()
        self._world.__enter__()
        self.hf = AssociationType.objects.get(slug="hf")
        self.members: list[Membership] = MembershipFactory.create_batch(2)
        self.units: list[Unit] = [*UnitFactory.create_batch(7), UnitFactory(model_name="PRO 4060")]
        for number in (0, 1, 2, 3, 4, 5, 7):
            owner = self.members[number == 5]
            RegistrationFactory(unit=self.units[number], account=owner.account)
        self.issued: dict[str, Keyset] = {}
        self.bought: Counter[Bought] = Counter()
        self.keys: dict[int, tuple[Bought | None, Bought]] = {}
        self.codes: dict[str, str] = {}
        self.seen: dict[str, tuple[str, bool]] = {}
        self.seen_until = 0
        for number, code, days in ((0, 3, 40), (0, 4, 300), (1, 3, 10), (2, 3, 100), (5, 4, 30), (0, 2, 60)):
            self._grant(self.units[number], code, days)
        for child in (1, 2):
            self._associate(0, child)

    def _tick(self) -> datetime:
        """The moment; no two are the same."""
        self.now += timedelta(microseconds=1)
        return self.now

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._world.__exit__(None, None, None)
        self._clock.stop()

    @rule(account=_accounts, unit=_units, is_right=st.booleans())
    def register(self, account: int, unit: int, is_right: bool) -> None:
        member = self.members[account]
        self._take(
            partial(
                register,
                account=member.account,
                serial_number=self.units[unit].serial,
                authentication_code=self.codes.get(self.units[unit].serial, CODE)
                if is_right
                else "ZZZZ-9999",
                friendly_name="",
                by=member.user,
                now=self.now,
            )
        )

    @rule(parent=_units, child=_units)
    def associate(self, parent: int, child: int) -> None:
        self._associate(parent, child)

    def _associate(self, parent: int, child: int) -> None:
        first, second = self._registration(parent), self._registration(child)
        if first and second:
            by, today = self._user(first), self.now.date()
            self._take(partial(associate, parent=first, child=second, type=self.hf, by=by, today=today))

    @rule(pick=_picks, parent=_units)
    def change_parent(self, pick: int, parent: int) -> None:
        seat, wanted = self._child_seat(pick), self._registration(parent)
        if seat and wanted:
            by = self._user(seat.registration)
            self._take(partial(change_parent, seat=seat, parent=wanted, by=by, today=self.now.date()))

    @rule(pick=_picks)
    def remove(self, pick: int) -> None:
        if seat := self._child_seat(pick):
            self._take(partial(remove_association, seat=seat, by=self._user(seat.registration)))

    @rule(pick=_picks)
    def make_standby(self, pick: int) -> None:
        if seat := self._child_seat(pick):
            by = self._user(seat.registration)
            self._take(partial(make_standby, seat=seat, instead=sharing(seat), by=by, today=self.now.date()))

    @rule(pick=_picks)
    def swap(self, pick: int) -> None:
        if seat := self._child_seat(pick):
            self._take(
                partial(swap_roles, seat=seat, by=self._user(seat.registration), today=self.now.date())
            )

    @rule(unit=_units, code=st.sampled_from([2, 3]), alone=st.booleans())
    def start_trial(self, unit: int, code: int, alone: bool) -> None:
        if registration := self._registration(unit):
            by, service = self._user(registration), Service.objects.get(code=code)
            start = partial(start_trial, registration=registration, service=service, alone=alone)
            self._take(partial(start, by=by, today=self.now.date()))

    @rule(
        unit=_units,
        code=st.sampled_from([2, 3, 9]),
        count=st.sampled_from([4, 5, 20]),
        months=st.sampled_from([None, 1, 12]),
    )
    def redeem(self, unit: int, code: int, count: int, months: int | None) -> None:
        if registration := self._registration(unit):
            service, today = Service.objects.get(code=code), self.now.date()
            facts = {"count": count if service.is_counted else None, "months": months}
            _, (key,) = make_activation_keys(
                service=service, **facts, number=1, model=None, reason="sold", by=None
            )
            bought = by_key(registration, service, **facts, today=today)
            is_done = self._take(
                partial(
                    redeem_key,
                    registration=registration,
                    activation_key=key,
                    version=registration.unit.version,
                    by=self._user(registration),
                    today=today,
                    now=self.now,
                )
            )
            assert is_done == bool(bought)
            if bought:
                self._change(*bought)
                self.keys[ActivationKey.objects.latest("pk").pk] = bought

    @rule(unit=_units, code=st.sampled_from([2, 3, 14]), days=st.none() | st.sampled_from([0, 30, 400]))
    def grant(self, unit: int, code: int, days: int | None) -> None:
        if self._registration(unit):
            self._grant(self.units[unit], code, days)

    @rule(pick=_picks)
    def revoke(self, pick: int) -> None:
        if licence := self._licence(pick):
            before = terms_of(licence)
            revoking = partial(revoke_licence, licence=licence, reason="too much")
            if self._take(partial(revoking, by=self.members[0].user, today=self.now.date())):
                is_trial = licence.kind == Licence.Kind.TRIAL
                self._change(None if is_trial else before, None)

    @rule(pick=_picks, to=_units)
    def move_licence(self, pick: int, to: int) -> None:
        licence, target = self._licence(pick), self._registration(to)
        if licence and target:
            moving = partial(move_licence, licence=licence, to=target, reason="the wrong unit")
            self._take(partial(moving, by=self.members[0].user, today=self.now.date()))

    @rule(pick=_picks, source=_units, to=_units, count=st.integers(1, 4))
    def share_out(self, pick: int, source: int, to: int, count: int) -> None:
        licences = Licence.objects.filter(service__code=2).select_related("registration__unit", "service")
        first, second = self._registration(source), self._registration(to)
        if licences and first and second:
            licence = licences.order_by("pk")[pick % len(licences)]
            by, today = self._user(licence.registration), self.now.date()
            self._take(
                partial(
                    move_counts,
                    licence=licence,
                    source=first,
                    target=second,
                    count=count,
                    by=by,
                    today=today,
                )
            )

    @rule(unit=_units, account=_accounts)
    def release(self, unit: int, account: int) -> None:
        """X7: a product is offered; what stands in the way of accepting it stands in that of offering it."""
        if registration := self._registration(unit):
            terms = {"on": self.now.date(), "now": self.now}
            to, by = self.members[account], self._user(registration)
            self._take(lambda: accepted(offered(registration, to.account, by, **terms), to.user, **terms))

    @rule(pick=_picks)
    def undo_act(self, pick: int) -> None:
        """L8; a key's licence is then what it was before, all other licences are what they are."""
        acts = Act.objects.select_related("account").order_by("-at", "-pk")
        for act in acts[pick : pick + 1]:
            member = next(m for m in self.members if m.account_id == act.account_id)
            use = record_of(act).key
            if self._take(partial(undo_act, act=act, by=member.user, now=self.now)):
                if use:
                    before, after = self.keys[use.key]
                    self._change(after, before)
                self.seen, self.seen_until = self._places(), AuditEntry.objects.latest("pk").pk

    @rule(days=st.sampled_from([1, 20, 91]))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)

    @invariant()
    def every_licence_is_what_was_bought(self) -> None:
        """L7: wherever it is by now, on an ended registration too."""
        licensed = Licence.objects.filter(kind=Licence.Kind.LICENSED).select_related("service")
        assert Counter(terms_of(licence) for licence in licensed) == self.bought

    @invariant()
    def both_fit_and_are_one_accounts(self) -> None:
        """A1."""
        fitting = set(TypeModel.objects.filter(type=self.hf).values_list("side", "model_id"))
        for seats in self._groups().values():
            registrations = [seat.registration for seat in seats]
            assert len({registration.account_id for registration in registrations}) == 1
            assert len({registration.unit.model_id for registration in registrations}) == 1
            assert {(seat.side, seat.registration.unit.model_id) for seat in seats} <= fitting
            assert not any(r.ended_at or r.unit.retired_at for r in registrations)

    @invariant()
    def a_unit_is_a_parent_or_one_parents_child(self) -> None:
        """A2."""
        groups = self._groups()
        places = Counter(seat.registration_id for seats in groups.values() for seat in seats)
        assert set(places.values()) <= {1}
        for seats in groups.values():
            assert [seat.side for seat in seats].count("parent") == 1
            assert len(seats) > 1

    @invariant()
    def one_child_shares_within_the_limit(self) -> None:
        """A9."""
        since = datetime.combine(self.now.date() - SHARING_WINDOW, time(), tzinfo=UTC)
        sharers: dict[int, set[int]] = defaultdict(set)
        for seat in Seat.objects.filter(shares=True, by_rma=False).select_related("registration"):
            if seat.ended_at is None or seat.ended_at >= since:
                sharers[parent_of(seat).unit_id].add(seat.registration.unit_id)
        assert all(sum(seat.shares for seat in seats) <= 1 for seats in self._groups().values())
        assert all(len(units) <= portal_settings.MOST_SHARERS for units in sharers.values())

    @invariant()
    def no_more_is_given_than_there_is(self) -> None:
        """What is shared out of a licence is within its count and its account."""
        for licence in Licence.objects.filter(parts__isnull=False).distinct():
            parts = list(licence.parts.select_related("registration"))
            assert sum(part.count for part in parts) <= licence.count
            assert {part.registration.account_id for part in parts} == {licence.registration.account_id}
            assert licence.registration_id not in {part.registration_id for part in parts}

    @invariant()
    def every_keyset_is_true(self) -> None:
        """K1 and K2."""
        today = self.now.date()
        for registration in Registration.objects.live().select_related("unit__model"):
            keyset = read_keyset(registration=registration, today=today)
            said, serial = said_by(keyset, today), registration.unit.serial
            assert said == derived(registration, today)
            before = self.issued.get(serial)
            is_new = before is None or said_by(before, today) != said
            assert keyset.generation == (before.generation if before else 0) + is_new
            self.issued[serial] = keyset
        self._check_shared()

    def _check_shared(self) -> None:
        """K1: on every day from today on a secondary has every shared service at least as well."""
        shareable = set(Service.objects.filter(is_shareable=True).values_list("code", flat=True))
        for seat in Seat.objects.live().filter(shares=True).select_related("registration__unit"):
            theirs, own = (
                read(self.issued[unit.serial].text).services
                for unit in (parent_of(seat).unit, seat.registration.unit)
            )
            ends = {row.expiry + timedelta(1) for row in (*theirs, *own) if row.expiry}
            for day in {self.now.date(), *(day for day in ends if day > self.now.date())}:
                mine = states_on(day, own)
                for code, state in states_on(day, theirs).items():
                    if code in shareable and state.status in RUNS:
                        assert mine[code].status in RUNS
                        assert _size(mine[code].row.count) >= _size(state.row.count)

    @invariant()
    def the_ledger_matches_what_is_held(self) -> None:
        """L6: no day and no count appears or disappears without an entry; a former owner keeps nothing."""
        verify(progress=lambda done: None)
        assert not Licence.objects.exclude(registration__ended_at=None).exists()

    @invariant()
    def history_leads_to_the_present(self) -> None:
        """X1: the audit trail, followed from its first entry, ends with the present seats."""
        seen = dict(self.seen)
        for code, data in self._trail():
            if code == "association-removed":
                del seen[data["child"]]
            elif code == "roles-swapped":
                del seen[data["parent"]]
                seen |= dict.fromkeys(data.get("moved", []), (data["parent"], False))
                seen[data["child"]] = data["parent"], True
            else:
                seen[data["child"]] = data["parent"], data["shares"]
            if code == "made-standby" and "former" in data:
                seen[data["former"]] = data["parent"], False
        assert seen == self._places()

    def _places(self) -> dict[str, tuple[str, bool]]:
        """Whose child each child is, and whether it shares."""
        present = Seat.objects.live().filter(side="child").select_related("registration__unit")
        return {s.registration.unit.serial: (parent_of(s).unit.serial, s.shares) for s in present}

    @invariant()
    def seats_follow_one_another(self) -> None:
        """A unit is in one place at a time, and a child's time is within its parent's."""
        seats = list(Seat.objects.order_by("pk"))
        parents = {seat.group: seat for seat in seats if seat.side == "parent"}
        latest: dict[int, Seat] = {}
        for seat in seats:
            before, parent = latest.get(seat.registration_id), parents[seat.group]
            assert before is None or (before.ended_at and before.ended_at <= seat.began_at)
            assert parent.began_at <= seat.began_at
            assert parent.ended_at is None or (seat.ended_at and seat.ended_at <= parent.ended_at)
            latest[seat.registration_id] = seat

    def _change(self, before: Bought | None, after: Bought | None) -> None:
        """Note what somebody bought, or what became of something bought before."""
        if before:
            self.bought[before] -= 1
        if after:
            self.bought[after] += 1
        self.bought += Counter()  # without what there is none of

    def _take(self, action: Callable[[], object]) -> bool:
        """Act, and return whether that was done; a refusal writes nothing except a failed attempt."""
        self.now += timedelta(minutes=1)
        before, attempts = rows(), Attempt.objects.count()
        try:
            action()
            is_done = True
        except RuleViolation as refusal:
            is_done = False
            assert rows() == before
            attempts += isinstance(refusal, NoMatch)
        assert Attempt.objects.count() == attempts
        return is_done

    def _grant(self, unit: Unit, code: int, days: int | None) -> None:
        service, today = Service.objects.get(code=code), self.now.date()
        count, last = 5 if service.is_counted else None, None if days is None else today + timedelta(days)
        facts = {"unit": unit, "service": service, "count": count, "expires_on": last}
        if self._take(partial(grant_licence, **facts, reason="bought", by=None, today=today)):
            self._change(None, Bought(code, count, today, last))

    def _registration(self, unit: int) -> Registration | None:
        return Registration.objects.live().filter(unit=self.units[unit]).first()

    def _user(self, registration: Registration) -> User:
        return next(m.user for m in self.members if m.account_id == registration.account_id)

    def _licence(self, pick: int) -> Licence | None:
        """A licence of either account."""
        licences = Licence.objects.select_related("registration__unit", "service").order_by("pk")
        return licences[pick % len(licences)] if licences else None

    def _child_seat(self, pick: int) -> Seat | None:
        """A child's seat: live ones first, then those that stale pages may name."""
        seats = Seat.objects.with_units().filter(side="child")
        seats = list(seats.order_by(F("ended_at").desc(nulls_first=True), "pk"))
        return seats[pick % len(seats)] if seats else None

    def _groups(self) -> dict[object, list[Seat]]:
        groups: dict[object, list[Seat]] = defaultdict(list)
        for seat in Seat.objects.live().with_units():
            groups[seat.group].append(seat)
        return groups

    def _trail(self) -> list[tuple[str, dict[str, object]]]:
        """What was done to associations, in order, since `seen`."""
        codes = ["associated", "parent-changed", "made-standby", "association-removed", "roles-swapped"]
        entries = AuditEntry.objects.filter(code__in=codes, pk__gt=self.seen_until).order_by("pk")
        return list({entry.action: (entry.code, entry.data) for entry in entries}.values())


def _size(count: int | None) -> float:
    return float("inf") if count == UNLIMITED else count or 0


def rows() -> list[list[tuple[object, ...]]]:
    return [list(model._base_manager.order_by("pk").values_list()) for model in CHANGED]


def test_the_rules_hold_over_any_history() -> None:
    run_histories(Histories, 8, steps=12)
