"""Associating an Appliance at First Registration, to both keysets, with scripts and without."""

import re

import pytest
from playwright.sync_api import Page, expect

from associations.models import Seat
from licensing.keyset import Outcome
from tests.browser.guard import Guard
from tests.browser.inspect_page import EVERY_LOOK, inspect_page
from tests.browser.steps import (
    BETTER,
    FIRST,
    NEW,
    NEWER,
    SECOND,
    cells,
    facts,
    register_to_association,
    step_1_log_in,
    step_2_quick_register,
    step_3_add_new_product,
    step_4_product_survey,
    step_5_choose_parent,
    step_6_choose_child,
    unregister,
    verified,
    view_license_keyset,
)

pytestmark = pytest.mark.usefixtures("demo")

PARENTS = ["", "Parent Product Type", "Friendly Name", "Serial Number"]
CHILDREN = ["", "Child Product Type", "Friendly Name", "Serial Number"]


def test_steps_1_to_7_with_one_parent_available(guard: Guard, javascript: bool) -> None:
    unregister(SECOND.serial)

    page = step_1_log_in(guard, javascript=javascript)
    step_2_quick_register(page, SECOND.serial)
    step_3_add_new_product(page, friendly_name="PRO 5060 2nd", code=SECOND.code)
    step_4_product_survey(page)
    step_5_choose_parent(page, FIRST.serial)

    expect(page.locator(".note.ok").get_by_role("link", name="PRO 5060 1st")).to_be_visible()
    assert_pair_has_keysets(page, primary=FIRST.serial, secondary=SECOND.serial)


def test_steps_1_to_7_with_several_parents_available(guard: Guard, javascript: bool) -> None:
    page = step_1_log_in(guard, javascript=javascript)
    step_2_quick_register(page, NEW.serial, press_enter=False)
    step_3_add_new_product(page, friendly_name="PRO 5060P", code=NEW.code)
    step_4_product_survey(page)
    step_5_choose_parent(page, SECOND.serial)

    expect(page.locator(".note.ok").get_by_role("link", name="PRO 5060 2nd")).to_be_visible()
    assert_pair_has_keysets(page, primary=SECOND.serial, secondary=NEW.serial)


def test_steps_1_to_7_with_the_new_unit_as_primary(guard: Guard, javascript: bool) -> None:
    page = step_1_log_in(guard, javascript=javascript)
    step_2_quick_register(page, NEW.serial)
    step_3_add_new_product(page, friendly_name="PRO 5060P", code=NEW.code)
    step_4_product_survey(page)
    step_5_choose_parent(page, None)
    step_6_choose_child(page, FIRST.serial)

    expect(page.locator(".note.warn").get_by_role("link", name="PRO 5060 1st")).to_be_visible()
    expect(page.locator(".note.warn").get_by_role("link", name="Swap roles")).to_be_visible()
    assert_pair_has_keysets(page, primary=NEW.serial, secondary=FIRST.serial)


def assert_pair_has_keysets(page: Page, *, primary: str, secondary: str) -> None:
    """Both keysets stand on the page License Keyset, and either appliance would take its own."""
    view_license_keyset(page)
    expect(page.locator("textarea.keyset")).to_have_count(2)
    of_primary, of_secondary = verified(page, primary), verified(page, secondary)

    assert of_primary.outcome == of_secondary.outcome == Outcome.INSTALLED
    assert of_secondary.payload.primary == primary
    assert of_primary.payload.primary is None
    mine = {service.code for service in of_primary.payload.services}
    assert mine - {13, 14} <= {service.code for service in of_secondary.payload.services}


def test_figure_of_one_parent(guard: Guard, javascript: bool) -> None:
    unregister(SECOND.serial)
    page = step_1_log_in(guard, javascript=javascript)

    register_to_association(page, SECOND, "PRO 5060 2nd")

    assert cells(page.locator("table")) == [PARENTS, ["", "HF Primary", "PRO 5060 1st", "0006B1124416"]]
    shown = facts(page)
    assert re.fullmatch("[A-Z2-9]{8}", shown.pop("Reg. Code"))
    assert shown == {
        "Serial Number": "0006B112441C",
        "Product": "SONICWALL PRO 5060",
        "Platform": "SonicWALL",
        "Node Support": "Unlimited",
    }


