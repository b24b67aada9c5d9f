"""The desk's page of an account, notes about it, and opening a customer."""

import re
import uuid

import pytest
from django.core import mail as outgoing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from licensing.models import RmaCase
from portal import audit, outbox
from portal.audit_codes import AuditCode
from portal.errors import AddressTaken, EmptyNote, ReasonNeeded, RuleViolation, UserNameTaken
from portal.models import Account, AccountNote, AuditEntry, Mail, Membership, User
from portal.roles import AGENT, LEAD, OPERATOR
from portal.services import note_account, open_customer
from products.attempts import ATTEMPTS_PER_DAY, count_attempt
from tests.factories import (
    AccountFactory,
    MembershipFactory,
    RegistrationFactory,
    UserFactory,
    pair,
    registrations,
    staff,
)
from tests.licensing.rma.support import open_for
from tests.pages import Page
from tests.rows import nothing_written
from tests.test_pages import problems_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

NEW = {
    "organisation": "Bühler & Söhne",
    "username": "m.buehler",
    "first_name": "Mara",
    "last_name": "Bühler",
    "email": "mara@buehler.example",
    "reason": "order 4711",
}


@pytest.fixture
def agent(client: Client) -> Client:
    client.force_login(staff(AGENT))
    return client


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(staff(LEAD))
    return client


def url(account: Account) -> str:
    return reverse("desk:account", args=[account.uuid])


def show(client: Client, account: Account, **asked: str) -> Page:
    response = client.get(url(account), asked)
    assert response.status_code == 200
    page = Page(response)
    assert list(problems_of(page)) == []
    return page


def column(page: Page, section: str) -> list[str]:
    return [row[0] for row in page.section(section).rows()]


def test_an_account_names_its_members_units_pairs_cases_and_mail(agent: Client) -> None:
    member = MembershipFactory(account__name="Acme", user=UserFactory(username="ann", last_name="Logan"))
    primary, secondary, _ = pair(member.account, by=member.user)
    case = open_for(primary, None)
    Mail.objects.create(to="ann@a.example", subject="Your case", account=member.account)

    page = show(agent, member.account)

    assert str(member.account.uuid) in page.section("account").text
    assert page.section("members").rows()[0][:2] == ["ann", "Logan"]
    assert set(column(page, "units")) == {primary.unit.serial, secondary.unit.serial}
    assert page.section("pairs").rows()[0][:2] == [primary.unit.serial, secondary.unit.serial]
    assert column(page, "cases") == [case.number]
    assert "Your case" in page.section("mail").text


def test_everything_that_an_account_names_is_a_link_that_leads_somewhere(agent: Client) -> None:
    member = MembershipFactory()
    primary, *_ = pair(member.account, by=member.user)
    open_for(primary, None)
    Mail.objects.create(to="ann@a.example", subject="Your case", account=member.account)

    links = {a.attrs["href"] for a in show(agent, member.account).root.all("a")}

    wanted = ["/units/", "/rma/", "/portal/user/", "/portal/mail/", "/portal/auditentry/"]
    assert all(any(part in link for link in links) for part in wanted)
    assert {agent.get(link, follow=True).status_code for link in links if link.startswith("/support/")} == {
        200
    }


def test_another_accounts_rows_stand_on_its_own_page_only(agent: Client) -> None:
    member = MembershipFactory()
    pair(member.account, by=member.user)
    Mail.objects.create(to="ann@a.example", subject="Your case", account=member.account)

    page = show(agent, AccountFactory())

    for section in ("members", "units", "pairs", "cases", "mail", "activity"):
        assert list(page.section(section).all("table")) == []


@pytest.mark.parametrize("asked", ["zurich", "S/N 0006b1-124416"])
def test_its_units_are_searched(agent: Client, asked: str) -> None:
    wanted = RegistrationFactory(friendly_name="Zürich", unit__serial="0006B1124416")
    RegistrationFactory(account=wanted.account)

    assert column(show(agent, wanted.account, q=asked), "units") == ["0006B1124416"]


def test_too_long_a_search_is_refused_beside_its_box(agent: Client) -> None:
    response = agent.get(url(AccountFactory()), {"q": "x" * 101})

    assert (response.status_code, Page(response).codes()) == (422, ["search-too-long"])


def test_its_units_are_paged(agent: Client) -> None:
    account = AccountFactory()
    registrations(account, 45)

    pages = [show(agent, account)]
    while more := list(pages[-1].section("units").all("a", rel="next")):
        pages.append(Page(agent.get(url(account) + more[0].attrs["href"].partition("#")[0])))

    assert [len(column(page, "units")) for page in pages] == [20, 20, 5]
    assert len({serial for page in pages for serial in column(page, "units")}) == 45


def test_its_activity_is_paged(agent: Client) -> None:
    account = AccountFactory()
    for number in range(60):
        audit.record(AuditCode.ACCOUNT_SAVED, by=None, account=account, data={"name": f"N{number}"})

    first = show(agent, account)
    (older,) = first.section("activity").all("a", rel="next")
    second = Page(agent.get(url(account) + older.attrs["href"].partition("#")[0]))

    assert [len(column(page, "activity")) for page in (first, second)] == [50, 10]


