"""Sharing out counts: a pool is one licence's count and term; moving makes and loses nothing."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from licensing.entitlements.timeline import Right
from licensing.errors import NotDivisible, NotEnough, NotRegistered, SameUnit
from licensing.keyset import read
from licensing.keysets.issuing import read_keyset
from licensing.ledger.writing import licence_value
from licensing.models import LedgerEntry, Licence, PoolPart
from licensing.moves.pools import move_counts, read_pool, read_pools
from portal.errors import RuleViolation
from portal.models import AuditEntry, User
from products.errors import UnitRetired
from products.models import Registration, Unit
from tests.examples import examples
from tests.factories import AccountFactory, RegistrationFactory, pair
from tests.licensing.history import grant
from tests.licensing.support import (
    CLIENT_AV,
    CONTENT_FILTER,
    GLOBAL_VPN,
    TODAY,
    give,
    held,
    make,
    redeem,
    refuses,
    service,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def units() -> list[Registration]:
    """Four units of one account."""
    return RegistrationFactory.create_batch(4, account=AccountFactory())


@pytest.fixture
def pool(units: list[Registration]) -> Licence:
    """Ten of Client AV on the first unit, for 100 days."""
    return give(units[0], CLIENT_AV, expires_on=TODAY + timedelta(100))


def _move(pool: Licence, source: Registration, target: Registration, count: int, by: User) -> None:
    move_counts(licence=pool, source=source, target=target, count=count, by=by, today=TODAY)


def _counts(units: list[Registration]) -> list[int | None]:
    return [held(unit, CLIENT_AV).count for unit in units]


def _generation(unit: Registration) -> int:
    return read_keyset(registration=unit, today=TODAY).generation


def _said(unit: Registration) -> list[tuple[int | None, int | None]]:
    """Count and last day of Client AV in a unit's keyset."""
    payload = read(read_keyset(registration=unit, today=TODAY).text)
    return [(s.count, s.expiry) for s in payload.services if s.code == CLIENT_AV]


# Moving


def test_counts_go_out_on_and_back(units: list[Registration], pool: Licence, by: User) -> None:
    first, second, third, _ = units

    _move(pool, first, second, 4, by)
    assert _counts(units) == [6, 4, None, None]
    _move(pool, second, third, 3, by)
    assert _counts(units) == [6, 1, 3, None]
    _move(pool, second, first, 1, by)
    assert _counts(units) == [7, None, 3, None]
    _move(pool, first, third, 7, by)
    assert _counts(units) == [None, None, 10, None]
    assert Licence.objects.get().count == 10


def test_a_pool_tells_who_has_how_much(units: list[Registration], pool: Licence, by: User) -> None:
    _move(pool, units[0], units[1], 4, by)

    (found,) = read_pools(units[0], service(CLIENT_AV), TODAY)

    assert found.licence == pool
    assert [(s.registration, s.count, s.is_owner) for s in found.shares] == [
        (units[0], 6, True),
        (units[1], 4, False),
    ]
    assert read_pools(units[1], service(CLIENT_AV), TODAY) == []


