"""`verify_ledger`: the ledger, replayed, and today's rows say the same, or the first difference is named."""

import io
from functools import partial

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from licensing.catalogue.changes import set_model_service
from licensing.ledger import verification
from licensing.ledger.verification import Differs, Verified, verify
from licensing.ledger.writing import licence_value, noted
from licensing.models import LedgerEntry, Licence, ModelService, PoolPart, Service
from licensing.moves.swap import swap_roles
from portal.clock import today
from products.models import Registration, Unit
from tests.factories import LicenceFactory, MembershipFactory, RegistrationFactory, UnitFactory, pair
from tests.licensing.history import divide, grant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def mine() -> Registration:
    """A unit with a licence for 10, of which another unit has 3."""
    member = MembershipFactory()
    primary, other = RegistrationFactory.create_batch(2, account=member.account)
    divide(grant(primary, 2, count=10), other, 3, by=member.user)
    return primary


def difference() -> Differs:
    with pytest.raises(Differs) as caught:
        verify(progress=lambda done: None)
    return caught.value


def test_the_command_says_how_much_agrees(mine: Registration) -> None:
    out, units, entries = io.StringIO(), Unit.objects.count(), LedgerEntry.objects.count()

    call_command("verify_ledger", stdout=out)

    assert out.getvalue().startswith(f"{units:,} units and {entries:,} entries")


def test_the_command_fails_where_they_differ(mine: Registration) -> None:
    Licence.objects.update(count=11)

    with pytest.raises(CommandError) as caught:
        call_command("verify_ledger", stdout=io.StringIO())

    assert caught.value.returncode == 1
    assert mine.unit.serial in str(caught.value)


def test_a_changed_licence_is_named_with_both_values(mine: Registration) -> None:
    Licence.objects.update(count=11)

    found = difference()

    assert (found.subject, found.service) == (mine.unit.serial, "Client AV Enforcement")
    assert (found.ledger["count"], found.row["count"]) == (10, 11)


def test_a_licence_that_the_ledger_knows_nothing_of_is_found(mine: Registration) -> None:
    LicenceFactory(registration=mine, service=Service.objects.get(code=3))

    found = difference()

    assert found.ledger is None
    assert found.row["kind"] == "licensed"


def test_a_licence_that_is_gone_is_found(mine: Registration) -> None:
    grant(mine, 3)
    Licence.objects.get(service__code=3).delete()

    assert difference().row is None


def test_a_changed_part_is_found() -> None:
    member = MembershipFactory()
    primary, other, third = RegistrationFactory.create_batch(3, account=member.account)
    divide(grant(primary, 2, count=10), other, 3, by=member.user)
    PoolPart.objects.update(registration=third)

    found = difference()

    assert found.subject == other.unit.serial
    assert (found.ledger["count"], found.row) == (3, None)


def test_what_a_model_comes_with_is_compared() -> None:
    ModelService.objects.filter(model__name="PRO 5060", service__code=9).update(count=6)

    found = difference()

    assert found.subject == "PRO 5060"
    assert (found.ledger, found.row) == ({"count": 5}, {"count": 6})


def test_flags_of_services_are_compared() -> None:
    Service.objects.filter(code=13).update(is_shareable=True)

    found = difference()

    assert found.service == "SonicOS Enhanced"
    assert (found.ledger["is_shareable"], found.row["is_shareable"]) == (False, True)


def test_entries_that_contradict_each_other_are_found(mine: Registration) -> None:
    """Somebody changed the row by another door; the next grant found what the ledger doesn't know."""
    Licence.objects.update(count=11)
    grant(mine, 2, count=10)

    found = difference()

    assert (found.ledger["count"], found.row["count"]) == (10, 11)


def test_an_entry_of_a_unit_that_nobody_registered_is_found() -> None:
    unit = UnitFactory()
    LedgerEntry.objects.create(
        unit=unit, service=Service.objects.get(code=3), right="grant", after={"kind": "licensed"}
    )

    assert difference().subject == unit.serial


def test_each_owner_of_a_unit_begins_again(mine: Registration) -> None:
    grant(mine, 3)
    Registration.objects.filter(pk=mine.pk).update(ended_at=timezone.now())
    grant(RegistrationFactory(unit=mine.unit), 3)

    done = verify(progress=lambda done: None)

    assert done.entries == LedgerEntry.objects.count()


def before_first_days(licence: Licence) -> dict[str, object]:
    """A licence's value as entries had it before licences had first days."""
    value = licence_value(licence)
    return {name: value[name] for name in ("kind", "count", "expires_on")}