def test_figure_of_several_parents(page: Page) -> None:
    register_to_association(page)

    assert cells(page.locator("table")) == [
        PARENTS,
        ["", "HF Primary", "PRO 5060 1st", "0006B1124416"],
        ["", "HF Primary", "PRO 5060 2nd", "0006B112441C"],
    ]
    expect(page.get_by_role("heading", level=2).last).to_have_text(
        "Select the product you would like to designate as the parent product for the SONICWALL PRO 5060"
    )
    assert facts(page)["Serial Number"] == "0006B1124422"


def test_figure_of_children(guard: Guard, javascript: bool) -> None:
    unregister(SECOND.serial)
    page = step_1_log_in(guard, javascript=javascript)
    register_to_association(page, SECOND, "PRO 5060 2nd")

    step_5_choose_parent(page, None)

    expect(page.get_by_role("heading", level=2).last).to_have_text("Associate child products.")
    assert cells(page.locator("table")) == [
        [*CHILDREN, ""],
        ["", "HF Secondary", "PRO 5060 1st", "0006B1124416", BETTER],
    ]


def test_every_page_of_the_way_is_fit_to_be_seen(guard: Guard) -> None:
    page = step_1_log_in(guard, javascript=True)
    inspect_page(page, EVERY_LOOK)
    step_2_quick_register(page, NEW.serial)
    inspect_page(page, EVERY_LOOK)
    step_3_add_new_product(page, friendly_name="W" * 30, code=NEW.code)
    page.wait_for_url("**/survey/")
    inspect_page(page, EVERY_LOOK)
    step_4_product_survey(page)
    page.wait_for_url("**/association/")
    inspect_page(page, EVERY_LOOK)
    step_5_choose_parent(page, None)
    page.wait_for_url("**/association/child/")
    inspect_page(page, EVERY_LOOK)
    step_6_choose_child(page, FIRST.serial)
    page.wait_for_url(f"**/products/{NEW.serial}/")
    inspect_page(page, EVERY_LOOK)
    view_license_keyset(page)
    inspect_page(page, EVERY_LOOK)


def test_left_midway_the_unit_keeps_its_way_to_an_association(page: Page) -> None:
    step_2_quick_register(page, NEW.serial)
    step_3_add_new_product(page, friendly_name="", code=NEW.code)
    page.wait_for_url("**/survey/")
    page.goto("/")

    page.get_by_role("link", name=NEW.serial).click()
    page.get_by_role("link", name="Create Association").click()
    step_5_choose_parent(page, FIRST.serial)

    page.wait_for_url(f"**/products/{NEW.serial}/")
    assert Seat.objects.live().filter(registration__unit__serial=NEW.serial, shares=True).exists()
    expect(page.get_by_role("link", name="Create Association")).to_have_count(0)


def test_no_choice_on_both_pages_leaves_the_unit_alone(page: Page) -> None:
    register_to_association(page)

    step_5_choose_parent(page, None)
    step_6_choose_child(page, None)

    page.wait_for_url(f"**/products/{NEW.serial}/")
    expect(page.locator(".note.ok")).to_be_visible()
    assert not Seat.objects.exists()


def test_second_secondary_is_a_spare(page: Page) -> None:
    register_to_association(page, NEW)
    step_5_choose_parent(page, FIRST.serial)
    register_to_association(page, NEWER, "the third")

    step_5_choose_parent(page, FIRST.serial)

    page.wait_for_url(f"**/products/{NEWER.serial}/")
    expect(page.locator("h1 ~ .tag")).to_have_text("HF Secondary (spare)")
    assert not Seat.objects.get(registration__unit__serial=NEWER.serial).shares
    page.goto(f"/products/{NEWER.serial}/keyset/")
    assert verified(page, NEWER.serial).payload.primary is None
    expect(page.locator("textarea.keyset")).to_have_count(1)
