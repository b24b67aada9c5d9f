"""Units registered at once, and failed attempts: the second waits and gets its rule's class."""

import io
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection

from portal.models import AuditEntry, Membership
from products.attempts import ATTEMPTS_PER_DAY, ATTEMPTS_PER_SERIAL, count_attempt
from products.errors import (
    AlreadyInAccount,
    ImportRefused,
    InAnotherAccount,
    NoMatch,
    RegistrationClosed,
    SerialClosed,
)
from products.factory import COLUMNS, import_units
from products.models import Attempt, Registration, Unit
from tests.factories import CODE, MembershipFactory, UnitFactory, registered
from tests.races import Rival, first_open, race, without_locks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def _try_wrongly(member: Membership, unit: Unit) -> None:
    with suppress(NoMatch):
        registered(member, unit.serial, code="ZZZZ-9999", now=NOON)


def _one_attempt_left_at_serial(member: Membership, unit: Unit) -> None:
    for _ in range(ATTEMPTS_PER_SERIAL - 1):
        count_attempt(member.account, unit.serial, now=NOON)


def _one_attempt_left_today(member: Membership, unit: Unit) -> None:
    for number in range(ATTEMPTS_PER_DAY - 1):
        count_attempt(member.account, f"{number:012X}", now=NOON)


CLOSINGS = [(_one_attempt_left_at_serial, SerialClosed), (_one_attempt_left_today, RegistrationClosed)]


def test_one_account_registers_a_unit_twice_at_once() -> None:
    member, unit = MembershipFactory(), UnitFactory()

    with pytest.raises(AlreadyInAccount) as refusal:
        race(lambda: registered(member, unit.serial), lambda: registered(member, unit.serial))

    assert refusal.value.registration == Registration.objects.get()
    assert AuditEntry.objects.filter(code="registered").count() == 1


def test_two_accounts_register_a_unit_at_once() -> None:
    first, second = MembershipFactory.create_batch(2)
    unit = UnitFactory()

    with pytest.raises(InAnotherAccount):
        race(lambda: registered(first, unit.serial), lambda: registered(second, unit.serial))

    assert Registration.objects.get().account == first.account
    assert AuditEntry.objects.filter(code="registered").count() == 1


@pytest.mark.parametrize("is_same_account", [True, False])
def test_two_units_are_registered_at_once(is_same_account: bool) -> None:
    """Attempts are counted under the account's lock: two accounts wait on SQLite only; none is refused."""
    first, other = MembershipFactory.create_batch(2)
    units = UnitFactory.create_batch(2)

    with first_open(lambda: registered(first, units[0].serial)):
        rival = Rival(lambda: registered(first if is_same_account else other, units[1].serial))
        waited = rival.settle()

    assert rival.result().unit == units[1]
    assert waited == (is_same_account or connection.vendor == "sqlite")


@pytest.mark.parametrize(("leave_one_attempt", "closed"), CLOSINGS)
@pytest.mark.parametrize("code", ["ZZZZ-9999", CODE], ids=["wrong", "right"])
def test_the_last_try_is_made_twice_at_once(
    leave_one_attempt: Callable[[Membership, Unit], None], closed: type[Exception], code: str
) -> None:
    member, unit = MembershipFactory(), UnitFactory()
    leave_one_attempt(member, unit)
    attempts = Attempt.objects.count()

    with pytest.raises(closed):
        race(lambda: _try_wrongly(member, unit), lambda: registered(member, unit.serial, code=code, now=NOON))

    assert Attempt.objects.count() == attempts + 1
    assert not Registration.objects.exists()


@without_locks
@pytest.mark.parametrize("leave_one_attempt", [leave_one_attempt for leave_one_attempt, _ in CLOSINGS])
def test_control_without_the_lock_a_try_too_many_is_made(
    leave_one_attempt: Callable[[Membership, Unit], None],
) -> None:
    member, unit = MembershipFactory(), UnitFactory()
    leave_one_attempt(member, unit)
    attempts = Attempt.objects.count()

    with first_open(lambda: _try_wrongly(member, unit)):
        Rival(lambda: _try_wrongly(member, unit)).result()

    assert Attempt.objects.count() == attempts + 2


@without_locks
@pytest.mark.parametrize("is_same_account", [True, False])
def test_control_without_the_lock_no_rule_answers(is_same_account: bool) -> None:
    first, other = MembershipFactory.create_batch(2)
    second = first if is_same_account else other
    unit = UnitFactory()

    with pytest.raises(IntegrityError):
        race(lambda: registered(first, unit.serial), lambda: registered(second, unit.serial))


def test_two_imports_of_one_file_write_its_units_once() -> None:
    content = ",".join(COLUMNS) + "\n0006B1124416,PRO 5060,7KMD-P2QX,,\n"

    def load() -> tuple[int, int]:
        said: dict[str, Callable[[object], None]] = {"report": lambda _: None, "progress": lambda _: None}
        return import_units(lambda: io.StringIO(content), by=None, **said)

    with first_open(load):
        rival = Rival(load)
        rival.assert_waits()

    # On SQLite the rival begins only now, and finds the unit; on PostgreSQL it had seen none.
    if connection.vendor == "sqlite":
        assert rival.result() == (1, 0)
    else:
        with pytest.raises(ImportRefused):
            rival.result()
    assert Unit.objects.count() == 1
