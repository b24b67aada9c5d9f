"""The source, Associating an Appliance at First Registration: each step as a person goes it."""

import json

from playwright.sync_api import Locator, Page

from licensing.keyset import KeyRing, Result, verify
from portal.demo import OWNER, UNITS
from products.models import Registration
from tests.browser.guard import Guard
from tests.factories import PASSWORD

FIRST, SECOND, NEW, NEWER, OTHER_MODEL = UNITS
BETTER = "Holds more to share"
VISIBLE_TEXT = """
    (cell) => {
        const shown = cell.cloneNode(true);
        shown.querySelectorAll(".visually-hidden").forEach((hidden) => hidden.remove());
        return shown.textContent.replace(/\\s+/g, " ").trim();
    }
"""


def step_1_log_in(guard: Guard, *, javascript: bool, password: str = PASSWORD) -> Page:
    page = guard.open("/login/", javascript=javascript)
    page.get_by_label("User name or e-mail").fill(OWNER)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Login").click()
    return page


def step_2_quick_register(page: Page, serial: str, *, press_enter: bool = True) -> None:
    pane = page.get_by_role("region", name="Quick Register")
    pane.get_by_label("Serial number").fill(serial)
    if press_enter:
        pane.get_by_label("Serial number").press("Enter")
    else:
        pane.get_by_role("button").click()
    page.wait_for_url("**/products/?serial_number=*")


def step_3_add_new_product(page: Page, *, friendly_name: str, code: str) -> None:
    page.get_by_label("Friendly Name").fill(friendly_name)
    page.get_by_label("Authentication Code").fill(code)
    page.get_by_role("button", name="Register", exact=True).last.click()


def step_4_product_survey(page: Page) -> None:
    page.wait_for_url("**/survey/")
    page.get_by_label("How many users").select_option("11 to 50")
    page.get_by_role("button", name="Continue").click()


def step_5_choose_parent(page: Page, serial: str | None) -> None:
    page.wait_for_url("**/association/")
    choose(page, serial)


def step_6_choose_child(page: Page, serial: str | None) -> None:
    page.wait_for_url("**/association/child/")
    choose(page, serial)


def choose(page: Page, serial: str | None) -> None:
    """Click a unit's radio button, or none, and go on."""
    if serial:
        page.get_by_role("radio", name=serial).check()
    page.get_by_role("button", name="Continue").click()


def register_to_association(page: Page, unit: object = NEW, name: str = "PRO 5060P") -> None:
    """Steps 2 to 4, up to the page Create Association."""
    step_2_quick_register(page, unit.serial)
    step_3_add_new_product(page, friendly_name=name, code=unit.code)
    step_4_product_survey(page)
    page.wait_for_url("**/association/")


def unregister(serial: str) -> None:
    """Put a unit back into the factory's record, as if it had never been registered."""
    Registration.objects.filter(unit__serial=serial).delete()


def cells(table: Locator) -> list[list[str]]:
    """A table's texts as they are seen: its heads, then its rows."""
    return [
        [cell.evaluate(VISIBLE_TEXT) for cell in row.locator("th, td").all()]
        for row in table.locator("tr").all()
    ]


def view_license_keyset(page: Page) -> None:
    """Click the unit's own button: a finding of readiness leads to a keyset by a link of this name, too."""
    page.get_by_role("region", name="This unit").get_by_role("link", name="View License keyset").click()
    page.wait_for_url("**/keyset/")


def facts(page: Page) -> dict[str, str]:
    """The facts of the unit that a page is about."""
    rows = page.locator("dl.facts").first.locator("> div").all()
    return {row.locator("dt").inner_text(): row.locator("dd").inner_text() for row in rows}


def verified(page: Page, serial: str) -> Result:
    """What an appliance says to its keyset on the page License Keyset, knowing the portal's public keys."""
    ring = KeyRing.from_jwks(json.dumps(page.request.get("/.well-known/jwks.json").json()))
    return verify(page.locator(f"#keyset-{serial}").input_value(), serial=serial, keys=ring)


def step_2_view_all_registered_products(page: Page) -> None:
    page.get_by_role("link", name="View all registered products").click()
    page.wait_for_url("**/products/")


def step_3_click_product(page: Page, name_or_serial: str) -> None:
    products = page.get_by_role("region", name="Registered Products")
    own_cells = products.locator("td:nth-child(-n+2)")  # the cell of its role names its partner too
    own_cells.get_by_role("link", name=name_or_serial, exact=True).click()
    page.get_by_text("Service Management - Associated Products").wait_for()


def step_5_click_label(page: Page, label: str) -> None:
    """Under Associated Products, click HF Secondary or HF Primary."""
    page.get_by_role("region", name="Associated Products").get_by_role("link", name=label).click()
    page.wait_for_url("**/associated/*/")


def step_6_type_new_product(page: Page, *, serial: str, friendly_name: str = "", code: str = "") -> None:
    form = page.get_by_role("region", name="Associate new products")
    form.get_by_label("Serial Number").fill(serial)
    form.get_by_label("Friendly Name").fill(friendly_name)
    form.get_by_label("Authentication Code").fill(code)


def step_7_register(page: Page) -> None:
    page.get_by_role("region", name="Associate new products").get_by_role("button", name="Register").click()


def step_8_product_survey(page: Page) -> None:
    page.wait_for_url("**/survey/?from=*")
    page.get_by_role("button", name="Continue").click()


def step_10_continue(page: Page) -> None:
    page.get_by_role("button", name="Continue").click()


def go_to_product(page: Page, serial: str) -> None:
    """From the main page to a unit's Service Management, as every procedure begins."""
    page.goto("/")
    step_2_view_all_registered_products(page)
    step_3_click_product(page, serial)


def associate_registered(page: Page, *, parent: str, child: str, friendly_name: str = "") -> None:
    """Associating Pre-Registered Appliances, steps 2 to 7."""
    go_to_product(page, parent)
    step_5_click_label(page, "HF Secondary")
    step_6_type_new_product(page, serial=child, friendly_name=friendly_name)
    step_7_register(page)
    page.get_by_role("region", name="Associated Products").get_by_role("link", name=child).wait_for()


def register_alone(page: Page, unit: object, name: str) -> None:
    """Register a unit and leave it in no association."""
    register_to_association(page, unit, name)
    step_5_choose_parent(page, None)
    step_6_choose_child(page, None)
    page.wait_for_url(f"**/products/{unit.serial}/")


def table_of(page: Page, section: str) -> list[list[str]]:
    """The texts of a section's table."""
    return cells(page.get_by_role("region", name=section, exact=True).locator("table"))
