"""My Products: filter, sort and pages, as quick with scripts as without them possible."""

import re

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from portal.models import User
from tests.browser.guard import Guard
from tests.browser.inspect_page import inspect_page
from tests.browser.steps import FIRST, SECOND, associate_registered, cells
from tests.factories import PASSWORD, RegistrationFactory

ROWS = "#registered tbody tr"


@pytest.fixture
def many(owner: User) -> None:
    """60 products beside the demo's two: more than one page holds."""
    account = owner.membership.account
    for number in range(60):
        RegistrationFactory(account=account, friendly_name=f"Branch-{number:02}", unit__model_name="TZ 170")


def test_list_is_numbered_and_sorted_by_name(page: Page) -> None:
    page.goto("/products/")

    rows = cells(page.locator("#registered table"))[1:]
    assert [row[:4] for row in rows] == [
        ["1. PRO 5060 1st", "0006B1124416", "PRO 5060", "2.5.0.0e"],
        ["2. PRO 5060 2nd", "0006B112441C", "PRO 5060", "2.5.0.0e"],
    ]
    assert page.get_by_role("columnheader", name="Name", exact=True).get_attribute("aria-sort") == "ascending"


@pytest.mark.usefixtures("many")
def test_typing_filters_the_list(guard: Guard, owner: User) -> None:
    page = guard.open("/products/", user=owner)
    page.evaluate("window.isSamePage = true")

    page.get_by_label(re.compile("^Filter by name")).press_sequentially("branch-07")

    expect(page.locator(ROWS)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"[?&]q=branch-07"))
    assert page.evaluate("window.isSamePage")


@pytest.mark.usefixtures("many")
def test_back_returns_to_the_filtered_list(guard: Guard, owner: User) -> None:
    page = guard.open("/", user=owner)
    page.get_by_role("link", name="View all registered products").click()
    page.get_by_label(re.compile("^Filter by name")).press_sequentially("branch-07")
    expect(page.locator(ROWS)).to_have_count(1)
    page.locator(ROWS).get_by_role("link").first.click()

    page.go_back()
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.get_by_label(re.compile("^Filter by name"))).to_have_value("branch-07")
    page.go_back()

    expect(page).to_have_url(re.compile("/$"))


@pytest.mark.usefixtures("many")
def test_button_filters_the_list(page: Page) -> None:
    page.goto("/products/")
    page.get_by_label(re.compile("^Filter by name")).fill("branch-07")

    page.get_by_role("button", name="Filter").click()

    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.get_by_label(re.compile("^Filter by name"))).to_have_value("branch-07")


def test_roles_filter_the_list(page: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    page.goto("/products/")
    roles = [row[5] for row in cells(page.locator("#registered table"))[1:]]
    assert roles == ["HF Primary, PRO 5060 2nd Unknown", "HF Secondary, PRO 5060 1st Unknown"]

    page.get_by_label("Filter by role").select_option("HF Secondary")
    page.get_by_role("button", name="Filter").click()

    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator(ROWS)).to_contain_text(SECOND.serial)
    expect(page.get_by_label("Filter by role").locator(":checked")).to_have_text("HF Secondary")


@pytest.mark.usefixtures("many")
def test_picking_a_model_filters_the_list(guard: Guard, owner: User) -> None:
    page = guard.open("/products/", user=owner)

    page.get_by_label("Filter by model").select_option("PRO 5060")

    expect(page.locator(ROWS)).to_have_count(2)
    expect(page).to_have_url(re.compile(r"[?&]model=PRO"))


@pytest.mark.usefixtures("many")
def test_heads_sort_and_keep_the_filter(page: Page) -> None:
    page.goto("/products/?q=branch")

    for expected in ["ascending", "descending"]:
        page.get_by_role("link", name="Serial Number").click()
        head = page.get_by_role("columnheader", name="Serial Number")
        expect(head).to_have_attribute("aria-sort", expected)

    expect(page.locator(ROWS).first).to_contain_text("Branch-59")
    expect(page).to_have_url(re.compile("q=branch.*sort=-serial"))


@pytest.mark.usefixtures("many")
def test_pages_lead_on_and_back(page: Page) -> None:
    page.goto("/products/")

    page.get_by_role("link", name="Next").click()
    expect(page.locator(ROWS)).to_have_count(12)
    expect(page.locator(".pages .soft")).to_have_text("51 to 62 of 62")
    page.get_by_role("link", name="Previous").click()

    expect(page.locator(ROWS)).to_have_count(50)
    expect(page.locator(".ord").first).to_have_text("1.")


@pytest.mark.usefixtures("many")
def test_long_list_is_fit_to_be_seen(guard: Guard, owner: User) -> None:
    page = guard.open("/products/", user=owner)
    inspect_page(page)

    page.get_by_label(re.compile("^Filter by name")).press_sequentially("nothing like that")
    expect(page.locator("#registered .empty")).to_be_visible()

    inspect_page(page)


def test_a_session_that_ended_leads_to_the_login_as_a_whole_page_and_back(guard: Guard, owner: User) -> None:
    page = guard.open("/products/?sort=-name", user=owner)
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)

    page.get_by_label(re.compile("^Filter by name")).press_sequentially("2nd")

    expect(page).to_have_url(re.compile("/login/[?]next="))
    expect(page.get_by_role("heading", level=1)).to_have_text("Login")
    page.get_by_label("User name or e-mail").fill(owner.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Login").click()
    expect(page).to_have_url(re.compile("/products/[?]sort=-name$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("My Products")
