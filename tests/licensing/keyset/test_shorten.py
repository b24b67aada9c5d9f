"""Which of a unit's rows its keyset has: all that it needs on any later day, and none beyond."""

import datetime
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licensing.keyset import UNLIMITED, Service, Status, encode, shorten
from tests.licensing.keyset import day_by_day
from tests.licensing.keyset.support import FOLLOWED, PAYLOAD, TODAY, unhurried

DAY = datetime.timedelta(1)
NOON = int(datetime.datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=datetime.UTC).timestamp())
quick = settings(unhurried, max_examples=30)


def shortened(*rows: Service, on: datetime.date = TODAY) -> tuple[Service, ...]:
    services, left_out_from = shorten(rows, on)
    assert left_out_from is None
    return services


@quick
@given(day_by_day.rows)
def test_the_keyset_says_of_800_days_what_all_rows_say(rows: list[Service]) -> None:
    kept = shortened(*rows)

    assert day_by_day.codes(kept) == day_by_day.codes(rows)
    for day in day_by_day.DAYS:
        for code in day_by_day.codes(rows):
            assert day_by_day.said(kept, code, day) == day_by_day.said(rows, code, day)


@quick
@given(day_by_day.rows)
def test_each_row_is_needed(rows: list[Service]) -> None:
    kept = shortened(*rows)

    for row in kept:
        days = (day for day in day_by_day.DAYS if day_by_day.runs(kept, row.code, day) == row)
        expired = (Status.EXPIRED, row.kind, row.count, row.expiry)
        is_expired = day_by_day.said(kept, row.code, TODAY) == expired
        assert is_expired or any(days)


@quick
@given(day_by_day.rows, st.randoms(use_true_random=False))
def test_the_order_in_which_rows_are_given_says_nothing(rows: list[Service], random) -> None:
    shuffled = [*rows, *rows]
    random.shuffle(shuffled)

    assert shorten(shuffled, TODAY) == shorten(rows, TODAY)


@quick
@given(day_by_day.rows)
def test_a_keyset_has_room_for_what_is_kept(rows: list[Service]) -> None:
    assert encode(replace(PAYLOAD, issued=NOON, services=shortened(*rows)))


@quick
@given(day_by_day.rows, st.sampled_from(day_by_day.DAYS))
def test_shortened_again_on_a_later_day_it_is_as_shortened_then(
    rows: list[Service], day: datetime.date
) -> None:
    assert shortened(*shortened(*rows), on=day) == shortened(*rows, on=day)


def test_what_never_runs_is_not_there() -> None:
    rows = [Service(9, count=UNLIMITED), Service(9, count=5), Service(9, count=50, begin=TODAY + DAY)]

    assert shortened(*rows) == (rows[0],)


def test_a_keysets_own_rows_are_in_its_order() -> None:
    rows = [row for row in FOLLOWED.services if row.count != 50]  # which never runs

    assert shortened(*reversed(rows), on=TODAY - DAY) == tuple(rows)


@pytest.mark.parametrize("begin", [None, TODAY - 9 * DAY, TODAY])
def test_what_has_begun_has_no_begin(begin: datetime.date | None) -> None:
    assert shortened(Service(9, count=5, begin=begin)) == (Service(9, count=5),)


def test_what_ended_stays_until_something_runs() -> None:
    rows = [Service(9, expiry=TODAY - 9 * DAY), Service(9, expiry=TODAY - DAY), Service(9, begin=TODAY + DAY)]

    assert shortened(*rows) == (rows[1], rows[2])
    assert shortened(*rows, on=TODAY + DAY) == (Service(9),)


def test_what_a_better_row_parts_is_there_once_and_runs_from_its_first_day() -> None:
    ended, always = Service(9, expiry=TODAY - DAY), Service(9, count=5)
    better = Service(9, count=50, begin=TODAY + DAY, expiry=TODAY + 2 * DAY)

    assert shortened(ended, always, better) == (always, better)


def stairs(code: int, steps: int) -> list[Service]:
    """Rows all of which have begun, and each of which runs for a day: the fewer the count, the later."""
    return [Service(code, count=steps - n, expiry=TODAY + n * DAY) for n in range(steps)]


def test_what_has_no_room_runs_last() -> None:
    rows = [*stairs(1, 255), Service(2, begin=TODAY + 100 * DAY)]

    kept, left_out_from = shorten(rows, TODAY)

    assert set(rows) - set(kept) == {rows[254]}
    assert left_out_from == TODAY + 254 * DAY


@quick
@given(st.lists(st.integers(1, 40), min_size=8, max_size=40))
def test_until_something_left_out_runs_the_keyset_is_true(lengths: list[int]) -> None:
    rows = [row for code, steps in enumerate(lengths) for row in stairs(code, steps)]

    kept, left_out_from = shorten(rows, TODAY)

    assert len(kept) == min(len(rows), 255)
    assert (left_out_from is None) == (len(rows) <= 255)
    for n in range(((left_out_from or TODAY + 41 * DAY) - TODAY).days):
        for code in range(len(lengths)):
            day = TODAY + n * DAY
            assert day_by_day.said(kept, code, day) == day_by_day.said(rows, code, day)


def test_what_counts_on_the_day_of_issue_is_never_left_out() -> None:
    running = [Service(code, count=UNLIMITED) for code in range(256)]

    with pytest.raises(ValueError, match="255"):
        shorten(running, TODAY)