def test_each_licence_is_a_pool_of_its_own(
    units: list[Registration], pool: Licence, by: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    other = give(units[0], CLIENT_AV, count=5)
    give(units[0], CLIENT_AV, count=-1)
    _move(other, units[0], units[1], 2, by)
    client_av = service(CLIENT_AV)

    with django_assert_num_queries(2):
        found = read_pools(units[0], client_av, TODAY)

    shares = [(p.licence, [share.count for share in p.shares]) for p in found]
    assert shares == [(other, [3, 2]), (pool, [10])]
    assert found[0].fingerprint != found[1].fingerprint


def test_what_was_shared_out_of_one_licence_returns_to_no_other(
    units: list[Registration], pool: Licence, by: User
) -> None:
    other = give(units[0], CLIENT_AV, count=5)
    _move(pool, units[0], units[1], 4, by)

    refuses(NotEnough, partial(_move, other, units[1], units[0], 1, by))


def test_moving_is_in_the_ledger_of_every_unit_that_it_changes(
    units: list[Registration], pool: Licence, by: User
) -> None:
    first, second, third, _ = units
    _move(pool, first, second, 4, by)

    _move(pool, second, third, 1, by)

    whole = licence_value(pool)
    entries = LedgerEntry.objects.exclude(unit=None).order_by("pk")
    lines = [(e.unit, e.right, e.detail, e.before, e.after) for e in entries]
    serial = first.unit.serial
    assert lines == [
        (first.unit, "pool", "", whole, whole | {"given": 4}),
        (second.unit, "part", serial, None, whole | {"count": 4}),
        (second.unit, "part", serial, whole | {"count": 4}, whole | {"count": 3}),
        (third.unit, "part", serial, None, whole | {"count": 1}),
    ]
    assert {entry.licence for entry in entries} == {pool.uuid}


def test_moving_is_in_the_audit(units: list[Registration], pool: Licence, by: User) -> None:
    _move(pool, units[0], units[1], 4, by)

    entries = AuditEntry.objects.filter(code="counts-moved")
    assert {entry.serial for entry in entries} == {units[0].unit.serial, units[1].unit.serial}
    assert entries[0].data["count"] == 4


def test_a_part_beside_an_own_licence_and_the_better_shows(
    units: list[Registration], pool: Licence, by: User
) -> None:
    _, more, fewer, _ = units
    give(more, CLIENT_AV, count=5, expires_on=TODAY + timedelta(50))
    give(fewer, CLIENT_AV, count=3, expires_on=TODAY + timedelta(200))

    _move(pool, units[0], more, 4, by)
    _move(pool, units[0], fewer, 4, by)

    assert (held(more, CLIENT_AV).right, held(more, CLIENT_AV).count) == (Right.OWN, 5)
    assert (held(fewer, CLIENT_AV).right, held(fewer, CLIENT_AV).count) == (Right.PART, 4)
    assert Licence.objects.count() == 3


def test_a_part_takes_no_other_end(units: list[Registration], pool: Licence, by: User) -> None:
    give(units[1], CLIENT_AV, count=3, expires_on=TODAY + timedelta(50))

    _move(pool, units[0], units[1], 4, by)
    (own,) = read_pools(units[1], service(CLIENT_AV), TODAY)

    assert (own.licence.count, own.licence.expires_on, len(own.shares)) == (3, TODAY + timedelta(50), 1)


def test_a_secondary_shares_the_part_of_its_primary(by: User) -> None:
    primary, secondary, _ = pair(AccountFactory(), by)
    other = RegistrationFactory(account=primary.account)
    pool = give(other, CLIENT_AV)

    _move(pool, other, primary, 4, by)

    shared = held(secondary, CLIENT_AV)
    assert (shared.right, shared.count) == (Right.SHARED, 4)


# Keysets


def test_moving_gives_new_keysets_to_the_two_units_only(
    units: list[Registration], pool: Licence, by: User
) -> None:
    _move(pool, units[0], units[3], 1, by)
    before = [_generation(unit) for unit in units]

    _move(pool, units[0], units[1], 4, by)

    after = [_generation(unit) for unit in units]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 0, 0]


def test_a_parts_keyset_follows_the_renewal_of_its_pool(
    units: list[Registration], pool: Licence, by: User
) -> None:
    _move(pool, units[0], units[1], 4, by)
    ((_, before),) = _said(units[1])

    redeem(units[0], *make(CLIENT_AV, count=10, months=1), by=by)

    ((count, after),) = _said(units[1])
    assert (count, after - before) == (4, timedelta(31))


def test_a_parts_secondarys_keyset_follows_the_pool_too(by: User) -> None:
    primary, secondary, _ = pair(AccountFactory(), by)
    other = RegistrationFactory(account=primary.account)
    pool = give(other, CLIENT_AV, expires_on=TODAY + timedelta(100))
    _move(pool, other, primary, 4, by)
    before = _generation(secondary)

    redeem(other, *make(CLIENT_AV, count=10, months=1), by=by)

    assert _generation(secondary) == before + 1
    assert _said(secondary) == _said(primary)


def test_a_part_ends_with_its_pool(units: list[Registration], pool: Licence, by: User) -> None:
    _move(pool, units[0], units[1], 4, by)
    last, next_day = TODAY + timedelta(100), TODAY + timedelta(101)

    assert not held(units[1], CLIENT_AV, last).is_expired(last)
    assert held(units[1], CLIENT_AV, next_day).is_expired(next_day)


# Refusals


@pytest.mark.parametrize("count", [11, 0, -1, 2**40])
def test_more_than_there_is_does_not_move(
    units: list[Registration], pool: Licence, by: User, count: int
) -> None:
    refuses(NotEnough, partial(_move, pool, units[0], units[1], count, by))


def test_what_was_given_away_is_not_given_twice(units: list[Registration], pool: Licence, by: User) -> None:
    _move(pool, units[0], units[1], 7, by)

    refuses(NotEnough, partial(_move, pool, units[0], units[2], 4, by))
    refuses(NotEnough, partial(_move, pool, units[1], units[2], 8, by))


def test_a_unit_without_a_part_gives_none(units: list[Registration], pool: Licence, by: User) -> None:
    refuses(NotEnough, partial(_move, pool, units[1], units[0], 1, by))


