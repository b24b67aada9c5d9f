"""Every mail: text and HTML say the same, and both say who writes, to whom, and what to do; and how many."""

import html
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from licensing.models import RmaCase
from licensing.rma.cases import MOST_REQUESTS, approve_case, cancel_case, decline_case
from licensing.rma.errors import TooManyRequests
from licensing.telling import telling_owners
from portal.clock import today
from portal.models import Mail, User
from portal.services import send_password_link
from products.models import Registration
from tests.factories import MembershipFactory, RegistrationFactory, UnitFactory, staff
from tests.licensing.rma.support import TRANSFER, Scene, ask, complete, open_for, undo
from tests.licensing.support import refuses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture(autouse=True)
def owner(scene: Scene) -> User:
    """The account's owner, whose mails are looked at."""
    scene.by.first_name, scene.by.email = "Homer", "homer@example.org"
    scene.by.save()
    return scene.by


@pytest.fixture
def other(scene: Scene) -> User:
    """Another owner of the account."""
    return MembershipFactory(account=scene.primary.account, user__email="marge@example.org").user


def transferred(scene: Scene) -> None:
    scene.remove()
    complete(open_for(scene.primary, scene.secondary.unit, kind=TRANSFER))


def corrected(scene: Scene) -> None:
    with telling_owners(
        accounts=[scene.primary.account],
        serial=scene.primary.unit.serial,
        did="removed an association",
        reason="asked for by <phone> & mail",
        today=today(),
        watched=[scene.primary],
    ) as said:
        scene.remove()
        said.append("Removed: they are apart.")


MAILS: dict[str, Callable[[Scene], object]] = {
    "requested": lambda scene: scene.ask(),
    "approved": lambda scene: approve_case(case=scene.ask(), replacement=scene.new.serial, by=staff()),
    "declined": lambda scene: decline_case(case=scene.ask(), reason="cut <here> & there", by=staff()),
    "cancelled": lambda scene: cancel_case(case=scene.ask(), reason="came twice", by=staff()),
    "completed": lambda scene: complete(open_for(scene.primary, scene.new)),
    "undone": lambda scene: (complete(case := open_for(scene.primary, scene.new)), undo(case)),
    "transferred": transferred,
    "corrected": corrected,
    "password": lambda scene: send_password_link(user=scene.by, by=staff(), reason="forgotten"),
}


def latest(about: str = "") -> Mail:
    return (Mail.objects.filter(about=about) if about else Mail.objects.all()).latest("pk")


def words(text: str) -> str:
    """The words of a text, one space between them."""
    return " ".join(text.split())


def read(page: str) -> str:
    """The words of a mail's HTML as people read them."""
    body = page.partition("<body>")[2]
    return words(html.unescape(re.sub("<[^>]*>", " ", body)))


@pytest.mark.parametrize("what", MAILS)
def test_text_and_html_say_the_same(scene: Scene, what: str) -> None:
    MAILS[what](scene)

    mail = latest()
    paragraphs = [
        re.sub(r"^(-- |[0-9]+\. )", "", words(part)) for part in re.split(r"\n\n|\n(?=[0-9])", mail.body)
    ]
    assert [part for part in paragraphs if part not in read(mail.html)] == []
    assert len(read(mail.html)) <= len(words(mail.body))


@pytest.mark.parametrize("what", MAILS)
def test_every_mail_has_greeting_sender_link_and_why(scene: Scene, settings: Settings, what: str) -> None:
    settings.SUPPORT_CONTACT = "support@portal.example\n+1 555 0100"
    MAILS[what](scene)

    mail = latest()
    assert mail.body.startswith("Hello Homer,\n")
    assert "MySonicWALL Support\nsupport@portal.example\n+1 555 0100\nhttp://localhost\n" in mail.body
    assert "\nYou get this mail " in mail.body
    assert re.search(r'<a href="(http://localhost/\w+/\S+|\[the link)', mail.html)


@pytest.mark.parametrize("what", MAILS)
def test_a_mail_loads_nothing_from_elsewhere(scene: Scene, what: str) -> None:
    MAILS[what](scene)

    assert not re.search(r"\bsrc=|url\(|@import|<link|<script", latest().html)


@pytest.mark.parametrize("what", ["declined", "cancelled", "corrected"])
def test_a_reason_is_said_where_there_was_one(scene: Scene, what: str) -> None:
    MAILS[what](scene)

    assert "\nReason: " in latest().body


def test_the_mail_leads_to_each_keyset_and_says_where_the_failed_unit_goes(
    scene: Scene, settings: Settings
) -> None:
    settings.RMA_RETURN_ADDRESS = "RMA Department\n1 Way Back"
    MAILS["completed"](scene)

    steps = latest().body.partition("What to do:")[2]
    for serial in (scene.secondary.unit.serial, scene.new.serial):
        assert f"http://localhost/products/{serial}/keyset/" in steps
    assert f"({scene.primary.unit.serial}) back to: RMA Department, 1 Way Back" in words(steps)


def test_a_transfer_sends_nothing_back(scene: Scene) -> None:
    transferred(scene)

    assert " back" not in latest().body


def test_a_replaced_access_point_is_not_told_to_apply_a_keyset(scene: Scene) -> None:
    point, new = scene.point(scene.primary), UnitFactory(model_name="SonicPoint")

    outcome = complete(open_for(point, new))

    assert outcome.keysets == []
    assert "/keyset/" not in latest().body


def test_who_shares_from_a_changed_unit_is_told_to_apply_its_keyset(scene: Scene) -> None:
    corrected(scene)

    assert f"/products/{scene.secondary.unit.serial}/keyset/" in latest().body


# How many


def test_a_request_cancelled_before_its_mails_went_out_sends_none(
    scene: Scene, owner: User, other: User
) -> None:
    case = scene.ask()

    cancel_case(case=case, by=owner)

    assert not Mail.objects.filter(about=case.number).exists()


def test_who_cancels_a_request_gets_no_mail_about_that(scene: Scene, owner: User, other: User) -> None:
    case = scene.ask()
    Mail.objects.update(sent_at=timezone.now())

    cancel_case(case=case, by=owner)

    assert list(Mail.objects.filter(sent_at=None).values_list("to", flat=True)) == ["marge@example.org"]


def test_a_mail_that_a_sender_has_leased_is_not_withdrawn(scene: Scene, owner: User) -> None:
    case = scene.ask()
    Mail.objects.update(leased_until=timezone.now(), tries=1)

    cancel_case(case=case, by=owner)

    assert Mail.objects.filter(about=case.number).count() == 1


def test_what_support_has_approved_is_cancelled_with_a_mail_to_all(
    scene: Scene, owner: User, other: User
) -> None:
    case = approve_case(case=scene.ask(), replacement="", by=staff())
    Mail.objects.all().delete()

    cancel_case(case=case, by=owner)

    assert Mail.objects.filter(about=case.number).count() == 2


def test_an_account_asks_for_so_many_cases_a_day(scene: Scene, owner: User) -> None:
    units: list[Registration] = RegistrationFactory.create_batch(
        MOST_REQUESTS + 2, account=scene.primary.account
    )
    asked: list[RmaCase] = [ask(unit, by=owner) for unit in units[:MOST_REQUESTS]]
    cancel_case(case=asked[0], by=owner)

    refuses(TooManyRequests, lambda: ask(units[-1], by=owner))

    open_for(units[-1], None)  # Support may
    RmaCase.objects.filter(pk=asked[0].pk).update(asked_at=timezone.now() - timedelta(days=1))
    ask(units[-2], by=owner)
