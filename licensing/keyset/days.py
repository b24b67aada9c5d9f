"""What a keyset's rows say of a day: which of a code's rows runs, what follows it, and what has ended.

Of the rows that have begun and not ended the best runs: the larger count (Unlimited is the largest), a
licence before a free trial, the later expiry, the earlier begin. Where none runs, what ended last is Expired;
where nothing has ended either, the service is Not Licensed until its first row begins.
"""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from licensing.keyset.payload import UNLIMITED, Service, Status

_ONE_DAY = datetime.timedelta(1)


class Run(NamedTuple):
    """Days, from `first` to `last`, on all of which a service runs by one row; `last` None is for ever.

    It is shorter than the row's own days where a better row runs before or after it.
    """

    first: datetime.date
    last: datetime.date | None
    row: Service


@dataclass(frozen=True, slots=True)
class State:
    """What a keyset says of one service on a day.

    `row` is the one that runs or, where the status is Expired, the one that ended last; None where it is
    Not Licensed. `follows` are the later days on which another row runs, in order.
    """

    status: Status
    row: Service | None
    follows: tuple[Run, ...]


def states_on(day: datetime.date, services: Iterable[Service]) -> dict[int, State]:
    """What `services`, rows in order of code, say of the UTC day: each code's state, by code."""
    return {code: _state_on(day, list(rows)) for code, rows in groupby(services, key=attrgetter("code"))}


def _state_on(day: datetime.date, rows: list[Service]) -> State:
    runs = tuple(runs_from(day, rows))
    if runs and runs[0].first == day:
        row = runs[0].row
        return State(row.status(day), row, runs[1:])
    ended = ended_last(day, rows)
    return State(Status.EXPIRED if ended else Status.NOT_LICENSED, ended, runs)


def runs_from(day: datetime.date, rows: Iterable[Service]) -> Iterator[Run]:
    """When a service runs from the day on, and by which of its rows, all of one code; in order of days."""
    best_first = sorted(rows, key=_rank, reverse=True)
    first: datetime.date | None = day
    while first:
        row = next((row for row in best_first if row.runs_on(first)), None)
        better = best_first[: best_first.index(row)] if row else best_first
        changes = [other.begin for other in better if other.begin and other.begin > first]
        if row and row.expiry and row.expiry < datetime.date.max:
            changes.append(row.expiry + _ONE_DAY)
        change = min(changes, default=None)
        if row:
            yield Run(first, change - _ONE_DAY if change else row.expiry, row)
        first = change


def ended_last(day: datetime.date, rows: Iterable[Service]) -> Service | None:
    """Of the rows, all of one code, the one that ended last before the day; of several the best."""
    ended = (row for row in rows if row.status(day) is Status.EXPIRED)
    return max(ended, key=lambda row: (row.expiry, _rank(row)), default=None)


def _rank(row: Service) -> tuple[int, int, int, int]:
    """The larger, the better."""
    _, begin, expiry = row.place
    return _size(row.count), -row.kind, expiry, -begin


def _size(count: int | None) -> int:
    """A count among others; none is the smallest, should a code's rows differ in whether they have one."""
    if count is None:
        return -1
    return 2**32 if count == UNLIMITED else count