def test_the_page_costs_the_same_for_many_units_members_and_notes(agent: Client) -> None:
    member = MembershipFactory()
    account = member.account

    def asked() -> int:
        primary, *_ = pair(account, by=member.user)
        open_for(primary, None)
        note_account(account=account, text="x", by=staff(AGENT))
        MembershipFactory(account=account)
        with CaptureQueriesContext(connection) as captured:
            show(agent, account)
        return len(captured)

    asked()  # once for what a process reads once
    few = asked()
    registrations(account, 100)

    assert few == 30
    assert asked() <= few


def test_an_account_that_is_closed_after_failed_attempts_says_so(agent: Client) -> None:
    account = AccountFactory()
    for _ in range(ATTEMPTS_PER_DAY):
        count_attempt(account, "FFFFFFFFFFFF", now=timezone.now())

    assert show(agent, account).codes() == ["closed"]


def test_a_note_is_kept_with_who_wrote_it_and_no_member_reads_it(client: Client) -> None:
    member = MembershipFactory()
    agent = staff(AGENT)
    client.force_login(agent)

    answer = client.post(url(member.account) + "note/", {"text": " Pays late. "})

    note = AccountNote.objects.get()
    assert answer["Location"] == url(member.account)
    assert (note.account, note.by, note.text) == (member.account, agent, "Pays late.")
    assert "Pays late." in show(client, member.account).section("notes").text
    assert AuditEntry.objects.get(code="account-noted").account is None
    client.force_login(member.user)
    assert "Pays late" not in client.get("/activity/").text


@pytest.mark.parametrize("text", ["", "  \n "])
def test_a_note_without_words_is_refused(agent: Client, text: str) -> None:
    account = AccountFactory()

    with nothing_written():
        response = agent.post(url(account) + "note/", {"text": text})
    assert (response.status_code, Page(response).codes()) == (422, [EmptyNote.code])


def test_an_account_is_linked_from_where_it_is_named(lead: Client) -> None:
    member = MembershipFactory(account__name="Acme")
    primary, *_ = pair(member.account, by=member.user)
    case = open_for(primary, None)
    RmaCase.objects.update(assignee=None)
    Mail.objects.create(to="a@a.example", subject="About it", account=member.account, about=case.number)

    pages = [
        f"/support/units/{primary.unit.serial}/",
        f"/support/rma/{case.uuid}/",
        "/support/",
        "/support/portal/account/",
        "/support/portal/membership/",
        "/support/portal/mail/",
        "/support/products/registration/",
        f"/support/portal/user/{member.user.pk}/change/",
        f"/support/portal/account/{member.account.pk}/change/",
    ]

    for page in pages:
        assert f'href="{url(member.account)}"' in lead.get(page).text, page


# A new customer


def test_a_lead_opens_a_customer_whose_owner_gets_a_link(lead: Client) -> None:
    answer = lead.post("/support/accounts/new/", NEW)

    owner = Membership.objects.get()
    assert answer["Location"] == url(owner.account)
    assert (owner.account.name, owner.role) == ("Bühler & Söhne", Membership.Role.OWNER)
    assert (owner.user.get_full_name(), owner.user.has_usable_password()) == ("Mara Bühler", False)
    assert set(AuditEntry.objects.filter(reason="order 4711").values_list("code", flat=True)) == {
        "account-saved",
        "user-saved",
        "member-saved",
        "password-link-sent",
    }
    outbox.send_waiting(now=timezone.now, limit=9)
    assert re.search(r"http\S+/password/\S+", outgoing.outbox[0].body)


TAKEN = {
    UserNameTaken: {"username": "ANN.Logan"},
    AddressTaken: {"email": "Ann@Acme.example"},
}


@pytest.mark.parametrize(("refusal", "given"), TAKEN.items())
def test_what_another_login_has_is_refused_beside_its_field(
    lead: Client, refusal: type[RuleViolation], given: dict[str, str]
) -> None:
    UserFactory(username="ann.logan", email="ann@acme.example")

    with nothing_written():
        response = lead.post("/support/accounts/new/", NEW | given)

    page = Page(response)
    assert (response.status_code, page.codes()) == (422, [refusal.code])
    assert page.codes(page.root.one("div", id=f"id_{refusal.field}_error")) == [refusal.code]
    assert page.root.one("input", name="organisation").attrs["value"] == NEW["organisation"]


@pytest.mark.parametrize("field", ["organisation", "username", "email", "reason"])
@pytest.mark.parametrize("value", ["", " "])
def test_what_is_missing_is_refused(lead: Client, field: str, value: str) -> None:
    with nothing_written():
        response = lead.post("/support/accounts/new/", NEW | {field: value})

    assert (response.status_code, Page(response).codes()) == (422, ["required"])


def test_the_service_refuses_too_and_writes_nothing() -> None:
    owner = User(username="m.buehler", email="mara@buehler.example")

    by = staff(LEAD)

    with nothing_written(), pytest.raises(ReasonNeeded):
        open_customer(account=Account(name="Bühler"), owner=owner, by=by, reason=" ")


@pytest.mark.parametrize(("role", "is_offered"), [(AGENT, False), (LEAD, True), (OPERATOR, False)])
def test_only_a_lead_is_offered_to_open_a_customer(client: Client, role: str, is_offered: bool) -> None:
    client.force_login(staff(role))

    page = Page(client.get("/support/"))

    assert bool(list(page.root.all("a", href="/support/accounts/new/"))) is is_offered


def test_an_account_of_another_id_is_none(agent: Client) -> None:
    assert agent.get(f"/support/accounts/{uuid.uuid4()}/").status_code == 404
