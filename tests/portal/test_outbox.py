"""The outbox: written with what it tells of, sent afterwards, at least once."""

import logging
import smtplib
import socketserver
import stat
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends import locmem
from django.db import transaction
from django.db.transaction import TransactionManagementError
from pytest_django import Settings

from portal.errors import ReasonNeeded
from portal.models import AuditEntry, Mail
from portal.outbox import LEASE, LONGEST_PAUSE, MOST_ATTEMPTS, MailWaiting, Round, post, resend, send_waiting
from tests.factories import AccountFactory, UserFactory
from tests.rows import nothing_written

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
REFUSED = smtplib.SMTPRecipientsRefused({"ann@a.example": (550, b"no ann@a.example here")})


class HookedBackend(locmem.EmailBackend):
    """A mail server that asks `answer` before it takes a mail."""

    answer: Callable[[EmailMessage], object]

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        type(self).answer(messages[0])
        return super().send_messages(messages)


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a function answer for the mail server: what it raises is why a mail isn't taken."""

    def serve(answer: Callable[[EmailMessage], object]) -> None:
        settings.MAILERS = {"default": {"BACKEND": "tests.portal.test_outbox.HookedBackend"}}
        monkeypatch.setattr(HookedBackend, "answer", staticmethod(answer), raising=False)

    return serve


def refuse(error: Exception, to: str = "ann@a.example") -> Callable[[EmailMessage], None]:
    """Answer the mails to somebody with an error."""

    def answer(message: EmailMessage) -> None:
        if message.to == [to]:
            raise error

    return answer


def posted(*to: str, subject: str = "Case 7") -> list[Mail]:
    post(to=to or ["ann@a.example"], subject=subject, body="Your case", about="RMA 7")
    return list(Mail.objects.order_by("pk"))


def send(at: datetime = NOON, limit: int = 100) -> Round:
    return send_waiting(now=lambda: at, limit=limit)


def present(row: Mail) -> Mail:
    return Mail.objects.get(pk=row.pk)


# Writing


def test_each_address_gets_a_mail_of_its_own() -> None:
    account = AccountFactory()

    count = post(to=["ann@a.example", "bob@b.example"], subject="Case 7", body="…", account=account)

    assert count == 2
    assert set(Mail.objects.values_list("to", "subject", "account", "tries")) == {
        ("ann@a.example", "Case 7", account.pk, 0),
        ("bob@b.example", "Case 7", account.pk, 0),
    }


def test_doubles_and_empty_addresses_are_left_out() -> None:
    count = post(to=["ann@a.example", "", " Ann@A.example ", "  "], subject="Case 7", body="…")

    assert count == Mail.objects.count() == 1


def test_nobody_to_write_to_is_nothing_to_write() -> None:
    assert post(to=[""], subject="Case 7", body="…") == 0


@pytest.mark.parametrize("subject", ["a\nBcc: eve@e.example", "a\r\n b", "a\0b", "a\u2028b", " a\x85b "])
def test_a_subject_is_one_line(subject: str) -> None:
    (row,) = posted(subject=subject)

    assert row.subject.isprintable()
    assert row.subject.startswith("a ")


def test_a_long_subject_is_cut() -> None:
    (row,) = posted(subject="s" * 300)

    assert len(row.subject) == 200


@pytest.mark.django_db(transaction=True)
def test_outside_of_a_transaction_nothing_is_posted() -> None:
    with pytest.raises(TransactionManagementError):
        posted()

    assert not Mail.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_mail_goes_with_the_transaction_that_it_tells_of() -> None:
    with transaction.atomic():
        posted()
        transaction.set_rollback(True)

    assert send() == Round()
    assert mail.outbox == []


def test_a_mail_with_html_has_its_text_too() -> None:
    post(to=["ann@a.example"], subject="Case 7", body="Your case", html="<p>Your case</p>")

    send()

    (message,) = mail.outbox
    assert (message.body, message.alternatives) == ("Your case", [("<p>Your case</p>", "text/html")])


# Sending


def test_what_waits_is_sent_oldest_first() -> None:
    posted("ann@a.example", "bob@b.example")

    done = send()

    assert done == Round(sent=2)
    assert [(m.to, m.subject, m.body) for m in mail.outbox] == [
        (["ann@a.example"], "Case 7", "Your case"),
        (["bob@b.example"], "Case 7", "Your case"),
    ]
    assert set(Mail.objects.values_list("sent_at", "leased_until", "tries")) == {(NOON, None, 1)}


def test_a_mail_says_who_sends_it_and_that_nobody_typed_it(settings: Settings) -> None:
    posted()

    send()

    assert mail.outbox[0].from_email == settings.DEFAULT_FROM_EMAIL
    assert mail.outbox[0].message()["Auto-Submitted"] == "auto-generated"


