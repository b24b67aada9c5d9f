"""The page License Keyset: the text can be copied by button, by mouse and by keyboard."""

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from portal.models import User
from products.models import Registration
from tests.browser.guard import Guard
from tests.browser.inspect_page import inspect_page
from tests.browser.steps import FIRST, SECOND
from tests.factories import hf

KEYSET = f"/products/{FIRST.serial}/keyset/"
BOX = f"#keyset-{FIRST.serial}"


@pytest.fixture
def paired(owner: User) -> None:
    """The demo's two registered units as a pair."""
    units = {r.unit.serial: r for r in Registration.objects.select_related("unit")}
    hf(units[FIRST.serial], units[SECOND.serial], by=owner)


@pytest.mark.usefixtures("paired")
def test_button_copies_exactly_the_text(guard: Guard, owner: User) -> None:
    page = guard.open(KEYSET, user=owner)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    page.locator(f"[data-copy=keyset-{SECOND.serial}]").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator(f"#keyset-{SECOND.serial}").input_value()


def test_button_copies_where_the_browser_has_no_clipboard(
    guard: Guard, owner: User, settings: Settings
) -> None:
    """A portal on plain http in an office network: navigator.clipboard isn't there."""
    settings.ALLOWED_HOSTS = ["portal.test"]
    page = guard.open(KEYSET, user=owner, origin=guard.origin.replace("localhost", "portal.test"))
    assert page.evaluate("navigator.clipboard === undefined")

    page.get_by_role("button", name="Copy keyset").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert pasted(page) == page.locator(BOX).input_value()


def test_refused_clipboard_leaves_another_way(guard: Guard, owner: User) -> None:
    page = guard.open(KEYSET, user=owner)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('refused')) }")

    page.get_by_role("button", name="Copy keyset").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert pasted(page) == page.locator(BOX).input_value()


def test_text_can_be_selected_and_copied_by_keyboard(page: Page, javascript: bool) -> None:
    page.goto(KEYSET)
    box = page.locator(BOX)

    box.focus()
    page.keyboard.press("Control+A")
    page.keyboard.press("Control+C")

    expect(page.locator("[data-copy]")).to_be_visible(visible=javascript)
    assert pasted(page) == box.input_value()


def pasted(page: Page) -> str:
    """What a person gets who pastes now."""
    field = page.get_by_label("Serial number")
    field.focus()
    page.keyboard.press("Control+V")
    return field.input_value()


def test_single_unit_is_fit_to_be_seen(guard: Guard, owner: User) -> None:
    page = guard.open(KEYSET, user=owner)

    inspect_page(page)

    expect(page.locator("textarea.keyset")).to_have_count(1)
