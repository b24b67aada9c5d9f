"""Read units of the factory's record from a CSV file."""

import shutil
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError

from portal.errors import RuleViolation
from products.factory import Problem, import_units, reading


class Command(BaseCommand):
    help = (
        "Read units into the factory's record: "
        "serial_number,model,authentication_code,firmware,warranty_ends_on. "
        "All rows or none; one that is there already with the same values is fine."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE.csv", help="a CSV file in UTF-8; - reads standard input")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
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
            rows, created = import_units(reading(path), by=None, report=self._report, progress=self._progress)
        except OSError as error:
            raise CommandError(f"{path.name} can't be read: {error.strerror}.") from None
        except RuleViolation as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{rows} rows read: {created} units are new, {rows - created} were there already.")

    def _report(self, problem: Problem) -> None:
        self.stderr.write(f"line {problem.line}: {problem.reason}")

    def _progress(self, rows: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{rows:,} rows", ending="")


def _standard_input() -> IO[bytes]:
    return sys.stdin.buffer