def test_what_was_sent_is_not_sent_again() -> None:
    posted()
    send()

    assert send(NOON + timedelta(days=1)) == Round()
    assert len(mail.outbox) == 1


def test_at_most_so_many_are_sent_in_a_round() -> None:
    posted("ann@a.example", "bob@b.example", "eve@e.example")

    assert [send(limit=2).sent, send(limit=2).sent] == [2, 1]


def test_a_round_ends_when_it_is_told_to() -> None:
    posted("ann@a.example", "bob@b.example")
    heard: list[Round] = []

    done = send_waiting(now=lambda: NOON, limit=9, goes_on=lambda so_far: bool(heard.append(so_far)))

    assert [done] == heard == [Round(sent=1)]
    assert len(mail.outbox) == 1


def test_what_is_leased_is_left_alone_until_the_lease_runs_out() -> None:
    posted()
    Mail.objects.update(leased_until=NOON + LEASE)

    assert send(NOON + LEASE - timedelta(seconds=1)) == Round()
    assert send(NOON + LEASE) == Round(sent=1)


def test_a_mail_is_leased_while_it_is_sent(server: Callable[..., None]) -> None:
    (row,) = posted()
    leases: list[datetime | None] = []
    server(lambda message: leases.append(present(row).leased_until))

    send()

    assert leases == [NOON + LEASE]


# Failing


def test_a_failure_waits_for_its_next_attempt(server: Callable[..., None]) -> None:
    row, other = posted("ann@a.example", "bob@b.example")
    server(refuse(REFUSED))

    done = send()

    row = present(row)
    assert (done.sent, done.failed, done.is_cut_short) == (1, 1, False)
    assert (row.tries, row.sent_at, row.gave_up_at) == (1, None, None)
    assert row.leased_until == NOON + timedelta(minutes=1)
    assert present(other).sent_at == NOON


def test_the_pauses_grow_until_the_mail_is_given_up(
    server: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    (row,) = posted()
    server(refuse(REFUSED))
    at, pauses = NOON, []

    while not (row := present(row)).gave_up_at:
        at = row.leased_until or at
        send(at)
        if until := present(row).leased_until:
            pauses.append(until - at)

    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1], len(pauses)) == (timedelta(minutes=1), LONGEST_PAUSE, MOST_ATTEMPTS - 1)
    assert sum(pauses, timedelta()) < timedelta(hours=24)
    assert (row.tries, row.leased_until, send(at + timedelta(days=9))) == (MOST_ATTEMPTS, None, Round())
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_mail_whose_senders_always_die_is_given_up() -> None:
    (row,) = posted()
    Mail.objects.update(tries=MOST_ATTEMPTS, leased_until=NOON)

    assert send() == Round()
    assert present(row).gave_up_at == NOON


def test_what_comes_right_in_the_end_tells_of_no_error(server: Callable[..., None]) -> None:
    (row,) = posted()
    server(refuse(REFUSED))
    send()
    server(lambda message: None)

    send(NOON + timedelta(hours=1))

    row = present(row)
    assert (row.sent_at, row.tries, row.last_error) == (NOON + timedelta(hours=1), 2, "")


SECRETS = ["ann", "geheim", "Your case"]


@pytest.mark.parametrize(
    ("error", "is_cut_short"),
    [
        (REFUSED, False),
        (smtplib.SMTPDataError(554, b"ann: Your case is spam"), False),
        (ValueError("Invalid address 'ann@a.example'"), False),
        (smtplib.SMTPSenderRefused(550, b"not ann", "ann@a.example"), True),
        (smtplib.SMTPAuthenticationError(535, b"geheim is wrong"), True),
        (smtplib.SMTPServerDisconnected("ann"), True),
        (ConnectionRefusedError(111, "geheim"), True),
        (TimeoutError("geheim"), True),
    ],
)
def test_of_a_failure_nothing_private_is_kept_and_the_servers_own_ends_the_round(
    server: Callable[..., None], caplog: pytest.LogCaptureFixture, error: Exception, is_cut_short: bool
) -> None:
    row, other = posted("ann@a.example", "bob@b.example")
    Mail.objects.filter(pk=row.pk).update(tries=MOST_ATTEMPTS - 1)
    server(refuse(error))

    done = send()

    row = present(row)
    assert row.gave_up_at
    assert 0 < len(row.last_error) <= 100
    assert not [secret for secret in SECRETS if secret in f"{row.last_error} {done.problem} {caplog.text}"]
    assert done.is_cut_short is is_cut_short
    assert bool(present(other).sent_at) is not is_cut_short


