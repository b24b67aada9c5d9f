"""The desk's queues of cases: one condition each, how many cases are in them, and a page of one."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from django.db.models import IntegerField, Q, QuerySet, Subquery, TextChoices

from licensing.models import RmaCase
from portal.models import User
from portal.paging import seek

PAGE_ROWS, MOST_COUNTED, MOST_MINE = 50, 100, 20
State = RmaCase.State
OVERDUE_DAYS = {State.REQUESTED: 2, State.APPROVED: 5, State.COMPLETED: 30}
"""After how many days in a state a case is overdue: to decide, to complete, to get the failed unit back."""


class Queue(TextChoices):
    """A queue's name in addresses, and for people."""

    MINE = "mine", "Mine"
    FREE = "free", "Nobody's"
    REQUESTED = "requested", "Requested"
    LEAD = "waits-for-lead", "Waits for a lead"
    REPLACEMENT = "waits-for-replacement", "Waits for a replacement"
    READY = "ready", "Ready to complete"
    RETURN = "waits-for-return", "Waits for the return"
    OVERDUE = "overdue", "Overdue"
    OPEN = "open", "All open"
    RECEIVED = "received", "Received back"
    DECLINED = "declined", "Declined"
    CANCELLED = "cancelled", "Cancelled"
    UNDONE = "undone", "Undone"
    ALL = "all", "All"

    @property
    def is_work(self) -> bool:
        """Whether its cases wait for somebody: the oldest first. Of the others, the newest come first."""
        return self not in {Queue.RECEIVED, Queue.DECLINED, Queue.CANCELLED, Queue.UNDONE, Queue.ALL}


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A page of a queue's cases; `next` is where the following page begins."""

    rows: list[RmaCase]
    next: UUID | None


def condition(queue: Queue, *, by: User, now: datetime.datetime) -> Q:
    """Which cases are in a queue, for the person who looks and at a moment."""
    is_open, approved = Q(state__in=RmaCase.OPEN), Q(state=State.APPROVED)
    waits_for_lead = Q(waits_for_lead_since__isnull=False)
    conditions = {
        Queue.MINE: Q(state__in=RmaCase.LIVE, assignee=by),
        Queue.FREE: is_open & Q(assignee=None),
        Queue.REQUESTED: Q(state=State.REQUESTED, waits_for_lead_since=None),
        Queue.LEAD: is_open & waits_for_lead,
        Queue.REPLACEMENT: approved & Q(replacement=None) & ~waits_for_lead,
        Queue.READY: approved & Q(replacement__isnull=False) & ~waits_for_lead,
        Queue.RETURN: Q(state=State.COMPLETED),
        Queue.OVERDUE: _overdue(now),
        Queue.OPEN: is_open,
        Queue.ALL: Q(),
    }
    return conditions[queue] if queue in conditions else Q(state=queue.value)


def _overdue(now: datetime.datetime) -> Q:
    """Cases that have been in a state for longer than OVERDUE_DAYS."""
    late = Q(pk__in=[])
    for state, days in OVERDUE_DAYS.items():
        late |= Q(state=state, state_since__lt=now - datetime.timedelta(days=days))
    return Q(state__in=RmaCase.LIVE) & late  # the first part is the index's


def cases_in_queue(queue: Queue, *, by: User, now: datetime.datetime, after: UUID | None = None) -> QueuePage:
    """A page of a queue: those of work from the oldest on, the others from the newest."""
    at = RmaCase.objects.filter(uuid=after).first() if after else None  # in whatever queue it is by now
    cases = _shown().filter(condition(queue, by=by, now=now))
    rows = list(seek(cases, key="pk", after=at, is_descending=not queue.is_work)[: PAGE_ROWS + 1])
    return QueuePage(rows[:PAGE_ROWS], rows[PAGE_ROWS - 1].uuid if rows[PAGE_ROWS:] else None)


def my_cases(*, by: User, now: datetime.datetime) -> QueuePage:
    """The oldest cases that somebody has, and then of those that nobody has; at most MOST_MINE."""
    wanted = condition(Queue.MINE, by=by, now=now), condition(Queue.FREE, by=by, now=now)
    rows = [case for either in wanted for case in _shown().filter(either).order_by("pk")[: MOST_MINE + 1]]
    return QueuePage(rows[:MOST_MINE], rows[MOST_MINE - 1].uuid if rows[MOST_MINE:] else None)


def _shown() -> QuerySet[RmaCase]:
    return RmaCase.objects.select_related("failed__unit", "replacement", "account", "assignee").defer("done")


class _CountOf(Subquery):
    """How many rows a query has."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


def counts_of(*, by: User, now: datetime.datetime) -> dict[Queue, int]:
    """How many cases are in each queue, counted to one more than MOST_COUNTED: a single query."""
    queues = [RmaCase.objects.filter(condition(queue, by=by, now=now)) for queue in Queue]
    counts = [_CountOf(cases.values("pk")[: MOST_COUNTED + 1]) for cases in queues]
    return dict(zip(Queue, User.objects.filter(pk=by.pk).values_list(*counts).get(), strict=True))


def is_overdue(case: RmaCase, *, now: datetime.datetime) -> bool:
    """Whether a case that was read is in the queue OVERDUE."""
    days = OVERDUE_DAYS.get(State(case.state))
    return days is not None and case.state_since < now - datetime.timedelta(days=days)
