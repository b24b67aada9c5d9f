"""A password is set by its owner alone: others send it a link, which works once and for an hour."""

import datetime
import re

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone

from portal import outbox
from portal.errors import LinkUsed
from portal.models import AuditEntry, Mail, User
from portal.roles import AGENT, OPERATOR
from portal.services import send_password_link, set_password
from tests.factories import PASSWORD, MembershipFactory, staff
from tests.pages import Page
from tests.rows import every_row, nothing_written, whole_rows

pytestmark = pytest.mark.django_db

NEW = "a longer pass phrase 7"
TYPED = {"new_password1": NEW, "new_password2": NEW}


@pytest.fixture
def owner() -> User:
    return MembershipFactory(user__email="owner@a.example").user


@pytest.fixture
def operator() -> User:
    return staff(OPERATOR)


@pytest.fixture
def desk(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


def ask(desk: Client, user: User, reason: str = "forgotten") -> Page:
    return Page(desk.post(f"/support/portal/user/{user.pk}/link/", {"reason": reason}))


def send() -> None:
    outbox.send_waiting(now=timezone.now, limit=10)


def link_in(message: mail.EmailMessage) -> str:
    return re.search(r"http://localhost(/password/\S+)", message.body)[1]


@pytest.fixture
def link(owner: User, operator: User) -> str:
    send_password_link(user=owner, by=operator, reason="forgotten")
    send()
    return link_in(mail.outbox[0])


def opened(client: Client, link: str) -> str:
    """Where a link leads; a link that sets nothing leads nowhere."""
    response = client.get(link)
    return response["Location"] if response.status_code == 302 else ""


def test_the_desk_sends_a_link_with_its_reason(desk: Client, operator: User, owner: User) -> None:
    ask(desk, owner)
    send()

    entry = AuditEntry.objects.get(code="password-link-sent")
    (message,) = mail.outbox
    assert (entry.actor, entry.reason, entry.account) == (operator, "forgotten", owner.membership.account)
    assert entry.data == {"user": owner.username, "to": "owner@a.example"}
    assert message.to == ["owner@a.example"]
    assert "Support" in message.body
    assert outbox.LINK not in message.body
    (page,) = message.alternatives
    assert page.content.count(f"http://localhost{link_in(message)}") == 2
    assert outbox.LINK not in page.content


def test_the_link_is_kept_nowhere(desk: Client, owner: User) -> None:
    ask(desk, owner)
    send()

    secret = link_in(mail.outbox[0]).strip("/").rpartition("/")[2]
    row = Mail.objects.get()
    assert secret not in repr(whole_rows())
    assert secret not in desk.get(f"/support/portal/mail/{row.pk}/change/").text


@pytest.mark.parametrize(
    ("changes", "reason", "code"),
    [
        ({}, " ", "required"),
        ({}, "r" * 201, "max_length"),
        ({"email": ""}, "forgotten", "no-mail-address"),
        ({"is_active": False}, "forgotten", "login-switched-off"),
    ],
)
def test_a_link_that_cant_be_sent_is_refused_and_nothing_is_written(
    desk: Client, owner: User, changes: dict[str, object], reason: str, code: str
) -> None:
    User.objects.filter(pk=owner.pk).update(**changes)

    with nothing_written():
        response = desk.post(
            f"/support/portal/user/{owner.pk}/link/", {"reason": reason, "email": "mine@e.org"}
        )

    assert (response.status_code, Page(response).codes()) == (422, [code])


def test_a_new_login_has_no_password_and_is_sent_a_link(desk: Client, client: Client) -> None:
    form = {"username": "ann", "email": "ann@a.example", "reason": "a new customer"}

    desk.post("/support/portal/user/add/", form)
    assert not User.objects.get(username="ann").has_usable_password()
    send()
    page = opened(client, link_in(mail.outbox[0]))
    client.post(page, TYPED)

    assert User.objects.get(username="ann").check_password(NEW)
    codes = ["user-saved", "password-link-sent", "password-set"]
    assert [entry.code for entry in AuditEntry.objects.order_by("-pk")[:3]][::-1] == codes


@pytest.mark.parametrize("missing", ["email", "reason"])
def test_a_new_login_needs_an_address_and_a_reason(desk: Client, missing: str) -> None:
    form = {"username": "ann", "email": "ann@a.example", "reason": "a new customer", missing: ""}

    response = desk.post("/support/portal/user/add/", form)

    assert list(response.context["adminform"].form.errors) == [missing]
    assert not User.objects.filter(username="ann").exists()


@pytest.fixture
def elsewhere(owner: User) -> Client:
    """A browser in which the owner is logged in already."""
    client = Client()
    client.force_login(owner)
    return client


def test_the_owner_sets_its_password_and_everything_else_of_it_ends(
    client: Client, owner: User, elsewhere: Client, link: str
) -> None:
    page = opened(client, link)
    response = client.post(page, TYPED)

    owner.refresh_from_db()
    assert (response.status_code, response["Location"]) == (302, "/login/")
    assert owner.check_password(NEW)
    assert AuditEntry.objects.get(code="password-set").actor == owner
    assert elsewhere.get("/").status_code == 302
    assert link.strip("/").rpartition("/")[2] not in page


def test_a_link_works_once(client: Client, owner: User, link: str) -> None:
    client.post(opened(client, link), TYPED)

    assert opened(Client(), link) == ""
    assert opened(client, link) == ""


def test_two_pages_of_one_link_set_one_password(owner: User) -> None:
    first, second = User.objects.get(pk=owner.pk), User.objects.get(pk=owner.pk)
    set_password(user=first, password=NEW)

    with pytest.raises(LinkUsed):
        set_password(user=second, password="another pass phrase 8")  # noqa: S106  (a test's)

    assert User.objects.get(pk=owner.pk).check_password(NEW)
    assert AuditEntry.objects.filter(code="password-set").count() == 1


@pytest.mark.parametrize(("minutes", "is_valid"), [(59, True), (61, False)])
def test_a_link_ends_an_hour_after_the_mail_left(
    client: Client, owner: User, operator: User, minutes: int, is_valid: bool
) -> None:
    send_password_link(user=owner, by=operator, reason="forgotten")
    left = timezone.now() + datetime.timedelta(hours=5)
    with time_machine.travel(left, tick=False):
        send()

    with time_machine.travel(left + datetime.timedelta(minutes=minutes), tick=False):
        assert bool(opened(client, link_in(mail.outbox[0]))) is is_valid


@pytest.mark.parametrize("changes", [{"email": "other@a.example"}, {"is_active": False}], ids=str)
def test_a_link_ends_with_the_address_and_with_the_login(
    client: Client, owner: User, link: str, changes: dict[str, object]
) -> None:
    User.objects.filter(pk=owner.pk).update(**changes)

    assert opened(client, link) == ""


@pytest.mark.parametrize("changes", [{"email": "other@a.example"}, {"is_active": False}], ids=str)
def test_no_link_is_made_for_an_address_that_isnt_the_persons_any_more(
    owner: User, operator: User, changes: dict[str, object]
) -> None:
    send_password_link(user=owner, by=operator, reason="forgotten")
    User.objects.filter(pk=owner.pk).update(**changes)

    send()

    assert not mail.outbox
    assert "address has changed" in Mail.objects.get().last_error


def test_a_link_isnt_sent_again_from_the_outbox(client: Client, owner: User, link: str) -> None:
    client.force_login(staff(AGENT))
    page, before = f"/support/portal/mail/{Mail.objects.get().pk}/", every_row()["portal.Mail"]

    response = client.post(f"{page}resend/", {"reason": "it never came"})

    assert Page(response).codes() == ["mail-with-link"]
    assert every_row()["portal.Mail"] == before
    assert "resend/" not in client.get(f"{page}change/").text


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ({"new_password2": "another pass phrase 8"}, "password_mismatch"),
        (dict.fromkeys(TYPED, "password"), "password_too_common"),
        (dict.fromkeys(TYPED, "x" * 257), "max_length"),
        (dict.fromkeys(TYPED, "a longer\0 pass phrase"), "null_characters_not_allowed"),
        (dict.fromkeys(TYPED, ""), "required"),
    ],
)
def test_a_password_that_isnt_taken_is_refused_beside_its_field(
    client: Client, owner: User, link: str, typed: dict[str, str], code: str
) -> None:
    response = client.post(opened(client, link), TYPED | typed)

    assert response.status_code == 422
    assert code in Page(response).codes()
    assert not [e for e in Page(response).root.all("input", type="password") if "value" in e.attrs]
    assert User.objects.get(pk=owner.pk).check_password(PASSWORD)


@pytest.mark.parametrize(
    "path", ["MQ/set-password", "MQ/nothing", "x/y", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5/a-b", "AA/a-b"]
)
def test_what_is_no_link_says_so(client: Client, owner: User, path: str) -> None:
    response = client.get(f"/password/{path}/")

    assert response.status_code == 200
    assert "doesn't set a password" in Page(response).root.text
    assert not list(Page(response).root.all("input", type="password"))
