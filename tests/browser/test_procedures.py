"""The source's procedures that begin with registered units, word for word, with scripts and without."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from associations.models import Seat
from licensing.keyset import Payload
from portal.models import User
from tests.browser.guard import Guard
from tests.browser.steps import (
    BETTER,
    FIRST,
    NEW,
    NEWER,
    SECOND,
    associate_registered,
    cells,
    facts,
    go_to_product,
    register_alone,
    register_to_association,
    step_1_log_in,
    step_2_view_all_registered_products,
    step_3_click_product,
    step_5_choose_parent,
    step_5_click_label,
    step_6_choose_child,
    step_6_type_new_product,
    step_7_register,
    step_8_product_survey,
    step_10_continue,
    table_of,
    verified,
)

pytestmark = pytest.mark.usefixtures("demo")

REG_CODE = re.compile("[A-HJ-NP-Z2-9]{8}")
COUNTS = [["Child Product Type", "Status"], ["SonicPoint", "0"], ["SonicWALL SonicPoint G", "0"]]
PRODUCTS = ["Name", "Serial Number", "Product Line", "Firmware", ""]
PARENTS = ["Parent Product Type", "Friendly Name", "Serial Number", ""]
ACTS = "Change parent Remove"


def products(page: Page) -> list[list[str]]:
    """The table of My Product - Associated Products; what the registration codes are is left out."""
    heads, *rows = table_of(page, "Associated Products")
    assert heads.pop(4) == "Reg. Code"
    assert all(REG_CODE.fullmatch(row.pop(4)) for row in rows)
    return [heads, *rows]


def unit_facts(page: Page) -> dict[str, str]:
    """The facts of the unit, but for its registration code."""
    shown = facts(page)
    assert REG_CODE.fullmatch(shown.pop("Reg. Code"))
    return shown


def subheading(page: Page) -> Locator:
    return page.locator(".title .soft")


def payload(page: Page, serial: str) -> Payload:
    """What an appliance reads in its keyset."""
    page.goto(f"/products/{serial}/keyset/")
    read = verified(page, serial).payload
    assert read
    return read


# Associating an Appliance at First Registration: its step 7


def test_step_7_figures_1_2_and_3(page: Page) -> None:
    register_to_association(page)
    step_5_choose_parent(page, FIRST.serial)

    figure_1 = table_of(page, "Parent Product")
    page.get_by_role("region", name="Parent Product").get_by_role("link", name=FIRST.serial).click()
    page.wait_for_url(f"**/products/{FIRST.serial}/")
    figure_2 = table_of(page, "Associated Products")
    step_5_click_label(page, "HF Secondary")

    assert figure_1 == [PARENTS, ["HF Primary", "PRO 5060 1st", "0006B1124416", ACTS]]
    assert figure_2 == [*COUNTS, ["HF Secondary", "1"]]
    expect(subheading(page)).to_have_text(
        "HF Secondary associated with PRO 5060 1st. Manage or associate products."
    )
    assert products(page) == [PRODUCTS, ["1. PRO 5060P", "0006B1124422", "PRO 5060", "2.5.0.0e", ACTS]]
    page.get_by_role("link", name="BACK").click()
    page.wait_for_url(f"**/products/{FIRST.serial}/")


def test_every_count_is_a_link(page: Page) -> None:
    for label in ["SonicPoint", "SonicWALL SonicPoint G", "HF Secondary"]:
        go_to_product(page, FIRST.serial)
        link = page.get_by_role("region", name="Associated Products").get_by_role(
            "link", name=label, exact=True
        )
        link.click()

        expect(subheading(page)).to_have_text(
            f"{label} associated with PRO 5060 1st. Manage or associate products."
        )


# Associating Pre-Registered Appliances


def test_associating_pre_registered_appliances(guard: Guard, javascript: bool) -> None:
    page = step_1_log_in(guard, javascript=javascript)
    register_alone(page, NEW, "at stock")
    page.goto("/")

    step_2_view_all_registered_products(page)
    step_3_click_product(page, "PRO 5060 1st")
    step_5_click_label(page, "HF Secondary")
    step_6_type_new_product(page, serial=NEW.serial, friendly_name="PRO 5060P")
    step_7_register(page)

    expect(page.locator(".note.ok").get_by_role("link", name="PRO 5060P")).to_be_visible()
    expect(subheading(page)).to_contain_text("HF Secondary associated with PRO 5060 1st.")
    assert products(page) == [PRODUCTS, ["1. PRO 5060P", "0006B1124422", "PRO 5060", "2.5.0.0e", ACTS]]
    assert payload(page, NEW.serial).primary == FIRST.serial


def test_pre_registered_appliance_keeps_its_name(page: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)

    assert products(page)[1][:2] == ["1. PRO 5060 2nd", "0006B112441C"]


# Associating a New Unit to a Pre-Registered Appliance


def associate_new_unit(page: Page, *, existing: str, label: str, unit: object, name: str) -> None:
    """Steps 2 to 8, from a unit that is there already."""
    go_to_product(page, existing)
    step_5_click_label(page, label)
    step_6_type_new_product(page, serial=unit.serial, friendly_name=name, code=unit.code)
    step_7_register(page)
    step_8_product_survey(page)
    page.wait_for_url(re.compile(f"/{unit.serial}/association/.*from={existing}"))


def test_associating_a_new_unit_to_a_unit_in_no_pair(page: Page) -> None:
    associate_new_unit(page, existing=FIRST.serial, label="HF Secondary", unit=NEWER, name="the fourth")

    figure_5 = cells(page.locator("table"))
    assert figure_5 == [
        ["", "Parent Product Type", "Friendly Name", "Serial Number"],
        ["", "HF Primary", "PRO 5060 1st", "0006B1124416"],
        ["", "HF Primary", "PRO 5060 2nd", "0006B112441C"],
        ["", "No parent product"],
    ]
    expect(page.get_by_role("radio", name=FIRST.serial)).to_be_checked()
    assert unit_facts(page) == {
        "Serial Number": "0006B1124440",
        "Product": "SONICWALL PRO 5060",
        "Platform": "SonicWALL",
        "Node Support": "Unlimited",
    }
    step_10_continue(page)

    page.wait_for_url(f"**/products/{NEWER.serial}/")
    expect(page.locator(".note.ok")).to_contain_text("Registered")
    step_5_click_label(page, "HF Primary")
    assert products(page)[1] == ["1. PRO 5060 1st", "0006B1124416", "PRO 5060", "2.5.0.0e", ACTS]


def test_associating_a_new_unit_to_a_primary(page: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    associate_new_unit(page, existing=FIRST.serial, label="HF Secondary", unit=NEW, name="the third")

    expect(page.get_by_role("radio", name=FIRST.serial)).to_be_checked()
    assert {row[1] for row in cells(page.locator("table"))[1:-1]} == {"HF Primary"}
    step_10_continue(page)

    page.wait_for_url(f"**/products/{NEW.serial}/")
    expect(page.locator("h1 ~ .tag")).to_have_text("HF Secondary (spare)")
    expect(page.locator(".note.warn")).to_be_visible()


def test_associating_a_new_unit_to_a_secondary(page: Page) -> None:
    register_to_association(page, NEWER, "the old primary")
    step_5_choose_parent(page, None)
    step_6_choose_child(page, FIRST.serial)
    associate_new_unit(page, existing=FIRST.serial, label="HF Primary", unit=NEW, name="PRO 5060P")

    figure_6 = cells(page.locator("table"))
    assert figure_6 == [
        ["", "Child Product Type", "Friendly Name", "Serial Number", ""],
        ["", "HF Secondary", "PRO 5060 1st", "0006B1124416", f"HF Secondary of the old primary {BETTER}"],
        ["", "HF Secondary", "PRO 5060 2nd", "0006B112441C", ""],
        ["", "No child product"],
    ]
    expect(page.get_by_role("radio", name=FIRST.serial)).to_be_checked()
    assert unit_facts(page)["Serial Number"] == "0006B1124422"
    step_10_continue(page)
    page.get_by_role("button", name="Change parent").click()

    page.wait_for_url(f"**/products/{NEW.serial}/")
    expect(page.locator(".note.warn").get_by_role("link", name="PRO 5060 1st")).to_be_visible()
    figure_7 = table_of(page, "Associated Products")
    assert figure_7 == [*COUNTS, ["HF Secondary", "1"]]
    step_5_click_label(page, "HF Secondary")
    assert products(page)[1][:2] == ["1. PRO 5060 1st", "0006B1124416"]
    assert payload(page, FIRST.serial).primary == NEW.serial


def test_new_primary_takes_a_unit_in_no_pair(page: Page) -> None:
    register_to_association(page, NEWER, "the old primary")
    step_5_choose_parent(page, None)
    step_6_choose_child(page, FIRST.serial)
    associate_new_unit(page, existing=FIRST.serial, label="HF Primary", unit=NEW, name="PRO 5060P")

    page.get_by_role("radio", name=SECOND.serial).check()
    step_10_continue(page)

    page.wait_for_url(f"**/products/{NEW.serial}/")
    assert table_of(page, "Associated Products") == [*COUNTS, ["HF Secondary", "1"]]
    assert payload(page, SECOND.serial).primary == NEW.serial


def test_new_unit_can_stay_alone(page: Page) -> None:
    associate_new_unit(page, existing=FIRST.serial, label="HF Secondary", unit=NEW, name="alone")

    page.get_by_role("radio", name="No parent product").check()
    step_10_continue(page)
    page.wait_for_url("**/association/child/?from=*")
    step_10_continue(page)

    page.wait_for_url(f"**/products/{NEW.serial}/")
    assert not Seat.objects.exists()


# Removing an HF Association


def step_5_remove(page: Page) -> None:
    """Click Remove, wait for the page to reload, and click Remove again."""
    parent = page.get_by_role("region", name="Parent Product")
    parent.get_by_role("link", name="Remove").click()
    page.wait_for_url("**/?remove=*")
    parent.locator("table").get_by_role("button", name="Remove").click()


def test_removing_an_hf_association(guard: Guard, javascript: bool) -> None:
    page = step_1_log_in(guard, javascript=javascript)
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    page.goto("/")

    step_2_view_all_registered_products(page)
    step_3_click_product(page, "PRO 5060 2nd")
    step_5_remove(page)

    page.wait_for_url(f"**/products/{SECOND.serial}/")
    expect(page.locator(".note.ok").get_by_role("link", name="PRO 5060 1st")).to_be_visible()
    expect(page.get_by_role("region", name="Parent Product")).to_have_count(0)
    assert not Seat.objects.live().exists()
    assert payload(page, SECOND.serial).primary is None


def test_figure_8(page: Page) -> None:
    page.goto(f"/products/{FIRST.serial}/")
    page.get_by_label("Friendly Name").fill("SonicWALL PRO 5060")
    page.get_by_role("button", name="Save name").click()
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    go_to_product(page, SECOND.serial)
    row = [PARENTS, ["HF Primary", "SonicWALL PRO 5060", "0006B1124416", ACTS]]
    assert table_of(page, "Parent Product") == row

    page.get_by_role("region", name="Parent Product").get_by_role("link", name="Remove").click()

    expect(page.locator("#asked strong").first).to_have_text(
        "Are you sure you want to remove this Parent product Association? If yes then click “Remove” again."
    )
    assert table_of(page, "Parent Product") == row
    assert Seat.objects.live().count() == 2


def test_remove_says_what_is_lost_and_can_be_left(page: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    go_to_product(page, SECOND.serial)

    page.get_by_role("region", name="Parent Product").get_by_role("link", name="Remove").click()

    expect(page.locator("#asked .changes li").first).to_be_visible()
    page.get_by_role("link", name="Keep it").click()
    page.wait_for_url(f"**/products/{SECOND.serial}/")
    expect(page.locator("#asked")).to_have_count(0)
    assert Seat.objects.live().count() == 2


def test_removing_from_the_primarys_page(page: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    go_to_product(page, FIRST.serial)
    step_5_click_label(page, "HF Secondary")

    page.locator("tr", has_text=SECOND.serial).get_by_role("link", name="Remove").click()
    page.locator("#asked").get_by_role("button", name="Remove").click()

    page.wait_for_url(f"**/products/{FIRST.serial}/")
    expect(page.locator(".note.ok")).to_be_visible()
    assert table_of(page, "Associated Products")[-1] == ["HF Secondary", "0"]


def test_history_tells_the_association_after_remove(page: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    go_to_product(page, SECOND.serial)
    step_5_remove(page)

    role, other, began, ended = table_of(page, "History of associations")[1]

    assert (role, other) == ("HF Secondary", "PRO 5060 1st 0006B1124416")
    assert began.endswith(", HFChanges")
    assert ended.endswith(", HFChanges")


def test_removed_from_a_stale_page_nothing_else_is_touched(page: Page, guard: Guard, owner: User) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    go_to_product(page, SECOND.serial)
    page.get_by_role("region", name="Parent Product").get_by_role("link", name="Remove").click()
    other = guard.open(user=owner)
    go_to_product(other, SECOND.serial)
    step_5_remove(other)
    other.wait_for_url(f"**/products/{SECOND.serial}/")
    associate_registered(other, parent=FIRST.serial, child=SECOND.serial)

    page.locator("#asked").get_by_role("button", name="Remove").click()

    expect(page.locator(".note.bad[data-code=association-gone]")).to_be_visible()
    assert Seat.objects.live().count() == 2


# Replacing a SonicWALL Security Appliance: the administrator's steps in the portal


def test_replacing_an_hf_primary_unit(page: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)

    go_to_product(page, SECOND.serial)  # step 6
    step_5_remove(page)
    page.locator(".note.ok").wait_for()
    register_to_association(page, NEW, "the replacement")  # step 7
    step_5_choose_parent(page, SECOND.serial)

    page.wait_for_url(f"**/products/{NEW.serial}/")
    assert table_of(page, "Parent Product")[1][:3] == ["HF Primary", "PRO 5060 2nd", SECOND.serial]
    assert payload(page, NEW.serial).primary == SECOND.serial


def test_replacing_an_hf_secondary_unit(page: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)

    go_to_product(page, SECOND.serial)  # step 1
    step_5_remove(page)
    page.locator(".note.ok").wait_for()
    register_to_association(page, NEW, "the replacement")  # step 2
    step_5_choose_parent(page, FIRST.serial)

    page.wait_for_url(f"**/products/{NEW.serial}/")
    assert table_of(page, "Parent Product")[1][:3] == ["HF Primary", "PRO 5060 1st", FIRST.serial]
    assert payload(page, NEW.serial).primary == FIRST.serial


# Ours: Change parent, and Make standby


def test_change_parent(page: Page) -> None:
    register_alone(page, NEW, "the new primary")
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    go_to_product(page, SECOND.serial)

    page.get_by_role("link", name="Change parent").click()
    page.get_by_role("radio", name=NEW.serial).check()
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".changes li").first).to_be_visible()
    assert payload_unchanged(page, FIRST.serial)
    page.get_by_role("button", name="Change parent").click()

    page.wait_for_url(f"**/products/{SECOND.serial}/")
    assert table_of(page, "Parent Product")[1][:3] == ["HF Primary", "the new primary", NEW.serial]
    assert [row[1] for row in table_of(page, "History of associations")[1:]] == [
        f"the new primary {NEW.serial}",
        f"PRO 5060 1st {FIRST.serial}",
    ]


def payload_unchanged(page: Page, primary: str) -> bool:
    """Whether the only live secondary has this parent still: a preview changes nothing."""
    parents = Seat.objects.live().filter(side="parent")
    return list(parents.values_list("registration__unit__serial", flat=True)) == [primary]


def test_spare_is_made_standby(page: Page) -> None:
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    register_to_association(page, NEW, "the spare")
    step_5_choose_parent(page, FIRST.serial)
    go_to_product(page, FIRST.serial)
    step_5_click_label(page, "HF Secondary")

    page.get_by_role("link", name="Make standby").click()
    page.wait_for_url("**/?standby=*")
    page.locator("#asked").get_by_role("button", name="Make standby").click()

    expect(page.locator(".note.ok").get_by_role("link", name="View License keyset")).to_be_visible()
    assert [row[0] for row in products(page)[1:]] == ["1. the spare", "2. PRO 5060 2nd Spare"]
    assert payload(page, NEW.serial).primary == FIRST.serial
    assert payload(page, SECOND.serial).primary is None
