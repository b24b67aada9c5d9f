"""The work around a case at the desk: its page, the queues, the front page, and a second lead (W1 to W3)."""

import datetime
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from desk.recent import MOST
from licensing.models import Proposal, RmaCase
from licensing.rma.queues import PAGE_ROWS
from licensing.rma.work import add_note, assign_case
from portal.clock import today
from portal.models import User
from portal.roles import AGENT, LEAD, OPERATOR
from products.models import Registration, Unit
from tests.factories import (
    AccountFactory,
    MembershipFactory,
    RegistrationFactory,
    UnitFactory,
    registrations,
    staff,
)
from tests.licensing.rma.support import ask, complete, open_for
from tests.pages import Page
from tests.rows import SESSIONS, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

DAY = datetime.timedelta(days=1)
NUMBERS = {"ticket": "T-1", "sent_tracking": "1Z 999", "return_tracking": ""}

type LogIn = Callable[[str], User]


@pytest.fixture
def log_in(client: Client) -> LogIn:
    def as_role(role: str) -> User:
        user = staff(role)
        client.force_login(user)
        return user

    return as_role


@pytest.fixture
def agent(log_in: LogIn) -> User:
    return log_in(AGENT)


@pytest.fixture
def failed() -> Registration:
    return RegistrationFactory(account=MembershipFactory().account)


@pytest.fixture
def case(failed: Registration) -> RmaCase:
    return ask(failed, by=failed.account.memberships.get().user)


def address(case: RmaCase, action: str = "") -> str:
    return f"/support/rma/{case.uuid}/{action}"


def end_warranty(unit: Unit) -> None:
    Unit.objects.filter(pk=unit.pk).update(warranty_ends_on=today() - DAY)


# The page of a case


def test_an_agent_takes_a_case_gives_it_away_and_puts_it_back(
    client: Client, agent: User, case: RmaCase
) -> None:
    other = staff(AGENT)
    holders = []
    for to, was in [(agent.username, ""), (other.username, agent.username), ("", other.username)]:
        client.post(address(case, "assign/"), {"assignee": to, "was": was})
        holders.append(RmaCase.objects.get().assignee)

    assert holders == [agent, other, None]


@pytest.mark.parametrize(("to", "code"), [("mine", "assigned-meanwhile"), ("nobody-such", "invalid_choice")])
def test_who_is_too_late_is_told_beside_the_field(
    client: Client, agent: User, case: RmaCase, to: str, code: str
) -> None:
    assign_case(case=case, to=staff(AGENT), was=None, by=agent)

    with nothing_written():
        response = client.post(address(case, "assign/"), {"assignee": agent.username if to == "mine" else to})

    page = Page(response)
    assert response.status_code == 422
    assert page.codes(page.field("assignee")) == [code]


def test_notes_and_numbers_are_shown_the_newest_note_last(client: Client, agent: User, case: RmaCase) -> None:
    for text in ("He calls back.", "He did."):
        client.post(address(case, "note/"), {"text": text})
    client.post(address(case, "shipping/"), NUMBERS)

    page = Page(client.get(address(case)))

    notes = page.section("notes").text
    assert notes.index("He calls back.") < notes.index("He did.")
    assert page.field("sent_tracking").one("input").attrs["value"] == "1Z 999"


@pytest.mark.parametrize(
    ("is_closed", "expected"), [(False, {"assign", "note", "shipping"}), (True, {"note"})]
)
def test_a_closed_case_takes_notes_only(
    client: Client, agent: User, case: RmaCase, is_closed: bool, expected: set[str]
) -> None:
    if is_closed:
        client.post(address(case, "decline/"), {"reason": "not broken"})

    forms = Page(client.get(address(case))).root.all("form", method="post")

    offered = {form.attrs["action"].rstrip("/").rsplit("/", 1)[1] for form in forms}
    assert offered & {"assign", "note", "shipping"} == expected


@pytest.mark.parametrize(
    ("action", "sent", "field", "code"),
    [
        ("note/", {"text": " "}, "text", "required"),
        ("note/", {"text": "n" * 2001}, "text", "max_length"),
        ("shipping/", {**NUMBERS, "ticket": "t" * 41}, "ticket", "max_length"),
        ("shipping/", {**NUMBERS, "sent_tracking": "t" * 61}, "sent_tracking", "max_length"),
    ],
)
def test_what_is_typed_wrong_is_refused_beside_its_field(
    client: Client, agent: User, case: RmaCase, action: str, sent: dict[str, str], field: str, code: str
) -> None:
    with nothing_written():
        response = client.post(address(case, action), sent)

    page = Page(response)
    assert response.status_code == 422
    assert page.codes(page.field(field)) == [code]


def test_the_history_says_who_and_when(client: Client, agent: User, case: RmaCase) -> None:
    client.post(address(case, "decline/"), {"reason": "not broken"})

    rows = Page(client.get(address(case))).section("history").rows()

    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("Requested", str(case.asked_by), ""),
        ("Declined", str(agent), "not broken"),
    ]


