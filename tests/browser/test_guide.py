"""The cases of docs/support.md about replacing, undoing and a second lead, as the roles go them at 1,280 px.

Each test looks at its case's decisive page on a desk and on a phone. The failed primary and secondary of a
pair, and the transfer that the customer asks for, are in test_rma.py.
"""

import datetime
import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import Settings

from associations.services import remove_association
from licensing.keysets.issuing import read_keyset
from licensing.models import RmaCase
from portal.clock import today
from portal.models import User
from portal.roles import LEAD
from products.models import Registration, Unit
from tests.browser.guard import Guard
from tests.browser.guide_steps import (
    WIDTHS,
    as_role,
    begin_case,
    choose_pair,
    look_up,
    open_case,
    partners,
    replace,
    runs,
    undo,
    waive,
)
from tests.browser.inspect_page import inspect_page
from tests.browser.rma_steps import approve, await_dry_run, complete
from tests.browser.steps import FIRST, NEW, NEWER, OTHER_MODEL, SECOND
from tests.factories import RegistrationFactory, UnitFactory, hf, staff
from tests.licensing.rma.support import ask, of, open_for
from tests.licensing.rma.support import complete as completed

HELD = "Premium Content Filtering Service"


@pytest.fixture
def first(owner: User) -> Registration:
    return of(Unit.objects.get(serial=FIRST.serial))


@pytest.fixture
def second(owner: User) -> Registration:
    return of(Unit.objects.get(serial=SECOND.serial))


@pytest.fixture
def pair(first: Registration, second: Registration, owner: User) -> None:
    hf(first, second, by=owner)


@pytest.fixture
def desk(guard: Guard, agent: User) -> Page:
    return as_role(guard, agent)


@pytest.fixture
def leads(guard: Guard, lead: User) -> Page:
    return as_role(guard, lead)


def beside(unit: Registration, model: str = "PRO 5060") -> Registration:
    """Another unit of the account: a secondary, or an access point."""
    other = RegistrationFactory(account=unit.account, unit__model_name=model)
    hf(
        unit,
        other,
        by=unit.account.memberships.get().user,
        slug="hf" if model == "PRO 5060" else "sonicpoint",
    )
    return other


def end_warranty(unit: Registration) -> None:
    Unit.objects.filter(pk=unit.unit_id).update(warranty_ends_on=today() - datetime.timedelta(days=1))


# Replacing


def test_a_unit_without_a_pair_hands_its_sonicpoints_on(desk: Page, first: Registration) -> None:
    point = beside(first, "SonicPoint").unit.serial

    replace(desk, FIRST.serial, NEW.serial)

    expect(desk.locator("[data-verdict=kept]")).to_be_visible()
    inspect_page(desk, WIDTHS)
    assert NEW.serial in dict(partners(desk, point)).values()


def test_a_sonicpoint_of_a_primary_is_replaced_beside_it(desk: Page, first: Registration, pair: None) -> None:
    point, new = beside(first, "SonicPoint").unit.serial, UnitFactory(model_name="SonicPoint").serial

    open_case(desk, point, new)
    inspect_page(desk, WIDTHS)
    complete(desk)

    assert FIRST.serial in dict(partners(desk, new)).values()
    assert dict(partners(desk, SECOND.serial))["HF Primary"] == FIRST.serial


def test_of_several_secondaries_one_is_chosen_as_the_new_primary(
    desk: Page, first: Registration, pair: None
) -> None:
    spare = beside(first).unit.serial
    open_case(desk, FIRST.serial, NEW.serial)

    choose_pair(desk, spare)
    inspect_page(desk, WIDTHS)
    complete(desk)

    assert {dict(partners(desk, serial))["HF Primary"] for serial in (SECOND.serial, NEW.serial)} == {spare}


def test_no_pair_leaves_the_replacement_alone(desk: Page, second: Registration, pair: None) -> None:
    open_case(desk, FIRST.serial, NEW.serial)

    choose_pair(desk, "none")
    expect(desk.locator("[data-verdict=loss]")).to_contain_text(SECOND.serial)
    inspect_page(desk, WIDTHS)
    complete(desk)

    assert partners(desk, SECOND.serial) == partners(desk, NEW.serial) == []
    assert HELD in runs(desk, NEW.serial)


def test_only_the_licences_are_missing(
    desk: Page, first: Registration, second: Registration, owner: User
) -> None:
    for mate in (RegistrationFactory(account=first.account), second):
        remove_association(seat=hf(first, mate, by=owner), by=owner)
    hf(second, RegistrationFactory(account=first.account, unit=Unit.objects.get(serial=NEW.serial)), by=owner)

    open_case(desk, FIRST.serial, SECOND.serial, kind="transfer")

    before = desk.get_by_role("group", name="The pair before")
    expect(before.get_by_role("radio")).to_have_count(2)
    expect(before.get_by_role("radio", name=SECOND.serial)).to_be_checked()
    inspect_page(desk, WIDTHS)
    complete(desk)
    assert HELD in runs(desk, SECOND.serial)


