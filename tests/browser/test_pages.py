"""Every page and every state of it that the flows don't pass: fit to be seen, and quiet under the guard."""

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from associations.models import Seat
from licensing.moves.swap import swap_roles
from portal.clock import today
from portal.models import Account, Act, Key, User
from products.attempts import ATTEMPTS_PER_DAY, count_attempt
from products.models import Registration
from products.services import rename
from tests.browser.guard import Guard
from tests.browser.inspect_page import inspect_page
from tests.browser.steps import FIRST, SECOND, step_2_quick_register, step_3_add_new_product
from tests.factories import MembershipFactory, RegistrationFactory, UserFactory, hf
from tests.licensing.history import grant
from tests.licensing.support import GATEWAY_AV

WIDEST = "W" * 30
TOPICS = [
    "index",
    "login",
    "main-page",
    "my-products",
    "product-survey",
    "create-association",
    "service-management",
    "license-keyset",
    "my-product-associated-products",
    "change-parent",
    "manage-service",
    "swap-roles",
    "release-product",
    "entitlements",
    "activity",
    "readiness",
]


@pytest.fixture
def account(owner: User) -> Account:
    return owner.membership.account


def seat_pair_and_spare(account: Account, owner: User) -> None:
    """The demo's units as a pair, with a spare; all three with the widest name that there can be."""
    third = RegistrationFactory(account=account, friendly_name=WIDEST)
    Registration.objects.update(friendly_name=WIDEST)
    units = {r.unit.serial: r for r in Registration.objects.select_related("unit")}
    for child in (units[SECOND.serial], third):
        hf(units[FIRST.serial], child, by=owner)


def test_undo(guard: Guard, account: Account, owner: User) -> None:
    seat_pair_and_spare(account, owner)
    grant(Registration.objects.get(unit__serial=FIRST.serial), GATEWAY_AV)
    swap_roles(seat=Seat.objects.with_units().get(shares=True), by=owner, today=today())
    act = Act.objects.get()
    page = guard.open(user=owner)

    for path in ["/activity/", f"/activity/{act.uuid}/undo/"]:
        page.goto(path)
        inspect_page(page)
    page.get_by_role("button", name="Undo").click()
    inspect_page(page)
    page.goto(f"/activity/{act.uuid}/undo/")
    inspect_page(page)


def test_pair_with_a_spare(guard: Guard, account: Account, owner: User) -> None:
    seat_pair_and_spare(account, owner)
    page = guard.open(user=owner)

    for path in ["/", "/products/", f"/products/{FIRST.serial}/", f"/products/{SECOND.serial}/"]:
        page.goto(path)
        inspect_page(page)


@pytest.mark.parametrize("width", [769, 800, 900, 1088, 1089])
def test_no_table_is_cut_off_between_phone_and_desk(
    guard: Guard, account: Account, owner: User, width: int
) -> None:
    seat_pair_and_spare(account, owner)
    page = guard.open(user=owner)
    of_first = f"/products/{FIRST.serial}/"

    for path in ["/", "/products/", of_first, f"{of_first}associated/hf/", f"/products/{SECOND.serial}/"]:
        page.goto(path)
        inspect_page(page, looks=[(width, "light")])


def test_the_page_that_asks_is_opened_with_the_heading_in_sight(
    guard: Guard, account: Account, owner: User
) -> None:
    seat_pair_and_spare(account, owner)
    page = guard.open(f"/products/{SECOND.serial}/", user=owner)

    page.get_by_role("link", name="Remove").click()

    expect(page.locator("#asked")).to_be_in_viewport()
    expect(page.get_by_role("heading", name="Parent Product")).to_be_in_viewport(ratio=1)


def test_asked_before_anything_is_removed(guard: Guard, account: Account, owner: User) -> None:
    seat_pair_and_spare(account, owner)
    page = guard.open(f"/products/{SECOND.serial}/", user=owner)
    page.get_by_role("link", name="Remove").click()
    expect(page.locator("#asked")).to_be_visible()
    inspect_page(page)

    page.goto(f"/products/{FIRST.serial}/associated/hf/")
    inspect_page(page)
    for name in ["Remove", "Make standby"]:
        page.get_by_role("link", name=name).last.click()
        expect(page.locator("#asked")).to_be_visible()
        inspect_page(page)


