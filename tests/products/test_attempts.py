"""R3: how often an account may try a wrong code, counted in the database."""

import datetime
from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.errors import ReasonNeeded
from portal.keys import KeyFileUnknown
from portal.models import AuditEntry, Membership
from products.attempts import closed_until, forgive_attempts
from products.errors import AlreadyInAccount, InAnotherAccount, NoMatch, RegistrationClosed, SerialClosed
from products.models import Attempt, Registration, Unit
from tests.factories import CODE, MembershipFactory, RegistrationFactory, UnitFactory, registered
from tests.races import Rival, first_open, race, without_locks
from tests.rows import nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

WRONG = "ABCD-1235"
UNKNOWN = "FFFFFFFFFFFF"
NOON = datetime.datetime(2026, 5, 3, 12, tzinfo=datetime.UTC)
MINUTE = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def member() -> Membership:
    return MembershipFactory()


@pytest.fixture
def unit() -> Unit:
    return UnitFactory()


def attempt(member: Membership, serial: str, code: str = CODE, now: datetime.datetime = NOON) -> Registration:
    return registered(member, serial, code=code, now=now)


def fail(member: Membership, serial: str, *moments: datetime.datetime) -> None:
    """Try a wrong code at each of the moments."""
    for now in moments:
        with pytest.raises(NoMatch):
            attempt(member, serial, WRONG, now)


def tried(member: Membership, count: int, serial: str = UNKNOWN, now: datetime.datetime = NOON) -> None:
    """So many failed attempts that were made before."""
    Attempt.objects.bulk_create(
        Attempt(kind=Attempt.Kind.CODE, account=member.account, subject=serial, at=now) for _ in range(count)
    )


def tried_elsewhere(member: Membership, count: int, now: datetime.datetime) -> None:
    """So many failed attempts, each at a serial number of its own."""
    for number in range(count):
        tried(member, 1, f"{number:012X}", now)


def assert_closed(
    refusal: type[Exception], member: Membership, serial: str, code: str, now: datetime.datetime
) -> None:
    """Closed: refused, nothing written, not even the try."""
    with nothing_written(), pytest.raises(refusal) as caught:
        attempt(member, serial, code, now)

    assert caught.type is refusal


@pytest.mark.parametrize("code", [CODE, WRONG])
def test_five_failed_attempts_close_a_serial_to_right_codes_too(
    member: Membership, unit: Unit, code: str
) -> None:
    fail(member, unit.serial, *(NOON + MINUTE * i for i in range(5)))

    assert_closed(SerialClosed, member, unit.serial, code, NOON + MINUTE * 5)


def test_an_unknown_serial_closes_as_a_known_one_does(member: Membership) -> None:
    fail(member, UNKNOWN, *[NOON] * 5)

    assert_closed(SerialClosed, member, UNKNOWN, CODE, NOON)


def test_four_failed_attempts_close_nothing(member: Membership, unit: Unit) -> None:
    fail(member, unit.serial, *[NOON] * 4)

    assert attempt(member, unit.serial).unit == unit


def test_five_attempts_over_more_than_15_minutes_close_nothing(member: Membership, unit: Unit) -> None:
    fail(member, unit.serial, NOON, *[NOON + MINUTE * 15 + MOMENT] * 4)

    assert attempt(member, unit.serial, now=NOON + MINUTE * 16).unit == unit


def test_a_serial_opens_by_itself_15_minutes_after_the_fifth_attempt(member: Membership, unit: Unit) -> None:
    fail(member, unit.serial, *[NOON] * 4, NOON + MINUTE * 10)

    assert_closed(SerialClosed, member, unit.serial, CODE, NOON + MINUTE * 25 - MOMENT)
    assert attempt(member, unit.serial, now=NOON + MINUTE * 25).unit == unit


def test_attempts_while_closed_do_not_keep_it_closed(member: Membership, unit: Unit) -> None:
    fail(member, unit.serial, *[NOON] * 5)
    for minute in range(1, 15):
        assert_closed(SerialClosed, member, unit.serial, WRONG, NOON + MINUTE * minute)

    assert attempt(member, unit.serial, now=NOON + MINUTE * 15).unit == unit


def test_once_open_again_one_failed_attempt_does_not_close_it(member: Membership, unit: Unit) -> None:
    fail(member, unit.serial, *[NOON] * 5, NOON + MINUTE * 15 + MOMENT)

    assert attempt(member, unit.serial, now=NOON + MINUTE * 16).unit == unit


def test_a_failed_attempt_at_the_moment_of_opening_does_not_close_it(member: Membership, unit: Unit) -> None:
    fail(member, unit.serial, *[NOON] * 5, NOON + MINUTE * 15)

    assert attempt(member, unit.serial, now=NOON + MINUTE * 15 + MOMENT).unit == unit


def test_other_serials_stay_open(member: Membership) -> None:
    closed, other = UnitFactory.create_batch(2)
    fail(member, closed.serial, *[NOON] * 5)

    assert attempt(member, other.serial).unit == other


def test_other_accounts_stay_open(member: Membership, unit: Unit) -> None:
    fail(member, unit.serial, *[NOON] * 5)

    assert attempt(MembershipFactory(), unit.serial).unit == unit


def test_all_members_of_an_account_count_together(member: Membership, unit: Unit) -> None:
    colleague = MembershipFactory(account=member.account)
    fail(member, unit.serial, *[NOON] * 3)
    fail(colleague, unit.serial, *[NOON] * 2)

    assert_closed(SerialClosed, member, unit.serial, CODE, NOON)


