"""Two who change a case, or what it is about, at once: the second sees the first; nobody deadlocks."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db import IntegrityError
from django.utils import timezone

from associations.errors import AssociationGone
from associations.models import Seat
from associations.services import remove_association
from licensing.errors import LicencesChanged
from licensing.ledger.verification import Differs, verify
from licensing.models import ActivationKey, Licence, RmaCase
from licensing.rma.cases import approve_case
from licensing.rma.completing import Outcome, complete_case
from licensing.rma.errors import CaseNotOpen, CaseOpen, PlanChanged
from licensing.rma.undoing import rehearse_undo, undo_case
from portal.clock import today
from portal.models import User
from products.models import Registration, Unit
from products.services import register
from tests.factories import CODE, AccountFactory, RegistrationFactory, UnitFactory, UserFactory, hf, pair
from tests.licensing.history import grant
from tests.licensing.rma.support import check_truth, complete, links, open_for, opening, rehearse
from tests.licensing.support import CONTENT_FILTER, make, redeem
from tests.races import Rival, first_open, race, without_locks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def by() -> User:
    return UserFactory(is_staff=True)


@pytest.fixture
def two(by: User) -> tuple[Registration, Registration, Seat]:
    """A pair, the primary with a licence that ends today."""
    primary, secondary, seat = pair(AccountFactory(), by)
    grant(primary, CONTENT_FILTER, expires_on=today())
    return primary, secondary, seat


def _completion(case: RmaCase, partner: Registration, by: User) -> Callable[[], Outcome]:
    """Complete a case as a page of now shows it."""
    seen = rehearse(case, partner=partner).seen
    return partial(complete_case, case=case, partner=partner, seen=seen, by=by, today=today())


def _undoing(case: RmaCase, by: User) -> Callable[[], RmaCase]:
    """Undo a case as a page of now shows it."""
    facts = {"case": case, "as_lead": True, "by": by, "today": today()}
    return partial(undo_case, reason="wrong unit", seen=rehearse_undo(**facts).seen, **facts)


def _redemption(unit: Registration, by: User) -> Callable[[], object]:
    """Redeem a key as a page of now shows it."""
    version = Unit.objects.get(pk=unit.unit_id).version
    return partial(redeem, unit, *make(), by=by, now=timezone.now(), version=version)


def _approval(case: RmaCase, replacement: Unit, by: User) -> Callable[[], RmaCase]:
    return partial(approve_case, case=case, replacement=replacement.serial, by=by)


def test_two_agents_complete_one_case(two: tuple, by: User) -> None:
    primary, secondary, _ = two
    case = open_for(primary, UnitFactory())

    with pytest.raises(CaseNotOpen):
        race(_completion(case, secondary, by), _completion(case, secondary, UserFactory()))

    case.refresh_from_db()
    assert case.completed_by == by
    assert Licence.objects.get().registration == secondary
    verify(progress=lambda done: None)


@without_locks
def test_control_without_the_lock_the_second_agent_runs_into_the_database(two: tuple, by: User) -> None:
    primary, secondary, _ = two
    case = open_for(primary, UnitFactory())
    completions = [_completion(case, secondary, by) for _ in range(2)]

    with pytest.raises(IntegrityError):
        race(*completions)


def test_an_agent_completes_while_the_administrator_removes(two: tuple, by: User) -> None:
    primary, secondary, seat = two
    case = open_for(primary, UnitFactory())

    with pytest.raises(PlanChanged):
        race(partial(remove_association, seat=seat, by=by), _completion(case, secondary, by))

    assert links() == set()
    complete(case)
    assert links() == {(secondary.unit.serial, case.replacement.serial, True)}


@without_locks
def test_control_without_the_lock_what_was_removed_meanwhile_is_completed_unseen(
    two: tuple, by: User
) -> None:
    primary, secondary, seat = two
    completion = _completion(open_for(primary, UnitFactory()), secondary, by)

    outcome = race(partial(remove_association, seat=seat, by=by), completion)

    assert outcome.heir == secondary


def test_the_administrator_removes_while_an_agent_completes(two: tuple, by: User) -> None:
    primary, secondary, seat = two
    case = open_for(primary, UnitFactory())

    with pytest.raises(AssociationGone):
        race(_completion(case, secondary, by), partial(remove_association, seat=seat, by=by))

    assert links() == {(secondary.unit.serial, case.replacement.serial, True)}
    check_truth()


def test_a_licence_is_renewed_while_a_case_is_undone(two: tuple, by: User) -> None:
    primary, secondary, _ = two
    case = open_for(primary, UnitFactory())
    complete(case)

    with pytest.raises(LicencesChanged):
        race(_undoing(case, by), _redemption(secondary, by))

    licence = Licence.objects.get()
    assert (licence.registration, licence.expires_on) == (primary, today())
    assert ActivationKey.objects.get().redeemed_at is None
    check_truth()


@without_locks
def test_control_without_the_lock_a_key_renews_what_another_unit_has_again(two: tuple, by: User) -> None:
    primary, secondary, _ = two
    case = open_for(primary, UnitFactory())
    complete(case)
    renewal = _redemption(secondary, by)

    race(_undoing(case, by), renewal)

    with pytest.raises(Differs):
        verify(progress=lambda done: None)


def test_a_case_is_undone_while_a_licence_is_renewed(two: tuple, by: User) -> None:
    primary, secondary, _ = two
    case = open_for(primary, UnitFactory())
    complete(case)

    with pytest.raises(PlanChanged):
        race(_redemption(secondary, by), _undoing(case, by))

    assert {licence.registration for licence in Licence.objects.all()} == {secondary}
    check_truth()


def test_a_case_is_undone_twice_at_once(two: tuple, by: User) -> None:
    primary, _, _ = two
    case = open_for(primary, UnitFactory())
    complete(case)

    with pytest.raises(CaseNotOpen):
        race(_undoing(case, by), _undoing(case, by))

    assert Licence.objects.get().registration == primary


def test_two_cases_name_one_replacement_at_once(two: tuple, by: User) -> None:
    primary, secondary, _ = two
    new, cases = UnitFactory(), [open_for(unit, None) for unit in (primary, secondary)]

    with pytest.raises(CaseOpen):
        race(*(_approval(case, new, by) for case in cases))

    assert RmaCase.objects.get(replacement=new) == cases[0]


@without_locks
def test_control_without_the_lock_the_second_name_runs_into_the_database(two: tuple, by: User) -> None:
    primary, secondary, _ = two
    new, cases = UnitFactory(), [open_for(unit, None) for unit in (primary, secondary)]

    with pytest.raises(IntegrityError):
        race(*(_approval(case, new, by) for case in cases))


def test_two_cases_are_opened_for_one_unit_at_once(two: tuple) -> None:
    primary, _, _ = two

    with pytest.raises(CaseOpen):
        race(opening(primary, None), opening(primary, None))

    assert RmaCase.objects.count() == 1


@without_locks
def test_control_without_the_lock_the_second_case_runs_into_the_database(two: tuple) -> None:
    primary, _, _ = two
    openings = [opening(primary, None) for _ in range(2)]

    with pytest.raises(IntegrityError):
        race(*openings)


def test_a_case_is_opened_while_the_pair_is_removed(two: tuple, by: User) -> None:
    """On PostgreSQL the secondary is looked for before the locks, and is still the one who keeps."""
    primary, secondary, seat = two

    case = race(partial(remove_association, seat=seat, by=by), opening(primary, None))

    assert case.secondary == secondary
    check_truth()


def _waits_in_line(first: Registration, then: Registration, action: Callable[[], object]) -> object:
    """Who holds one unit gets the other while a rival waits: the rival holds nothing that comes later."""
    with first_open(lambda: list(Unit.objects.locked([first.unit_id]))):
        rival = Rival(action)
        rival.assert_waits()
        list(Unit.objects.locked([then.unit_id]))
    return rival.result()


def test_opening_a_case_locks_the_replacement_in_its_turn(by: User) -> None:
    replacement, failed = RegistrationFactory.create_batch(2, account=AccountFactory())

    case = _waits_in_line(replacement, failed, opening(failed, replacement.unit))

    assert case.replacement == replacement.unit


def test_completing_a_case_locks_the_former_secondary_in_its_turn(by: User) -> None:
    account = AccountFactory()
    secondary, primary, other = RegistrationFactory.create_batch(3, account=account)
    remove_association(seat=hf(primary, secondary, by=by), by=by)
    hf(other, secondary, by=by)
    case = open_for(primary, UnitFactory())
    completion = partial(complete_case, case=case, partner=None, by=by, today=today())

    outcome = _waits_in_line(secondary, primary, partial(completion, seen=rehearse(case).seen))

    assert (case.secondary, outcome.heir.unit) == (secondary, case.replacement)


def test_a_replacement_is_registered_while_its_case_is_completed(two: tuple, by: User) -> None:
    primary, secondary, _ = two
    new = UnitFactory()
    case = open_for(primary, new)

    with pytest.raises(PlanChanged):
        race(_registration(primary, new, by), _completion(case, secondary, by))

    assert Registration.objects.live().get(unit=new).friendly_name == "Its own name"


def _registration(of: Registration, unit: Unit, by: User) -> Callable[[], Registration]:

    facts = {"authentication_code": CODE, "friendly_name": "Its own name", "by": by, "now": timezone.now()}
    return partial(register, account=of.account, serial_number=unit.serial, **facts)