def test_both_have_failed_and_two_cases_make_a_new_pair(desk: Page, pair: None) -> None:
    open_case(desk, SECOND.serial, NEWER.serial)
    later = desk.url
    open_case(desk, FIRST.serial, NEW.serial)
    expect(desk.locator("[data-code=failed-too]")).to_contain_text(SECOND.serial)
    inspect_page(desk, WIDTHS)
    complete(desk)

    desk.goto(later)
    await_dry_run(desk)
    complete(desk)

    pair = [("HF Primary", NEW.serial), ("HF Secondary", "")]
    assert sorted(partners(desk, NEWER.serial)) == pair


# Refused, and handed to a lead


def test_an_ended_warranty_is_handed_to_a_lead_who_waives_it(
    guard: Guard, desk: Page, leads: Page, first: Registration
) -> None:
    end_warranty(first)
    begin_case(desk, FIRST.serial, NEW.serial)
    with guard.refusal(desk, 422):
        desk.get_by_role("button", name="Open case").click()
    inspect_page(desk, WIDTHS)
    desk.get_by_role("button", name="Hand to a lead").click()
    expect(desk.locator("[data-code=out-of-warranty]")).to_contain_text(NEW.serial)
    take_from_the_leads_queue(leads)
    inspect_page(leads, WIDTHS)

    waive(leads, "goodwill")
    approve(leads)

    expect(leads.get_by_role("region", name="Case", exact=True)).to_contain_text("goodwill")


def take_from_the_leads_queue(leads: Page) -> None:
    """From the front page to the only case that waits for a lead, and take it."""
    leads.reload()
    leads.get_by_role("link", name="Waits for a lead (1)").click()
    leads.get_by_role("region", name="Waits for a lead").get_by_role("link", name="RMA-").click()
    leads.get_by_role("button", name="Take it").click()
    expect(leads.get_by_text("You have this case.")).to_be_visible()


def test_another_model_is_let_in_by_a_lead_and_stands_alone(
    guard: Guard, desk: Page, leads: Page, first: Registration, owner: User
) -> None:
    desk.goto(f"/support/rma/{ask(first, by=owner).uuid}/")
    desk.get_by_label("Replacement (serial number)").fill(OTHER_MODEL.serial)
    with guard.refusal(desk, 422):
        desk.get_by_role("button", name="Approve").click()
    desk.get_by_role("button", name="Hand to a lead").click()
    take_from_the_leads_queue(leads)
    waive(leads, "none left", model=OTHER_MODEL.model)
    approve(leads)
    expect(leads.locator("[data-code=other-model]")).to_be_visible()
    inspect_page(leads, WIDTHS)

    complete(leads)

    assert partners(leads, OTHER_MODEL.serial) == []


@pytest.mark.parametrize(
    ("button", "state"), [("Decline", "declined"), ("Cancel for the customer", "cancelled")]
)
def test_it_works_again(
    guard: Guard, desk: Page, first: Registration, owner: User, button: str, state: str
) -> None:
    case = ask(first, by=owner)
    desk.goto(f"/support/rma/{case.uuid}/")

    desk.get_by_label("Reason").fill("it was the cable")
    desk.get_by_role("button", name=button).click()

    desk.locator(f"[data-state={state}]").wait_for()
    inspect_page(desk, WIDTHS)
    customers = as_role(guard, owner, f"/rma/{case.uuid}/")
    expect(customers.get_by_role("region", name="Case")).to_contain_text("it was the cable")


# Undo


def test_an_agent_undoes_what_nobody_has_read(desk: Page, pair: None) -> None:
    replace(desk, FIRST.serial, NEW.serial)
    desk.get_by_role("link", name="Show the dry run").click()
    desk.get_by_role("button", name="Undo this case").wait_for()
    inspect_page(desk, WIDTHS)

    undo(desk, "the wrong unit")

    assert ("HF Primary", FIRST.serial) in partners(desk, SECOND.serial)


def test_after_a_keyset_was_read_only_a_lead_undoes(
    desk: Page, leads: Page, second: Registration, pair: None
) -> None:
    replace(desk, FIRST.serial, NEW.serial)
    read_keyset(registration=second, today=today())
    desk.reload()
    expect(desk.locator("[data-code=undo-for-lead]")).to_be_visible()
    expect(desk.get_by_role("link", name="Show the dry run")).to_have_count(0)
    inspect_page(desk, WIDTHS)

    leads.goto(desk.url)
    leads.get_by_role("link", name="Show the dry run").click()
    undo(leads, "the wrong unit")

    assert ("HF Primary", FIRST.serial) in partners(leads, SECOND.serial)


