"""A unit is replaced: the administrator asks, Support completes, both see the end; and it is undone."""

from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from licensing.keyset import Payload
from portal.models import User
from tests.browser.guard import Guard
from tests.browser.rma_steps import (
    SYMPTOM,
    approve,
    ask_for_replacement,
    ask_for_the_licences,
    complete,
    open_at_the_desk,
    remove_association,
)
from tests.browser.steps import (
    FIRST,
    NEW,
    SECOND,
    associate_registered,
    cells,
    register_to_association,
    step_5_choose_parent,
    table_of,
    verified,
)

COUNTS = [["Child Product Type", "Status"], ["SonicPoint", "0"], ["SonicWALL SonicPoint G", "0"]]
PARENTS = ["Parent Product Type", "Friendly Name", "Serial Number", ""]
ACTS = "Change parent Remove"
COLON_SEPARATED = ":".join(NEW.serial[at : at + 2] for at in range(0, 12, 2)).lower()

type Services = list[list[str]]


@pytest.fixture
def desk(guard: Guard, agent: User, javascript: bool) -> Page:
    return guard.open("/support/", user=agent, javascript=javascript)


def side(desk: Page, serial: str, when: str) -> str:
    """What the dry run says of a unit."""
    card = desk.locator(f"section[data-unit='{serial}'][data-when='{when}']")
    return " ".join(card.inner_text().split())


def services(page: Page, serial: str) -> Services:
    """The table of services on a unit's page, without what can be done about each."""
    page.goto(f"/products/{serial}/")
    table = cells(page.locator("section[aria-labelledby=services] table"))
    return [[row[0], row[1], row[-2], row[-1]] for row in table]


def payload(page: Page, serial: str) -> Payload:
    """What an appliance reads in its keyset, but for its number and its moment."""
    page.goto(f"/products/{serial}/keyset/")
    read = verified(page, serial).payload
    assert read
    return replace(read, generation=0, issued=0)


def parents(page: Page, serial: str) -> Services:
    page.goto(f"/products/{serial}/")
    has_parent = page.get_by_role("region", name="Parent Product").count()
    return table_of(page, "Parent Product") if has_parent else []


def check_end_of_a_failed_primary(page: Page, before: Services, shared: Services) -> None:
    """The secondary is primary with the failed unit's licences, the replacement is its secondary."""
    assert services(page, SECOND.serial) == before
    assert table_of(page, "Associated Products") == [*COUNTS, ["HF Secondary", "1"]]
    assert parents(page, SECOND.serial) == []
    assert services(page, NEW.serial) == shared
    row = ["HF Primary", "PRO 5060 2nd", SECOND.serial, ACTS]
    assert parents(page, NEW.serial) == [PARENTS, row]
    expect(page.get_by_role("heading", level=1)).to_have_text("PRO 5060 1st")
    primary, secondary = payload(page, SECOND.serial), payload(page, NEW.serial)
    assert (primary.primary, secondary.primary) == (None, SECOND.serial)
    page.goto("/products/")
    expect(page.get_by_role("link", name=FIRST.serial)).to_have_count(0)


def test_a_failed_primary_is_replaced(page: Page, desk: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    before, shared = services(page, FIRST.serial), services(page, SECOND.serial)
    number = ask_for_replacement(page, FIRST.serial)

    open_at_the_desk(desk, FIRST.serial, number)
    expect(desk.get_by_role("region", name="Case")).to_contain_text(SYMPTOM)
    approve(desk, COLON_SEPARATED)
    desk.get_by_text("Every unit before and after").click()
    told = {unit.serial: side(desk, unit.serial, "After") for unit in (FIRST, SECOND, NEW)}
    complete(desk)

    assert "retired" in told[FIRST.serial]
    assert f"HF Primary of PRO 5060 1st ({NEW.serial})" in told[SECOND.serial]
    assert f"HF Secondary of PRO 5060 2nd ({SECOND.serial})" in told[NEW.serial]
    page.reload()
    steps = page.get_by_role("region", name="What to do now").get_by_role("listitem")
    expect(steps).to_have_count(6)
    expect(steps.nth(3)).to_contain_text(NEW.serial)
    page.get_by_role("link", name="View License keyset").click()
    page.wait_for_url(f"**/products/{SECOND.serial}/keyset/")
    assert all(verified(page, unit.serial).payload for unit in (SECOND, NEW))
    check_end_of_a_failed_primary(page, before, shared)


def test_a_failed_primary_is_replaced_by_the_sources_own_steps(page: Page, desk: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    before, shared = services(page, FIRST.serial), services(page, SECOND.serial)
    remove_association(page, SECOND.serial)
    register_to_association(page, NEW, "PRO 5060 1st")
    step_5_choose_parent(page, SECOND.serial)
    page.wait_for_url(f"**/products/{NEW.serial}/")

    number = ask_for_the_licences(page, primary=SECOND.serial, failed=FIRST.serial)
    open_at_the_desk(desk, FIRST.serial, number)
    approve(desk)
    complete(desk)

    check_end_of_a_failed_primary(page, before, shared)


def test_a_failed_secondary_is_replaced(page: Page, desk: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    before, shared = services(page, FIRST.serial), services(page, SECOND.serial)
    number = ask_for_replacement(page, SECOND.serial)

    open_at_the_desk(desk, SECOND.serial, number)
    approve(desk, NEW.serial)
    complete(desk)

    page.reload()
    expect(page.get_by_role("region", name="What to do now").get_by_role("listitem")).to_have_count(3)
    assert services(page, FIRST.serial) == before
    assert table_of(page, "Associated Products") == [*COUNTS, ["HF Secondary", "1"]]
    assert services(page, NEW.serial) == shared
    row = ["HF Primary", "PRO 5060 1st", FIRST.serial, ACTS]
    assert parents(page, NEW.serial) == [PARENTS, row]
    assert payload(page, NEW.serial).primary == FIRST.serial


def test_a_completed_case_is_undone(page: Page, desk: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    units = (FIRST.serial, SECOND.serial)
    before = [(services(page, unit), parents(page, unit), payload(page, unit)) for unit in units]
    number = ask_for_replacement(page, FIRST.serial)
    open_at_the_desk(desk, FIRST.serial, number)
    approve(desk, NEW.serial)
    complete(desk)

    desk.get_by_role("link", name="Show the dry run").click()
    desk.get_by_label("Reason").fill("it was the cable")
    desk.get_by_role("button", name="Undo this case").click()

    desk.locator("[data-state=undone]").wait_for()
    page.reload()
    expect(page.get_by_role("region", name="Case")).to_contain_text("it was the cable")
    assert [(services(page, unit), parents(page, unit), payload(page, unit)) for unit in units] == before
    page.goto("/products/")
    expect(page.get_by_role("link", name=NEW.serial)).to_have_count(0)


def test_what_changed_meanwhile_is_shown_again(page: Page, desk: Page, guard: Guard) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    number = ask_for_replacement(page, FIRST.serial)
    open_at_the_desk(desk, FIRST.serial, number)
    approve(desk, NEW.serial)
    remove_association(page, SECOND.serial)

    with guard.refusal(desk, 422):
        desk.get_by_role("button", name="Complete: do exactly this").click()

    expect(desk.locator("[role=alert][data-code=plan-changed]")).to_be_visible()
    complete(desk)
    assert parents(page, NEW.serial)[1][:3] == ["HF Primary", "PRO 5060 2nd", SECOND.serial]
