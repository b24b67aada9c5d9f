"""What the desk does in the cases of docs/support.md, step by step, at the width of a desk's screen."""

from playwright.sync_api import Page, expect

from portal.models import User
from tests.browser.guard import PHONE, Guard
from tests.browser.inspect_page import Look
from tests.browser.rma_steps import SYMPTOM, await_dry_run, complete

WIDE = 1280
WIDTHS: list[Look] = [(WIDE, "light"), (PHONE, "dark")]


def as_role(guard: Guard, user: User, path: str = "/support/") -> Page:
    """A page of the portal in a browser of somebody's own."""
    return guard.open(path, user=user, width=WIDE)


def look_up(desk: Page, text: str) -> None:
    desk.get_by_role("search", name="Look up").get_by_role("searchbox").fill(text)
    desk.get_by_role("button", name="Look up").click()


def begin_case(desk: Page, serial: str, replacement: str, kind: str = "") -> None:
    """From a unit's page, Open an RMA case, up to what is typed."""
    desk.goto(f"/support/units/{serial}/")
    desk.get_by_role("link", name="Open an RMA case").click()
    if kind:
        desk.get_by_label("What is to be done").select_option(kind)
    desk.get_by_label("Replacement (serial number)").fill(replacement)
    desk.get_by_label("What is wrong with it").fill(SYMPTOM)


def open_case(desk: Page, serial: str, replacement: str, kind: str = "") -> None:
    """Open a case, and read its dry run."""
    begin_case(desk, serial, replacement, kind)
    desk.get_by_role("button", name="Open case").click()
    desk.locator("[data-state=approved]").wait_for()
    await_dry_run(desk)


def unfold(desk: Page, heading: str) -> None:
    """Click a fold's heading, unless it is open already."""
    summary = desk.locator("summary", has_text=heading)
    if not summary.evaluate("summary => summary.parentElement.open"):
        summary.click()


def choose_pair(desk: Page, partner: str) -> None:
    """The pair afterwards: choose its primary by the serial number, or "none"."""
    unfold(desk, "The pair afterwards")
    desk.get_by_label("HF Primary afterwards").select_option(partner)
    desk.get_by_role("button", name="Show", exact=True).click()
    desk.wait_for_url(f"**/?partner={partner}")


def replace(desk: Page, serial: str, replacement: str) -> None:
    """A case from its opening to its completion, as the dry run has it."""
    open_case(desk, serial, replacement)
    complete(desk)


def waive(desk: Page, reason: str, *, model: str = "", button: str = "Let pass") -> None:
    """On a case's page, let an ended warranty pass or, where one is named, another model."""
    unfold(desk, "Let pass an ended warranty or another model")
    if model:
        desk.get_by_label("Let in a replacement of another model").select_option(model)
        desk.get_by_label("Let in that model, because").fill(reason)
    else:
        desk.get_by_label("Let the ended warranty pass, because").fill(reason)
    desk.get_by_role("button", name=button, exact=True).click()


def undo(desk: Page, reason: str) -> None:
    """Undo a completed case whose dry run is shown."""
    desk.get_by_label("Reason").fill(reason)
    desk.get_by_role("button", name="Undo this case: do exactly this").click()
    desk.locator("[data-state=undone]").wait_for()


def partners(desk: Page, serial: str) -> list[tuple[str, str]]:
    """The roles in a unit's associations at the desk, each with its unit's serial number, its own without."""
    desk.goto(f"/support/units/{serial}/")
    rows = desk.get_by_role("region", name="Association", exact=True).locator("> table tbody tr")
    found = [
        (row.locator("td").first.inner_text(), row.locator("td").nth(1).inner_text()) for row in rows.all()
    ]
    return [(role, "" if unit == "this unit" else unit) for role, unit in found]


def runs(desk: Page, serial: str) -> list[str]:
    """The services that a unit may run, as the desk reads them."""
    desk.goto(f"/support/units/{serial}/")
    table = desk.get_by_role("region", name="What it may run").locator("> table")
    return table.locator("[data-label='Security Service']").all_inner_texts()


def set_password_and_log_in(guard: Guard, link: str, login: str, password: str) -> Page:
    """Follow a mail's link, set the password, and log in with it."""
    page = guard.open(link, width=WIDE)
    for field in ("new_password1", "new_password2"):
        page.locator(f"[name={field}]").fill(password)
    page.get_by_role("button", name="Set password").click()
    page.wait_for_url("**/login/")
    page.get_by_label("User name or e-mail").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Login").click()
    expect(page.get_by_role("button", name="Logout")).to_be_visible()
    return page
