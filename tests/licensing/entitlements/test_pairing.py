"""A10: what a child's licences would add to a pair, by examples and day by day."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from licensing.entitlements.pairing import added, pairs_reversed
from licensing.entitlements.timeline import Holding, Right, state_on
from licensing.keyset import UNLIMITED, Status
from tests.factories import AccountFactory, RegistrationFactory
from tests.licensing.support import CLIENT_AV, GATEWAY_AV, SUPPORT, TODAY, give

MODEL = Holding(Right.MODEL, count=5)


def day(offset: int) -> date:
    return TODAY + timedelta(offset)


def own(count: int | None = None, begins: int = -9, last: int | None = None) -> Holding:
    return Holding(Right.OWN, "licensed", count, day(begins), None if last is None else day(last))


@pytest.mark.parametrize(
    ("parents", "childs", "spans"),
    [
        ([], [own(5, last=100)], [(0, 100)]),
        ([own(10, last=100)], [own(5, last=50)], []),
        ([own(10, last=100)], [own(5, last=200)], [(101, 200)]),
        ([own(10)], [own(20, 30, 40)], [(30, 40)]),
        ([own(5, last=100)], [own(5, last=200)], [(0, 200)]),
        ([own(UNLIMITED)], [own(20)], []),
        ([MODEL], [MODEL], []),
        ([], [MODEL], []),
        ([own(last=10), own(None, 20)], [own()], [(0, None)]),
    ],
    ids=str,
)
def test_what_would_be_added(
    parents: list[Holding], childs: list[Holding], spans: list[tuple[int, int | None]]
) -> None:
    found = added(parents, childs, since=TODAY)

    days = [((s.first_day - TODAY).days, s.last_day and (s.last_day - TODAY).days) for s in found]
    assert days == spans


_offsets = st.sampled_from([-1, 0, 1]) | st.integers(-5, 60)
_held = st.builds(
    lambda count, begins, length: own(count, begins, None if length is None else begins + length),
    st.sampled_from([1, 3, 5, UNLIMITED]),
    _offsets,
    st.none() | st.integers(0, 40),
)


def _size(held: list[Holding], at: date) -> float:
    state = state_on(held, at)
    if state.status not in {Status.LICENSED, Status.FREE_TRIAL} or state.holding is None:
        return 0
    return float("inf") if state.holding.count == UNLIMITED else state.holding.count or 0


@settings(deadline=None)
@given(st.lists(_held, max_size=4), st.lists(_held, max_size=4))
def test_what_is_added_is_what_runs_for_more_on_some_day(
    parents: list[Holding], childs: list[Holding]
) -> None:
    spans = added(parents, childs, since=TODAY)

    more = [d for n in range(110) if _size(parents, d := day(n)) < _size([*parents, *childs], d)]
    assert bool(spans) == bool(more)
    assert all(any(s.first_day <= d <= (s.last_day or date.max) for s in spans) for d in more)


@pytest.mark.django_db
@pytest.mark.usefixtures("catalogue")
def test_units_are_told_by_which_way_round_they_add() -> None:
    rich, poor = RegistrationFactory.create_batch(2, account=AccountFactory())
    give(rich, CLIENT_AV, count=10, expires_on=day(100))
    give(rich, CLIENT_AV, count=5, begins_on=day(101), expires_on=day(200))
    give(rich, SUPPORT)
    give(poor, CLIENT_AV, count=10, expires_on=day(100))

    reversed_pairs = pairs_reversed(rich, [poor], today=TODAY)

    line = "Client AV Enforcement, from 03 Mar 2027 licensed for 5 until 10 Jun 2027"
    assert reversed_pairs == ({poor.pk: [line]}, {})
    assert pairs_reversed(poor, [rich], today=TODAY) == ({}, {rich.pk: [line]})


@pytest.mark.django_db
@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize("others", [1, 40])
def test_many_units_ask_as_much_as_one(
    django_assert_num_queries: DjangoAssertNumQueries, others: int
) -> None:
    unit, *rest = RegistrationFactory.create_batch(others + 1)
    for other in rest:
        give(other, GATEWAY_AV)

    with django_assert_num_queries(6):
        _, as_children = pairs_reversed(unit, rest, today=TODAY)

    assert set(as_children) == {other.pk for other in rest}
