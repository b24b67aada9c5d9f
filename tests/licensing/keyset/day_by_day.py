"""What rows say of a day, sentence by sentence as the format has it: slow, asked one day at a time."""

import datetime
from collections.abc import Iterable

from hypothesis import strategies as st

from licensing.keyset import UNLIMITED, Kind, Service, Status
from tests.licensing.keyset.support import TODAY

type Said = tuple[Status, Kind | None, int | None, datetime.date | None]

DAYS = [TODAY + datetime.timedelta(n) for n in range(800)]
ENDLESS = datetime.date(3000, 1, 1)


def codes(rows: Iterable[Service]) -> set[int]:
    return {row.code for row in rows}


def runs(rows: Iterable[Service], code: int, day: datetime.date) -> Service | None:
    """The best of the code's rows that have begun and not ended by the day."""
    best = None
    for row in rows:
        is_begun = row.begin is None or row.begin <= day
        is_ended = row.expiry is not None and row.expiry < day
        if row.code == code and is_begun and not is_ended and (best is None or is_better(row, best)):
            best = row
    return best


def is_better(row: Service, other: Service) -> bool:
    if row.count != other.count:
        if UNLIMITED in (row.count, other.count):
            return row.count == UNLIMITED
        return other.count is None or (row.count is not None and row.count > other.count)
    if row.kind != other.kind:
        return row.kind == Kind.LICENSED
    if row.expiry != other.expiry:
        return row.expiry is None or (other.expiry is not None and row.expiry > other.expiry)
    return row.begin is None or (other.begin is not None and row.begin < other.begin)


def said(rows: Iterable[Service], code: int, day: datetime.date) -> Said:
    """Status, kind, count and expiry of a service on a day."""
    if row := runs(rows, code, day):
        status = Status.LICENSED if row.kind == Kind.LICENSED else Status.FREE_TRIAL
        return status, row.kind, row.count, row.expiry
    ended = [row for row in rows if row.code == code and row.expiry and row.expiry < day]
    if not ended:
        return Status.NOT_LICENSED, None, None, None
    last = ended[0]
    for row in ended[1:]:
        if row.expiry > last.expiry or (row.expiry == last.expiry and is_better(row, last)):
            last = row
    return Status.EXPIRED, last.kind, last.count, last.expiry


@st.composite
def _rows(draw: st.DrawFn) -> Service:
    """A row of few codes, counts and days, so that many meet; all its days are within DAYS or before."""
    begin = draw(st.none() | st.integers(-60, 700))
    expiry = draw(st.none() | st.integers(-60 if begin is None else begin, 760))
    begin, expiry = (None if n is None else TODAY + datetime.timedelta(n) for n in (begin, expiry))
    count = draw(st.sampled_from((None, 1, 5, UNLIMITED)))
    return Service(draw(st.integers(1, 3)), draw(st.sampled_from(Kind)), count, expiry, begin)


rows = st.lists(_rows(), max_size=16)
