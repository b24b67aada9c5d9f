"""A pair's services through their life: activated, tried, renewed, shared out, swapped, removed.

Both keysets, the readiness and the entitlements follow each step.
"""

from playwright.sync_api import Page, expect

from licensing.activation.redeeming import make_activation_keys
from licensing.keyset import Outcome, Status
from licensing.models import Service
from tests.browser.guard import Guard
from tests.browser.inspect_page import has_scripts, inspect_page
from tests.browser.steps import FIRST, SECOND, associate_registered, go_to_product, verified

CLIENT_AV, SERVER_AV, CONTENT_FILTER = 2, 4, 5


def look(page: Page) -> None:
    """Inspect a page where scripts run. Without them it is the same page."""
    if has_scripts(page):
        inspect_page(page)


def key_for(code: int, *, count: int | None = None, months: int | None = 12) -> str:
    service = Service.objects.get(code=code)
    _, (key,) = make_activation_keys(
        service=service, count=count, months=months, number=1, model=None, reason="sold", by=None
    )
    return key


def redeem(page: Page, verb: str, service: str, key: str) -> None:
    page.get_by_role("link", name=f"{verb} {service}", exact=True).click()
    page.get_by_label("Activation Key").fill(key)
    page.get_by_role("button", name="Continue").click()
    look(page)
    page.get_by_role("button", name=verb, exact=True).click()
    page.get_by_role("status").get_by_text(service).wait_for()


def row(page: Page, service: str) -> str:
    cell = page.get_by_role("region", name="Services").get_by_role("row", name=service)
    return " ".join(cell.first.inner_text().split())


def runs(page: Page, serial: str) -> dict[int, int | None]:
    """What an appliance would run by its present keyset: counts by the codes of what hasn't ended."""
    page.goto(f"/products/{serial}/keyset/")
    result = verified(page, serial)
    assert result.outcome == Outcome.INSTALLED
    return {s.code: s.count for s in result.payload.services if s.status(result.today) != Status.EXPIRED}


def test_a_pairs_services_from_the_first_key_to_the_removal(page: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    go_to_product(page, FIRST.serial)
    redeem(page, "Activate", "Server Anti-Virus", key_for(SERVER_AV))
    redeem(page, "Renew", "Client AV Enforcement", key_for(CLIENT_AV, count=10))
    redeem(page, "Upgrade", "Client AV Enforcement", key_for(CLIENT_AV, count=5, months=None))
    assert "15" in row(page, "Client AV Enforcement")

    go_to_product(page, SECOND.serial)
    assert "shared On the primary" in row(page, "Server Anti-Virus")
    for serial in (FIRST.serial, SECOND.serial):
        held = runs(page, serial)
        assert (held[CLIENT_AV], SERVER_AV in held) == (15, True)

    go_to_product(page, FIRST.serial)
    page.get_by_role("link", name="Share Client AV Enforcement").click()
    look(page)
    page.get_by_label("To (serial number)").fill(SECOND.serial)
    page.get_by_label("How many").fill("4")
    page.get_by_role("button", name="Move").click()
    expect(page.get_by_role("region", name="15 licenses")).to_contain_text("11")

    go_to_product(page, FIRST.serial)
    page.get_by_role("link", name="Swap roles").click()
    look(page)
    page.get_by_role("button", name="Swap roles").click()
    page.get_by_role("status").get_by_text("Swapped").wait_for()
    # The part that SECOND had has met its own license, and returned to it.
    assert (runs(page, SECOND.serial)[CLIENT_AV], runs(page, FIRST.serial)[CLIENT_AV]) == (15, 15)

    go_to_product(page, FIRST.serial)
    page.get_by_role("link", name="Remove", exact=True).click()
    page.get_by_role("button", name="Remove", exact=True).last.click()
    page.get_by_role("status").get_by_text("Removed").wait_for()
    expect(page.locator("[data-code=old-keyset]")).to_contain_text(FIRST.serial)
    assert not {CLIENT_AV, SERVER_AV} & set(runs(page, FIRST.serial))
    assert {CLIENT_AV, SERVER_AV} <= set(runs(page, SECOND.serial))


def test_a_key_for_fewer_waits_or_begins_at_once(page: Page) -> None:
    go_to_product(page, FIRST.serial)
    redeem(page, "Renew", "Client AV Enforcement", key_for(CLIENT_AV, count=10))
    page.get_by_role("link", name="Renew Client AV Enforcement", exact=True).click()
    page.get_by_label("Activation Key").fill(key_for(CLIENT_AV, count=5, months=24))
    page.get_by_role("button", name="Continue").click()
    look(page)
    choices = page.get_by_role("group", name="choose when its license begins").get_by_role("radio")
    expect(choices.first).to_be_checked()

    page.get_by_label("from today").check()
    page.get_by_role("button", name="Renew", exact=True).click()

    told = page.get_by_role("status").get_by_text("Client AV Enforcement: licensed for 10 until")
    expect(told).to_contain_text("then for 5 until")


def test_a_free_trial_runs_on_both_units(page: Page) -> None:
    associate_registered(page, parent=SECOND.serial, child=FIRST.serial)
    go_to_product(page, SECOND.serial)

    page.get_by_role("link", name="Free trial of Content Filter", exact=True).click()
    look(page)
    page.get_by_role("button", name="Start free trial").click()
    page.get_by_role("status").get_by_text("Content Filter").wait_for()

    assert "Free Trial" in row(page, "Content Filter")
    assert all(CONTENT_FILTER in runs(page, serial) for serial in (FIRST.serial, SECOND.serial))


def test_a_refused_key_stays_in_its_field(guard: Guard, page: Page) -> None:
    go_to_product(page, FIRST.serial)
    page.get_by_role("link", name="Redeem an activation key").click()
    page.get_by_label("Activation Key").fill("AAAA-BBBB")
    with guard.refusal(page, 422):
        page.get_by_role("button", name="Continue").click()

    expect(page.locator("[data-code=invalid-key]")).to_be_visible()
    expect(page.get_by_label("Activation Key")).to_have_value("AAAA-BBBB")
    look(page)
