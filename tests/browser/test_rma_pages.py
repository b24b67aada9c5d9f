"""Every page of a replacement in every state that it has, with the widest names: fit to be seen."""

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from associations.models import Seat
from associations.services import remove_association
from licensing.models import RmaCase
from licensing.rma.cases import ask_for_case, open_case
from portal.clock import today
from portal.models import User
from products.models import Registration, Unit
from tests.browser.guard import Guard
from tests.browser.inspect_page import EVERY_LOOK, inspect_page
from tests.browser.rma_steps import await_dry_run
from tests.browser.steps import FIRST, NEW, SECOND
from tests.factories import RegistrationFactory, hf
from tests.licensing.rma.support import complete

WIDEST = "W" * 30
LONG = "W" * 500


@pytest.fixture
def units(owner: User) -> dict[str, Registration]:
    """The demo's units as a pair, with a spare; all have the widest name that there can be."""
    RegistrationFactory(account=owner.membership.account)
    Registration.objects.update(friendly_name=WIDEST)
    found = {r.unit.serial: r for r in Registration.objects.select_related("unit", "account").order_by("pk")}
    primary, *children = found.values()
    for child in children:
        hf(primary, child, by=owner)
    return found


def asked(registration: Registration, by: User) -> RmaCase:
    return ask_for_case(
        registration=registration,
        kind=RmaCase.Kind.REPLACEMENT,
        symptom=LONG,
        contact="W" * 200,
        address=LONG,
        by=by,
        now=timezone.now(),
    )


def approved(registration: Registration, by: User, replacement: str = NEW.serial) -> RmaCase:
    return open_case(
        registration=registration,
        kind=RmaCase.Kind.REPLACEMENT,
        symptom=LONG,
        contact="",
        address="",
        replacement=replacement,
        by=by,
        now=timezone.now(),
    )


def completed(registration: Registration, by: User) -> RmaCase:
    case = approved(registration, by)
    complete(case, by=by)
    return case


def test_asking_for_a_replacement(guard: Guard, owner: User, units: dict[str, Registration]) -> None:
    page = guard.open(f"/products/{FIRST.serial}/replace/", user=owner)
    inspect_page(page)

    with guard.refusal(page, 422):
        page.get_by_role("button", name="Ask Support").click()
    inspect_page(page)
    asked(units[FIRST.serial], owner)
    page.get_by_label("What is wrong with it").fill("dead")
    with guard.refusal(page, 422):
        page.get_by_role("button", name="Ask Support").click()
    expect(page.locator("[role=alert] [data-code=case-open]")).to_be_visible()
    inspect_page(page)


def test_asking_for_the_licences_only(guard: Guard, owner: User, units: dict[str, Registration]) -> None:
    page = guard.open(f"/products/{SECOND.serial}/transfer/", user=owner)
    inspect_page(page)
    for seat in Seat.objects.live().with_units().filter(side="child"):
        remove_association(seat=seat, by=owner)

    page.reload()
    with guard.refusal(page, 422):
        page.get_by_role("button", name="Ask Support").click()
    inspect_page(page)
    page.goto(f"/products/{FIRST.serial}/replace/")
    expect(page.get_by_role("link", name="transfer licenses to").first).to_be_visible()
    inspect_page(page)


def test_the_administrators_cases(guard: Guard, owner: User, units: dict[str, Registration]) -> None:
    page = guard.open("/rma/", user=owner)
    inspect_page(page)
    case = asked(units[FIRST.serial], owner)

    for path in ["/rma/", f"/rma/{case.uuid}/", f"/products/{FIRST.serial}/", f"/products/{SECOND.serial}/"]:
        page.goto(path)
        inspect_page(page)
    page.goto(f"/rma/{case.uuid}/")
    page.get_by_role("link", name="Cancel this request").click()
    inspect_page(page)
    page.get_by_role("button", name="Cancel this request").click()
    page.locator("[data-state=cancelled]").wait_for()
    inspect_page(page)


def test_what_the_administrator_does_then(
    guard: Guard, owner: User, lead: User, units: dict[str, Registration]
) -> None:
    case = completed(units[FIRST.serial], lead)

    page = guard.open(f"/rma/{case.uuid}/", user=owner)
    inspect_page(page, EVERY_LOOK)

    page.goto(f"/products/{FIRST.serial}/")
    inspect_page(page)


