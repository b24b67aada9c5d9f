"""What a keyset's rows say of today, and what of the days that follow."""

import datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings

from licensing.keyset import UNLIMITED, Kind, Run, Service, State, Status, states_on
from tests.licensing.keyset import day_by_day
from tests.licensing.keyset.support import FOLLOWED, TODAY, unhurried

DAY = datetime.timedelta(1)
LATER = TODAY + 30 * DAY


def by_code(rows: list[Service]) -> list[Service]:
    return sorted(rows, key=lambda row: row.code)


def state(*rows: Service, on: datetime.date = TODAY) -> State:
    (found,) = states_on(on, rows).values()
    return found


@settings(unhurried, max_examples=30)
@given(day_by_day.rows)
def test_each_of_800_days_is_as_asked_for_itself(rows: list[Service]) -> None:
    ordered = by_code(rows)

    for day in day_by_day.DAYS:
        for code, found in states_on(day, ordered).items():
            row = found.row
            answer = (found.status, row and row.kind, row and row.count, row and row.expiry)
            assert answer == day_by_day.said(rows, code, day)


@settings(unhurried, max_examples=30)
@given(day_by_day.rows)
def test_what_follows_is_what_runs_on_each_of_800_days(rows: list[Service]) -> None:
    for code, found in states_on(TODAY, by_code(rows)).items():
        follows = list(found.follows)
        row = day_by_day.runs(rows, code, TODAY)
        for day in day_by_day.DAYS[1:]:
            if row and row.expiry and row.expiry < day:
                row = None
            if follows and follows[0].first == day:
                row = follows.pop(0).row
            assert row == day_by_day.runs(rows, code, day)
        assert not follows


@settings(unhurried, max_examples=30)
@given(day_by_day.rows)
def test_what_follows_stands_in_order_with_its_last_days(rows: list[Service]) -> None:
    for code, found in states_on(TODAY, by_code(rows)).items():
        for run in found.follows:
            last = run.last or day_by_day.DAYS[-1]
            assert {day_by_day.runs(rows, code, day) for day in (run.first, last)} == {run.row}
            assert not run.last or day_by_day.runs(rows, code, run.last + DAY) != run.row
        assert all(run.last < following.first for run, following in pairwise(found.follows))


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (Service(9, count=UNLIMITED), Service(9, count=2**32 - 1)),
        (Service(9, count=6, expiry=TODAY), Service(9, count=5)),
        (Service(9, Kind.TRIAL, 6), Service(9, Kind.LICENSED, 5)),
        (Service(9, count=0), Service(9)),
        (Service(9, expiry=TODAY), Service(9, Kind.TRIAL)),
        (Service(9), Service(9, expiry=LATER)),
        (Service(9, expiry=LATER), Service(9, expiry=TODAY)),
        (Service(9), Service(9, begin=TODAY)),
        (Service(9, begin=TODAY - DAY), Service(9, begin=TODAY)),
    ],
)
def test_the_best_runs(better: Service, worse: Service) -> None:
    assert state(better, worse).row == state(worse, better).row == better


def test_a_better_row_parts_the_days_of_another() -> None:
    always = Service(9, count=5)
    better = Service(9, count=50, begin=TODAY + DAY, expiry=LATER)

    found = state(always, better)

    follows = (Run(TODAY + DAY, LATER, better), Run(LATER + DAY, None, always))
    assert found == State(Status.LICENSED, always, follows)


def test_a_gap_between_two_rows_is_expired() -> None:
    ended, next_one = Service(9, expiry=TODAY - DAY), Service(9, begin=LATER)

    assert state(ended, next_one) == State(Status.EXPIRED, ended, (Run(LATER, None, next_one),))


def test_what_has_not_begun_is_not_licensed() -> None:
    later = Service(9, begin=LATER, expiry=LATER)

    assert state(later) == State(Status.NOT_LICENSED, None, (Run(LATER, LATER, later),))


def test_of_two_that_ended_together_the_best_is_expired() -> None:
    worse, better = (Service(9, count=count, expiry=TODAY - DAY) for count in (5, 50))

    assert state(worse, better).row == state(better, worse).row == better


def test_the_last_day_of_the_calendar_has_no_next() -> None:
    row = Service(9, expiry=datetime.date.max)

    assert state(row) == State(Status.LICENSED, row, ())


def test_each_code_has_a_state_of_its_own() -> None:
    found = states_on(TODAY, FOLLOWED.services)

    assert {code: (one.status, len(one.follows)) for code, one in found.items()} == {
        2: (Status.EXPIRED, 1),
        4: (Status.FREE_TRIAL, 1),
        9: (Status.LICENSED, 1),  # a row that a better one covers never runs
        300: (Status.LICENSED, 0),
    }
