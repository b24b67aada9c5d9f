"""Two senders at once, one that is killed half way, and the command that sends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import count

import pytest
from django.conf import settings
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import OperationalError, transaction
from django.utils import timezone
from pytest_django import Settings

from portal import outbox
from portal.management.commands import send_mail
from portal.models import Mail
from portal.outbox import LEASE, Round, post, send_waiting
from tests.killed import Mortal, database_url
from tests.portal.processes import ROOT, environment
from tests.races import Rival, race, without_locks

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 30


def posted(*to: str, subject: str = "Case 7", about: str = "") -> None:
    with transaction.atomic():
        post(to=to or ["ann@a.example"], subject=subject, body="Your case", about=about)


send = partial(send_waiting, now=timezone.now, limit=100)


# Two at once


def test_two_senders_never_send_the_same_mail() -> None:
    posted()

    done = race(send, send)

    assert done == Round()
    assert len(mail.outbox) == 1


@pytest.mark.postgres
def test_control_without_the_condition_two_senders_send_the_same_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    posted()
    due = outbox._due
    monkeypatch.setattr(outbox, "_due", lambda now: due(now) if _is_listing() else Mail.objects.all())

    race(send, send)

    assert len(mail.outbox) == 2


def _is_listing() -> bool:
    """Whether the senders still choose what to send: the condition is wanted there."""
    return sys._getframe(2).f_code.co_name == "send_waiting"


def test_what_one_sender_has_the_next_passes_over() -> None:
    posted("ann@a.example", "bob@b.example")
    at = timezone.now()
    outbox._lease(Mail.objects.earliest("pk").pk, at)

    assert Rival(send).result() == Round(sent=1)
    assert [message.to for message in mail.outbox] == [["bob@b.example"]]


def withdraw() -> set[str]:
    with transaction.atomic():
        return outbox.withdraw(about="RMA 7")


def test_what_is_withdrawn_is_not_sent() -> None:
    posted(about="RMA 7")

    done = race(withdraw, send)

    assert done == Round()
    assert not Mail.objects.exists()


def lease() -> object:
    return outbox._lease(Mail.objects.get().pk, timezone.now())


def test_what_a_sender_has_is_not_withdrawn() -> None:
    posted(about="RMA 7")

    assert race(lease, withdraw) == set()
    assert Mail.objects.exists()


@without_locks
def test_control_without_its_lock_a_mail_is_withdrawn_while_it_is_sent() -> None:
    posted(about="RMA 7")

    race(lease, withdraw)

    assert not Mail.objects.exists()


# Killed


def test_killed_while_sending() -> None:
    """Wherever it dies a mail waits or is sent; one that waits is sent by the next, after the lease."""
    posted("ann@a.example", "bob@b.example")
    at = timezone.now()
    later = at + LEASE + timedelta(seconds=1)
    states = []
    with Mortal("send_mail", at=at.isoformat()) as mortal:
        for step in count(1):
            was_killed = mortal.dies_before(step)
            states.append(list(Mail.objects.order_by("pk").values_list("sent_at", "gave_up_at")))
            waiting = sum(sent_at is None for sent_at, _ in states[-1])
            assert send_waiting(now=lambda: later, limit=9) == Round(sent=waiting), f"before step {step}"
            if not was_killed:
                break
            Mail.objects.update(sent_at=None, leased_until=None, tries=0)

    assert step > 6
    assert {gave_up_at for state in states for _, gave_up_at in state} == {None}
    assert states[0] == [(None, None)] * 2
    assert states[-1] == [(at, None)] * 2


def test_a_mail_of_a_killed_sender_is_not_lost_and_not_sent_early() -> None:
    posted()
    at = timezone.now()
    with Mortal("send_mail", at=at.isoformat()) as mortal:
        step = next(step for step in count(1) if mortal.dies_before(step) and Mail.objects.get().leased_until)

    assert step > 1
    assert send_waiting(now=lambda: at + LEASE - timedelta(seconds=1), limit=9) == Round()
    assert send_waiting(now=lambda: at + LEASE, limit=9) == Round(sent=1)


# manage.py send_mail


def test_the_command_sends_what_waits(capsys: pytest.CaptureFixture[str]) -> None:
    posted("ann@a.example", "bob@b.example")

    call_command("send_mail")
    call_command("send_mail")

    assert len(mail.outbox) == 2
    assert capsys.readouterr().out == "2 mails sent.\nNo mail waits.\n"


def test_the_command_sends_more_than_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_mail, "MAILS_A_ROUND", 2)
    posted(*(f"user{n}@a.example" for n in range(5)))

    call_command("send_mail")

    assert Mail.objects.exclude(sent_at=None).count() == 5


@pytest.fixture
def no_server(settings: Settings) -> None:
    options = {"host": "127.0.0.1", "port": 1, "username": "portal", "password": "geheim", "timeout": 1}
    settings.MAILERS = {"default": {"OPTIONS": options}}


@pytest.mark.usefixtures("no_server")
def test_the_command_says_what_fails_without_a_password() -> None:
    posted("ann@a.example", "bob@b.example")

    with pytest.raises(CommandError) as refusal:
        call_command("send_mail")

    assert "ConnectionRefusedError" in str(refusal.value)
    assert not [secret for secret in ("geheim", "ann") if secret in str(refusal.value)]
    assert set(Mail.objects.values_list("tries", flat=True)) == {0, 1}


def test_a_mail_folder_that_cant_be_used_is_answered_with_one_line(settings: Settings) -> None:
    backend = {"BACKEND": "portal.outbox.FileBackend", "OPTIONS": {"file_path": "/dev/null/mail"}}
    settings.MAILERS = {"default": backend}

    with pytest.raises(CommandError):
        call_command("send_mail")


@pytest.mark.parametrize("pause", ["0", "-1", "nan", "soon", "1e9"])
def test_a_pause_is_a_number_of_seconds(pause: str) -> None:
    with pytest.raises(CommandError):
        call_command("send_mail", "--pause", pause)


@pytest.fixture
def forever() -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    """Starts `send_mail --forever` as a process on the test's database, its mail in files."""
    started = []

    def start() -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "manage.py", "send_mail", "--forever", "--pause", "0.1"],
            cwd=ROOT,
            env=environment(settings.DATA_DIR, DATABASE_URL=database_url()),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=PATIENCE)