def test_an_entry_from_before_first_days_is_continued() -> None:
    member = MembershipFactory()
    mine, other = RegistrationFactory.create_batch(2, account=member.account)
    licence = LicenceFactory(registration=mine, service=Service.objects.get(code=2), count=10)
    about = {"unit": mine.unit, "service": licence.service, "right": "grant"}
    LedgerEntry.objects.create(licence=licence.uuid, after=before_first_days(licence), **about)

    assert verify(progress=lambda done: None)
    divide(licence, other, 3, by=member.user)
    assert verify(progress=lambda done: None)

    Licence.objects.update(begins_on="2019-12-31")
    assert difference().row["begins_on"] == "2019-12-31"


def test_an_entry_from_before_first_days_is_compared_in_all_that_it_says() -> None:
    licence = LicenceFactory(
        registration=RegistrationFactory(), service=Service.objects.get(code=2), count=10
    )
    about = {"unit": licence.registration.unit, "service": licence.service, "right": "grant"}
    told = before_first_days(licence)
    LedgerEntry.objects.create(licence=licence.uuid, after=told | {"expires_on": "2027-01-31"}, **about)

    found = difference()

    assert (found.ledger["expires_on"], found.row["expires_on"]) == ("2027-01-31", None)


def test_what_ended_before_licences_had_names_is_in_the_way_of_none() -> None:
    registration, service = RegistrationFactory(), Service.objects.get(code=3)
    value = {"kind": "licensed", "count": None, "expires_on": "2027-01-31"}
    for before, after, right in ((None, value, "grant"), (value, None, "revoke")):
        facts = {"before": before, "after": after, "right": right}
        LedgerEntry.objects.create(unit=registration.unit, service=service, **facts)
    grant(registration, 3)

    done = verify(progress=lambda done: None)

    assert done.entries == LedgerEntry.objects.count()


def buy(registration: Registration, count: int) -> Licence:
    """A further licence of Client AV, and its entry."""
    with noted([registration], right=LedgerEntry.Right.GRANT, by=None):
        return LicenceFactory(registration=registration, service=Service.objects.get(code=2), count=count)


def test_two_licences_of_a_service_are_told_apart(mine: Registration) -> None:
    buy(mine, 5)
    verify(progress=lambda done: None)
    Licence.objects.filter(registration=mine, count=5).update(count=6)

    found = difference()

    assert (found.ledger["count"], found.row["count"]) == (5, 6)


def test_of_two_equal_licences_one_that_is_gone_is_found(mine: Registration) -> None:
    buy(mine, 5)
    buy(mine, 5).delete()

    found = difference()

    assert (found.ledger["count"], found.row) == (5, None)


def test_a_licence_that_moved_to_another_unit_is_followed_there() -> None:
    member = MembershipFactory()
    primary, secondary, seat = pair(member.account, member.user)
    for count in (5, 10):
        buy(primary, count)
    buy(secondary, 20)
    swap_roles(seat=seat, by=member.user, today=today())

    done = verify(progress=lambda done: None)

    assert done.entries == LedgerEntry.objects.count()
    assert Licence.objects.filter(registration=secondary).count() == 3
    Licence.objects.filter(count=5).update(registration=primary)
    assert difference().subject in {primary.unit.serial, secondary.unit.serial}


def test_units_come_in_batches_and_progress_is_reported(mine: Registration, monkeypatch) -> None:
    monkeypatch.setattr(verification, "BATCH", 1)
    told: list[int] = []

    verify(progress=lambda done: told.append(done.units))

    assert told == list(range(1, Unit.objects.count() + 1))


def test_what_changes_meanwhile_is_read_again(mine: Registration) -> None:
    """Somebody grants a licence after the unit's entries were read, and before its rows are."""
    waiting = [partial(grant, mine, 3)]

    def interrupt(execute, sql, *rest):
        if waiting and sql.startswith("SELECT") and 'FROM "licensing_licence"' in sql:
            waiting.pop()()
        return execute(sql, *rest)

    with connection.execute_wrapper(interrupt):
        done = verify(progress=lambda done: None)

    assert not waiting
    assert done == Verified(Unit.objects.count(), LedgerEntry.objects.count())


def test_it_only_reads(mine: Registration, django_assert_max_num_queries) -> None:
    set_model_service(
        model=mine.unit.model, service=Service.objects.get(code=3), count=None, by=None, reason="decided"
    )

    with django_assert_max_num_queries(20) as asked:
        verify(progress=lambda done: None)

    assert {query["sql"].split()[0] for query in asked.captured_queries} <= {"SELECT", "DECLARE"}