def test_a_sender_that_was_too_slow_leaves_the_next_ones_word_alone(server: Callable[..., None]) -> None:
    (row,) = posted()

    def lose_the_lease(message: EmailMessage) -> None:
        Mail.objects.update(leased_until=NOON + 2 * LEASE, tries=2)
        raise REFUSED

    server(lose_the_lease)
    send()

    row = present(row)
    assert (row.leased_until, row.tries, row.last_error) == (NOON + 2 * LEASE, 2, "")


# A server


class Conversation(socketserver.StreamRequestHandler):
    """A mail server's side of SMTP, for as many mails as come."""

    def handle(self) -> None:
        self._say(220)
        while line := self.rfile.readline():
            verb = line.split()[0].upper()
            self.server.heard.append(line)
            if verb == b"DATA":
                self._say(354)
                self.server.heard += iter(self.rfile.readline, b".\r\n")
            self._say(221 if verb == b"QUIT" else 250)

    def _say(self, code: int) -> None:
        self.wfile.write(f"{code} portal.test\r\n".encode())


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[list[bytes]]:
    """A mail server on this machine: the lines that it hears."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        server.heard = []
        options = {"host": "127.0.0.1", "port": server.server_address[1], "timeout": 10}
        settings.MAILERS = {"default": {"OPTIONS": options}}
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.heard
        server.shutdown()


def test_a_mail_server_gets_each_mail(mail_server: list[bytes]) -> None:
    posted("ann@a.example", "bob@b.example", subject="Fäll 7")

    assert send() == Round(sent=2)

    heard = b"".join(mail_server)
    assert heard.count(b"rcpt to:<ann@a.example>") == heard.count(b"rcpt to:<bob@b.example>") == 1
    assert (heard.count(b"\r\nYour case\r\n"), heard.count(b"quit")) == (2, 2)


# Files


def test_without_a_server_mail_becomes_files_that_nobody_else_can_read(
    settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "mail"
    backend = {"BACKEND": "portal.outbox.FileBackend", "OPTIONS": {"file_path": str(folder)}}
    settings.MAILERS = {"default": backend}
    posted("ann@a.example", "bob@b.example")

    send()

    text = "".join(path.read_text() for path in folder.iterdir())
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o700, 0o700]
    assert (text.count("Subject: Case 7"), text.count("To: bob@b.example")) == (2, 1)


# Sending again


@pytest.mark.parametrize(
    "ended", [{"sent_at": NOON}, {"gave_up_at": NOON, "last_error": "…"}, {"last_error": "…"}]
)
def test_a_mail_is_sent_again(ended: dict[str, object]) -> None:
    (row,) = posted()
    Mail.objects.update(tries=MOST_ATTEMPTS, leased_until=NOON + timedelta(hours=6), **ended)

    resend(mail=present(row), by=UserFactory(), now=NOON, reason="asked for it")

    assert send() == Round(sent=1)
    assert present(row).tries == 1


def test_who_sent_a_mail_again_and_why_is_in_the_audit_trail() -> None:
    agent, account = UserFactory(is_staff=True), AccountFactory()
    post(to=["ann@a.example"], subject="Case 7", body="…", account=account, about="RMA 7")
    send()

    resend(mail=Mail.objects.get(), by=agent, now=NOON, reason="asked for it")

    entry = AuditEntry.objects.get(code="mail-resent")
    assert (entry.actor, entry.account, entry.reason) == (agent, account, "asked for it")
    assert entry.data == {"mail": Mail.objects.get().pk, "subject": "Case 7", "about": "RMA 7"}


@pytest.mark.parametrize(
    ("changes", "reason", "refusal"),
    [
        ({"sent_at": NOON}, " ", ReasonNeeded),
        ({}, "asked for it", MailWaiting),
        ({"leased_until": NOON + LEASE, "tries": 1}, "asked for it", MailWaiting),
    ],
    ids=["no reason", "waiting", "being sent"],
)
def test_a_refused_wish_to_send_again_writes_nothing(
    changes: dict[str, object], reason: str, refusal: type[Exception]
) -> None:
    (row,) = posted()
    by = UserFactory()
    Mail.objects.update(**changes)

    with nothing_written(), pytest.raises(refusal):
        resend(mail=present(row), by=by, now=NOON, reason=reason)


def test_two_clicks_send_again_once() -> None:
    (row,) = posted()
    send()
    resend(mail=present(row), by=UserFactory(), now=NOON, reason="asked for it")

    with pytest.raises(MailWaiting):
        resend(mail=present(row), by=UserFactory(), now=NOON, reason="asked for it")
