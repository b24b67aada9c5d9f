"""The pictures of docs/support.md. `pytest --pictures` writes them anew; without it, none may be old."""

import re

import pytest
from playwright.sync_api import Locator, Page

from portal.models import User
from products.models import Registration
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

CODES = {FIRST.serial: "5JQHYENA", SECOND.serial: "K3YU89HX"}


@pytest.fixture
def anew(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--pictures"))


@pytest.fixture
def page(guard: Guard, owner: User) -> Page:
    """The administrator's: a pair is there, under codes that don't change from run to run."""
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


def test_every_picture_is_shown_and_every_one_that_is_shown_is_there(guard: Guard) -> None:
    texts = [path.read_text() for path in (FOLDER.parents[1] / "README.md", *FOLDER.parent.glob("*.md"))]

    shown = {name for text in texts for name in re.findall(r"pictures/([\w-]+\.png)\)", text)}

    assert shown == {path.name for path in FOLDER.glob("*.png")}
