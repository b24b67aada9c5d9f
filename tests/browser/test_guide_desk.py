"""The cases of docs/support.md about people, corrections and offers; and what each role is offered where."""

import re

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Page, expect

from licensing.keysets.issuing import read_keyset
from licensing.models import RmaCase
from portal import outbox
from portal.clock import today
from portal.models import Account, User
from portal.roles import OPERATOR
from products.attempts import ATTEMPTS_PER_SERIAL, count_attempt
from products.models import Unit
from tests.browser.guard import Guard
from tests.browser.guide_steps import WIDTHS, as_role, look_up, set_password_and_log_in
from tests.browser.inspect_page import inspect_page
from tests.browser.steps import FIRST, NEW, SECOND
from tests.factories import MembershipFactory, RegistrationFactory, UnitFactory, staff
from tests.licensing.rma.support import complete, of, open_for

NEW_PASSWORD = "a longer pass phrase 7"  # noqa: S105  (a test's)
UNKNOWN = "0006B1FFFFF0"


@pytest.fixture
def operator(demo: None) -> User:
    """Who gives logins, and imports the factory's records."""
    return staff(OPERATOR, username="operator")


@pytest.fixture
def account(owner: User) -> Account:
    return owner.membership.account


def mailed_link() -> str:
    """Send what waits, and return the address that the only mail leads to."""
    outbox.send_waiting(now=timezone.now, limit=9)
    (message,) = mail.outbox
    return re.search(r"http://localhost(/password/\S+)", message.body)[1]


# People


def test_a_new_customer_is_opened_and_logs_in(guard: Guard, lead: User) -> None:
    desk = as_role(guard, lead)
    desk.get_by_role("link", name="Open a customer").click()
    inspect_page(desk, WIDTHS)
    typed = {
        "Organisation": "Bühler & Söhne",
        "User name": "m.buehler",
        "Mail address": "mara@buehler.example",
    }
    for label, text in {**typed, "Reason": "order 4711"}.items():
        desk.get_by_label(label).fill(text)
    desk.get_by_role("button", name="Open", exact=True).click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Bühler & Söhne")
    inspect_page(desk, WIDTHS)

    page = set_password_and_log_in(guard, mailed_link(), "m.buehler", NEW_PASSWORD)

    expect(page.get_by_text("Logged in: m.buehler")).to_be_visible()
    inspect_page(page, WIDTHS)


def test_a_forgotten_password_is_set_anew_by_a_link(guard: Guard, operator: User, owner: User) -> None:
    owner.email = "owner@hf.example"
    owner.save()
    desk = as_role(guard, operator)
    look_up(desk, "owner@hf.example")
    desk.get_by_role("region", name="Users").get_by_role("link", name=owner.username).click()
    desk.get_by_role("link", name="Send a link to set a password").click()
    desk.get_by_label("Reason").fill("forgotten")
    desk.get_by_role("button", name="Yes, send the link").click()
    expect(desk.locator(".messagelist")).to_contain_text("owner@hf.example")

    page = set_password_and_log_in(guard, mailed_link(), "owner@hf.example", NEW_PASSWORD)

    expect(page.get_by_text(f"Logged in: {owner.username}")).to_be_visible()


def test_a_note_about_an_account_stays(guard: Guard, agent: User, account: Account) -> None:
    desk = as_role(guard, agent)
    look_up(desk, account.name)
    desk.get_by_role("link", name=account.name).first.click()

    desk.get_by_label("New note").fill("Calls on Mondays")
    desk.get_by_role("button", name="Add note").click()

    notes = desk.get_by_role("region", name="Notes")
    expect(notes).to_contain_text("Calls on Mondays")
    expect(notes.get_by_role("link")).to_have_count(0)
    inspect_page(desk, WIDTHS)


# Refused, and corrected


@pytest.mark.parametrize("serial", [NEW.serial, UNKNOWN])
def test_what_failed_attempts_have_closed_is_opened_again(
    guard: Guard, agent: User, account: Account, serial: str
) -> None:
    for _ in range(ATTEMPTS_PER_SERIAL):
        count_attempt(account, serial, now=timezone.now())
    desk = find_unit(guard, as_role(guard, agent), serial)
    expect(desk.locator(".note[data-code=closed]")).to_contain_text(account.name)
    inspect_page(desk, WIDTHS)

    desk.get_by_role("link", name="Open again").click()
    desk.get_by_role("radio", name="this unit").check()
    desk.get_by_label("Reason").fill("read it out to me")
    desk.get_by_role("button", name="Open again").click()

    expect(desk.locator(".messagelist")).to_contain_text("no longer count")
    expect(find_unit(guard, desk, serial).locator("[data-code=closed]")).to_have_count(0)


def find_unit(guard: Guard, desk: Page, serial: str) -> Page:
    """Look a unit up; the factory's record doesn't have UNKNOWN."""
    if serial == UNKNOWN:
        with guard.refusal(desk, 404):
            look_up(desk, serial)
    else:
        look_up(desk, serial)
    desk.wait_for_url(f"**/support/units/{serial}/")
    return desk


