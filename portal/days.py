"""Days as people write them, and the last one that anything may run to (L4)."""

import datetime
import re

from portal.errors import DayTooLate

LAST_DAY = datetime.date(9998, 12, 31)
"""The last day that anything may run to. One more follows, for what begins when that is over."""


def read_day(text: str) -> datetime.date:
    """Read a day written as YYYY-MM-DD; any other notation is a ValueError. Raises DayTooLate."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError(text)
    day = datetime.date.fromisoformat(text)
    check_last_day(day)
    return day


def check_last_day(day: datetime.date | None) -> None:
    """Raise DayTooLate for a day after LAST_DAY."""
    if day is not None and day > LAST_DAY:
        raise DayTooLate(last=LAST_DAY)


def day_after(day: datetime.date) -> datetime.date | None:
    """The next day, or None at the calendar's end, which rows older than LAST_DAY may name."""
    return day + datetime.timedelta(days=1) if day < datetime.date.max else None
