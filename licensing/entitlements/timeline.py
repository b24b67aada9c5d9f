"""What runs from which day to which, and a status on a day: rules L1 and L2 as plain arithmetic of days.

Each call is about one service of one unit and reads nothing. Whoever gathers the holdings leaves out licences
that were given away whole, and counts where the service isn't counted.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from heapq import heappop, heappush
from uuid import UUID

from django.db.models import TextChoices

from licensing.keyset import UNLIMITED, Status
from licensing.models import Licence

ONE_DAY = timedelta(days=1)


class Right(TextChoices):
    """The right by which a unit holds an entitlement."""

    OWN = "own", "own"
    PART = "part", "part of another unit's license"
    MODEL = "model", "comes with the model"
    SHARED = "shared", "shared"
    KEPT = "kept", "kept while an RMA case is open"


NAMED_FIRST = (Right.SHARED, Right.OWN, Right.PART, Right.MODEL, Right.KEPT)
"""Of holdings that are otherwise equal, the one whose right comes first is named: the primary's (L2)."""

_PLACE = {right: place for place, right in enumerate(NAMED_FIRST)}


@dataclass(frozen=True, slots=True)
class Holding:
    """One right of a unit to one service, from the day `begins_on` to the day `expires_on`, both included.

    `begins_on` is None if it has always run, `expires_on` if it never ends. `count` is -1 for Unlimited and
    None if the service isn't counted. `licence` names the licence that it comes from, at whichever unit, if
    that is known.
    """

    right: Right
    kind: str = Licence.Kind.LICENSED
    count: int | None = None
    begins_on: date | None = None
    expires_on: date | None = None
    licence: UUID | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Days without a gap on which one holding runs, `first_day` and `last_day` included; None is no end."""

    holding: Holding
    first_day: date
    last_day: date | None


@dataclass(frozen=True, slots=True)
class State:
    """The status on a day. None is Not Licensed.

    `holding` is what runs; what ended last if the status is Expired; what begins first if it is Not Licensed,
    or None if nothing does.
    """

    status: Status | None
    holding: Holding | None


type CountsByDay = tuple[tuple[str, int | None, date, date | None], ...]
"""What runs by day: kind, count, first and last day, each differing from the one before it."""


def shared_from(theirs: Iterable[Holding]) -> list[Holding]:
    """What a sharing secondary holds of a shareable service because its primary holds `theirs` (L2, L3)."""
    return [replace(holding, right=Right.SHARED) for holding in theirs]


def kept_from(theirs: Iterable[Holding], *, until: date) -> list[Holding]:
    """What X3 lets a secondary keep of its failed primary's holdings: nothing beyond the grace's last day."""
    return [
        replace(holding, right=Right.KEPT, expires_on=min(_last_day(holding), until))
        for holding in theirs
        if _first_day(holding) <= until
    ]


def what_runs(holdings: Iterable[Holding], *, since: date) -> list[Span]:
    """What runs on each day from `since` on, in order of days; days on which nothing runs have no span."""
    ranked = sorted((holding for holding in holdings if _last_day(holding) >= since), key=_order)
    # What hasn't begun, the earliest at the end; of what has, the ranks as a heap, the best on top.
    coming = sorted(((_first_day(holding), rank) for rank, holding in enumerate(ranked)), reverse=True)
    begun: list[int] = []
    spans: list[Span] = []
    day = since
    while begun or coming:
        if not begun:
            day = max(day, coming[-1][0])
        while coming and coming[-1][0] <= day:
            heappush(begun, coming.pop()[1])
        best = ranked[begun[0]]
        last = _last_day(best)
        while coming and coming[-1][0] <= last:
            begins_on, rank = coming.pop()
            heappush(begun, rank)
            if begun[0] == rank:  # it is better, and runs from its first day on
                last = begins_on - ONE_DAY
        spans.append(Span(best, day, None if last == date.max else last))
        if last == date.max:
            break
        day = last + ONE_DAY
        while begun and _last_day(ranked[begun[0]]) < day:
            heappop(begun)
    return spans


def counts_by_day(holdings: Iterable[Holding], *, since: date) -> CountsByDay:
    """What runs for how much, by whichever right or licence: neighbouring days of the same are one."""
    days: list[tuple[str, int | None, date, date | None]] = []
    for span in what_runs(holdings, since=since):
        runs = (span.holding.kind, span.holding.count)
        if days and days[-1][:2] == runs and days[-1][3] == span.first_day - ONE_DAY:
            days[-1] = (*days[-1][:3], span.last_day)
        else:
            days.append((*runs, span.first_day, span.last_day))
    return tuple(days)


def state_on(holdings: Iterable[Holding], day: date) -> State:
    """The status on a day (L1), and the holding that it comes from."""
    holdings = list(holdings)
    if running := [h for h in holdings if _first_day(h) <= day <= _last_day(h)]:
        best = min(running, key=_order)
        is_trial = best.kind == Licence.Kind.TRIAL
        return State(Status.FREE_TRIAL if is_trial else Status.LICENSED, best)
    if ended := [h for h in holdings if _last_day(h) < day]:
        return State(Status.EXPIRED, min(ended, key=lambda h: (date.max - _last_day(h), _order(h))))
    return State(None, min(holdings, key=lambda h: (_first_day(h), _order(h)), default=None))


def _order(holding: Holding) -> tuple[float, bool, int, date, int, float]:
    """A sort key, the best first (L2). The licence decides last: the order of rows in a list never does."""
    return (
        -math.inf if holding.count == UNLIMITED else -(holding.count or 0),
        holding.kind == Licence.Kind.TRIAL,
        -_last_day(holding).toordinal(),
        _first_day(holding),
        _PLACE[holding.right],
        holding.licence.int if holding.licence else math.inf,
    )


def _first_day(holding: Holding) -> date:
    return holding.begins_on or date.min


def _last_day(holding: Holding) -> date:
    return holding.expires_on or date.max
