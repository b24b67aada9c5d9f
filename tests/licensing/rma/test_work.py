"""The work around a case: assignee, notes, numbers, history, and the way to a lead (W1, W2)."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from licensing.models import CaseNote, RmaCase
from licensing.rma.cases import (
    approve_case,
    ask_for_case,
    cancel_case,
    decline_case,
    open_case,
    receive_case,
    waive,
)
from licensing.rma.errors import (
    AssignedMeanwhile,
    CaseNotOpen,
    NotAtTheDesk,
    NoteNeeded,
    NothingForLead,
    SymptomNeeded,
    UnknownReplacement,
)
from licensing.rma.work import add_note, assign_case, hand_to_lead, note_shipping, open_for_lead
from portal.clock import today
from portal.models import AuditEntry, Mail, User
from portal.roles import AGENT, OPERATOR
from products.models import Registration, Unit
from tests.factories import MembershipFactory, RegistrationFactory, UnitFactory, UserFactory, pair, staff
from tests.licensing.rma.support import ask, complete, open_for, undo
from tests.licensing.support import refuses
from tests.races import race, without_locks

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

NUMBERS = {"ticket": "T-1", "sent_tracking": "1Z 999", "return_tracking": "1Z 998"}


@pytest.fixture
def agent() -> User:
    return staff(AGENT)


@pytest.fixture
def failed() -> Registration:
    return RegistrationFactory(account=MembershipFactory(user__email="o@example.com").account)


@pytest.fixture
def case(failed: Registration) -> RmaCase:
    return ask(failed, by=failed.account.memberships.get().user)


def end_warranty(failed: Registration) -> None:
    Unit.objects.filter(pk=failed.unit_id).update(warranty_ends_on=today() - timedelta(days=1))


def closed(case: RmaCase) -> RmaCase:
    return decline_case(case=case, reason="not broken", by=case.asked_by)


def take(case: RmaCase, by: User, was: User | None = None) -> RmaCase:
    return assign_case(case=case, to=by, was=was, by=by)


def opened_for_lead(failed: Registration, by: User, replacement: str = "", **facts: str) -> RmaCase:
    said = {"symptom": "dead", "contact": "Homer", "address": "742 Evergreen Terrace"} | facts
    kind = RmaCase.Kind.REPLACEMENT
    terms = {"registration": failed, "kind": kind, "replacement": replacement, "by": by, **said}
    return open_for_lead(now=timezone.now(), **terms)


# W1: the assignee


def test_a_case_is_taken_given_away_and_put_back(case: RmaCase, agent: User) -> None:
    other = staff(AGENT)

    assert take(case, agent).assignee == agent
    assert assign_case(case=case, to=other, was=agent, by=agent).assignee == other
    assert assign_case(case=case, to=None, was=other, by=other).assignee is None
    entries = AuditEntry.objects.filter(code="rma-assigned", account=None, serial=case.failed.unit.serial)
    assert [entry.data.get("to") for entry in entries.order_by("pk")] == [str(agent), str(other), None]


def test_of_two_who_take_a_case_the_second_is_told(case: RmaCase, agent: User) -> None:
    take(case, staff(AGENT))

    refuses(AssignedMeanwhile, partial(take, case, agent))


def test_a_case_is_given_to_nobody_who_does_not_work_on_cases(case: RmaCase, agent: User) -> None:
    for other in (UserFactory(), staff(OPERATOR), staff(AGENT, is_active=False)):
        refuses(NotAtTheDesk, partial(assign_case, case=case, to=other, was=None, by=agent))


def test_a_closed_case_is_not_taken(case: RmaCase, agent: User) -> None:
    closed(case)

    refuses(CaseNotOpen, partial(take, case, agent))


@pytest.mark.django_db(transaction=True)
def test_two_agents_take_one_case_at_once(case: RmaCase, agent: User) -> None:
    second = staff(AGENT)

    with pytest.raises(AssignedMeanwhile):
        race(partial(take, case, agent), partial(take, case, second))

    case.refresh_from_db()
    assert case.assignee == agent


@pytest.mark.django_db(transaction=True)
@without_locks
def test_control_without_the_lock_two_agents_take_one_case(case: RmaCase, agent: User) -> None:
    second = staff(AGENT)

    race(partial(take, case, agent), partial(take, case, second))

    case.refresh_from_db()
    assert case.assignee == second


# W1: notes and numbers


def test_a_note_is_for_staff_also_on_a_closed_case(case: RmaCase, agent: User) -> None:
    closed(case)
    mails = Mail.objects.count()

    add_note(case=case, text=" He calls back. ", by=agent, now=timezone.now())

    assert CaseNote.objects.values_list("case", "author", "text").get() == (
        case.pk,
        agent.pk,
        "He calls back.",
    )
    entry = AuditEntry.objects.get(code="rma-noted")
    assert (entry.account, "calls" in str(entry.data), Mail.objects.count()) == (None, False, mails)


def test_a_note_says_something(case: RmaCase, agent: User) -> None:
    refuses(NoteNeeded, partial(add_note, case=case, text=" ", by=agent, now=timezone.now()))


def test_ticket_and_tracking_are_noted_until_the_unit_is_back(failed: Registration, agent: User) -> None:
    case = open_for(failed, UnitFactory())
    complete(case)

    noted = note_shipping(case=case, by=agent, **NUMBERS)

    assert {name: getattr(noted, name) for name in NUMBERS} == NUMBERS
    assert {entry.account for entry in AuditEntry.objects.filter(code="rma-shipping-noted")} == {
        failed.account
    }
    receive_case(case=case, by=agent)
    refuses(CaseNotOpen, partial(note_shipping, case=case, by=agent, **NUMBERS | {"ticket": "T-2"}))


def test_what_is_noted_again_is_no_entry(case: RmaCase, agent: User) -> None:
    for _ in range(2):
        note_shipping(case=case, by=agent, **NUMBERS)

    assert AuditEntry.objects.filter(code="rma-shipping-noted").count() == 1


def test_a_customers_ticket_comes_with_the_request(failed: Registration, agent: User) -> None:
    facts = {"kind": RmaCase.Kind.REPLACEMENT, "symptom": "dead", "contact": "", "address": ""}
    terms = {"registration": failed, "by": agent, "now": timezone.now(), "ticket": " T-1 ", **facts}

    case = ask_for_case(**terms)
    cancel_case(case=case, by=agent)

    assert case.ticket == open_case(replacement="", **terms).ticket == "T-1"


# W1: the history


def history(case: RmaCase) -> list[tuple[str, User | None, str]]:
    return [(step.state, step.by, step.reason) for step in case.steps.order_by("pk")]


def test_every_state_is_a_step_with_who_and_why(agent: User) -> None:
    member = MembershipFactory()
    primary, _, _ = pair(member.account, member.user)
    case = ask(primary, by=member.user)
    approve_case(case=case, replacement=UnitFactory().serial, by=agent)
    complete(case, by=agent)
    receive_case(case=case, by=agent)

    undo(case)

    assert history(case) == [
        ("requested", member.user, ""),
        ("approved", agent, ""),
        ("completed", agent, ""),
        ("received", agent, ""),
        ("undone", member.user, "wrong unit"),
    ]
    case.refresh_from_db()
    assert case.state_since == case.closed_at == case.steps.latest("pk").at


def test_an_end_is_a_step_and_naming_a_replacement_is_none(case: RmaCase, agent: User) -> None:
    for unit in UnitFactory.create_batch(2):
        approve_case(case=case, replacement=unit.serial, by=agent)

    decline_case(case=case, reason="not broken", by=agent)

    assert [step[0] for step in history(case)] == ["requested", "approved", "declined"]
    assert history(case)[-1] == ("declined", agent, "not broken")


# W2: to a lead


def test_an_agent_hands_an_ended_warranty_to_a_lead_with_what_was_typed(
    failed: Registration, agent: User
) -> None:
    end_warranty(failed)
    new = UnitFactory()

    case = opened_for_lead(failed, agent, new.serial, ticket="T-1")

    case.refresh_from_db()
    assert (case.state, case.lead_reason, case.wanted_replacement, case.replacement) == (
        "requested",
        "out-of-warranty",
        new.serial,
        None,
    )
    assert case.waits_for_lead_since
    assert (case.contact, case.address, case.ticket) == ("Homer", "742 Evergreen Terrace", "T-1")


def test_an_agent_hands_another_model_to_a_lead_and_gives_the_case_away(case: RmaCase, agent: User) -> None:
    take(case, agent)
    new = UnitFactory(model_name="PRO 4060")

    handed = hand_to_lead(case=case, replacement=new.serial, by=agent, now=timezone.now())

    assert (handed.lead_reason, handed.wanted_replacement, handed.assignee) == (
        "wrong-model",
        new.serial,
        None,
    )
    assert AuditEntry.objects.get(code="rma-handed-to-lead").account is None


def test_a_lead_who_waives_and_approves_ends_the_waiting(failed: Registration, agent: User) -> None:
    end_warranty(failed)
    new = UnitFactory()
    case = opened_for_lead(failed, agent, new.serial)

    waive(case=case, warranty_waiver="goodwill", waived_model=None, model_waiver="", by=agent)
    approved = approve_case(case=case, replacement=new.serial, by=agent)

    assert (approved.waits_for_lead_since, approved.lead_reason, approved.wanted_replacement) == (
        None,
        "",
        "",
    )


def test_what_an_agent_can_do_is_no_leads(failed: Registration, case: RmaCase, agent: User) -> None:
    new, other = UnitFactory(), RegistrationFactory(account=failed.account)

    refuses(
        NothingForLead, partial(hand_to_lead, case=case, replacement=new.serial, by=agent, now=timezone.now())
    )
    refuses(NothingForLead, partial(opened_for_lead, other, agent, new.serial))


def test_what_no_lead_can_waive_is_refused_at_once(failed: Registration, agent: User) -> None:
    end_warranty(failed)

    refuses(UnknownReplacement, partial(opened_for_lead, failed, agent, "0006B1FFFFFF"))
    refuses(SymptomNeeded, partial(opened_for_lead, failed, agent, symptom=" "))


def test_a_case_that_ended_waits_for_nobody(failed: Registration, agent: User) -> None:
    end_warranty(failed)
    case = opened_for_lead(failed, agent)

    assert closed(case).waits_for_lead_since is None
    refuses(CaseNotOpen, partial(hand_to_lead, case=case, replacement="", by=agent, now=timezone.now()))
