"""Send the mail that waits in the outbox."""

import signal
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.core.mail import InvalidMailer
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, close_old_connections
from django.template.defaultfilters import pluralize
from django.utils import timezone

from portal.outbox import Round, send_waiting

MAILS_A_ROUND = 100
MOMENT = 0.2
"""How long a signal may go unnoticed, in seconds."""


class Command(BaseCommand):
    help = (
        "Send the mail that waits in the outbox, once or for ever. What fails is tried again later, after "
        "pauses that grow, and given up in the end: the desk shows it, and sends it again."
    )
    _is_stopped = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--forever",
            action="store_true",
            help="go on until Ctrl-C or SIGTERM; the mail in hand is finished",
        )
        parser.add_argument(
            "--pause", type=_seconds, default=5, metavar="SECONDS", help="between two looks with --forever: 5"
        )

    def handle(self, *args: Any, forever: bool, pause: float, **options: Any) -> None:
        with self._ends_in_order():
            try:
                if forever:
                    self._send_forever(pause)
                else:
                    self._send_once()
            except InvalidMailer as error:
                raise CommandError(str(error)) from None

    def _send_once(self) -> None:
        done = self._send_all()
        self.stdout.write(f"{_mails(done.sent)} sent." if done.sent or done.failed else "No mail waits.")
        if done.failed:
            raise CommandError(f"{_mails(done.failed)} not sent, tried again later: {done.problem}.")

    def _send_forever(self, pause: float) -> None:
        self.stdout.write("Sending mail (Ctrl-C stops it)")
        while not self._is_stopped:
            close_old_connections()  # a broken one would stay broken
            try:
                done = self._send_all()
            except (InterfaceError, OperationalError) as error:
                reason = str(error).splitlines()[0]
                self.stderr.write(f"The database can't be used, trying again: {reason}")
            else:
                if done.sent:
                    self.stdout.write(f"{_mails(done.sent)} sent.")
                if done.failed:
                    self.stderr.write(f"{_mails(done.failed)} not sent, tried again later: {done.problem}.")
            self._sleep(pause)

    def _send_all(self) -> Round:
        """Send round by round until nothing waits, the server fails, or somebody stops it."""
        done = Round()
        while not self._is_stopped:
            step = send_waiting(now=timezone.now, limit=MAILS_A_ROUND, goes_on=self._goes_on)
            done = Round(done.sent + step.sent, done.failed + step.failed, step.problem or done.problem)
            if step.is_cut_short or not step.sent + step.failed:
                break
        if done.sent + done.failed and self.stderr.isatty():
            self.stderr.write("")  # ends the line of progress
        return done

    def _goes_on(self, so_far: Round) -> bool:
        if self.stderr.isatty():
            self.stderr.write(f"\r{so_far.sent + so_far.failed} of this round", ending="")
        return not self._is_stopped

    def _sleep(self, seconds: float) -> None:
        """Sleep in short steps: no signal ends a sleep, and Event.wait isn't safe with signal handlers."""
        end = time.monotonic() + seconds
        while not self._is_stopped and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, MOMENT))

    @contextmanager
    def _ends_in_order(self) -> Iterator[None]:
        """On Ctrl-C or SIGTERM end after the mail in hand; on a second one end at once."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        former = {number: signal.signal(number, self._stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler or signal.SIG_DFL)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._is_stopped = True
        signal.signal(number, signal.SIG_DFL)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 3600:
        raise ArgumentTypeError(f"“{text}” is no number of seconds between 0 and 3600")
    return seconds


def _mails(count: int) -> str:
    return f"{count:,} mail{pluralize(count)}"
