"""Replay the ledger and compare it with what units hold."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from licensing.ledger.verification import Differs, Verified, verify


class Command(BaseCommand):
    help = (
        "Replay the ledger and compare it with today's licenses, parts of licenses and catalogue. "
        "It only reads, and may be stopped at any moment. The first difference ends it with exit code 1."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = verify(progress=self._progress)
        except Differs as difference:
            raise CommandError(str(difference)) from None
        self.stdout.write(
            f"{done.units:,} units and {done.entries:,} entries compared: the ledger and the rows agree."
        )

    def _progress(self, done: Verified) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{done.units:,} units, {done.entries:,} entries ", ending="")
