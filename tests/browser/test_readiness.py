"""A pair becomes ready by applying and confirming both keysets, and a grant makes it not ready again."""

import pytest
from playwright.sync_api import Page, expect

from licensing.models import Licence
from portal.models import User
from products.models import Registration
from tests.browser.guard import Guard
from tests.browser.inspect_page import inspect_page
from tests.browser.steps import FIRST, SECOND
from tests.factories import hf
from tests.licensing.history import grant


@pytest.fixture
def paired(owner: User) -> None:
    """The demo's two registered units as a pair, without the demo's licences that end soon or have ended."""
    Licence.objects.all().delete()
    units = {r.unit.serial: r for r in Registration.objects.select_related("unit")}
    hf(units[FIRST.serial], units[SECOND.serial], by=owner)


def state(page: Page) -> str:
    page.goto(f"/products/{SECOND.serial}/")
    return page.get_by_role("region", name="Failover readiness").locator("header .tag").inner_text()


@pytest.mark.usefixtures("paired")
def test_readiness_follows_what_was_applied_and_what_was_licensed(page: Page) -> None:
    states = [state(page)]
    page.goto(f"/products/{FIRST.serial}/keyset/")
    for _ in range(2):
        page.get_by_role("button", name="Applied on the unit").first.click()
        page.get_by_text("Noted: ").wait_for()
    expect(page.get_by_role("button", name="Applied on the unit")).to_have_count(0)
    states.append(state(page))
    grant(Registration.objects.get(unit__serial=FIRST.serial), 3)
    states.append(state(page))

    assert states == ["Unknown", "Ready", "Not ready"]
    page.get_by_role("link", name="Readiness", exact=True).click()
    expect(page.get_by_role("region", name="If the primary dies now").locator(".tag")).to_have_text(
        "Not ready"
    )


@pytest.mark.usefixtures("paired")
def test_readiness_is_fit_to_be_seen(guard: Guard, owner: User) -> None:
    page = guard.open(user=owner)

    for path in ("/", "/products/", "/readiness/", f"/products/{FIRST.serial}/", "/help/readiness/"):
        page.goto(path)
        inspect_page(page)
    page.goto(f"/products/{FIRST.serial}/keyset/")
    page.get_by_role("button", name="Applied on the unit").last.click()
    inspect_page(page)
    page.goto(f"/products/{FIRST.serial}/")
    page.get_by_text("would run", exact=False).last.click()
    inspect_page(page)
