"""What the administrator sees of a replacement: asking for it, for the licences only, and the case."""

import re
import uuid

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from associations.services import associate, remove_association
from licensing.models import RmaCase
from licensing.rma.cases import approve_case, ask_for_case, decline_case, receive_case
from licensing.rma.selectors import PAGE_ROWS
from licensing.rma.undoing import rehearse_undo, undo_case
from portal.clock import today
from portal.models import AuditEntry, Membership
from products.models import Registration
from tests.factories import (
    AccountFactory,
    RegistrationFactory,
    UnitFactory,
    UserFactory,
    log_in,
    pair,
    pairs,
    registrations,
)
from tests.licensing.history import grant
from tests.licensing.rma.support import complete, open_for
from tests.pages import Page
from tests.rows import Rows, every_row

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

NOBODY = uuid.UUID(int=7)


@pytest.fixture
def member(client: Client) -> Membership:
    return log_in(client)


@pytest.fixture
def mine(member: Membership) -> Registration:
    return RegistrationFactory(account=member.account)


def url(registration: Registration, rest: str = "replace/") -> str:
    return f"/products/{registration.unit.serial}/{rest}"


def asked(registration: Registration, member: Membership, symptom: str = "no link light") -> RmaCase:
    """A case that a member of the account has asked for."""
    return ask_for_case(
        registration=registration,
        kind=RmaCase.Kind.REPLACEMENT,
        symptom=symptom,
        contact="Homer, after ten",
        address="742 Evergreen Terrace",
        by=member.user,
        now=timezone.now(),
    )


def of_somebody_else() -> RmaCase:
    return open_for(RegistrationFactory(), UnitFactory())


def removed_pair(member: Membership) -> tuple[Registration, Registration]:
    """The failed primary, and the new primary that has a new secondary: the source's steps are done."""
    failed, primary, seat = pair(member.account, member.user)
    remove_association(seat=seat, by=member.user)
    hf, secondary = seat.type, RegistrationFactory(account=member.account)
    associate(parent=primary, child=secondary, type=hf, by=member.user, today=today())
    return failed, primary


# Who may ask


@pytest.mark.parametrize("page", ["replace/", "transfer/"])
def test_asking_is_for_who_may_change_the_account(client: Client, page: str) -> None:
    failed = RegistrationFactory()
    answers = [client.get(url(failed, page))]
    for role in (Membership.Role.VIEWER, Membership.Role.ADMIN):
        log_in(client, role, failed.account)
        answers.append(client.get(url(failed, page)))
    log_in(client)
    answers += [client.get(url(failed, page)), client.post(url(failed, page), {"symptom": "dead"})]

    assert [answer.status_code for answer in answers] == [302, 403, 200, 404, 404]
    assert not RmaCase.objects.exists()


def test_a_viewer_follows_a_case_and_cannot_cancel_it(client: Client) -> None:
    owner = log_in(client)
    case = asked(RegistrationFactory(account=owner.account), owner)
    log_in(client, Membership.Role.VIEWER, owner.account)

    pages = [client.get("/rma/"), client.get(f"/rma/{case.uuid}/")]
    refused = client.post(f"/rma/{case.uuid}/cancel/")

    assert [page.status_code for page in pages] == [200, 200]
    assert not list(Page(pages[1]).root.all("form", action=f"/rma/{case.uuid}/cancel/"))
    assert refused.status_code == 403
    case.refresh_from_db()
    assert case.state == "requested"