def test_the_notation_of_a_serial_makes_no_difference(member: Membership) -> None:
    unit = UnitFactory(serial="0006B112441C")
    fail(member, "00:06:b1:12:44:1c", *[NOON] * 3)
    fail(member, "0006B1-12441C", *[NOON] * 2)

    assert_closed(SerialClosed, member, unit.serial, CODE, NOON)


def test_the_right_code_on_a_unit_of_another_account_is_no_failed_attempt(member: Membership) -> None:
    foreign = RegistrationFactory().unit

    with nothing_written():
        for _ in range(6):
            with pytest.raises(InAnotherAccount):
                attempt(member, foreign.serial)


def test_a_closed_serial_of_ones_own_is_still_named(member: Membership) -> None:
    mine = RegistrationFactory(account=member.account)
    tried(member, 5, mine.unit.serial)

    assert_closed(AlreadyInAccount, member, mine.unit.serial, CODE, NOON)


def test_twenty_failed_attempts_a_day_close_the_account(member: Membership, unit: Unit) -> None:
    tried_elsewhere(member, 19, NOON - timedelta(hours=11))
    fail(member, UNKNOWN, NOON)

    assert_closed(RegistrationClosed, member, unit.serial, CODE, NOON)
    assert_closed(RegistrationClosed, member, unit.serial, WRONG, NOON)


def test_nineteen_failed_attempts_close_nothing(member: Membership, unit: Unit) -> None:
    tried_elsewhere(member, 19, NOON)

    assert attempt(member, unit.serial).unit == unit


def test_an_account_opens_by_itself_on_the_next_utc_day(member: Membership, unit: Unit) -> None:
    midnight = datetime.datetime(2026, 5, 4, tzinfo=datetime.UTC)
    tried_elsewhere(member, 20, midnight - MOMENT)

    assert closed_until(member.account, now=midnight - MOMENT) == midnight
    assert_closed(RegistrationClosed, member, unit.serial, CODE, midnight - MOMENT)
    assert attempt(member, unit.serial, now=midnight).unit == unit


def test_a_closed_account_does_not_close_another(member: Membership, unit: Unit) -> None:
    other = MembershipFactory()
    tried_elsewhere(member, 20, NOON)

    assert closed_until(other.account, now=NOON) is None
    assert attempt(other, unit.serial).unit == unit


def test_a_refusal_says_until_when(member: Membership, unit: Unit) -> None:
    fail(member, unit.serial, *[NOON] * 5)

    with pytest.raises(SerialClosed) as caught:
        attempt(member, unit.serial)

    assert "12:15" in str(caught.value)


# Counted over all connections


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("earlier", "refusal"), [((4, 0), SerialClosed), ((0, 19), RegistrationClosed)], ids=["serial", "account"]
)
def test_two_failed_attempts_at_once_never_count_short(
    member: Membership, unit: Unit, earlier: tuple[int, int], refusal: type[Exception]
) -> None:
    """The last try that is left is made in an open transaction: the rival waits, then finds it closed."""
    tried(member, earlier[0], unit.serial)
    tried_elsewhere(member, earlier[1], NOON)

    with pytest.raises(refusal):
        race(
            lambda: fail(member, unit.serial, NOON),
            lambda: attempt(member, unit.serial, WRONG, NOON),
        )

    assert Attempt.objects.count() == sum(earlier) + 1
    assert not AuditEntry.objects.filter(code="registered").exists()


@without_locks
@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_a_try_too_many_is_judged(member: Membership, unit: Unit) -> None:
    tried(member, 4, unit.serial)

    with first_open(lambda: fail(member, unit.serial, NOON)), pytest.raises(NoMatch):
        Rival(lambda: attempt(member, unit.serial, WRONG, NOON)).result()

    assert Attempt.objects.filter(subject=unit.serial).count() == 6


def test_support_opens_a_closed_account_and_serial(member: Membership, unit: Unit) -> None:
    fail(member, unit.serial, *[NOON] * 5)
    tried(member, 15)

    count = forgive_attempts(account=member.account, by=member.user, reason="a typo in the label", now=NOON)

    assert count == 20
    assert attempt(member, unit.serial)
    assert AuditEntry.objects.get(code="tries-forgiven").reason == "a typo in the label"


def test_support_opens_one_unit_to_an_account(member: Membership, unit: Unit) -> None:
    other = UnitFactory()
    for serial in (unit.serial, other.serial):
        fail(member, serial, *[NOON] * 5)

    count = forgive_attempts(
        account=member.account, by=member.user, reason="a typo", now=NOON, serial=unit.serial
    )

    assert count == 5
    assert attempt(member, unit.serial)
    with pytest.raises(SerialClosed):
        attempt(member, other.serial)
    assert AuditEntry.objects.get(code="tries-forgiven").serial == unit.serial


def test_what_is_forgiven_to_one_account_is_not_to_another(member: Membership, unit: Unit) -> None:
    other = MembershipFactory()
    fail(other, unit.serial, *[NOON] * 5)

    forgive_attempts(account=member.account, by=member.user, reason="asked", now=NOON)

    with pytest.raises(SerialClosed):
        attempt(other, unit.serial)


def test_who_opens_says_why(member: Membership) -> None:
    tried(member, 20)

    with nothing_written(), pytest.raises(ReasonNeeded):
        forgive_attempts(account=member.account, by=member.user, reason=" ", now=NOON)


def test_a_node_whose_hash_key_is_damaged_registers_nothing_and_counts_no_attempt(
    member: Membership, unit: Unit, damage_key: Callable[[str], None]
) -> None:
    damage_key("codes")

    with nothing_written():
        for code in (CODE, WRONG):
            with pytest.raises(KeyFileUnknown):
                attempt(member, unit.serial, code)
