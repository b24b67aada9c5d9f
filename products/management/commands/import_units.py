"""Read units of the factory's record from a CSV file."""

import shutil
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError

from portal.errors import RuleViolation
from products.factory import Problem, import_units, reading, update_units


class Command(BaseCommand):
    help = (
        "Read units into the factory's record: "
        "serial_number,model,authentication_code,firmware,warranty_ends_on. "
        "All rows or none; one that is there already with the same values is fine. "
        "With --update, one that is there with another code, firmware or warranty is shown, and with --yes "
        "corrected."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE.csv", help="a CSV file in UTF-8; - reads standard input")
        parser.add_argument(
            "--update",
            action="store_true",
            help="show what is other of known units: code, firmware, warranty; writes nothing without --yes",
        )
        parser.add_argument("--yes", action="store_true", help="with --update: write what it shows")
        parser.add_argument("--reason", default="", help="why known units are corrected; --yes needs it")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        if options["yes"] and not options["update"]:
            raise CommandError("--yes goes with --update; without that, known units are never changed.")
        self.options = options
        if file != "-":
            self._import(Path(file))
            return
        with tempfile.TemporaryDirectory() as folder:  # standard input can be read only once
            copy = Path(folder) / "units.csv"
            with copy.open("wb") as target:
                shutil.copyfileobj(_standard_input(), target)
            self._import(copy)

    def _import(self, path: Path) -> None:
        try:
            if self.options["update"]:
                self._update(path)
                return
            rows, created = import_units(reading(path), by=None, report=self._report, progress=self._progress)
        except OSError as error:
            raise CommandError(f"{path.name} can't be read: {error.strerror}.") from None
        except RuleViolation as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{rows} rows read: {created} units are new, {rows - created} were there already.")

    def _update(self, path: Path) -> None:
        is_rehearsed = not self.options["yes"]
        done = update_units(
            reading(path),
            by=None,
            reason=self.options["reason"],
            report=self._report,
            told=lambda change: self.stdout.write(str(change)),
            progress=self._progress,
            is_rehearsed=is_rehearsed,
        )
        what = f"{done.rows} rows read: {done.created} units are new, {done.updated} are corrected."
        not_yet = " Nothing was written: add --yes and --reason to write this." if is_rehearsed else ""
        self.stdout.write(what + not_yet)

    def _report(self, problem: Problem) -> None:
        self.stderr.write(f"line {problem.line}: {problem.reason}")

    def _progress(self, rows: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{rows:,} rows", ending="")


def _standard_input() -> IO[bytes]:
    return sys.stdin.buffer