# The work around a case


def test_a_case_is_taken_given_and_put_back(
    guard: Guard, desk: Page, leads: Page, first: Registration, owner: User, lead: User
) -> None:
    case = ask(first, by=owner)
    for page in (desk, leads):
        page.goto(f"/support/rma/{case.uuid}/")
    work = desk.get_by_role("region", name="Work")
    work.get_by_role("button", name="Take it").click()
    expect(work).to_contain_text("You have this case.")

    with guard.refusal(leads, 422):
        leads.get_by_role("button", name="Take it").click()
    inspect_page(leads, WIDTHS)
    work.get_by_label("Give it to").select_option(lead.username)
    work.get_by_role("button", name="Give it", exact=True).click()
    expect(work).to_contain_text("lead has this case.")
    work.get_by_role("button", name="Put it back").click()
    expect(work).to_contain_text("Nobody has this case.")


def test_the_customer_asks_where_the_replacement_is(
    guard: Guard, desk: Page, first: Registration, owner: User
) -> None:
    case = open_for(first, Unit.objects.get(serial=NEW.serial))
    look_up(desk, case.number)
    desk.get_by_role("region", name="Notes").get_by_role("textbox").fill("He sounds tired")
    desk.get_by_role("button", name="Add the note").click()
    expect(desk.get_by_role("region", name="Notes")).to_contain_text("He sounds tired")
    desk.get_by_label("Tracking number out").fill("1Z 999")
    desk.get_by_role("button", name="Save the numbers").click()
    expect(desk.get_by_role("region", name="History")).to_contain_text("Approved")

    customers = as_role(guard, owner, f"/rma/{case.uuid}/")

    expect(customers.get_by_role("main")).to_contain_text("1Z 999")
    expect(customers.get_by_role("main")).not_to_contain_text("tired")
    inspect_page(customers, WIDTHS)


QUEUES = {
    "Mine": 2,
    "Nobody's": 3,
    "Requested": 1,
    "Waits for a lead": 1,
    "Waits for a replacement": 1,
    "Ready to complete": 1,
    "Waits for the return": 1,
    "Overdue": 1,
    "All open": 4,
    "Received back": 0,
    "All": 5,
}


def test_each_queue_has_its_cases(desk: Page, agent: User, first: Registration, owner: User) -> None:
    units = RegistrationFactory.create_batch(4, account=first.account)
    old = ask(first, by=owner)
    long_ago = timezone.now() - datetime.timedelta(days=3)
    RmaCase.objects.filter(pk=old.pk).update(asked_at=long_ago, state_since=long_ago)
    waiting = ask(units[0], by=owner)
    RmaCase.objects.filter(pk=waiting.pk).update(waits_for_lead_since=long_ago, lead_reason="wrong-model")
    cases = [
        open_for(unit, new, by=agent)
        for unit, new in zip(units[1:], [None, *UnitFactory.create_batch(2)], strict=True)
    ]
    RmaCase.objects.filter(pk=cases[0].pk).update(assignee=None)
    completed(cases[-1])
    desk.get_by_role("link", name="All cases").click()

    found = {}
    for name in QUEUES:
        desk.get_by_role("link", name=re.compile(rf"^{name} \(\d+\)$")).click()
        expect(desk.get_by_role("heading", level=2)).to_have_text(name)
        found[name] = desk.locator("tbody tr").count()

    assert found == QUEUES
    inspect_page(desk, WIDTHS)


# A second lead


def test_what_one_lead_proposes_another_confirms(
    guard: Guard, desk: Page, leads: Page, first: Registration, settings: Settings
) -> None:
    settings.FOUR_EYES = True
    case = open_for(first, Unit.objects.get(serial=NEW.serial))
    end_warranty(first)
    leads.goto(f"/support/rma/{case.uuid}/")
    waive(leads, "goodwill", button="Propose")
    desk.goto(f"/support/rma/{case.uuid}/")
    expect(desk.locator("[data-code=second-lead-needed]")).to_be_visible()
    seconds = as_role(guard, staff(LEAD), "/support/")
    seconds.get_by_role("link", name="Waits for a second lead").click()
    inspect_page(seconds, WIDTHS)

    seconds.get_by_role("button", name="Confirm: do exactly this").click()

    expect(seconds.get_by_text("Nothing waits for a second lead.")).to_be_visible()
    leads.reload()
    expect(leads.get_by_role("region", name="Case", exact=True)).to_contain_text("goodwill")
