"""Wrong input at each form: the error stands beside its field, what was typed is kept, nothing is written."""

import re

import pytest
from playwright.sync_api import Page, expect

from associations.models import Seat
from portal.models import User
from products.models import Registration
from tests.browser.guard import Guard
from tests.browser.steps import (
    FIRST,
    NEW,
    register_to_association,
    step_1_log_in,
    step_2_quick_register,
    step_3_add_new_product,
    step_5_choose_parent,
    step_6_type_new_product,
    step_7_register,
)

pytestmark = pytest.mark.usefixtures("demo")

SERIAL, NAME, CODE = "Serial Number", "Friendly Name", "Authentication Code"
REFUSED = [
    ({SERIAL: "6.0E+11", NAME: "Branch", CODE: NEW.code}, SERIAL, "invalid-serial"),
    ({SERIAL: NEW.serial, NAME: "Branch", CODE: "Q3VC"}, CODE, "invalid-code"),
    ({SERIAL: NEW.serial, NAME: "Branch", CODE: FIRST.code}, CODE, "no-match"),
    ({SERIAL: FIRST.serial, NAME: "Branch", CODE: FIRST.code}, SERIAL, "already-in-account"),
    ({SERIAL: NEW.serial, NAME: "N" * 31, CODE: NEW.code}, NAME, "invalid-friendly-name"),
    ({SERIAL: "", NAME: "Branch", CODE: NEW.code}, SERIAL, "required"),
]


@pytest.mark.parametrize(("typed", "field", "code"), REFUSED, ids=[row[2] for row in REFUSED])
def test_add_new_product_refuses_beside_the_field(
    guard: Guard, owner: User, typed: dict[str, str], field: str, code: str
) -> None:
    page = guard.open("/products/", user=owner)
    form = page.get_by_role("region", name="Add New Product")
    for label, text in typed.items():
        form.get_by_label(label).fill(text)

    with guard.refusal(page, 422):
        form.get_by_role("button", name="Register").click()

    expect(form.locator(f".field:has([aria-invalid=true]) [data-code={code}]")).to_be_visible()
    expect(form.get_by_label(field)).to_have_attribute("aria-invalid", "true")
    assert {label: form.get_by_label(label).input_value() for label in typed} == typed
    assert Registration.objects.count() == 2


NEW_UNIT_REFUSED = [("", "code-needed"), ("Q3VC", "invalid-code"), (FIRST.code, "no-match")]


@pytest.mark.parametrize(("typed", "code"), NEW_UNIT_REFUSED, ids=[row[1] for row in NEW_UNIT_REFUSED])
def test_associate_new_products_refuses_beside_the_field(
    page: Page, guard: Guard, typed: str, code: str
) -> None:
    page.goto(f"/products/{FIRST.serial}/associated/hf/")
    step_6_type_new_product(page, serial=NEW.serial, friendly_name="Branch", code=typed)

    with guard.refusal(page, 422):
        step_7_register(page)

    form = page.get_by_role("region", name="Associate new products")
    expect(form.locator(f".field:has([aria-invalid=true]) [data-code={code}]")).to_be_visible()
    assert form.get_by_label(SERIAL).input_value() == NEW.serial
    assert form.get_by_label(NAME).input_value() == "Branch"
    assert Registration.objects.count() == 2


def test_unit_of_this_account_leads_to_its_page(page: Page, guard: Guard) -> None:
    step_2_quick_register(page, FIRST.serial)
    with guard.refusal(page, 422):
        step_3_add_new_product(page, friendly_name="", code=FIRST.code)

    page.get_by_role("link", name="Open it").click()

    page.wait_for_url(f"**/products/{FIRST.serial}/")


def test_survey_refuses_beside_the_field(page: Page, guard: Guard) -> None:
    page.goto(f"/products/{FIRST.serial}/survey/")
    shop = page.get_by_label("Where was it bought")
    shop.evaluate("field => field.removeAttribute('maxlength')")
    shop.fill("S" * 81)

    with guard.refusal(page, 422):
        page.get_by_role("button", name="Continue").click()

    expect(
        page.locator(".field:has(#id_bought_at[aria-invalid=true]) [data-code=max_length]")
    ).to_be_visible()
    assert shop.input_value() == "S" * 81


def test_choice_that_is_gone_is_refused_on_the_page(page: Page, guard: Guard) -> None:
    register_to_association(page)
    Registration.objects.filter(unit__serial=FIRST.serial).first().seats.all().delete()
    page.get_by_role("radio", name=FIRST.serial).evaluate("radio => radio.value = 'hf:FFFFFFFFFFFF'")

    with guard.refusal(page, 422):
        step_5_choose_parent(page, FIRST.serial)

    expect(page.locator("[role=alert][data-code=choice-gone]")).to_be_visible()
    expect(page.get_by_role("radio", name=FIRST.serial)).to_be_visible()
    assert not Seat.objects.exists()


def test_choice_can_be_taken_back(page: Page) -> None:
    page.goto(f"/products/{FIRST.serial}/association/")
    page.get_by_role("radio").check()

    page.get_by_role("button", name="Clear choice").click()

    expect(page.get_by_role("radio")).not_to_be_checked()


def test_name_is_refused_beside_its_field(page: Page, guard: Guard) -> None:
    page.goto(f"/products/{FIRST.serial}/")
    page.get_by_label(NAME).fill("N" * 31)

    with guard.refusal(page, 422):
        page.get_by_role("button", name="Save name").click()

    expect(page.locator(".field:has([aria-invalid=true]) [data-code=invalid-friendly-name]")).to_be_visible()
    assert page.get_by_label(NAME).input_value() == "N" * 31


def test_name_can_be_changed_in_place(page: Page) -> None:
    page.goto(f"/products/{FIRST.serial}/")

    page.get_by_label(NAME).fill("Head office")
    page.get_by_role("button", name="Save name").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Head office")


def test_wrong_password_keeps_the_name(guard: Guard, javascript: bool) -> None:
    page = step_1_log_in(guard, javascript=javascript, password="wrong")  # noqa: S106  (it is to be refused)

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("User name or e-mail")).to_have_value("HFChanges")
    expect(page.get_by_label("Password")).to_have_value("")


def test_log_in_and_out(guard: Guard, javascript: bool) -> None:
    page = step_1_log_in(guard, javascript=javascript)
    expect(page.locator(".top .who")).to_have_text("Logged in: HFChanges")

    page.get_by_role("button", name="LOGOUT").click()

    page.wait_for_url("**/login/")
    page.goto("/products/")
    page.wait_for_url("**/login/?next=/products/")


@pytest.mark.parametrize("name", ["Register", "Continue"])
def test_clicked_twice_is_done_once(page: Page, name: str) -> None:
    step_2_quick_register(page, NEW.serial)
    page.get_by_label("Authentication Code").fill(NEW.code)
    if name == "Continue":
        step_3_add_new_product(page, friendly_name="", code=NEW.code)
        page.goto(f"/products/{NEW.serial}/association/")
        page.get_by_role("radio", name=FIRST.serial).check()

    page.get_by_role("button", name=name, exact=True).last.dblclick()

    # The second click ends the first one's navigation: what counts is where it comes to rest.
    end = f"/products/{NEW.serial}/" + ("survey/" if name == "Register" else "")
    expect(page).to_have_url(re.compile(f"{end}$"))
    assert Registration.objects.filter(unit__serial=NEW.serial).count() == 1
    assert Seat.objects.count() == (0 if name == "Register" else 2)
    expect(page.locator(".note")).to_have_count(0 if name == "Register" else 1)
