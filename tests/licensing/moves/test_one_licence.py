"""A lead moves one licence between two units of an account: it stays the licence that it is (L7)."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from associations.errors import NotOneAccount
from licensing.entitlements.on_a_day import entitlements_on
from licensing.errors import NoLicence, NotRegistered, NotTransferable, SameUnit
from licensing.ledger.verification import verify
from licensing.models import LedgerEntry, Licence, PoolPart, Service, TrialStart
from licensing.moves.one_licence import move_licence
from portal.clock import today
from portal.errors import ReasonNeeded
from portal.models import AuditEntry, User
from products.errors import UnitRetired
from products.models import Registration, Unit
from tests.factories import AccountFactory, RegistrationFactory
from tests.licensing.history import divide, grant
from tests.licensing.oracle import derived, shown
from tests.licensing.support import CLIENT_AV, CONTENT_FILTER, TODAY, give, held, refuses, service

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def units() -> list[Registration]:
    """Three units of one account."""
    return RegistrationFactory.create_batch(3, account=AccountFactory())


def _move(licence: Licence, to: Registration, by: User, *, reason: str = "on the wrong unit") -> Licence:
    return move_licence(licence=licence, to=to, reason=reason, by=by, today=TODAY)


def _terms(licence: Licence) -> list[object]:
    """All columns but the unit."""
    row = Licence.objects.filter(pk=licence.pk).values().get()
    return [value for name, value in row.items() if name != "registration_id"]


def test_it_stays_the_licence_that_it_is(units: list[Registration], by: User) -> None:
    licence = give(units[0], CLIENT_AV, count=7, expires_on=TODAY + timedelta(9))
    beside = give(units[1], CLIENT_AV, count=3)
    before = _terms(licence)

    _move(licence, units[1], by)

    assert _terms(licence) == before
    assert set(units[1].licences.all()) == {licence, beside}
    assert not units[0].licences.exists()


def test_both_keysets_and_that_of_a_part_say_so(units: list[Registration], by: User) -> None:
    source, to, holder = units
    licence = grant(source, CLIENT_AV, day=TODAY)
    divide(licence, holder, 4, by=by)
    for unit in units:
        shown(unit, TODAY)

    _move(licence, to, by)

    assert [held(unit, CLIENT_AV).count for unit in units] == [None, 6, 4]
    for unit in units:
        assert shown(unit, TODAY) == derived(unit, TODAY)
    assert Unit.objects.get(pk=holder.unit_id).version > holder.unit.version


def test_a_part_that_meets_its_own_licence_returns_to_it(units: list[Registration], by: User) -> None:
    source, to, holder = units
    licence = give(source, CLIENT_AV)
    divide(licence, to, 4, by=by)
    divide(licence, holder, 1, by=by)

    _move(licence, to, by)

    assert [(part.registration, part.count) for part in PoolPart.objects.all()] == [(holder, 1)]
    assert [held(unit, CLIENT_AV).count for unit in units] == [None, 9, 1]


def test_the_ledger_tells_it_on_both_sides(units: list[Registration], by: User) -> None:
    source, to, holder = units
    licence = grant(source, CLIENT_AV)
    divide(licence, holder, 4, by=by)

    _move(licence, to, by)

    entries = LedgerEntry.objects.filter(right="move").order_by("after")
    assert {entry.unit: entry.after is None for entry in entries} == {source.unit: True, to.unit: False}
    assert {(e.licence, e.detail, e.reason) for e in entries} == {
        (licence.uuid, source.unit.serial, "on the wrong unit")
    }
    (told,) = [r for r in entitlements_on(to, today()) if r.entitlement.service.code == CLIENT_AV]
    assert told.right == f"own, moved from {source.unit.serial}"
    verify(progress=lambda done: None)


def test_both_units_have_it_in_their_audit(units: list[Registration], by: User) -> None:
    licence = give(units[0], CONTENT_FILTER)

    _move(licence, units[1], by)

    entries = AuditEntry.objects.filter(code="licence-moved")
    assert {entry.serial for entry in entries} == {units[0].unit.serial, units[1].unit.serial}
    assert {(entry.actor, entry.reason) for entry in entries} == {(by, "on the wrong unit")}


def test_each_counts_as_having_had_the_others_trials(units: list[Registration], by: User) -> None:
    TrialStart.objects.create(unit=units[0].unit, service=service(CONTENT_FILTER))

    _move(give(units[0], CONTENT_FILTER, kind="trial"), units[1], by)

    assert TrialStart.objects.filter(service=service(CONTENT_FILTER)).count() == 2


# Refusals


def test_a_move_needs_its_reason(units: list[Registration], by: User) -> None:
    refuses(ReasonNeeded, partial(_move, give(units[0], CONTENT_FILTER), units[1], by, reason=" "))


def test_a_licence_does_not_move_to_its_own_unit(units: list[Registration], by: User) -> None:
    refuses(SameUnit, partial(_move, give(units[0], CONTENT_FILTER), units[0], by))


def test_a_licence_stays_in_its_account(units: list[Registration], by: User) -> None:
    refuses(NotOneAccount, partial(_move, give(units[0], CONTENT_FILTER), RegistrationFactory(), by))


def test_a_licence_that_is_not_transferable_stays(units: list[Registration], by: User) -> None:
    Service.objects.filter(code=CONTENT_FILTER).update(is_transferable=False)

    refuses(NotTransferable, partial(_move, give(units[0], CONTENT_FILTER), units[1], by))


@pytest.mark.parametrize("which", [0, 1])
def test_a_unit_that_was_released_neither_gives_nor_gets(
    units: list[Registration], by: User, which: int
) -> None:
    licence = give(units[0], CONTENT_FILTER)
    Registration.objects.filter(pk=units[which].pk).update(ended_at=timezone.now())

    refuses(NotRegistered, partial(_move, licence, units[1], by))


@pytest.mark.parametrize("which", [0, 1])
def test_a_retired_unit_neither_gives_nor_gets(units: list[Registration], by: User, which: int) -> None:
    licence = give(units[0], CONTENT_FILTER)
    Unit.objects.filter(pk=units[which].unit_id).update(retired_at=timezone.now())

    refuses(UnitRetired, partial(_move, licence, units[1], by))


def test_a_licence_that_has_moved_on_is_not_moved_again(units: list[Registration], by: User) -> None:
    licence = give(units[0], CONTENT_FILTER)
    _move(Licence.objects.get(), units[1], by)

    refuses(NoLicence, partial(_move, licence, units[2], by))