def test_the_customer_reads_the_numbers_and_no_note(client: Client, agent: User, case: RmaCase) -> None:
    client.post(address(case, "shipping/"), NUMBERS)
    add_note(case=case, text="A difficult customer", by=agent, now=timezone.now())
    client.force_login(case.asked_by)

    text = client.get(f"/rma/{case.uuid}/").text

    assert ("T-1" in text, "1Z 999" in text, "difficult" in text) == (True, True, False)
    assert "difficult" not in client.get("/activity/").text


# To a lead


def test_an_agent_who_meets_an_ended_warranty_hands_it_to_a_lead(
    client: Client, agent: User, failed: Registration
) -> None:
    end_warranty(failed.unit)
    typed = {
        "kind": "replacement",
        "symptom": "dead",
        "contact": "Homer",
        "replacement": UnitFactory().serial,
    }
    refused = client.post(f"/support/units/{failed.unit.serial}/rma/", typed)
    (button,) = Page(refused).root.all("button", name="hand_over")

    client.post(f"/support/units/{failed.unit.serial}/rma/", typed | {"hand_over": button.attrs["value"]})

    case = RmaCase.objects.get()
    assert (case.state, case.wanted_replacement, case.contact) == ("requested", typed["replacement"], "Homer")
    assert (
        Page(client.get(address(case))).field("replacement").one("input").attrs["value"]
        == typed["replacement"]
    )


def test_an_agent_who_may_not_approve_hands_the_case_on(client: Client, agent: User, case: RmaCase) -> None:
    typed = {"replacement": UnitFactory(model_name="PRO 4060").serial}
    refused = Page(client.post(address(case, "approve/"), typed))
    (button,) = [b for b in refused.root.all("button") if "to-a-lead" in b.attrs.get("formaction", "")]

    client.post(button.attrs["formaction"], typed)

    assert RmaCase.objects.get().lead_reason == "wrong-model"
    assert "wrong-model" in Page(client.get(address(case))).codes()


def test_a_lead_is_offered_no_lead(
    client: Client, log_in: LogIn, failed: Registration, case: RmaCase
) -> None:
    log_in(LEAD)
    end_warranty(failed.unit)

    page = Page(client.post(address(case, "approve/"), {"replacement": ""}))

    assert not [b for b in page.root.all("button") if "to-a-lead" in b.attrs.get("formaction", "")]


# The queues


def numbers(client: Client, **query: str) -> list[str]:
    page = Page(client.get("/support/rma/", query))
    return [row[0] for table in page.section("queue").all("table") for row in table.rows()]


def test_each_queue_has_its_cases_and_its_count(client: Client, agent: User, case: RmaCase) -> None:
    mine = open_for(RegistrationFactory(), UnitFactory(), by=agent)

    links = {
        a.attrs["data-queue"]: a.text
        for a in Page(client.get("/support/rma/")).root.all("a")
        if "data-queue" in a.attrs
    }

    assert numbers(client) == [case.number, mine.number]
    assert numbers(client, queue="mine") == numbers(client, queue="ready") == [mine.number]
    assert numbers(client, queue="requested") == [case.number]
    assert numbers(client, queue="undone") == []
    assert (links["mine"], links["open"], links["overdue"]) == ("Mine (1)", "All open (2)", "Overdue (0)")


def test_a_long_queue_has_pages(client: Client, agent: User) -> None:
    member = MembershipFactory()
    facts = {"account": member.account, "symptom": "dead", "asked_by": member.user}
    units = registrations(member.account, PAGE_ROWS + 3)
    RmaCase.objects.bulk_create(RmaCase(failed=unit, **facts) for unit in units)

    first = Page(client.get("/support/rma/?queue=requested"))
    (newer,) = [link for link in first.root.all("a") if link.text == "Newer cases"]
    second = Page(client.get("/support/rma/" + newer.attrs["href"]))

    found = [row[0] for page in (first, second) for row in page.section("queue").rows()]
    assert found == [case.number for case in RmaCase.objects.order_by("pk")]


# The front page


@pytest.mark.parametrize(("role", "expected"), [(AGENT, True), (LEAD, True), (OPERATOR, False), ("", False)])
def test_the_front_page_has_a_queue_for_those_who_work_on_cases(
    client: Client, log_in: LogIn, case: RmaCase, role: str, expected: bool
) -> None:
    log_in(role)

    assert (case.number in client.get("/support/").text) == expected


def test_the_front_page_lists_what_is_mine_and_nobodys(client: Client, agent: User, case: RmaCase) -> None:
    mine, _ = (open_for(RegistrationFactory(), UnitFactory(), by=by) for by in (agent, staff(AGENT)))

    rows = Page(client.get("/support/")).section("my-queue").rows()

    assert [(row[0], row[5]) for row in rows] == [(mine.number, "you"), (case.number, "nobody")]


def test_the_front_page_lists_the_last_ten_units_that_i_opened(
    client: Client, agent: User, case: RmaCase
) -> None:
    units = UnitFactory.create_batch(MOST)
    for unit in (*units, units[3]):
        client.get(f"/support/units/{unit.serial}/")
    client.get(address(case))

    rows = Page(client.get("/support/")).section("recent").rows()

    wanted = [case.failed.unit, units[3], *(unit for unit in reversed(units) if unit != units[3])]
    assert [row[0] for row in rows] == [unit.serial for unit in wanted[:MOST]]


