"""For how much a service runs from which day on: what a unit owns, and what its keyset says."""

import datetime
from collections.abc import Iterable

from licensing.entitlements.today import Entitlement
from licensing.keyset import UNLIMITED
from licensing.keyset import State as KeysetState
from portal.days import day_after

NOTHING = 0
"""The count of a service on days on which it doesn't run."""

type Count = int | None
"""What a service runs for on a day: -1 is Unlimited, None an uncounted service's, 0 that it doesn't run."""
type Steps = list[tuple[datetime.date, Count]]
"""The days from which a service runs for another count, in order; the first is the day that was asked for."""


def owned_steps(held: Entitlement, today: datetime.date) -> Steps:
    """How a service runs by an entitlement, from today on."""
    is_running = held.right is not None and not held.is_expired(today)
    now = [(today, held.expires_on, held.count)] if is_running else []
    return _steps([*now, *((s.first_day, s.last_day, s.holding.count) for s in held.then)], today)


def keyset_steps(state: KeysetState | None, today: datetime.date) -> Steps:
    """How a service runs by what a keyset says of today and later days (None: it doesn't name it)."""
    row, follows = (state.row, state.follows) if state else (None, ())
    now = [(today, row.expiry, row.count)] if row and row.runs_on(today) else []
    return _steps([*now, *((run.first, run.last, run.row.count) for run in follows)], today)


def _steps(runs: Iterable[tuple[datetime.date, datetime.date | None, Count]], today: datetime.date) -> Steps:
    """The steps of first days, last days and counts in order; each ends where the next one begins."""
    steps: Steps = []
    free: datetime.date | None = today
    for first, last, count in runs:
        if free and free < first:
            steps.append((free, NOTHING))
        steps.append((first, count))
        free = day_after(last) if last else None
    return [*steps, (free, NOTHING)] if free else steps


def size(count: Count) -> float:
    """A count among others of its service."""
    return float("inf") if count == UNLIMITED else 1 if count is None else count


def count_on(steps: Steps, day: datetime.date) -> Count:
    """What steps come to on a day; nothing before the first of them."""
    return next((count for first, count in reversed(steps) if first <= day), NOTHING)
