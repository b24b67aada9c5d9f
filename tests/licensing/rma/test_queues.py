"""The desk's queues: which case is in which, the order, pages and counts."""

from datetime import timedelta

import pytest
from django.utils import timezone

from licensing.models import RmaCase
from licensing.rma import queues
from licensing.rma.queues import Queue, cases_in_queue, counts_of, is_overdue, my_cases
from portal.models import User
from tests.factories import MembershipFactory, RegistrationFactory, UnitFactory, registrations, staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

NOW = timezone.now()
OPEN = {"open", "free", "all"}


@pytest.fixture
def me() -> User:
    return staff()


def case_of(
    state: str = "requested", *, days: float = 0, replacement: bool = False, **facts: object
) -> RmaCase:
    """A case that has been in a state for some days."""
    failed = RegistrationFactory()
    named = UnitFactory() if replacement else None
    kept = {"symptom": "dead", "asked_by": MembershipFactory(account=failed.account).user, **facts}
    since = NOW - timedelta(days=days)
    return RmaCase.objects.create(
        failed=failed, account=failed.account, replacement=named, state=state, state_since=since, **kept
    )


def queues_with(case: RmaCase, by: User) -> set[str]:
    return {queue.value for queue in Queue if case in cases_in_queue(queue, by=by, now=NOW).rows}


WAITS = {"waits_for_lead_since": NOW, "lead_reason": "wrong-model"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, OPEN | {"requested"}),
        ({"days": 1.9}, OPEN | {"requested"}),
        ({"days": 2.1}, OPEN | {"requested", "overdue"}),
        (WAITS, OPEN | {"waits-for-lead"}),
        ({"state": "approved"}, OPEN | {"waits-for-replacement"}),
        ({"state": "approved", "days": 5.1}, OPEN | {"waits-for-replacement", "overdue"}),
        ({"state": "approved", "replacement": True, "days": 4.9}, OPEN | {"ready"}),
        ({"state": "approved", "replacement": True, **WAITS}, OPEN | {"waits-for-lead"}),
        ({"state": "completed", "replacement": True, "days": 29}, {"waits-for-return", "all"}),
        ({"state": "completed", "days": 31}, {"waits-for-return", "overdue", "all"}),
        ({"state": "received", "days": 99}, {"received", "all"}),
        ({"state": "declined", "days": 99}, {"declined", "all"}),
        ({"state": "cancelled", "days": 99}, {"cancelled", "all"}),
        ({"state": "undone", "days": 99}, {"undone", "all"}),
    ],
)
def test_a_case_is_in_its_queues(me: User, facts: dict[str, object], expected: set[str]) -> None:
    case = case_of(**facts)

    assert queues_with(case, me) == expected
    assert is_overdue(case, now=NOW) == ("overdue" in expected)


@pytest.mark.parametrize(
    ("state", "expected"),
    [("requested", True), ("completed", True), ("received", False), ("declined", False)],
)
def test_mine_is_what_i_have_until_it_is_done(me: User, state: str, expected: bool) -> None:
    mine, anothers = case_of(state, assignee=me), case_of(state, assignee=staff())

    assert ("mine" in queues_with(mine, me)) == expected
    assert not {"mine", "free"} & queues_with(anothers, me)


def test_my_cases_come_before_those_of_nobody(me: User) -> None:
    free, mine = case_of(), case_of(assignee=me)
    case_of(assignee=staff())

    assert my_cases(by=me, now=NOW).rows == [mine, free]


def test_work_begins_with_the_oldest_and_the_rest_with_the_newest(me: User) -> None:
    first, second = case_of(), case_of()
    declined, later = case_of("declined"), case_of("declined")

    assert cases_in_queue(Queue.REQUESTED, by=me, now=NOW).rows == [first, second]
    assert cases_in_queue(Queue.DECLINED, by=me, now=NOW).rows == [later, declined]


def test_a_page_goes_on_behind_a_case_that_left_the_queue(me: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "PAGE_ROWS", 2)
    first, second, third = case_of(), case_of(), case_of()
    page = cases_in_queue(Queue.REQUESTED, by=me, now=NOW)
    RmaCase.objects.filter(pk=second.pk).update(state="declined")

    rest = cases_in_queue(Queue.REQUESTED, by=me, now=NOW, after=page.next)

    assert (page.rows, page.next) == ([first, second], second.uuid)
    assert (rest.rows, rest.next) == ([third], None)


def test_queues_are_counted_in_one_query_and_no_further_than_shown(
    me: User, django_assert_num_queries: object
) -> None:
    member = MembershipFactory()
    units = registrations(member.account, queues.MOST_COUNTED + 5)
    facts = {"account": member.account, "symptom": "dead", "asked_by": member.user}
    RmaCase.objects.bulk_create(RmaCase(failed=unit, **facts) for unit in units)
    case_of("completed", assignee=me)

    with django_assert_num_queries(1):
        counts = counts_of(by=me, now=NOW)

    assert (counts[Queue.REQUESTED], counts[Queue.MINE], counts[Queue.UNDONE]) == (101, 1, 0)
