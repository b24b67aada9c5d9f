"""A replacement, step by step: the administrator's in the portal, the agent's at the desk."""

from playwright.sync_api import Page, expect

from tests.browser.inspect_page import has_scripts
from tests.browser.steps import go_to_product

SYMPTOM = "no link light since the storm"


def ask_for_replacement(page: Page, serial: str) -> str:
    """From a unit's page, Replace this appliance; return the case's number."""
    go_to_product(page, serial)
    page.get_by_role("link", name="Replace this appliance").click()
    page.get_by_label("What is wrong with it").fill(SYMPTOM)
    page.get_by_label("Contact").fill("Homer, after ten")
    page.get_by_role("button", name="Ask Support").click()
    page.wait_for_url("**/rma/*/")
    return page.get_by_role("heading", level=1).inner_text()


def open_at_the_desk(desk: Page, serial: str, number: str) -> None:
    """Look a unit up, and go from its page to its case."""
    desk.get_by_role("search", name="Look up").get_by_role("searchbox").fill(serial)
    desk.get_by_role("button", name="Look up").click()
    desk.wait_for_url(f"**/support/units/{serial}/")
    desk.get_by_role("region", name="RMA").get_by_role("link", name=number).click()
    desk.wait_for_url("**/support/rma/*/")
    expect(desk.get_by_role("heading", level=1)).to_have_text(number)


def approve(desk: Page, replacement: str = "") -> None:
    """Approve what was asked for, with the replacement where one is named now."""
    if replacement:
        desk.get_by_label("Replacement (serial number)").fill(replacement)
    desk.get_by_role("button", name="Approve").click()
    desk.locator("[data-state=approved]").wait_for()
    await_dry_run(desk)


def await_dry_run(desk: Page) -> None:
    """With scripts the dry run comes by itself; without, a link shows it."""
    link = desk.get_by_role("link", name="Show the dry run")
    if has_scripts(desk):
        expect(link).to_have_count(0)
    else:
        link.click()
        desk.wait_for_url("**/dry-run/")


def complete(desk: Page) -> None:
    """Do what the dry run shows."""
    desk.get_by_role("button", name="Complete: do exactly this").click()
    desk.locator("[data-state=completed]").wait_for()


def ask_for_the_licences(page: Page, *, primary: str, failed: str) -> str:
    """From the new primary's page, Transfer licenses; return the case's number."""
    go_to_product(page, primary)
    page.get_by_role("link", name="Transfer licenses").click()
    page.get_by_role("radio", name=failed).check()
    page.get_by_label("What is wrong with it").fill(SYMPTOM)
    page.get_by_role("button", name="Ask Support").click()
    page.wait_for_url("**/rma/*/")
    return page.get_by_role("heading", level=1).inner_text()


def remove_association(page: Page, secondary: str) -> None:
    """Both clicks on Remove, on the secondary's page."""
    go_to_product(page, secondary)
    parent = page.get_by_role("region", name="Parent Product")
    parent.get_by_role("link", name="Remove").click()
    page.wait_for_url("**/?remove=*")
    parent.locator("table").get_by_role("button", name="Remove").click()
    page.locator(".note.ok").wait_for()
