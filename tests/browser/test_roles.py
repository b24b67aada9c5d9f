"""Who sees what: viewers read, staff are led to the support desk, each page explains itself."""

import pytest
from playwright.sync_api import Page, expect

from licensing.keyset import Outcome
from portal.models import Membership, User
from tests.browser.guard import Guard
from tests.browser.inspect_page import inspect_page, violations
from tests.browser.steps import FIRST, verified
from tests.factories import MembershipFactory

HELP = {
    "/": "main-page",
    "/products/": "my-products",
    f"/products/{FIRST.serial}/": "service-management",
    f"/products/{FIRST.serial}/survey/": "product-survey",
    f"/products/{FIRST.serial}/association/": "create-association",
    f"/products/{FIRST.serial}/association/child/": "create-association",
    f"/products/{FIRST.serial}/keyset/": "license-keyset",
    f"/products/{FIRST.serial}/associated/hf/": "my-product-associated-products",
    f"/products/{FIRST.serial}/key/": "manage-service",
    f"/products/{FIRST.serial}/entitlements/": "entitlements",
    "/readiness/": "readiness",
}


@pytest.fixture
def viewer(owner: User) -> User:
    return MembershipFactory(account=owner.membership.account, role=Membership.Role.VIEWER).user


def test_viewer_reads_keysets(guard: Guard, viewer: User, javascript: bool) -> None:
    page = guard.open(user=viewer, javascript=javascript)

    page.get_by_role("link", name=FIRST.serial).first.click()
    page.get_by_role("link", name="View License keyset").click()

    page.wait_for_url("**/keyset/")
    assert verified(page, FIRST.serial).outcome == Outcome.INSTALLED


def test_viewer_has_no_forms(guard: Guard, viewer: User) -> None:
    page = guard.open(user=viewer)

    for path in ["/", "/products/", f"/products/{FIRST.serial}/", f"/products/{FIRST.serial}/associated/hf/"]:
        page.goto(path)

        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator("form:not([action='/logout/'], [role=search])")).to_have_count(0)
        expect(page.get_by_role("link", name="Create Association")).to_have_count(0)


def test_viewer_may_not_change(guard: Guard, viewer: User) -> None:
    page = guard.open(user=viewer)

    with guard.refusal(page, 403):
        page.goto(f"/products/{FIRST.serial}/association/")

    inspect_page(page)


def test_staff_is_led_to_the_support_desk(guard: Guard, support: User, javascript: bool) -> None:
    page = guard.open(user=support, javascript=javascript)

    page.wait_for_url("**/support/")
    page.goto("/products/")
    page.wait_for_url("**/support/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_support_desk_is_accessible(guard: Guard, support: User, scheme: str) -> None:
    page = guard.open("/support/", user=support, scheme=scheme)

    for path in ["/support/", "/support/products/registration/", "/support/licensing/activationkey/add/"]:
        page.goto(path)

        expect(page.locator("#content")).to_be_visible()
        assert not violations(page)


def test_question_mark_opens_the_pages_help(page: Page) -> None:
    for path, topic in HELP.items():
        page.goto(path)

        page.get_by_role("link", name="Help for this page").click()

        page.wait_for_url(f"**/help/{topic}/")
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_question_mark_of_the_login(guard: Guard, javascript: bool) -> None:
    page = guard.open("/login/", javascript=javascript)

    page.get_by_role("link", name="Help for this page").click()

    page.wait_for_url("**/help/login/")