@pytest.mark.parametrize("count", [1, 60])
def test_queries_of_the_front_page(
    client: Client, agent: User, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    member = MembershipFactory()
    facts = {"account": member.account, "symptom": "dead", "asked_by": member.user, "assignee": agent}
    units = registrations(member.account, count)
    RmaCase.objects.bulk_create(RmaCase(failed=unit, **facts) for unit in units)
    for unit in units[:MOST]:
        client.get(f"/support/units/{unit.unit.serial}/")

    with django_assert_num_queries(9):
        client.get("/support/")


# A second lead


@pytest.fixture
def lead(log_in: LogIn, settings: Settings) -> User:
    settings.FOUR_EYES = True
    return log_in(LEAD)


@pytest.fixture
def waiver(client: Client, lead: User, failed: Registration, case: RmaCase) -> Proposal:
    """What `lead` has proposed at the desk."""
    end_warranty(failed.unit)
    client.post(address(case, "waive/"), {"warranty_waiver": "goodwill"})
    return Proposal.objects.get()


def test_a_waiver_is_proposed_and_confirmed_by_another_lead(
    client: Client, log_in: LogIn, waiver: Proposal
) -> None:
    assert RmaCase.objects.get().warranty_waiver == ""
    log_in(LEAD)
    page = Page(client.get("/support/proposals/"))
    assert "goodwill" in page.section(f"proposal-{waiver.uuid}").text

    client.post(f"/support/proposals/{waiver.uuid}/confirm/")

    assert RmaCase.objects.get().warranty_waiver == "goodwill"


def test_who_proposed_it_can_only_withdraw_it(client: Client, waiver: Proposal) -> None:
    with nothing_written(but=SESSIONS):
        answers = [
            client.post(f"/support/proposals/{waiver.uuid}/{action}/", {"reason": "x"})
            for action in ("confirm", "refuse")
        ]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert {code for answer in answers for code in Page(answer).codes()} == {"second-lead-is-first"}
    client.post(f"/support/proposals/{waiver.uuid}/withdraw/")
    assert Proposal.objects.get().state == "withdrawn"


def test_another_lead_refuses_it_with_a_reason(client: Client, log_in: LogIn, waiver: Proposal) -> None:
    log_in(LEAD)
    path = f"/support/proposals/{waiver.uuid}/refuse/"

    assert Page(client.post(path)).codes() == ["reason-needed"]
    client.post(path, {"reason": "no goodwill"})

    waiver.refresh_from_db()
    assert (waiver.state, waiver.decision) == ("refused", "no goodwill")


def test_an_agent_sees_that_it_waits_and_decides_nothing(
    client: Client, log_in: LogIn, case: RmaCase, waiver: Proposal
) -> None:
    log_in(AGENT)

    with nothing_written(but=SESSIONS):
        page = Page(client.get(address(case)))
        answer = client.post(f"/support/proposals/{waiver.uuid}/confirm/")

    assert page.codes() == ["second-lead-needed"]
    assert (answer.status_code, client.get("/support/proposals/").status_code) == (403, 403)


def test_a_move_is_proposed(client: Client, lead: User, failed: Registration) -> None:
    path, account = f"/support/units/{failed.unit.serial}/move/", AccountFactory()
    (seen,) = Page(client.get(path)).root.all("input", name="seen")

    client.post(path, {"account": str(account.uuid), "reason": "sold", "seen": seen.attrs["value"]})

    proposal = Proposal.objects.get()
    assert (proposal.registration, proposal.data["account"]) == (failed, str(account.uuid))
    assert account.name in client.get("/support/proposals/").text


def test_only_a_late_undo_is_proposed(client: Client, lead: User, failed: Registration) -> None:
    late, soon = (open_for(unit, UnitFactory()) for unit in (failed, RegistrationFactory()))
    for case in (late, soon):
        complete(case)
    RmaCase.objects.filter(pk=late.pk).update(completed_at=timezone.now() - 15 * DAY)
    for case in (late, soon):
        page = Page(client.get(address(case, "dry-run/")))
        (seen,) = page.root.all("input", name="seen")
        client.post(address(case, "undo/"), {"reason": "wrong unit", "seen": seen.attrs["value"]})

    assert [RmaCase.objects.get(pk=case.pk).state for case in (late, soon)] == ["completed", "undone"]
    assert Proposal.objects.get().case == late


@pytest.mark.parametrize("count", [1, 20])
def test_queries_of_the_proposals(
    client: Client, lead: User, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    facts = {"kind": "move", "proposed_by": lead, "proposed_at": timezone.now()}
    for unit in registrations(MembershipFactory().account, count):
        data = {"account": str(AccountFactory().uuid), "reason": "sold"}
        Proposal.objects.create(registration=unit, data=data, **facts)

    with django_assert_num_queries(7):
        client.get("/support/proposals/")
