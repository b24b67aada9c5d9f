"""L1, L2: what runs from which day to which, by examples and against a slow answer to each single day."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licensing.entitlements.timeline import (
    NAMED_FIRST,
    Holding,
    Right,
    Span,
    State,
    kept_from,
    shared_from,
    state_on,
    what_runs,
)
from licensing.keyset import UNLIMITED, Status

TODAY = date(2026, 11, 29)
DAYS = 800
MODEL = Holding(Right.MODEL, count=5)


def day(offset: int) -> date:
    return TODAY + timedelta(offset)


def own(count: int | None = None, begins: int | None = None, last: int | None = None) -> Holding:
    return Holding(Right.OWN, "licensed", count, _day(begins), _day(last))


def trial(count: int | None = None, begins: int | None = None, last: int | None = None) -> Holding:
    return Holding(Right.OWN, "trial", count, _day(begins), _day(last))


def _day(offset: int | None) -> date | None:
    return None if offset is None else day(offset)


def from_today(*holdings: Holding) -> list[tuple[Holding, int, int | None]]:
    """What runs from today on, its days as offsets."""
    return [
        (span.holding, (span.first_day - TODAY).days, span.last_day and (span.last_day - TODAY).days)
        for span in what_runs(holdings, since=TODAY)
    ]


def test_what_the_model_comes_with_follows_a_larger_licence() -> None:
    fifteen = own(15, -100, 200)

    assert from_today(MODEL, fifteen) == [(fifteen, 0, 200), (MODEL, 201, None)]


def test_what_the_model_comes_with_runs_on_beside_a_smaller_licence() -> None:
    assert from_today(MODEL, own(3, 0, 200)) == [(MODEL, 0, None)]


def test_a_trial_during_a_licence_adds_nothing() -> None:
    licence = own(None, -10, 10)

    assert from_today(trial(None, -5, 10), licence) == [(licence, 0, 10)]


def test_a_trial_runs_on_after_a_licence() -> None:
    licence, tried = own(None, -10, 10), trial(None, 0, 29)

    assert from_today(tried, licence) == [(licence, 0, 10), (tried, 11, 29)]


def test_a_larger_trial_interrupts_a_licence() -> None:
    licence, tried = own(10, None, None), trial(UNLIMITED, 5, 34)

    assert from_today(licence, tried) == [(licence, 0, 4), (tried, 5, 34), (licence, 35, None)]


def test_what_follows_begins_on_its_own_day_after_a_gap() -> None:
    now, later = own(None, -5, 5), own(None, 20, 30)

    assert from_today(later, now) == [(now, 0, 5), (later, 20, 30)]


def test_what_begins_on_the_next_day_leaves_no_gap() -> None:
    now, next_one = own(None, -5, 5), own(None, 6, 30)

    assert from_today(next_one, now) == [(now, 0, 5), (next_one, 6, 30)]


def test_the_one_that_ends_later_runs_once_it_begins() -> None:
    sooner, later = own(None, -5, 50), own(None, 20, None)

    assert from_today(sooner, later) == [(sooner, 0, 19), (later, 20, None)]


def test_what_is_over_and_what_nobody_holds_has_no_span() -> None:
    assert from_today(own(None, -20, -1)) == []
    assert from_today() == []


def test_the_last_day_is_one_on_which_it_runs() -> None:
    last = own(None, -20, 0)

    assert from_today(last) == [(last, 0, 0)]


def test_the_calendars_end_is_no_end_of_what_runs_for_ever() -> None:
    until_the_end = own(5, None, (date(9998, 12, 31) - TODAY).days)

    *_, last = what_runs([until_the_end, own(1)], since=TODAY)

    assert last == Span(own(1), date(9999, 1, 1), None)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (own(UNLIMITED, 0, 5), own(2**32 - 1)),
        (trial(6, 0, 5), own(5)),
        (own(5, 0, 5), trial(5)),
        (own(5, 0, 6), own(5, -9, 5)),
        (own(5, 0, None), own(5, -9, 5)),
        (own(5, -1, 5), own(5, 0, 5)),
        (own(5, None, 5), own(5, -1, 5)),
    ],
    ids=["unlimited", "count", "a licence", "last day", "no last day", "first day", "no first day"],
)
def test_l2_the_better_runs(better: Holding, worse: Holding) -> None:
    assert state_on([worse, better], TODAY).holding == better
    assert what_runs([worse, better], since=TODAY)[0].holding == better


@pytest.mark.parametrize("place", range(len(NAMED_FIRST)))
def test_l2_of_equals_the_primarys_is_named_then_own_part_model_and_kept(place: int) -> None:
    rights = [Right.SHARED, Right.OWN, Right.PART, Right.MODEL, Right.KEPT]
    equals = [Holding(right) for right in reversed(rights[place:])]

    assert from_today(*equals) == [(Holding(rights[place]), 0, None)]


def test_a_sharing_secondary_runs_all_that_its_primary_holds_and_its_own() -> None:
    mine, theirs = own(10, None, 50), own(25, 10, 20)

    runs = from_today(mine, *shared_from([theirs, MODEL]))

    (shared,) = shared_from([theirs])
    assert (shared.right, shared.count) == (Right.SHARED, 25)
    assert runs == [(mine, 0, 9), (shared, 10, 20), (mine, 21, 50), (*shared_from([MODEL]), 51, None)]


def test_what_is_kept_ends_with_the_grace() -> None:
    sooner, later = own(10, -5, 5), own(5, 3, None)

    runs = from_today(*kept_from([sooner, later], until=day(29)))

    assert [(h.right, h.count, first, last) for h, first, last in runs] == [
        (Right.KEPT, 10, 0, 5),
        (Right.KEPT, 5, 6, 29),
    ]


def test_what_would_begin_after_the_grace_is_not_kept() -> None:
    assert kept_from([own(5, 30, 60)], until=day(29)) == []
    assert len(kept_from([own(5, 29, 60)], until=day(29))) == 1


@pytest.mark.parametrize(
    ("holdings", "status", "holding"),
    [
        ([], None, None),
        ([MODEL], Status.LICENSED, MODEL),
        ([trial(None, 0, 0)], Status.FREE_TRIAL, trial(None, 0, 0)),
        ([own(None, -9, -1)], Status.EXPIRED, own(None, -9, -1)),
        ([own(15, -9, -2), own(5, -9, -1), own(10, -9, -1)], Status.EXPIRED, own(10, -9, -1)),
        ([own(None, -9, -1), own(None, 1, 9)], Status.EXPIRED, own(None, -9, -1)),
        ([own(15, 8, 9), own(5, 7, 9), own(10, 7, 9)], None, own(10, 7, 9)),
    ],
    ids=["nothing", "model", "trial", "ended", "ended last", "ended and to come", "begins first"],
)
def test_l1_the_status_on_a_day(
    holdings: list[Holding], status: Status | None, holding: Holding | None
) -> None:
    assert state_on(holdings, TODAY) == State(status, holding)


OFFSETS = st.none() | st.sampled_from([-3, 0, 1, 2, 3, 400]) | st.integers(-5, DAYS - 50)
COUNTS = st.sampled_from([UNLIMITED, 1, 5, 15])


@st.composite
def holdings(draw: st.DrawFn, counts: st.SearchStrategy[int | None]) -> Holding:
    """One of a service, many of whose days, counts and licences are the same as those of others."""
    begins, last = draw(OFFSETS), draw(OFFSETS)
    if begins is not None and last is not None:
        begins, last = sorted([begins, last])
    return Holding(
        draw(st.sampled_from(Right)),
        draw(st.sampled_from(["licensed", "trial"])),
        draw(counts),
        _day(begins),
        _day(last),
        draw(st.sampled_from([None, UUID(int=1), UUID(int=2)])),
    )


HELD = st.lists(holdings(COUNTS), max_size=8) | st.lists(holdings(st.none()), max_size=8)


def first_day(held: Holding) -> date:
    return held.begins_on or date.min


def last_day(held: Holding) -> date:
    return held.expires_on or date.max


def worth(held: Holding) -> tuple[object, ...]:
    """L2, word for word; of two holdings the better has the larger."""
    return (
        2**40 if held.count == UNLIMITED else held.count or 0,
        held.kind == "licensed",
        last_day(held),
        date.max - first_day(held),
        ["KEPT", "MODEL", "PART", "OWN", "SHARED"].index(held.right.name),
        -held.licence.int if held.licence else -9,
    )


def best_on(held: list[Holding], asked: date) -> Holding | None:
    running = [h for h in held if first_day(h) <= asked <= last_day(h)]
    return max(running, key=worth, default=None)


def by_day(spans: list[Span]) -> Iterator[tuple[date, Holding]]:
    for span in spans:
        last = span.last_day or day(DAYS - 1)
        for offset in range((last - span.first_day).days + 1):
            yield span.first_day + timedelta(offset), span.holding


@settings(deadline=None)
@given(HELD)
def test_every_day_runs_what_is_best_on_it(held: list[Holding]) -> None:
    spans = what_runs(held, since=TODAY)

    told = {day(offset): best for offset in range(DAYS) if (best := best_on(held, day(offset)))}
    assert list(by_day(spans)) == sorted(told.items())


@given(HELD)
def test_spans_are_in_order_and_neighbours_are_by_different_holdings(held: list[Holding]) -> None:
    spans = what_runs(held, since=TODAY)

    for before, after in pairwise(spans):
        assert before.last_day
        assert before.last_day < after.first_day
        assert before.holding != after.holding or before.last_day < after.first_day - timedelta(1)


@given(HELD, st.integers(-6, DAYS))
def test_every_days_status_is_what_runs_else_ended_last_else_begins_first(
    held: list[Holding], offset: int
) -> None:
    asked = day(offset)

    state = state_on(held, asked)

    ended = max((h for h in held if last_day(h) < asked), key=lambda h: (last_day(h), worth(h)), default=None)
    coming = max(held, key=lambda h: (date.max - first_day(h), worth(h)), default=None)
    assert state.holding == (best_on(held, asked) or ended or coming)
    if running := best_on(held, asked):
        assert state.status == (Status.FREE_TRIAL if running.kind == "trial" else Status.LICENSED)
    else:
        assert state.status == (Status.EXPIRED if ended else None)


@given(HELD.flatmap(lambda held: st.tuples(st.just(held), st.permutations(held))))
def test_the_order_in_which_holdings_are_given_makes_no_difference(
    both: tuple[list[Holding], list[Holding]],
) -> None:
    one, other = both

    assert what_runs(one, since=TODAY) == what_runs(other, since=TODAY)
    assert state_on(one, TODAY) == state_on(other, TODAY)
