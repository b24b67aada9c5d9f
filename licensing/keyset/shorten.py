"""The shortest keyset: of all rows of a unit those that count from a day on, as far as there is room."""

import datetime
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from licensing.keyset.codec import MAX_ROWS
from licensing.keyset.days import ended_last, runs_from
from licensing.keyset.payload import Service


class Shortened(NamedTuple):
    """The rows for a keyset, in its order, and the first day on which one that had no room would run.

    The keyset is true on every day before `left_out_from`; None: for ever.
    """

    services: tuple[Service, ...]
    left_out_from: datetime.date | None


def shorten(rows: Iterable[Service], issued_on: datetime.date) -> Shortened:
    """Of `rows`, in any order, those that a keyset issued on that UTC day has to say.

    A row stays that runs on some day from then on or, where nothing of its code runs on that day, ended last.
    What has begun by then loses its begin. Where there are too many rows, what runs last is left out; what
    has begun and waits for a better row to end can be among it. (Their number alone limits the rows: 255 of
    the greatest size have less than the 8,192 characters of a text.) Raises ValueError where not even what
    counts on the day of issue has room.
    """
    clipped = [replace(row, begin=None) if _has_begun(row, issued_on) else row for row in rows]
    needed: dict[Service, datetime.date] = {}
    for _, of_code in groupby(sorted(clipped, key=attrgetter("code")), key=attrgetter("code")):
        needed |= _first_days(list(of_code), issued_on)
    by_first_day = sorted(needed, key=lambda row: (needed[row], row.place))
    kept, left_out = by_first_day[:MAX_ROWS], by_first_day[MAX_ROWS:]
    left_out_from = needed[left_out[0]] if left_out else None
    if left_out_from == issued_on:
        raise ValueError(f"more than {MAX_ROWS} rows count on the day of issue")
    return Shortened(tuple(sorted(kept, key=attrgetter("place"))), left_out_from)


def _has_begun(row: Service, day: datetime.date) -> bool:
    return row.begin is not None and row.begin <= day


def _first_days(rows: list[Service], issued_on: datetime.date) -> dict[Service, datetime.date]:
    """The rows of one code that a keyset needs, each with the first day on which it does."""
    first_days: dict[Service, datetime.date] = {}
    for run in runs_from(issued_on, rows):
        first_days.setdefault(run.row, run.first)
    if issued_on not in first_days.values() and (ended := ended_last(issued_on, rows)):
        first_days[ended] = issued_on
    return first_days
