"""Reads keysets without a portal: `python -m licensing.keyset verify …` and `… show …`.

Exit codes: 0 for a keyset that is installed now or was already (or, with show, that could be read), 1 for one
that is refused, 2 for a command that can't be carried out as given.
"""

import argparse
import datetime
import re
import sys
from pathlib import Path

from licensing.keyset.days import states_on
from licensing.keyset.keys import KeyRing
from licensing.keyset.outcomes import Malformed, Outcome
from licensing.keyset.payload import UNLIMITED, Kind, Payload, Service
from licensing.keyset.serials import read_serial
from licensing.keyset.text import parse
from licensing.keyset.verify import issue_day, verify

_NAMES = {
    1: "Nodes/Users",
    2: "Client AV Enforcement",
    3: "Gateway Anti-Virus, Anti-Spyware & Intrusion Prevention Service",
    4: "Server Anti-Virus",
    5: "Content Filter",
    6: "Premium Content Filtering Service",
    7: "E-Mail Filtering Service",
    8: "VPN",
    9: "Global VPN Client",
    10: "Global VPN Client Enterprise",
    11: "Global Security Client",
    12: "ViewPoint",
    13: "SonicOS Enhanced",
    14: "Support",
}
_KINDS = {Kind.LICENSED: "licensed", Kind.TRIAL: "free trial"}
# Four bytes hold any character of UTF-8; one more than the reader's limit shows that there is more.
_MOST_BYTES = 4 * 8193


class _UsageError(Exception):
    """The command can't be carried out as given; the error's text is one line that says why."""


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        text = _keyset(options.keyset)
        return _verify(options, text) if options.command == "verify" else max(map(_show, _blocks(text)))
    except _UsageError as error:
        sys.stderr.write(f"keyset: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m licensing.keyset",
        description="Reads license keysets offline.",
        epilog="Exit codes: 0 installed, already installed or shown; 1 refused; 2 wrong usage.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser("verify", help="say whether an appliance would take the keyset")
    checking.add_argument("--serial", required=True, help="the appliance's serial number, in any notation")
    checking.add_argument("--keys", required=True, metavar="JWKS", help="file with the trusted public keys")
    checking.add_argument("--model", type=int, metavar="CODE", help="the appliance's model code")
    checking.add_argument("--installed", metavar="FILE", help="file with the keyset that is installed now")
    checking.add_argument("--today", metavar="DATE", help="the day to reckon with, YYYY-MM-DD (UTC)")
    showing = commands.add_parser("show", help="print what the keyset says, without checking its signature")
    for command in (checking, showing):
        command.add_argument(
            "keyset", nargs="*", metavar="KEYSET", help="the text; - or nothing reads standard input"
        )
    return parser


def _keyset(words: list[str]) -> str:
    if words and words != ["-"]:
        return " ".join(words)
    return sys.stdin.buffer.read(_MOST_BYTES).decode(errors="replace")


def _blocks(text: str) -> list[str]:
    """The keysets of a pair's file, each after a line that begins with #; another text as a whole."""
    return re.split(r"^#.*$", text, flags=re.MULTILINE)[1:] or [text]


def _names(block: str) -> str | None:
    """The serial number in a keyset; None if the text isn't one."""
    try:
        return parse(block)[1].serial
    except Malformed:
        return None


def _verify(options: argparse.Namespace, text: str) -> int:
    serial = _serial(options.serial)
    blocks = _blocks(text)
    text = next((block for block in blocks if _names(block) == serial), blocks[0])
    ring = _ring(options.keys)
    installed = None if options.installed is None else _file("--installed", options.installed)
    today = None if options.today is None else _day(options.today)
    try:
        result = verify(text, serial=serial, keys=ring, model=options.model, installed=installed, today=today)
    except ValueError as error:
        raise _UsageError(f"--installed {options.installed}: {error}") from None
    _heading(f"{result.outcome} ({result.reason})" if result.reason else result.outcome, result.text)
    if result.payload:
        _print_payload(result.payload, result.today)
    return 0 if result.outcome.is_success else 1


def _show(text: str) -> int:
    try:
        frame, payload = parse(text)
    except Malformed as error:
        _heading(f"{Outcome.MALFORMED} ({error.reason})", str(error))
        return 1
    _heading(
        "not verified", f"This is what the text says; its signature (key {frame.kid.hex()}) wasn't checked."
    )
    _print_payload(payload, max(datetime.datetime.now(datetime.UTC).date(), issue_day(payload)))
    return 0


def _serial(given: str) -> str:
    try:
        return read_serial(given)
    except ValueError as error:
        raise _UsageError(f"--serial {given}: {error}") from None


def _day(given: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(given)
    except ValueError:
        raise _UsageError(f"--today {given}: not a day like 2026-11-22") from None


def _ring(name: str) -> KeyRing:
    try:
        return KeyRing.from_jwks(_file("--keys", name))
    except ValueError as error:
        raise _UsageError(f"--keys {name}: {error}") from None


def _file(option: str, name: str) -> str:
    try:
        return Path(name).read_bytes().decode(errors="replace")
    except OSError as error:
        raise _UsageError(f"{option} {name}: {error.strerror}") from None
    except ValueError:
        raise _UsageError(f"{option} {name!r}: not a file name") from None


def _heading(word: str, text: str) -> None:
    sys.stdout.write(f"{word}: {text}\n")


def _print_payload(payload: Payload, today: datetime.date) -> None:
    day = issue_day(payload)
    clock = datetime.timedelta(seconds=payload.issued % 86400)
    facts = [
        ("Serial Number", payload.serial),
        ("HF Primary", payload.primary and f"{payload.primary} (its licenses are shared)"),
        ("Generation", str(payload.generation)),
        ("Issued", f"{_date(day)} {clock!s:0>8} UTC"),
        ("Model", str(payload.model)),
        ("Nodes/Users", _amount(payload.nodes)),
        ("Status as of", _date(today)),
    ]
    sys.stdout.write("".join(f"  {name:<15}{value}\n" for name, value in facts if value))
    rows: list[tuple[str, ...]] = [("Code", "Security Service", "Kind", "Status", "Count", "Expiration")]
    for code, state in states_on(today, payload.services).items():
        rows.append((str(code), _NAMES.get(code, f"service {code}"), *_cells(state.status.label, state.row)))
        rows += (("", "", *_cells(f"from {_date(run.first)}", run.row)) for run in state.follows)
    _print_table(rows)


def _cells(status: str, row: Service | None) -> tuple[str, str, str, str]:
    """Kind, Status, Count and Expiration of a service as one row has it."""
    if row is None:
        return "", status, "", ""
    return _KINDS[row.kind], status, _amount(row.count), _date(row.expiry) if row.expiry else ""


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _amount(amount: int | None) -> str:
    if amount is None:
        return ""
    return "Unlimited" if amount == UNLIMITED else str(amount)


def _date(day: datetime.date) -> str:
    return f"{day:%d %b %Y}"


if __name__ == "__main__":
    sys.exit(main())
