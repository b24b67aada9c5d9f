"""Days as people write them, and how far they reach (L4)."""

import datetime
import re

from portal.errors import DayTooLate

LAST_DAY = datetime.date(9998, 12, 31)
"""The last day that anything may run to: behind it there is still one, for what begins when that is over."""


def read_day(text: str) -> datetime.date:
    """The day that a text names as YYYY-MM-DD; any other notation is a ValueError. Raises DayTooLate."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError(text)
    day = datetime.date.fromisoformat(text)
    check_last_day(day)
    return day


def check_last_day(day: datetime.date | None) -> None:
    """Raise DayTooLate where something would run beyond the last day that there is."""
    if day is not None and day > LAST_DAY:
        raise DayTooLate(last=LAST_DAY)


def day_after(day: datetime.date) -> datetime.date | None:
    """The next day; none behind the calendar's end, which rows from before LAST_DAY may name."""
    return day + datetime.timedelta(days=1) if day < datetime.date.max else None
