"""Whatever two accounts and Support do, with cases, undoing and units coming and going: the rules hold."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import count

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from associations.models import Seat
from associations.seating import parent_of
from licensing.keysets.issuing import read_keyset
from licensing.ledger.verification import verify
from licensing.models import Licence, PoolPart, RmaCase
from licensing.moves.release import release_to_stock, take_back
from licensing.rma.cases import approve_case, cancel_case, decline_case, open_case, receive_case
from licensing.rma.completing import complete_case, rehearse_case
from licensing.rma.selectors import partners_of
from licensing.rma.undoing import rehearse_undo, undo_case
from portal.models import AuditEntry
from products.errors import UnitRetired
from products.models import Registration, Unit
from tests.examples import run_histories
from tests.factories import UnitFactory, UserFactory
from tests.licensing.rma.told import check_told
from tests.test_histories import Histories, rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

_units = st.integers(0, 9)
_cases = st.integers(0, 3)
_rarely = st.integers(0, 3).map(lambda number: number == 0)
TERMS = ("uuid", "service", "kind", "count", "begins_on", "expires_on")

_partners = st.none() | st.integers(0, 2)


class RmaHistories(Histories):
    """Two more units are in stock, and Support takes part."""

    def __init__(self) -> None:
        super().__init__()
        self.agent = UserFactory(is_staff=True)
        self.units += UnitFactory.create_batch(2)
        self._numbers = count(1)

    @rule(unit=_units, replacement=st.none() | _units, is_waived=_rarely, is_transfer=_rarely)
    def open_case(self, unit: int, replacement: int | None, is_waived: bool, is_transfer: bool) -> None:
        self._open(unit, replacement, is_waived, is_transfer)

    @rule(pick=_cases, replacement=_units)
    def name_replacement(self, pick: int, replacement: int) -> None:
        if case := self._case(pick):
            serial = self.units[replacement].serial
            self._take(partial(approve_case, case=case, replacement=serial, by=self.agent))

    @rule(pick=_cases, partner=_partners)
    def complete(self, pick: int, partner: int | None) -> None:
        if case := self._case(pick):
            self._complete(case, partner)

    @rule(unit=_units, replacement=_units, is_waived=_rarely, is_transfer=_rarely, partner=_partners)
    def replace(
        self, unit: int, replacement: int, is_waived: bool, is_transfer: bool, partner: int | None
    ) -> None:
        if case := self._open(unit, replacement, is_waived, is_transfer):
            self._complete(case, partner)

    @rule(unit=_units, replacement=_units, is_transfer=_rarely, partner=_partners)
    def replace_and_undo(self, unit: int, replacement: int, is_transfer: bool, partner: int | None) -> None:
        """X5: everything is as it was."""
        before = _state()
        if case := self._open(unit, replacement, True, is_transfer):
            self._complete(case, partner)
            self._undo(case)
        assert _state() == before

    @rule(pick=_cases)
    def undo(self, pick: int) -> None:
        done = RmaCase.objects.exclude(completed_at=None).order_by("-pk")
        for case in done[pick % 2 : pick % 2 + 1]:
            self._undo(case)

    @rule(pick=_cases, end=st.sampled_from([decline_case, cancel_case]))
    def end_case(self, pick: int, end: Callable) -> None:
        if case := self._case(pick):
            self._take(partial(end, case=case, reason="not broken", by=self.agent))

    @rule(pick=_cases)
    def receive(self, pick: int) -> None:
        if case := self._case(pick):
            self._take(partial(receive_case, case=case, by=self.agent))

    @rule(unit=_units)
    def release_to_stock(self, unit: int) -> None:
        if registration := self._registration(unit):
            releasing = partial(release_to_stock, registration=registration, by=self.agent, reason="bankrupt")
            self._take(partial(self._with_code, self.units[unit], partial(releasing, today=self.now.date())))

    @rule(unit=_units)
    def take_back(self, unit: int) -> None:
        taking = partial(take_back, unit=self.units[unit], by=self.agent, reason="mended")
        self._take(partial(self._with_code, self.units[unit], lambda now, **code: taking(**code)))

    @invariant()
    def the_ledger_matches_what_is_held(self) -> None:
        """L6; a unit that was retired or put into stock keeps in its record what it had."""
        verify(progress=lambda done: None)

    @invariant()
    def retired_units_are_out_of_use(self) -> None:
        """K3 and X2: a retired unit belongs to nobody and gets no keyset."""
        for registration in Registration.objects.exclude(unit__retired_at=None).select_related("unit"):
            assert registration.ended_at
            with pytest.raises(UnitRetired):
                read_keyset(registration=registration, today=self.now.date())

    @invariant()
    def a_unit_is_in_one_open_case(self) -> None:
        """X6."""
        cases = RmaCase.objects.filter(state__in=RmaCase.OPEN)
        units = [unit for pair in cases.values_list("failed__unit", "replacement") for unit in pair if unit]
        assert len(units) == len(set(units))

    def _open(self, unit: int, replacement: int | None, is_waived: bool, is_transfer: bool) -> RmaCase | None:
        """Open a case; return it, or None if that was refused."""
        present = set(RmaCase.objects.all())
        if registration := self._registration(unit):
            kind = RmaCase.Kind.TRANSFER if is_transfer else RmaCase.Kind.REPLACEMENT
            facts = {"kind": kind, "symptom": "dead", "contact": "", "address": "", "by": self.agent}
            opening = partial(open_case, registration=registration, **facts, now=self.now)
            serial = "" if replacement is None else self.units[replacement].serial
            if is_waived and replacement is not None:
                model = self.units[replacement].model
                opening = partial(opening, waived_model=model, model_waiver="a successor")
            self._take(partial(opening, replacement=serial))
        return next(iter(set(RmaCase.objects.all()) - present), None)

    def _complete(self, case: RmaCase, pick: int | None) -> None:
        partners = partners_of(case)
        partner = partners.default
        if pick is not None and partners.units:
            choices = [*partners.units, None]  # the last means no pair
            partner = choices[pick % len(choices)]
        self._take(partial(self._keeping_terms, partial(self._rehearse_and_complete, case, partner)))

    def _rehearse_and_complete(self, case: RmaCase, partner: Registration | None) -> None:
        facts = {"case": case, "partner": partner, "by": self.agent, "today": self.now.date()}
        before = rows()
        shown = rehearse_case(**facts)
        assert rows() == before
        done = check_told(shown.comparison, self.now.date(), partial(complete_case, **facts, seen=shown.seen))
        assert (shown.before, shown.after, shown.lines) == (done.before, done.after, done.lines)

    def _undo(self, case: RmaCase) -> None:
        self._take(partial(self._keeping_terms, partial(self._rehearse_and_undo, case)))

    def _rehearse_and_undo(self, case: RmaCase) -> None:
        facts = {"case": case, "as_lead": True, "by": self.agent, "today": self.now.date()}
        before = rows()
        shown = rehearse_undo(**facts)
        assert rows() == before
        undoing = partial(undo_case, **facts, seen=shown.seen, reason="wrong unit")
        check_told(shown.comparison, self.now.date(), undoing)

    def _keeping_terms(self, action: Callable[[], object]) -> None:
        """Doing or undoing a case moves licences: it adds or removes none, and changes no terms (L7)."""
        before = _terms()
        action()
        assert _terms() == before
        self.seen, self.seen_until = self._places(), AuditEntry.objects.latest("pk").pk

    def _with_code(self, unit: Unit, action: Callable[..., object]) -> None:
        """Act with a new authentication code, by which the unit is registered from now on."""
        code = f"WXYZ-{next(self._numbers):04d}"
        action(authentication_code=code, now=self.now)
        self.codes[unit.serial] = code

    def _case(self, pick: int) -> RmaCase | None:
        """A case: open ones first, then those that stale pages may name."""
        cases = sorted(RmaCase.objects.order_by("-pk"), key=lambda case: not case.is_open)
        return cases[pick % len(cases)] if cases else None


def _state() -> list[list[tuple[object, ...]]]:
    """Whose the units are, how they are associated, and which licences and parts they have."""
    children = Seat.objects.live().filter(side="child")
    places = sorted((parent_of(s).pk, s.registration_id, s.shares) for s in children.with_units())
    tables = [
        Registration.objects.live().values_list("unit", "account", "friendly_name"),
        Unit.objects.filter(retired_at=None).values_list("serial"),
        Licence.objects.values_list("registration", *TERMS),
        PoolPart.objects.values_list("licence__uuid", "registration", "count"),
    ]
    return [places, *(sorted(table, key=str) for table in tables)]


def _terms() -> Counter[tuple[object, ...]]:
    return Counter(Licence.objects.values_list(*TERMS))


def test_the_rules_hold_over_any_history_of_replacements() -> None:
    run_histories(RmaHistories, 5, steps=15)