def test_associate_new_products(guard: Guard, owner: User) -> None:
    page = guard.open(f"/products/{FIRST.serial}/associated/hf/", user=owner)
    expect(page.locator(".empty")).to_be_visible()
    inspect_page(page)
    form = page.get_by_role("region", name="Associate new products")
    form.get_by_label("Serial Number").fill(FIRST.serial)

    with guard.refusal(page, 422):
        form.get_by_role("button", name="Register").click()

    expect(form.locator("[role=alert] [data-code=with-itself]")).to_be_visible()
    inspect_page(page)


def test_change_parent_and_what_it_would_change(guard: Guard, account: Account, owner: User) -> None:
    RegistrationFactory(account=account)
    seat_pair_and_spare(account, owner)
    page = guard.open(f"/products/{SECOND.serial}/", user=owner)
    page.get_by_role("link", name="Change parent").click()
    help_link = page.get_by_role("link", name="Help for this page")
    expect(help_link).to_have_attribute("href", "/help/change-parent/")
    inspect_page(page)

    page.get_by_role("radio").check()
    page.get_by_role("button", name="Continue").click()

    expect(page.locator(".changes")).to_be_visible()
    inspect_page(page)


def test_change_of_parent_that_is_refused(guard: Guard, account: Account, owner: User) -> None:
    seat_pair_and_spare(account, owner)
    page = guard.open(f"/products/{SECOND.serial}/", user=owner)
    address = page.get_by_role("link", name="Change parent").get_attribute("href")

    with guard.refusal(page, 422):
        page.goto(f"{address}?to=FFFFFFFFFFFF")

    expect(page.locator("[role=alert][data-code=choice-gone]")).to_be_visible()
    inspect_page(page)


def test_closed_account(guard: Guard, account: Account, owner: User) -> None:
    for _ in range(ATTEMPTS_PER_DAY):
        count_attempt(account, FIRST.serial, now=timezone.now())

    page = guard.open("/products/", user=owner)

    expect(page.locator("[data-code=registration-closed]")).to_be_visible()
    inspect_page(page)


def test_activity(guard: Guard, account: Account, owner: User) -> None:
    seat_pair_and_spare(account, owner)
    rename(registration=Registration.objects.live().first(), friendly_name=WIDEST[:-1], by=owner)
    page = guard.open(f"/products/{FIRST.serial}/", user=owner)

    page.get_by_role("link", name="Activity").last.click()

    expect(page.get_by_role("heading", name="What happened to")).to_be_visible()
    inspect_page(page)
    for path in ["/activity/", "/activity/?serial=FFFFFFFFFFFF"]:
        page.goto(path)
        inspect_page(page)


def test_activity_of_no_serial_number(guard: Guard, owner: User) -> None:
    page = guard.open("/activity/", user=owner)
    page.get_by_label("Serial Number").last.fill("6.0E+11")

    with guard.refusal(page, 422):
        page.get_by_role("button", name="Show").click()

    inspect_page(page)


def test_keysets_of_a_pair(guard: Guard, account: Account, owner: User) -> None:
    seat_pair_and_spare(account, owner)

    page = guard.open(f"/products/{FIRST.serial}/keyset/", user=owner)

    inspect_page(page)


def test_account_without_products(guard: Guard, keys: None, catalogue: None) -> None:
    page = guard.open(user=MembershipFactory().user)
    inspect_page(page)

    page.goto("/products/")

    inspect_page(page)


def test_nobody_to_pair_with(guard: Guard, account: Account, owner: User) -> None:
    alone = RegistrationFactory(account=account, unit__model_name="PRO 4060", friendly_name=WIDEST)
    page = guard.open(f"/products/{alone.unit.serial}/association/", user=owner)
    inspect_page(page)

    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/child/")

    expect(page.locator(".empty")).to_be_visible()
    inspect_page(page)


