"""The whole way by keyboard alone: Tab, Shift+Tab, the arrows, Space and Enter."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.guard import Guard
from tests.browser.steps import FIRST, NEW, verified
from tests.factories import PASSWORD

FOCUSED = """
    () => {
        const focused = document.activeElement;
        const label = focused.labels?.[0]?.textContent ?? focused.getAttribute("aria-label");
        return (label ?? focused.textContent).replace(/\\s+/g, " ").trim();
    }
"""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has this name has the focus, as whoever looks at the page would."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED).startswith(name):
            expect(page.locator(":focus-visible")).to_be_visible()
            return
    raise AssertionError(f"Tab never reaches {name} on {page.url}")


@pytest.mark.usefixtures("demo")
def test_whole_way_by_keyboard(guard: Guard, javascript: bool) -> None:
    page = guard.open("/login/", javascript=javascript)
    expect(page.get_by_label("User name or e-mail")).to_be_focused()
    page.keyboard.type("HFChanges")
    tab_to(page, "Password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")

    page.wait_for_url(f"{guard.origin}/")
    tab_to(page, "Serial number")
    page.keyboard.type(NEW.serial)
    page.keyboard.press("Enter")

    page.wait_for_url("**/products/?serial_number=*")
    tab_to(page, "Friendly Name")
    page.keyboard.type("PRO 5060P")
    tab_to(page, "Authentication Code")
    page.keyboard.type(NEW.code)
    tab_to(page, "Register")
    page.keyboard.press("Space")

    page.wait_for_url("**/survey/")
    tab_to(page, "How many users")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Continue")
    page.keyboard.press("Enter")

    page.wait_for_url("**/association/")
    tab_to(page, "HF Primary")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    tab_to(page, "Continue")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/products/{NEW.serial}/")
    tab_to(page, "View License keyset")
    page.keyboard.press("Enter")

    page.wait_for_url("**/keyset/")
    assert verified(page, NEW.serial).payload.primary == FIRST.serial


def test_first_tab_skips_to_the_content(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()

    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()
