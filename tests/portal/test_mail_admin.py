"""The outbox at the desk: looked at by all of the staff, sent again by those who work on cases."""

import pytest
from django.test import Client
from django.utils import timezone

from portal.models import AuditEntry, Mail, User
from portal.roles import AGENT, OPERATOR
from tests.factories import staff
from tests.pages import Page

pytestmark = pytest.mark.django_db

MAILS = "/support/portal/mail/"


@pytest.fixture
def agent() -> User:
    return staff(AGENT)


@pytest.fixture
def desk(client: Client, agent: User) -> Client:
    client.force_login(agent)
    return client


def mail(**changes: object) -> Mail:
    facts = {"to": "ann@a.example", "subject": "Case 7", "body": "Your <b>case</b>", "about": "RMA 7"}
    return Mail.objects.create(**facts | {"sent_at": timezone.now()} | changes)


def listed(desk: Client, **asked: str) -> list[Mail]:
    return list(desk.get(MAILS, asked).context["cl"].result_list)


@pytest.mark.parametrize(
    ("query", "is_found"),
    [("ANN@a.example", True), ("RMA 7", True), ("ann@", False), ("RMA", False), ("Case", False)],
)
def test_mail_is_found_by_the_whole_address_or_what_it_is_about(
    desk: Client, query: str, is_found: bool
) -> None:
    wanted = mail()
    mail(to="bob@b.example", about="")

    assert listed(desk, q=query) == ([wanted] if is_found else [])


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("sent", {}),
        ("waiting", {"sent_at": None}),
        ("waiting, tried 3 times", {"sent_at": None, "tries": 3}),
        ("given up, tried 12 times", {"sent_at": None, "tries": 12, "gave_up_at": timezone.now()}),
    ],
)
def test_the_list_says_what_became_of_a_mail(desk: Client, state: str, changes: dict[str, object]) -> None:
    row = mail(**changes)

    page = Page(desk.get(MAILS))

    assert page.root.one("td", class_="field-state").text == state
    assert listed(desk, state=state.partition(",")[0]) == [row]
    assert listed(desk, state="given up" if state == "sent" else "sent") == []


def test_a_mail_is_shown_whole_and_as_text(desk: Client) -> None:
    row = mail(last_error="the mail server refuses the address (550)")

    page = desk.get(f"{MAILS}{row.pk}/change/").text

    assert "Your &lt;b&gt;case&lt;/b&gt;" in page
    assert "refuses the address (550)" in page


@pytest.mark.parametrize(
    ("changes", "is_offered"),
    [
        ({}, True),
        ({"sent_at": None, "gave_up_at": timezone.now()}, True),
        ({"sent_at": None, "last_error": "…"}, True),
        ({"sent_at": None}, False),
    ],
)
def test_sending_again_is_offered_for_what_has_ended_or_failed(
    desk: Client, changes: dict[str, object], is_offered: bool
) -> None:
    row = mail(**changes)

    links = Page(desk.get(f"{MAILS}{row.pk}/change/")).root.all("a", href=f"{MAILS}{row.pk}/resend/")

    assert bool(list(links)) is is_offered


def test_a_mail_is_sent_again_with_a_reason(desk: Client, agent: User) -> None:
    row = mail()

    response = desk.post(f"{MAILS}{row.pk}/resend/", {"reason": "it never came"})

    row.refresh_from_db()
    entry = AuditEntry.objects.get(code="mail-resent")
    assert (response.status_code, response["Location"]) == (302, f"{MAILS}{row.pk}/change/")
    assert (row.sent_at, entry.actor, entry.reason) == (None, agent, "it never came")


@pytest.mark.parametrize(
    ("changes", "reason", "code"),
    [
        ({}, " ", "required"),
        ({}, "\0", "null_characters_not_allowed"),
        ({"sent_at": None}, "why", "mail-waiting"),
    ],
)
def test_a_refusal_is_shown_and_nothing_is_written(
    desk: Client, changes: dict[str, object], reason: str, code: str
) -> None:
    row = mail(**changes)

    response = desk.post(f"{MAILS}{row.pk}/resend/", {"reason": reason})

    assert (response.status_code, Page(response).codes()) == (422, [code])
    assert Mail.objects.get() == row
    assert Mail.objects.get().sent_at == row.sent_at
    assert not AuditEntry.objects.filter(code="mail-resent").exists()


@pytest.mark.parametrize("pk", ["0", "nobody", "9" * 30])
def test_a_mail_that_isnt_there_is_not_found(desk: Client, pk: str) -> None:
    assert desk.get(f"{MAILS}{pk}/resend/").status_code == 404


def test_who_doesnt_work_on_cases_sees_mail_and_sends_none_again(client: Client) -> None:
    client.force_login(staff(OPERATOR))
    row = mail()

    page = client.get(f"{MAILS}{row.pk}/change/")
    answers = [ask(f"{MAILS}{row.pk}/resend/", {"reason": "why"}) for ask in (client.get, client.post)]

    assert page.status_code == 200
    assert f"{MAILS}{row.pk}/resend/" not in page.text
    assert [answer.status_code for answer in answers] == [403, 403]
    assert Mail.objects.get().sent_at
