"""The pictures of docs/support.md. `pytest --pictures` writes them anew; without it, none may be old."""

import datetime
import re

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page

from licensing.models import RmaCase
from portal.models import Account, User
from portal.services import note_account
from products.models import Registration, Unit
from tests.browser.guard import Guard
from tests.browser.pictures import FOLDER, take
from tests.browser.rma_steps import (
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
    register_to_association,
    step_5_choose_parent,
)
from tests.licensing.rma.support import ask, open_for

CODES = {FIRST.serial: "5JQHYENA", SECOND.serial: "K3YU89HX"}
ACCOUNT_ID = "6f1f3a52-0d0b-4c56-9f0e-2f5f6c1f7a10"


@pytest.fixture
def anew(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--pictures"))


@pytest.fixture
def page(guard: Guard, owner: User) -> Page:
    """The administrator's: a pair is there, under codes and an ID that don't change from run to run."""
    Account.objects.update(uuid=ACCOUNT_ID)
    for registration in Registration.objects.select_related("unit"):
        Registration.objects.filter(pk=registration.pk).update(code=CODES[registration.unit.serial])
    page = guard.open(user=owner)
    associate_registered(page, parent=FIRST.serial, child=SECOND.serial)
    return page


@pytest.fixture
def desk(guard: Guard, agent: User) -> Page:
    return guard.open("/support/", user=agent)


def section(desk: Page, name: str) -> Locator:
    return desk.get_by_role("region", name=name, exact=True)


def dry_run(desk: Page) -> tuple[Locator, Locator]:
    """From its sentence to the pair afterwards."""
    return desk.locator(".verdict"), section(desk, "Afterwards")


def test_pictures_of_a_failed_primary(page: Page, desk: Page, anew: bool) -> None:
    number = ask_for_replacement(page, FIRST.serial)
    desk.reload()
    take(desk.locator("section.lookup"), section(desk, "My queue"), "desk-look-up.png", anew=anew)
    open_at_the_desk(desk, FIRST.serial, number)
    desk.goto(f"/support/units/{FIRST.serial}/")
    take(desk.locator("h1"), section(desk, "Association"), "desk-unit.png", anew=anew)
    open_at_the_desk(desk, FIRST.serial, number)
    approve(desk, NEW.serial)
    take(*dry_run(desk), "desk-dry-run.png", anew=anew)

    complete(desk)

    take(desk.locator(".verdict"), section(desk, "What changed"), "desk-completed.png", anew=anew)

    desk.goto(f"{desk.url}dry-run/")
    then = section(desk, "What the administrator does then")
    take(section(desk, "Undo"), then, "desk-undo.png", anew=anew)


def test_picture_of_opening_a_case(page: Page, desk: Page, anew: bool) -> None:
    desk.goto(f"/support/units/{SECOND.serial}/")

    desk.get_by_role("link", name="Open an RMA case").click()
    desk.wait_for_url("**/rma/")

    take(desk.locator("h1"), section(desk, "Case"), "desk-open-case.png", anew=anew)


def test_picture_of_a_failed_secondary(page: Page, desk: Page, anew: bool) -> None:
    open_at_the_desk(desk, SECOND.serial, ask_for_replacement(page, SECOND.serial))

    approve(desk, NEW.serial)

    take(*dry_run(desk), "desk-failed-secondary.png", anew=anew)


def test_picture_of_a_transfer(page: Page, desk: Page, anew: bool) -> None:
    remove_association(page, SECOND.serial)
    register_to_association(page, NEW, "PRO 5060 1st")
    step_5_choose_parent(page, SECOND.serial)
    page.wait_for_url(f"**/products/{NEW.serial}/")
    number = ask_for_the_licences(page, primary=SECOND.serial, failed=FIRST.serial)

    open_at_the_desk(desk, FIRST.serial, number)
    approve(desk)

    complete = desk.get_by_role("button", name="Complete: do exactly this")
    take(section(desk, "What changes"), complete, "desk-transfer.png", anew=anew)


def test_picture_of_the_queues(page: Page, desk: Page, agent: User, anew: bool) -> None:
    """Ages in whole days, which stay the same for an hour."""
    units = {unit.unit.serial: unit for unit in Registration.objects.select_related("unit", "account")}
    new = Unit.objects.get(serial=NEW.serial)
    cases = [ask(units[SECOND.serial], by=agent), open_for(units[FIRST.serial], new, by=agent)]
    for case, days in zip(cases, (3, 2), strict=True):
        moment = timezone.now() - datetime.timedelta(days=days)
        RmaCase.objects.filter(pk=case.pk).update(asked_at=moment, state_since=moment)

    desk.goto("/support/rma/?queue=open")

    closed = desk.get_by_role("navigation", name="Closed cases")
    take(desk.get_by_role("navigation", name="Queues"), closed, "desk-queues.png", anew=anew)


def test_picture_of_an_account(page: Page, desk: Page, owner: User, agent: User, anew: bool) -> None:
    account = owner.membership.account
    note_account(
        account=account, text="Calls on Mondays, and wants to hear the serial number twice.", by=agent
    )
    ask_for_replacement(page, FIRST.serial)

    desk.goto(f"/support/accounts/{ACCOUNT_ID}/")

    take(desk.locator("h1"), section(desk, "RMA cases"), "desk-account.png", anew=anew)


def test_every_picture_is_shown_and_every_one_that_is_shown_is_there(guard: Guard) -> None:
    texts = [path.read_text() for path in (FOLDER.parents[1] / "README.md", *FOLDER.parent.glob("*.md"))]

    shown = {name for text in texts for name in re.findall(r"pictures/([\w-]+\.png)\)", text)}

    assert shown == {path.name for path in FOLDER.glob("*.png")}