def test_more_candidates_than_fit_on_a_page(guard: Guard, account: Account, owner: User) -> None:
    for number in range(101):
        RegistrationFactory(account=account, friendly_name=f"{number:030}")
    page = guard.open(f"/products/{FIRST.serial}/association/", user=owner)
    expect(page.get_by_role("radio")).to_have_count(100)

    page.get_by_role("searchbox").fill(f"{100:030}")
    page.get_by_role("button", name="Find").click()

    expect(page.get_by_role("radio")).to_have_count(1)
    inspect_page(page)


def test_refusals_on_forms(guard: Guard, owner: User) -> None:
    page = guard.open(user=owner)
    step_2_quick_register(page, "0" * 60)
    with guard.refusal(page, 422):
        step_3_add_new_product(page, friendly_name=WIDEST * 2, code="")
    inspect_page(page)

    page.goto(f"/products/{FIRST.serial}/")
    page.get_by_label("Friendly Name").fill(WIDEST * 2)
    with guard.refusal(page, 422):
        page.get_by_role("button", name="Save name").click()

    inspect_page(page)


def test_choice_that_is_gone(guard: Guard, owner: User) -> None:
    page = guard.open(f"/products/{FIRST.serial}/association/", user=owner)
    page.get_by_role("radio").evaluate("radio => { radio.value = 'hf:FFFFFFFFFFFF'; radio.checked = true }")

    with guard.refusal(page, 422):
        page.get_by_role("button", name="Continue").click()

    inspect_page(page)


def test_wrong_password(guard: Guard, demo: None) -> None:
    page = guard.open("/login/")
    page.get_by_label("User name or e-mail").fill(WIDEST)
    page.get_by_label("Password").fill("wrong")

    page.get_by_role("button", name="Login").click()
    page.wait_for_selector("[role=alert]")

    inspect_page(page)


def test_log_out_page(guard: Guard, owner: User) -> None:
    page = guard.open("/logout/", user=owner)

    inspect_page(page)


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere/", 404), ("/products/0006B1FFFFFF/", 404)], ids=["address", "unit"]
)
def test_not_found(guard: Guard, owner: User, path: str, status: int) -> None:
    page = guard.open(user=owner)

    with guard.refusal(page, status):
        page.goto(path)

    inspect_page(page)


def test_not_allowed(guard: Guard, account: Account) -> None:
    page = guard.open("/help/login/", user=UserFactory())

    with guard.refusal(page, 403):
        page.goto("/")

    inspect_page(page)


def test_form_that_is_too_old(guard: Guard, owner: User) -> None:
    page = guard.open(f"/products/{FIRST.serial}/survey/", user=owner)
    page.context.clear_cookies(name="csrftoken")

    with guard.refusal(page, 403):
        page.get_by_role("button", name="Continue").click()

    inspect_page(page)


def test_too_many_attempts(guard: Guard, demo: None) -> None:
    page = guard.open("/login/")
    page.get_by_label("User name or e-mail").fill("HFChanges")

    for _ in range(10):
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Login").click()
        page.wait_for_selector("[role=alert]")
    inspect_page(page)


def test_limit_of_the_address(guard: Guard, demo: None) -> None:
    for _ in range(30):
        Client().post("/login/", {"login": "nobody", "password": "wrong"})
    page = guard.open("/login/")
    page.get_by_label("User name or e-mail").fill("HFChanges")
    page.get_by_label("Password").fill("wrong")

    with guard.refusal(page, 429):
        page.get_by_role("button", name="Login").click()

    inspect_page(page)


def test_keyset_that_cant_be_signed(guard: Guard, owner: User) -> None:
    Key.objects.filter(purpose=Key.Purpose.KEYSETS).update(state=Key.State.RETIRED)
    page = guard.open(user=owner)

    with guard.refusal(page, 503):
        page.goto(f"/products/{FIRST.serial}/keyset/")

    expect(page.locator("[role=alert][data-code]")).to_be_visible()
    inspect_page(page)


def test_help_pages(guard: Guard, owner: User) -> None:
    page = guard.open(user=owner)

    for topic in TOPICS:
        page.goto(f"/help/{topic}/")
        inspect_page(page)


def test_help_without_a_login(guard: Guard, demo: None) -> None:
    page = guard.open("/help/login/")

    inspect_page(page)