@pytest.mark.parametrize(("page", "method"), [("", "get"), ("cancel/", "post")])
def test_a_case_of_another_account_is_as_if_it_were_not_there(
    client: Client, member: Membership, page: str, method: str
) -> None:
    case = of_somebody_else()
    before = every_row()

    answers = [getattr(client, method)(f"/rma/{wanted}/{page}") for wanted in (case.uuid, NOBODY)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert every_row() == before


# Replace this appliance


def test_who_asks_gets_a_number_and_the_page_of_the_case(
    client: Client, member: Membership, mine: Registration
) -> None:
    form = {"symptom": " no link light ", "contact": "Homer", "address": "742 Evergreen Terrace"}

    response = client.post(url(mine), form, follow=True)

    case = RmaCase.objects.get()
    assert response.redirect_chain == [(f"/rma/{case.uuid}/", 302)]
    assert (case.failed, case.symptom, case.asked_by) == (mine, "no link light", member.user)
    assert re.fullmatch(r"RMA-\d{4}-\d{6}", Page(response).root.one("h1").parts[0].strip())
    assert case.number in Page(response).root.one("div", class_="note ok").text
    assert AuditEntry.objects.get(code="rma-requested").serial == mine.unit.serial


@pytest.mark.parametrize(
    ("sent", "field", "code"),
    [
        ({"symptom": " "}, "symptom", "required"),
        ({"symptom": "s" * 2001}, "symptom", "max_length"),
        ({"symptom": "a\0b"}, "symptom", "null_characters_not_allowed"),
        ({"contact": "c" * 201}, "contact", "max_length"),
        ({"ticket": "t" * 41}, "ticket", "max_length"),
        ({"address": "a" * 1001}, "address", "max_length"),
    ],
)
def test_what_is_refused_stands_beside_its_field_and_nothing_is_lost(
    client: Client, mine: Registration, sent: dict[str, str], field: str, code: str
) -> None:
    typed = {"symptom": "dead", "contact": "Marge <3", "address": "742\r\nEvergreen Terrace", **sent}
    before = every_row()

    response = client.post(url(mine), typed)

    page = Page(response)
    assert response.status_code == 422
    assert page.codes(page.field(field)) == page.codes() == [code]
    assert page.field("contact").one("input").attrs["value"] == typed["contact"]
    assert page.field("address").one("textarea").text == " ".join(typed["address"].split())
    assert every_row() == before


def test_a_unit_is_in_one_case_at_a_time(client: Client, member: Membership, mine: Registration) -> None:
    case = asked(mine, member)
    before = every_row()

    response = client.post(url(mine), {"symptom": "dead"})

    assert response.status_code == 422
    (alert,) = Page(response).root.all("div", role="alert")
    assert Page(response).codes(alert) == ["case-open"]
    assert alert.one("a", href=f"/rma/{case.uuid}/").text == case.number
    assert every_row() == before


@pytest.mark.parametrize(
    ("is_approved", "words"),
    [(False, "Support has a request for this unit already"), (True, "A replacement is on its way already")],
)
def test_a_unit_in_an_open_case_leads_to_it_instead_of_asking(
    client: Client, member: Membership, mine: Registration, is_approved: bool, words: str
) -> None:
    case = open_for(mine, UnitFactory()) if is_approved else asked(mine, member)

    page = Page(client.get(url(mine)))

    note = page.root.one("div", data_code="case-open")
    assert note.one("a").attrs["href"] == f"/rma/{case.uuid}/"
    assert note.text.startswith(f"{words}: {case.number}")
    assert not list(page.root.one("main").all("form"))


def test_a_case_of_another_account_is_not_named(client: Client, member: Membership) -> None:
    failed, primary = removed_pair(member)
    elsewhere = of_somebody_else()
    RmaCase.objects.filter(pk=elsewhere.pk).update(replacement=primary.unit)
    form = {"failed": failed.unit.serial, "symptom": "dead"}

    response = client.post(url(primary, "transfer/"), form)

    assert Page(response).codes() == ["case-open"]
    assert elsewhere.number not in response.text
    assert str(elsewhere.uuid) not in response.text


# The address of delivery


ADDRESS = "742 Evergreen Terrace\nSpringfield"


@pytest.mark.parametrize(("sent", "kept"), [({"keep_address": "on"}, ADDRESS), ({}, "")])
def test_an_address_is_kept_for_the_next_time_if_that_is_wished(
    client: Client, member: Membership, mine: Registration, sent: dict[str, str], kept: str
) -> None:
    client.post(url(mine), {"symptom": "dead", "address": ADDRESS, **sent})

    next_one = RegistrationFactory(account=member.account)
    page = Page(client.get(url(next_one)))
    assert page.field("address").one("textarea").text == " ".join(kept.split())
    entries = AuditEntry.objects.filter(code="address-saved", account=member.account)
    assert [entry.data for entry in entries] == ([{}] if kept else [])


def test_a_refused_request_keeps_no_address(client: Client, member: Membership, mine: Registration) -> None:
    asked(mine, member)
    before = every_row()

    client.post(url(mine), {"symptom": "dead", "address": ADDRESS, "keep_address": "on"})

    assert every_row() == before


def test_an_ended_registration_has_nothing_to_replace(
    client: Client, member: Membership, mine: Registration
) -> None:
    complete(open_for(mine, UnitFactory()))

    assert client.get(url(mine)).status_code == 404
    assert client.post(url(mine), {"symptom": "dead"}).status_code == 404


def test_the_page_leads_to_the_transfer_where_the_rest_is_done(client: Client, member: Membership) -> None:
    failed, primary = removed_pair(member)

    of_failed, of_primary = Page(client.get(url(failed))), Page(client.get(url(primary)))

    assert list(of_failed.root.all("a", href=url(primary, "transfer/")))
    assert not [a for a in of_primary.root.all("a") if "transfer" in a.attrs.get("href", "")]


# Transfer licenses


def test_transfer_is_offered_where_there_is_a_unit_to_transfer_from(
    client: Client, member: Membership
) -> None:
    failed, primary = removed_pair(member)

    before = Page(client.get(url(primary, "")))
    complete(open_for(failed, primary.unit, kind=RmaCase.Kind.TRANSFER))
    after = Page(client.get(url(primary, "")))

    offered = [list(page.root.all("a", href=url(primary, "transfer/"))) for page in (before, after)]
    assert [len(links) for links in offered] == [1, 0]


def test_the_licences_of_a_former_primary_are_asked_for(client: Client, member: Membership) -> None:
    failed, primary = removed_pair(member)

    offered = [radio.attrs["value"] for radio in options(client, primary)]
    client.post(url(primary, "transfer/"), {"failed": failed.unit.serial, "symptom": "dead"})

    case = RmaCase.objects.get()
    assert offered == [failed.unit.serial]
    assert (case.kind, case.failed, case.replacement) == ("transfer", failed, primary.unit)


def options(client: Client, registration: Registration) -> list:
    return list(Page(client.get(url(registration, "transfer/"))).root.all("input", type="radio"))


@pytest.mark.parametrize(
    ("sent", "field", "code"),
    [
        ({"failed": ""}, "failed", "required"),
        ({"failed": "FFFFFFFFFFFF"}, "failed", "invalid_choice"),
        ({"failed": "\0"}, "failed", "invalid_choice"),
        ({"symptom": ""}, "symptom", "required"),
    ],
)
def test_a_transfer_that_is_refused_keeps_what_was_typed(
    client: Client, member: Membership, sent: dict[str, str], field: str, code: str
) -> None:
    failed, primary = removed_pair(member)
    typed = {"failed": failed.unit.serial, "symptom": "dead", "contact": "Marge", **sent}
    before = every_row()

    response = client.post(url(primary, "transfer/"), typed)

    page = Page(response)
    (radio,) = page.root.all("input", type="radio")
    assert response.status_code == 422
    within = page.root.one("fieldset") if field == "failed" else page.field(field)
    assert page.codes(within) == page.codes() == [code]
    assert ("checked" in radio.attrs) is (typed["failed"] == failed.unit.serial)
    assert page.field("contact").one("input").attrs["value"] == "Marge"
    assert every_row() == before


def test_a_transfer_while_a_case_is_open_is_refused_above_the_form(
    client: Client, member: Membership
) -> None:
    failed, primary = removed_pair(member)
    asked(failed, member)

    response = client.post(url(primary, "transfer/"), {"failed": failed.unit.serial, "symptom": "dead"})

    assert response.status_code == 422
    assert Page(response).codes() == ["case-open"]


def test_without_a_former_mate_there_is_nothing_to_ask_for(client: Client, mine: Registration) -> None:
    page = client.get(url(mine, "transfer/"))
    sent = client.post(url(mine, "transfer/"), {"failed": mine.unit.serial, "symptom": "dead"})

    assert (page.status_code, options(client, mine)) == (200, [])
    assert sent.status_code == 422
    assert not RmaCase.objects.exists()


def test_a_former_mate_that_another_account_has_by_now_is_not_offered(
    client: Client, member: Membership
) -> None:
    failed, primary = removed_pair(member)
    Registration.objects.filter(pk=failed.pk).update(account=AccountFactory())

    assert options(client, primary) == []


# The case, state by state


def shown(client: Client, case: RmaCase) -> Page:
    response = client.get(f"/rma/{case.uuid}/")
    assert response.status_code == 200
    return Page(response)


def sections(page: Page) -> set[str]:
    return {section.attrs.get("aria-labelledby", "") for section in page.root.all("section")}


def facts(page: Page) -> dict[str, str]:
    rows = page.section("case").one("dl").all("div")
    return {row.one("dt").text: row.one("dd").text for row in rows}


def state(page: Page) -> str:
    (tag,) = [e for e in page.root.all("span") if "data-state" in e.attrs]
    return tag.attrs["data-state"]


def test_a_requested_case_shows_what_was_asked_and_can_be_cancelled(
    client: Client, member: Membership, mine: Registration
) -> None:
    case = asked(mine, member, symptom="<b>dead</b>")

    page = shown(client, case)

    assert state(page) == "requested"
    assert facts(page)["Failed unit"] == f"{mine.friendly_name} {mine.unit.serial}"
    assert facts(page)["Symptom"] == "<b>dead</b>"
    assert facts(page)["Contact"] == "Homer, after ten"
    assert facts(page)["Address of delivery"] == "742 Evergreen Terrace"
    assert list(page.root.all("a", href="?cancel#asked"))
    assert not {"steps", "lines"} & sections(page)


def test_the_secondary_that_keeps_its_rights_is_named_with_the_last_day(
    client: Client, member: Membership
) -> None:
    primary, secondary, _ = pair(member.account, member.user)
    case = asked(primary, member)

    page = shown(client, case)

    assert list(page.section("case").all("a", href=url(secondary, "")))
    assert f"{primary.friendly_name} keeps its licenses" in page.section("case").text
    assert f"{case.grace_ends_on:%d %b %Y}" in page.section("case").text


def test_what_a_lead_let_pass_is_for_the_staff_alone(
    client: Client, member: Membership, mine: Registration
) -> None:
    agent = UserFactory(is_staff=True, username="skinner")
    reasons = {"warranty_waiver": "a goodwill of ours", "model_waiver": "another goodwill"}
    case = open_for(mine, UnitFactory(), by=agent, **reasons)
    complete(case, by=agent)

    pages = [f"/rma/{case.uuid}/", "/rma/", url(mine, ""), url(mine, "entitlements/"), "/activity/"]
    texts = [client.get(page).content.decode() for page in pages]

    assert "Support" in facts(shown(client, case))["Asked for"]
    assert not [text for text in texts if "goodwill" in text]
    assert "skinner" not in texts[0]


def test_an_approved_case_names_the_replacement(
    client: Client, member: Membership, mine: Registration
) -> None:
    case, new = asked(mine, member), UnitFactory()
    waiting = facts(shown(client, case))["Replacement"]
    approve_case(case=case, replacement=new.serial, by=UserFactory(is_staff=True))

    page = shown(client, case)

    assert (state(page), facts(page)["Replacement"]) == ("approved", new.serial)
    assert new.serial not in waiting


def test_a_completed_case_says_what_to_do_with_which_keysets(client: Client, member: Membership) -> None:
    primary, secondary, _ = pair(member.account, member.user)
    grant(primary, 3)
    new = UnitFactory()
    case = open_for(primary, new)
    complete(case)

    page = shown(client, case)

    steps = [step.text for step in page.section("steps").all("li")]
    keysets = [step for step in steps if "keyset" in step]
    assert state(page) == "completed"
    assert [secondary.unit.serial in keysets[0], new.serial in keysets[1]] == [True, True]
    assert list(page.root.all("a", href=url(secondary, "keyset/")))
    moved = {row[0]: row[2] for row in page.section("lines").one("table").rows()}
    assert "moved" in moved.values()
    assert not list(page.root.all("form", action=f"/rma/{case.uuid}/cancel/"))


@pytest.mark.parametrize(
    ("address", "words"),
    [("", "Support tells you where to"), ("1 Way Back\nSan Jose", "1 Way Back, San Jose")],
)
def test_a_completed_case_says_where_the_failed_unit_goes(
    client: Client, member: Membership, mine: Registration, settings: Settings, address: str, words: str
) -> None:
    settings.RMA_RETURN_ADDRESS = address
    case = open_for(mine, UnitFactory())
    complete(case)

    before = shown(client, case).section("steps").text
    receive_case(case=case, by=case.asked_by)
    after = shown(client, case).section("steps").text

    assert words in before
    assert words not in after


def test_a_received_case_still_says_what_to_do(
    client: Client, member: Membership, mine: Registration
) -> None:
    case = open_for(mine, UnitFactory())
    complete(case)
    receive_case(case=case, by=case.asked_by)

    page = shown(client, case)

    assert state(page) == "received"
    assert {"steps", "lines"} <= sections(page)
    assert "Failed unit received back" in facts(page)


def test_an_undone_case_says_why_and_no_steps_any_more(
    client: Client, member: Membership, mine: Registration
) -> None:
    case = open_for(mine, UnitFactory())
    complete(case)
    asked = {"case": case, "as_lead": False, "by": case.asked_by, "today": today()}
    undo_case(seen=rehearse_undo(**asked).seen, reason="it was the cable", **asked)

    page = shown(client, case)

    assert (state(page), facts(page)["Reason"]) == ("undone", "it was the cable")
    assert not {"steps", "lines"} & sections(page)


def test_a_declined_case_says_why(client: Client, member: Membership, mine: Registration) -> None:
    case = asked(mine, member)
    decline_case(case=case, reason="sold as spares", by=UserFactory(is_staff=True))

    page = shown(client, case)

    assert (state(page), facts(page)["Reason"]) == ("declined", "sold as spares")
    assert not list(page.root.all("form", action=f"/rma/{case.uuid}/cancel/"))


def test_a_case_is_still_shown_when_its_units_have_left_the_account(
    client: Client, member: Membership, mine: Registration
) -> None:
    case = open_for(mine, UnitFactory())
    complete(case)
    Registration.objects.filter(account=member.account).update(ended_at=timezone.now())

    page = shown(client, case)

    links = {link.attrs["href"] for link in page.root.one("main").all("a") if "href" in link.attrs}
    assert {link: client.get(link).status_code for link in links if link.startswith("/")} == dict.fromkeys(
        [link for link in links if link.startswith("/")], 200
    )


# Cancelling


def test_cancelling_asks_once(client: Client, member: Membership, mine: Registration) -> None:
    case = asked(mine, member)
    form = f"/rma/{case.uuid}/cancel/"

    pages = [Page(client.get(f"/rma/{case.uuid}/{asked}")) for asked in ("", "?cancel")]

    assert [len(list(page.root.all("form", action=form))) for page in pages] == [0, 1]
    assert "Are you sure" in pages[1].root.one("div", id="asked").text


def test_a_viewer_is_not_asked(client: Client) -> None:
    viewer = log_in(client, role="viewer")
    case = asked(RegistrationFactory(account=viewer.account), viewer)

    assert "Cancel this request" not in client.get(f"/rma/{case.uuid}/?cancel").text


def test_who_asked_takes_it_back_once(client: Client, member: Membership, mine: Registration) -> None:
    case = asked(mine, member)

    first = client.post(f"/rma/{case.uuid}/cancel/", follow=True)
    before = every_row()
    second = client.post(f"/rma/{case.uuid}/cancel/", follow=True)

    case.refresh_from_db()
    assert (case.state, AuditEntry.objects.filter(code="rma-cancelled").count()) == ("cancelled", 1)
    assert Page(first).codes() == []
    assert Page(second).root.one("div", data_code="case-not-open")
    assert strip_sessions(every_row()) == strip_sessions(before)


def strip_sessions(rows: dict[str, Rows]) -> dict[str, Rows]:
    return {table: found for table, found in rows.items() if table != "sessions.Session"}


def test_a_completed_case_is_not_cancelled(client: Client, member: Membership, mine: Registration) -> None:
    case = open_for(mine, UnitFactory())
    complete(case)

    page = Page(client.post(f"/rma/{case.uuid}/cancel/", follow=True))

    case.refresh_from_db()
    assert case.state == "completed"
    assert page.root.one("div", data_code="case-not-open")


# The list


def test_the_list_has_the_accounts_own_cases_the_newest_first(client: Client, member: Membership) -> None:
    units = RegistrationFactory.create_batch(2, account=member.account)
    cases = [asked(unit, member) for unit in units]
    foreign = of_somebody_else()

    response = client.get("/rma/")

    rows = Page(response).root.one("table").rows()
    assert [row[0] for row in rows] == [case.number for case in reversed(cases)]
    assert foreign.number not in response.content.decode()


def many_cases(member: Membership, count: int) -> None:
    units = registrations(member.account, count)
    RmaCase.objects.bulk_create(
        RmaCase(
            account=member.account, failed=unit, replacement=unit.unit, symptom="dead", asked_by=member.user
        )
        for unit in units
    )


def test_a_long_list_has_pages(client: Client, member: Membership) -> None:
    many_cases(member, PAGE_ROWS + 3)

    first = Page(client.get("/rma/"))
    (older,) = [link for link in first.root.all("a") if link.text == "Older"]
    second = Page(client.get("/rma/" + older.attrs["href"]))

    numbers = [row[0] for page in (first, second) for row in page.root.one("table").rows()]
    assert len(numbers) == len(set(numbers)) == PAGE_ROWS + 3
    assert not [link for link in second.root.all("a") if link.text == "Older"]


@pytest.mark.parametrize("after", ["", "x", "-1", "0", "1e9", "٣", "9" * 15, "9" * 40])
def test_a_wrong_place_in_the_list_is_no_fault(client: Client, member: Membership, after: str) -> None:
    assert client.get("/rma/", {"after": after}).status_code == 200


def test_an_account_without_cases_reads_what_to_do(client: Client, member: Membership) -> None:
    assert list(Page(client.get("/rma/")).root.one("section", aria_label="Cases").all("a", href="/products/"))


# How many questions the pages ask the database


@pytest.mark.parametrize("count", [10, 1_000])
def test_queries_of_the_list(
    client: Client, member: Membership, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    many_cases(member, count)

    with django_assert_num_queries(4):
        client.get("/rma/")


@pytest.mark.parametrize("count", [10, 150])
@pytest.mark.parametrize(("page", "queries"), [("replace/", 9), ("transfer/", 7)])
def test_queries_of_asking(
    client: Client,
    member: Membership,
    django_assert_num_queries: DjangoAssertNumQueries,
    page: str,
    queries: int,
    count: int,
) -> None:
    failed, primary = removed_pair(member)
    pairs(member.account, count)

    with django_assert_num_queries(queries):
        client.get(url(failed if page == "replace/" else primary, page))


@pytest.mark.parametrize("count", [10, 150])
def test_queries_of_a_case(
    client: Client, member: Membership, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    primary, _, _ = pair(member.account, member.user)
    case = open_for(primary, UnitFactory())
    complete(case)
    pairs(member.account, count)

    with django_assert_num_queries(10):
        client.get(f"/rma/{case.uuid}/")


def test_the_customers_own_ticket_is_kept_and_shown(
    client: Client, member: Membership, mine: Registration
) -> None:
    response = client.post(url(mine), {"symptom": "dead", "ticket": "INC-4711"}, follow=True)

    assert RmaCase.objects.get().ticket == "INC-4711"
    assert facts(Page(response))["Your ticket"] == "INC-4711"