def test_the_desk_opens_a_case(guard: Guard, lead: User, units: dict[str, Registration]) -> None:
    page = guard.open("/support/rma/", user=lead)
    inspect_page(page)
    page.goto(f"/support/units/{FIRST.serial}/rma/")
    inspect_page(page)

    page.get_by_label("Replacement (serial number)").fill("FFFFFFFFFFFF")
    with guard.refusal(page, 422):
        page.get_by_role("button", name="Open case").click()
    inspect_page(page)
    page.get_by_label("Replacement (serial number)").fill("")
    page.get_by_label("What is wrong with it").fill(LONG)
    page.get_by_role("button", name="Open case").click()
    expect(page.locator("[data-code=replacement-needed]")).to_be_visible()
    inspect_page(page)


def test_the_desk_decides_a_request(
    guard: Guard, owner: User, lead: User, units: dict[str, Registration]
) -> None:
    Unit.objects.filter(serial=FIRST.serial).update(warranty_ends_on=today().replace(year=2020, day=1))
    case = asked(units[FIRST.serial], owner)
    page = guard.open(f"/support/rma/{case.uuid}/", user=lead)
    inspect_page(page)

    with guard.refusal(page, 422):
        page.get_by_role("button", name="Approve").click()
    expect(page.locator("[data-code=out-of-warranty]")).to_be_visible()
    inspect_page(page)
    page.get_by_label("Reason").fill("W" * 200)
    page.get_by_role("button", name="Decline").click()
    page.locator("[data-state=declined]").wait_for()
    inspect_page(page)
    page.goto("/support/rma/?queue=all")
    inspect_page(page)


def test_the_dry_run(guard: Guard, lead: User, units: dict[str, Registration]) -> None:
    case = approved(units[FIRST.serial], lead)

    page = guard.open(f"/support/rma/{case.uuid}/", user=lead)
    await_dry_run(page)
    inspect_page(page, EVERY_LOOK)

    page.get_by_label("HF Primary afterwards").select_option("none")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/?partner=none")
    inspect_page(page)


def test_a_completed_case_at_the_desk(guard: Guard, lead: User, units: dict[str, Registration]) -> None:
    case = completed(units[FIRST.serial], lead)
    page = guard.open(f"/support/rma/{case.uuid}/", user=lead)
    inspect_page(page)
    page.get_by_role("link", name="Show the dry run").click()
    page.get_by_role("button", name="Undo this case").wait_for()
    inspect_page(page, EVERY_LOOK)
    page.evaluate("scrollTo(0, 0)")
    expect(page.get_by_role("button", name="Undo this case")).not_to_be_in_viewport()

    with guard.refusal(page, 422):
        page.get_by_role("button", name="Undo this case").click()
    inspect_page(page)
    page.get_by_role("button", name="The failed unit has come back").click()
    page.locator("[data-state=received]").wait_for()
    approved(units[SECOND.serial], lead, replacement="")
    page.reload()
    expect(page.locator("[data-code=undo-not-possible]")).to_be_visible()
    inspect_page(page)


def test_a_stale_page_of_the_desk(guard: Guard, lead: User, units: dict[str, Registration]) -> None:
    case = approved(units[FIRST.serial], lead)
    page, other = (guard.open(f"/support/rma/{case.uuid}/", user=lead) for _ in range(2))
    await_dry_run(page)
    close(other)

    with guard.refusal(page, 422):
        page.get_by_role("button", name="Complete: do exactly this").click()

    expect(page.locator("[role=alert][data-code=case-not-open]")).to_be_visible()
    inspect_page(page)


def close(page: Page) -> None:
    page.get_by_label("Reason").fill("it works again")
    page.get_by_role("button", name="Cancel for the customer").click()
    page.locator("[data-state=cancelled]").wait_for()


def test_the_list_of_cases_among_the_others(guard: Guard, lead: User, units: dict[str, Registration]) -> None:
    case = approved(units[FIRST.serial], lead)
    page = guard.open("/support/licensing/rmacase/", user=lead)

    page.get_by_role("link", name="Open", exact=True).click()

    page.wait_for_url(f"**/support/rma/{case.uuid}/")
