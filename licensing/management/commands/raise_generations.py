"""Raise the generations of all keysets after a restored backup."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from licensing.keysets.issuing import raise_generations

MOST = 1_000_000


class Command(BaseCommand):
    help = (
        "Run it once after restoring a backup: keysets issued since then must not be numbered again, "
        "appliances would refuse them. Stopped half way, run it again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--by",
            type=int,
            default=1000,
            metavar="N",
            help="more than any unit can have been issued since the backup (default: 1000)",
        )

    def handle(self, *args: Any, by: int, **options: Any) -> None:
        if not 1 <= by <= MOST:
            raise CommandError(f"--by takes a number from 1 to {MOST:,}.")
        units = raise_generations(by_how_many=by, by=None, progress=self._progress)
        self.stdout.write(
            f"The generations of {units:,} units are {by:,} higher. Each gets a new keyset when next read."
        )

    def _progress(self, done: int, last: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{done / max(last, 1):4.0%}", ending="")