def test_counts_of_another_pool_do_not_move(units: list[Registration], pool: Licence, by: User) -> None:
    give(units[1], CLIENT_AV, count=50)

    refuses(NotEnough, partial(_move, pool, units[1], units[2], 1, by))


def test_shared_rights_do_not_move(by: User) -> None:
    primary, secondary, _ = pair(AccountFactory(), by)
    pool, other = give(primary, CLIENT_AV), RegistrationFactory(account=primary.account)

    assert held(secondary, CLIENT_AV).count == 10
    assert read_pools(secondary, service(CLIENT_AV), TODAY) == []
    refuses(NotEnough, partial(_move, pool, secondary, other, 1, by))


def test_a_unit_gives_nothing_to_itself(units: list[Registration], pool: Licence, by: User) -> None:
    refuses(SameUnit, partial(_move, pool, units[0], units[0], 1, by))


@pytest.mark.parametrize(
    ("code", "terms"),
    [
        (CONTENT_FILTER, {}),
        (GLOBAL_VPN, {}),
        (CLIENT_AV, {"count": -1}),
        (CLIENT_AV, {"kind": "trial"}),
    ],
)
def test_what_cannot_be_divided_does_not_move(
    units: list[Registration], by: User, code: int, terms: dict
) -> None:
    licence = give(units[0], code, **terms)

    refuses(NotDivisible, partial(_move, licence, units[0], units[1], 1, by))


def test_a_licence_that_moved_on_is_not_shared_out(
    units: list[Registration], pool: Licence, by: User
) -> None:
    Licence.objects.filter(pk=pool.pk).update(registration=units[3])

    refuses(NotDivisible, partial(_move, pool, units[0], units[1], 1, by))


def test_counts_stay_in_their_account(units: list[Registration], pool: Licence, by: User) -> None:
    refuses(NotRegistered, partial(_move, pool, units[0], RegistrationFactory(), 1, by))


@pytest.mark.parametrize("which", [0, 1])
def test_counts_of_a_released_unit_do_not_move(
    units: list[Registration], pool: Licence, by: User, which: int
) -> None:
    Registration.objects.filter(pk=units[which].pk).update(ended_at=timezone.now())

    refuses(NotRegistered, partial(_move, pool, units[0], units[1], 1, by))


@pytest.mark.parametrize("which", [0, 1])
def test_counts_of_a_retired_unit_do_not_move(
    units: list[Registration], pool: Licence, by: User, which: int
) -> None:
    Unit.objects.filter(pk=units[which].unit_id).update(retired_at=timezone.now())

    refuses(UnitRetired, partial(_move, pool, units[0], units[1], 1, by))


def test_a_grant_beside_it_leaves_a_pool_as_it_is(units: list[Registration], pool: Licence, by: User) -> None:
    _move(pool, units[0], units[1], 7, by)

    grant(units[0], CLIENT_AV, count=-1, day=TODAY)

    assert [share.count for share in read_pool(pool).shares] == [3, 7]
    assert _counts(units) == [-1, 7, None, None]


def test_parts_of_what_became_unlimited_go_back(units: list[Registration], pool: Licence, by: User) -> None:
    _move(pool, units[0], units[1], 7, by)
    Licence.objects.filter(pk=pool.pk).update(count=-1)

    refuses(NotDivisible, partial(_move, pool, units[1], units[2], 1, by))
    _move(pool, units[1], units[0], 7, by)

    assert _counts(units) == [-1, None, None, None]


# Whatever is moved


@settings(
    max_examples=examples(25),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    moves=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 3), st.integers(1, 12)), max_size=25
    )
)
def test_no_move_makes_or_loses_a_count(
    units: list[Registration], pool: Licence, by: User, moves: list[tuple[int, int, int, int]]
) -> None:
    with transaction.atomic():
        terms = {"expires_on": TODAY + timedelta(7)}
        pools = [pool, give(units[1], CLIENT_AV, count=5, **terms), give(units[1], CLIENT_AV, count=4)]
        for which, source, target, count in moves:
            try:
                _move(pools[which], units[source], units[target], count, by)
            except RuleViolation:
                continue
            totals = [sum(share.count for share in read_pool(each).shares) for each in pools]
            assert totals == [10, 5, 4]
            assert all(part.count > 0 for part in PoolPart.objects.all())
        ends = [(licence.count, licence.expires_on) for licence in Licence.objects.order_by("-count")]
        assert ends == [(10, TODAY + timedelta(100)), (5, TODAY + timedelta(7)), (4, None)]
        transaction.set_rollback(True)
