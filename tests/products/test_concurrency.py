"""One unit registered twice at once: the second waits and gets its rule's class."""

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from portal.models import AuditEntry, Membership
from products.errors import AlreadyInAccount, InAnotherAccount
from products.models import Registration, Unit
from products.services import register
from tests.factories import CODE, MembershipFactory, UnitFactory
from tests.races import Rival, first_open, race, take_locks_away

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]


def _register(member: Membership, unit: Unit) -> Registration:
    return register(
        account=member.account,
        serial_number=unit.serial,
        authentication_code=CODE,
        friendly_name="",
        by=member.user,
        now=timezone.now(),
    )


def test_one_account_registers_a_unit_twice_at_once() -> None:
    member, unit = MembershipFactory(), UnitFactory()

    with pytest.raises(AlreadyInAccount) as refusal:
        race(lambda: _register(member, unit), lambda: _register(member, unit))

    assert refusal.value.registration == Registration.objects.get()
    assert AuditEntry.objects.filter(code="registered").count() == 1


def test_two_accounts_register_a_unit_at_once() -> None:
    first, second = MembershipFactory.create_batch(2)
    unit = UnitFactory()

    with pytest.raises(InAnotherAccount):
        race(lambda: _register(first, unit), lambda: _register(second, unit))

    assert Registration.objects.get().account == first.account
    assert AuditEntry.objects.filter(code="registered").count() == 1


def test_two_units_are_registered_side_by_side() -> None:
    """On SQLite one writer waits for the other; on neither database does one refuse the other."""
    member = MembershipFactory()
    units = UnitFactory.create_batch(2)

    with first_open(lambda: _register(member, units[0])):
        rival = Rival(lambda: _register(member, units[1]))
        waited = rival.settle()

    assert rival.result().unit == units[1]
    assert waited == (connection.vendor == "sqlite")


@pytest.mark.postgres
@pytest.mark.parametrize("is_same_account", [True, False])
def test_control_without_the_lock_no_rule_answers(
    monkeypatch: pytest.MonkeyPatch, is_same_account: bool
) -> None:
    first, other = MembershipFactory.create_batch(2)
    second = first if is_same_account else other
    unit = UnitFactory()
    take_locks_away(monkeypatch)

    with pytest.raises(IntegrityError):
        race(lambda: _register(first, unit), lambda: _register(second, unit))