def test_a_grant_is_shown_and_then_confirmed(guard: Guard, lead: User, owner: User) -> None:
    desk = as_role(guard, lead, f"/support/units/{FIRST.serial}/")
    desk.get_by_text("Corrections", exact=True).click()
    desk.get_by_role("link", name="Grant a license").click()
    desk.get_by_label("Service").select_option("ViewPoint")
    desk.get_by_label("Reason").fill("order 4711")
    desk.get_by_role("button", name="Grant").click()
    expect(desk.get_by_role("status").get_by_role("listitem").nth(1)).to_contain_text("After: licensed")
    inspect_page(desk, WIDTHS)

    desk.get_by_role("button", name="Grant").click()

    expect(desk.locator(".messagelist")).to_contain_text("Granted")
    expect(desk.get_by_role("region", name="Ledger")).to_contain_text("order 4711")


def test_a_released_product_is_offered_and_accepted(guard: Guard, owner: User) -> None:
    receiver = MembershipFactory(account__name="Kwik-E-Mart")
    page = as_role(guard, owner, f"/products/{SECOND.serial}/")
    page.get_by_role("link", name="Release this product").click()
    page.get_by_label("Account ID").fill(str(receiver.account.uuid))
    page.get_by_role("button", name="Continue").click()
    inspect_page(page, WIDTHS)
    page.get_by_role("button", name="Offer it").click()
    expect(page.get_by_text("Offered.")).to_be_visible()
    theirs = as_role(guard, receiver.user, "/")
    theirs.get_by_role("link", name="Accept or decline").click()
    inspect_page(theirs, WIDTHS)

    theirs.get_by_role("button", name="Accept", exact=True).click()

    theirs.wait_for_url(f"**/products/{SECOND.serial}/")
    expect(theirs.get_by_text("Accepted:")).to_be_visible()


# The roles

# Where, what, and whether it is offered: yes, no, or 403 where the page itself is refused.
OFFERED = """
page       what                                  agent  lead  operator
front      link Open a customer                  no     yes   no
front      link Import units                     no     no    yes
front      link All cases                        yes    yes   no
queues     link Waits for a lead (0)             yes    yes   403
unit       link Open an RMA case                 yes    yes   no
unit       link Grant a license                  no     yes   no
unit       link Open again                       yes    yes   no
ready      button Complete: do exactly this      yes    yes   403
ready      button Take it                        yes    yes   403
ready      button Let pass                       no     yes   403
read       button Undo this case: do exactly this  no   yes   403
unread     button Undo this case: do exactly this  yes  yes   403
account    link Add a member                     no     yes   no
account    button Add note                       yes    yes   no
person     link Send a link to set a password    no     no    yes
proposals  heading Waits for a second lead       403    yes   403
grant      button Grant                          403    yes   403
open       button Open again                     yes    yes   403
customer   button Open                           403    yes   403
import     heading Import units                  403    403   yes
"""


@pytest.fixture
def pages(owner: User, account: Account) -> dict[str, str]:
    """The addresses of OFFERED's pages. Two cases were completed, and a keyset of one was read since."""
    for _ in range(ATTEMPTS_PER_SERIAL):
        count_attempt(account, SECOND.serial, now=timezone.now())
    ready = open_for(of(Unit.objects.get(serial=FIRST.serial)), Unit.objects.get(serial=NEW.serial))
    unread, read = (completed_case(account) for _ in range(2))
    read_keyset(registration=of(read.replacement), today=today())
    second = f"units/{SECOND.serial}/"
    found = {
        "front": "",
        "queues": "rma/",
        "unit": second,
        "ready": f"rma/{ready.uuid}/dry-run/",
    }
    found |= {"read": f"rma/{read.uuid}/dry-run/", "unread": f"rma/{unread.uuid}/dry-run/"}
    found |= {"account": f"accounts/{account.uuid}/", "person": f"portal/user/{owner.pk}/change/"}
    found |= {"proposals": "proposals/", "grant": f"{second}grant/", "open": f"{second}open/"}
    return found | {"customer": "accounts/new/", "import": "import/"}


def completed_case(account: Account) -> RmaCase:
    case = open_for(RegistrationFactory(account=account), UnitFactory())
    complete(case)
    return case


@pytest.mark.parametrize("role", ["agent", "lead", "operator"])
def test_each_role_is_offered_what_is_its_own(
    guard: Guard, request: pytest.FixtureRequest, pages: dict[str, str], role: str
) -> None:
    head, *rows = [re.split(r"  +", line) for line in OFFERED.strip().splitlines()]
    wanted = {(row[0], row[1]): row[head.index(role)] for row in rows}
    desk, found = as_role(guard, request.getfixturevalue(role)), {}

    for name, path in pages.items():
        whats = [what for page, what in wanted if page == name]
        found |= {(name, what): shown for what, shown in offered(guard, desk, path, whats).items()}

    assert found == wanted


def offered(guard: Guard, desk: Page, path: str, whats: list[str]) -> dict[str, str]:
    """Whether each of some links, buttons and headings is on a page of the desk."""
    response = desk.request.get(f"/support/{path}", max_redirects=0)
    if response.status == 403:
        with guard.refusal(desk, 403):
            desk.goto(f"/support/{path}")
        return dict.fromkeys(whats, "403")
    desk.goto(f"/support/{path}")
    desk.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    shown = [
        desk.get_by_role(what.split()[0], name=what.partition(" ")[2], exact=True).count() for what in whats
    ]
    return {what: "yes" if count else "no" for what, count in zip(whats, shown, strict=True)}
