"""The command for a machine without the portal: what it answers, and its exit codes."""

import datetime
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from licensing.keyset import Service, jwk, sign
from licensing.keyset.__main__ import main
from tests.licensing.keyset.support import FOLLOWED, PAYLOAD, RING, SECONDARY, SIGNER, STRANGER

ROOT = Path(__file__).resolve().parents[3]
TEXT = sign(SECONDARY, SIGNER)


@pytest.fixture
def jwks(tmp_path: Path) -> str:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(RING.to_jwks()))
    return str(path)


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs the command in this process: its exit code and what it wrote to standard output and error."""

    def _run(*arguments: str, stdin: bytes = b"") -> SimpleNamespace:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            code = main(list(arguments))
        except SystemExit as stop:
            code = stop.code
        captured = capsys.readouterr()
        return SimpleNamespace(code=code, out=captured.out, err=captured.err)

    return _run


EXPECTED = """\
installed: The keyset is genuine and this appliance's own, and takes effect.
  Serial Number  0006B112441C
  HF Primary     0006B1124416 (its licenses are shared)
  Generation     7
  Issued         21 Nov 2026 22:26:40 UTC
  Model          5
  Nodes/Users    Unlimited
  Status as of   22 Nov 2026
Code  Security Service                                                 Kind        Status      Count      Expiration
2     Client AV Enforcement                                            licensed    Expired     3          17 Nov 2004
3     Gateway Anti-Virus, Anti-Spyware & Intrusion Prevention Service  licensed    Licensed               22 Nov 2026
4     Server Anti-Virus                                                free trial  Free Trial             01 Dec 2026
8     VPN                                                              licensed    Licensed
9     Global VPN Client                                                licensed    Licensed    5
300   service 300                                                      free trial  Free Trial  Unlimited
"""  # noqa: E501 (the table as it stands on the screen)


def test_verify_prints_outcome_unit_and_services(run, jwks) -> None:
    result = run("verify", "--serial", SECONDARY.serial, "--keys", jwks, "--today", "2026-11-22", TEXT)

    assert (result.code, result.out, result.err) == (0, EXPECTED, "")


FOLLOWS = """\
Code  Security Service              Kind        Status            Count      Expiration
2     Client AV Enforcement         licensed    Expired           3          17 Nov 2004
                                    licensed    from 01 Dec 2026  3          30 Nov 2027
4     Server Anti-Virus             free trial  Free Trial                   01 Dec 2026
                                    licensed    from 02 Dec 2026
9     Global VPN Client             licensed    Licensed          5
                                    licensed    from 01 Jan 2027  Unlimited
10    Global VPN Client Enterprise              Not Licensed
                                    licensed    from 31 Dec 2026  7
