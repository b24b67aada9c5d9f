"""The support desk in a browser: looking up, the page of a unit, and how both are to be seen."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from licensing.keysets.issuing import read_keyset
from licensing.models import LedgerEntry, RmaCase, Service, TrialStart
from portal.clock import today
from portal.models import Mail, User
from products.attempts import ATTEMPTS_PER_SERIAL, count_attempt
from products.models import Registration, Unit
from products.ownership import retire_unit
from products.services import rename
from tests.browser.guard import Guard
from tests.browser.inspect_page import EVERY_LOOK, inspect_page
from tests.browser.steps import FIRST, SECOND
from tests.factories import AccountFactory, MembershipFactory, RegistrationFactory, UserFactory, hf

WIDEST = "W" * 30


@pytest.fixture
def retired(owner: User) -> Registration:
    """A failed unit that the first of the demo replaced, beside its second; a case is open on the first."""
    units = {r.unit.serial: r for r in Registration.objects.select_related("unit", "account")}
    first, second = units[FIRST.serial], units[SECOND.serial]
    for unit in (first, second):
        rename(registration=unit, friendly_name=WIDEST, by=owner)
    hf(first, second, by=owner)
    for unit in (first, second):
        read_keyset(registration=unit, today=today())
    failed = RegistrationFactory(account=first.account)
    facts = {"account": first.account, "symptom": "dead", "asked_by": owner}
    RmaCase.objects.create(
        failed=failed, replacement=first.unit, partner=second, state=RmaCase.State.COMPLETED, **facts
    )
    RmaCase.objects.create(failed=first, secondary=second, grace_ends_on=today(), **facts)
    service = Service.objects.get(code=5)
    after = {"kind": "licensed", "count": None, "expires_on": "2028-01-01"}
    LedgerEntry.objects.create(
        unit=first.unit, service=service, right="rma", detail=failed.unit.serial, after=after
    )
    TrialStart.objects.create(unit=first.unit, service=service)
    Unit.objects.update(warranty_ends_on=today() - datetime.timedelta(days=1))
    for _ in range(ATTEMPTS_PER_SERIAL):
        count_attempt(first.account, SECOND.serial, now=timezone.now())
    retire_unit(failed, now=timezone.now())
    return failed


def look_up(page: Page, text: str) -> None:
    page.get_by_role("search", name="Look up").get_by_role("searchbox").fill(text)
    page.get_by_role("button", name="Look up").click()


def test_an_agent_looks_up_and_goes_from_unit_to_unit(
    guard: Guard, lead: User, retired: Registration, javascript: bool
) -> None:
    page = guard.open("/support/", user=lead, javascript=javascript)

    look_up(page, ":".join(FIRST.serial[i : i + 2] for i in range(0, 12, 2)).lower())
    page.wait_for_url(f"**/support/units/{FIRST.serial}/")
    page.get_by_role("region", name="Association").get_by_role("link", name=SECOND.serial).first.click()
    page.wait_for_url(f"**/support/units/{SECOND.serial}/")
    look_up(page, WIDEST[:5])
    page.get_by_role("region", name="Units").get_by_role("link", name=FIRST.serial).click()

    expect(page.get_by_role("heading", level=1)).to_contain_text(FIRST.serial)


def test_a_keyset_is_pasted_with_its_line_breaks(guard: Guard, lead: User, retired: Registration) -> None:
    keyset = Registration.objects.get(unit__serial=FIRST.serial).unit.keysets.get()
    page = guard.open("/support/search/", user=lead)

    look_up(page, "\n".join(keyset.text[i : i + 64] for i in range(0, len(keyset.text), 64)))

    page.wait_for_url(f"**/support/units/{FIRST.serial}/")
    expect(page.locator(".messagelist")).to_contain_text("Its signature is genuine. It is the unit's newest.")
    inspect_page(page)


def test_the_page_of_a_unit_is_fit_to_be_seen(guard: Guard, lead: User, retired: Registration) -> None:
    page = guard.open("/support/", user=lead)
    inspect_page(page)

    for unit in (FIRST, SECOND, retired.unit):
        page.goto(f"/support/units/{unit.serial}/")
        inspect_page(page, EVERY_LOOK)
    page.goto(f"/support/units/{FIRST.serial}/")
    for closed in ("History of associations", "Corrections"):
        page.get_by_text(closed, exact=True).click()
    inspect_page(page)


def test_what_is_found_is_fit_to_be_seen(guard: Guard, lead: User, retired: Registration) -> None:
    for number in range(21):
        MembershipFactory(
            account=AccountFactory(name=f"{WIDEST} {number}"),
            user=UserFactory(username=f"{WIDEST}{number}", email=f"{WIDEST}@{WIDEST}.example"),
        )
    page = guard.open("/support/search/", user=lead)
    inspect_page(page)

    look_up(page, WIDEST)
    expect(page.get_by_role("region", name="Users")).to_be_visible()
    inspect_page(page, EVERY_LOOK)
    look_up(page, "nothing like this")
    expect(page.get_by_role("status")).to_have_text("Nothing was found.")
    inspect_page(page)


def test_refusals_are_fit_to_be_seen(guard: Guard, lead: User) -> None:
    page = guard.open("/support/", user=lead)

    with guard.refusal(page, 422):
        look_up(page, "ab")
    inspect_page(page)
    with guard.refusal(page, 404):
        page.goto("/support/units/FFFFFFFFFFFF/")
    inspect_page(page)


def test_what_sends_a_link_or_a_mail_again_is_fit_to_be_seen(
    guard: Guard, support: User, owner: User
) -> None:
    mail = Mail.objects.create(to="homer@hf.example", subject=WIDEST, sent_at=timezone.now())
    page = guard.open(f"/support/portal/user/{owner.pk}/link/", user=support)
    inspect_page(page)

    page.goto(f"/support/portal/mail/{mail.pk}/resend/")
    with guard.refusal(page, 422):
        page.get_by_role("button", name="Yes, send it again").click()
    inspect_page(page)


def test_the_box_is_reached_by_keyboard_on_every_page(guard: Guard, lead: User) -> None:
    page = guard.open("/support/products/unit/", user=lead)

    box = page.get_by_role("search", name="Look up").get_by_role("searchbox")
    for _ in range(4):
        page.keyboard.press("Tab")
        if box.evaluate("box => box === document.activeElement"):
            break

    expect(box).to_be_focused()
    page.keyboard.type(FIRST.serial)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/support/units/{FIRST.serial}/")
