"""From which day on a pair will run less (rule F2). Pure functions of what its units run, day by day."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from licensing.entitlements.steps import Count, Steps, size
from licensing.models import Service
from licensing.wording import turn_in_words

YEAR = datetime.timedelta(days=365)


class Course(NamedTuple):
    """What one service runs for on both units of a pair, from a day on."""

    primary: Steps
    standby: Steps


class Counts(NamedTuple):
    """What one service runs for on both units of a pair on a day."""

    primary: Count
    standby: Count


@dataclass(frozen=True, slots=True)
class Change:
    """A day from which a service runs for other counts than before; `now` is what it ran for at first."""

    day: datetime.date
    service: Service
    now: Counts
    before: Counts
    after: Counts

    @property
    def is_short(self) -> bool:
        """Whether the standby runs it for less than the primary."""
        return size(self.after.standby) < size(self.after.primary)

    @property
    def is_loss(self) -> bool:
        """Whether the standby runs less than the primary, or both less than at first; as at first is none."""
        is_less_on_both = all(size(then) < size(now) for now, then in zip(self.now, self.after, strict=True))
        return self.after != self.now and (self.is_short or is_less_on_both)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What changes in a pair until a day, in order; `primary` and `standby` are the units' names."""

    primary: str
    standby: str
    until: datetime.date
    changes: tuple[Change, ...]

    @property
    def losses(self) -> list[Change]:
        """What is a loss on the first day on which anything is."""
        losses = [change for change in self.changes if change.is_loss]
        return [change for change in losses if change.day == losses[0].day]

    @property
    def first_day(self) -> datetime.date | None:
        """The first day of a loss, if there is one."""
        return next((change.day for change in self.changes if change.is_loss), None)

    @property
    def text(self) -> str:
        """A sentence or two about the first day of a loss, or about there being none."""
        if not (losses := self.losses):
            return f"Until {self.until:%d %b %Y} it gets no worse."
        short = [
            turn_in_words(c.service, c.after.primary, c.after.standby, "not at all")
            for c in losses
            if c.is_short
        ]
        both = [self._sides(c, since=c.now) for c in losses if not c.is_short]
        told = [(f"{self.standby} would run less than {self.primary}", short), ("the pair runs less", both)]
        day = f"From {losses[0].day:%d %b %Y}"
        return " ".join(f"{day} {what}: {'; '.join(terms)}." for what, terms in told if terms)

    @property
    def months(self) -> list[tuple[datetime.date, list[str]]]:
        """What changes in each month, by its first day."""
        by_month = groupby(self.changes, key=lambda change: change.day.replace(day=1))
        return [(month, [self._told(change) for change in changes]) for month, changes in by_month]

    def _told(self, change: Change) -> str:
        return f"from {change.day:%d %b}, {self._sides(change, since=change.before)}"

    def _sides(self, change: Change, *, since: Counts) -> str:
        """How what the units run differs from `since`: in one, or each by its name."""
        sides = list(zip((self.primary, self.standby), since, change.after, strict=True))
        if len({(before, after) for _, before, after in sides}) == 1:
            return turn_in_words(change.service, since.primary, change.after.primary)
        changed = (side for side in sides if side[1] != side[2])
        return "; ".join(
            f"{name}: {turn_in_words(change.service, before, after)}" for name, before, after in changed
        )


def forecast(primary: str, standby: str, courses: dict[Service, Course], today: datetime.date) -> Forecast:
    """What changes in a pair within a year, given how each service runs from today on."""
    until = today + YEAR
    changes = [change for service, course in courses.items() for change in _changes(service, course, until)]
    changes.sort(key=lambda change: (change.day, change.service.code))
    return Forecast(primary, standby, until, tuple(changes))


def _changes(service: Service, course: Course, until: datetime.date) -> Iterator[Change]:
    """The days on which a service runs for other counts than before."""
    if len(course.primary) == len(course.standby) == 1:  # as most services do
        return
    primary, standby = dict(course.primary), dict(course.standby)
    now = before = Counts(course.primary[0][1], course.standby[0][1])
    for day in sorted(primary.keys() | standby.keys()):
        after = Counts(primary.get(day, before.primary), standby.get(day, before.standby))
        if after != before and day <= until:
            yield Change(day, service, now, before, after)
        before = after