"""


def test_what_follows_stands_beneath_what_runs(run, jwks) -> None:
    later = Service(10, count=7, begin=datetime.date(2026, 12, 31))
    text = sign(replace(FOLLOWED, services=(*FOLLOWED.services[:-1], later)), SIGNER)

    result = run("verify", "--serial", FOLLOWED.serial, "--keys", jwks, "--today", "2026-11-22", text)

    assert result.code == 0
    assert result.out.endswith(f"22 Nov 2026\n{FOLLOWS}")


@pytest.mark.parametrize("words", [[], ["-"]])
def test_the_keyset_comes_from_standard_input(run, jwks, words) -> None:
    stdin = b"\xef\xbb\xbf" + TEXT[:64].encode() + b"\r\n" + TEXT[64:].encode()

    result = run("verify", "--serial", "00-06-b1-12-44-1c", "--keys", jwks, *words, stdin=stdin)

    assert result.code == 0


def test_the_keyset_may_be_parted_into_words(run, jwks) -> None:
    result = run("verify", "--serial", SECONDARY.serial, "--keys", jwks, TEXT[:64], TEXT[64:])

    assert result.code == 0


@pytest.mark.parametrize(
    ("text", "options", "code", "word"),
    [
        (sign(SECONDARY, STRANGER), [], 1, "unknown-key:"),
        (sign(PAYLOAD, SIGNER), [], 1, "wrong-serial:"),
        (TEXT, ["--model", "6"], 1, "wrong-model:"),
        (TEXT, ["--model", "5"], 0, "installed:"),
        (TEXT[:-1], [], 1, "malformed (incomplete):"),
        ("\u00e9\ud800", [], 1, "malformed (not-a-keyset):"),
    ],
)
def test_outcome_and_exit_code(run, jwks, text, options, code, word) -> None:
    result = run("verify", "--serial", SECONDARY.serial, "--keys", jwks, *options, text)

    assert result.code == code
    assert result.out.startswith(word)


def test_the_installed_keyset_is_compared(run, jwks, tmp_path) -> None:
    installed = tmp_path / "installed"
    installed.write_text(TEXT)

    result = run("verify", "--serial", SECONDARY.serial, "--keys", jwks, "--installed", str(installed), TEXT)

    assert result.code == 0
    assert result.out.startswith("already-installed:")


def test_undecodable_and_endless_input_is_malformed(run, jwks) -> None:
    for stdin in (b"\xff\xfe0\x00", b"A" * 100_000):
        result = run("verify", "--serial", SECONDARY.serial, "--keys", jwks, stdin=stdin)

        assert result.code == 1
        assert result.out.startswith("malformed (")


def test_show_reads_without_keys(run) -> None:
    result = run("show", TEXT)

    assert result.code == 0
    assert result.out.startswith(
        f"not verified: This is what the text says; its signature (key {SIGNER.kid.hex()})"
    )
    assert "300   service 300" in result.out


def test_show_refuses_what_is_no_keyset(run) -> None:
    assert run("show", "hello").code == 1


@pytest.mark.parametrize(
    "change",
    [
        {"--serial": "6.0E+11"},
        {"--keys": "no/such/file"},
        {"--keys": "."},
        {"--keys": __file__},
        {"--installed": "no/such/file"},
        {"--installed": __file__},
        {"--today": "yesterday"},
        {"--today": "2026-02-30"},
    ],
)
def test_a_command_that_cannot_be_carried_out_says_why_in_one_line(run, jwks, change) -> None:
    options = {"--serial": SECONDARY.serial, "--keys": jwks} | change

    result = run("verify", *(word for option in options.items() for word in option), TEXT)

    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("arguments", [[], ["verify", "--serial", "1"], ["verify", "--model", "x"], ["burn"]])
def test_wrong_usage(run, arguments) -> None:
    assert run(*arguments).code == 2


@pytest.mark.parametrize("private", [True, False])
def test_a_private_key_is_no_key_set(run, tmp_path, private) -> None:
    path = tmp_path / "keys"
    path.write_text(json.dumps({"keys": [jwk(SIGNER.public_key) | ({"d": "AA"} if private else {})]}))

    result = run("verify", "--serial", SECONDARY.serial, "--keys", str(path), TEXT)

    assert result.code == (2 if private else 0)


def test_it_runs_where_cryptography_is_all_there_is(tmp_path, jwks) -> None:
    for name in ("cryptography", "cffi", "_cffi_backend"):
        origin = Path(find_spec(name).origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (tmp_path / source.name).symlink_to(source)
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "LC_ALL": "C"}
    arguments = ["-m", "licensing.keyset", "verify", "--serial", SECONDARY.serial, "--keys", jwks]

    def python(*words: str, text: str = "") -> subprocess.CompletedProcess:
        command = [sys.executable, "-S", *words]
        return subprocess.run(command, input=text.encode(), env=environment, check=False)

    assert python("-c", "import django").returncode == 1
    assert python(*arguments, text=TEXT).returncode == 0
    assert python(*arguments, text=TEXT + "\u00e9").returncode == 1