def wait_until_sent(number: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while Mail.objects.exclude(sent_at=None).count() < number and time.monotonic() < deadline:
        time.sleep(0.05)
    assert Mail.objects.exclude(sent_at=None).count() == number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_forever_sends_what_comes_and_ends_in_order(
    forever: Callable[[], "subprocess.Popen[str]"], number: int
) -> None:
    posted(subject="the first")
    process = forever()
    wait_until_sent(1)
    posted(subject="the second")
    wait_until_sent(2)

    os.kill(process.pid, number)

    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert sum(int(line.split()[0]) for line in out.splitlines()[1:]) == 2
    assert any("the second" in path.read_text() for path in (settings.DATA_DIR / "mail").iterdir())


def test_forever_outlives_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = iter([OperationalError("the connection is lost\nand more"), Round(sent=1), Round()])

    def answer(**options: object) -> Round:
        outcome = next(outcomes, None)
        if outcome is None:
            signal.raise_signal(signal.SIGTERM)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome or Round()

    monkeypatch.setattr(send_mail, "send_waiting", answer)
    call_command("send_mail", "--forever", "--pause", "0.01")

    printed = capsys.readouterr()
    assert printed.err == "The database can't be used, trying again: the connection is lost\n"
    assert "1 mail sent." in printed.out


def test_signals_are_as_before_when_the_command_is_done() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    call_command("send_mail")

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
