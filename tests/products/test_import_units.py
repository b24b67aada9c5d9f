"""The command `import_units`: what it reads, what it says, how it fails."""

import io
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from products.models import Unit
from tests.rows import nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

HEADER = b"serial_number,model,authentication_code,firmware,warranty_ends_on\n"
GOOD = b"0006B1124416,PRO 5060,7KMD-P2QX,2.5.0.0e,2027-06-30\n"
BAD = b"6.0E+11,PRO 5060,7KMD-P2QX,,\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "units.csv"
    path.write_bytes(HEADER + GOOD)
    return path


def run(file: Path | str) -> tuple[str, str]:
    """What the command writes to standard output and error."""
    out, err = io.StringIO(), io.StringIO()
    call_command("import_units", str(file), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refusal(file: Path | str) -> tuple[str, list[str]]:
    """The command's last word, and what it wrote to standard error before; every row is as it was."""
    err = io.StringIO()

    with nothing_written(), pytest.raises(CommandError) as caught:
        call_command("import_units", str(file), stdout=io.StringIO(), stderr=err)

    assert caught.value.returncode == 1
    return str(caught.value), err.getvalue().splitlines()


def test_a_file_is_imported_and_counted(path: Path) -> None:
    out, err = run(path)

    assert Unit.objects.get().serial == "0006B1124416"
    assert out.startswith("1 rows read: 1 ")
    assert err == ""


def test_a_second_import_finds_its_units(path: Path) -> None:
    run(path)

    out, _ = run(path)

    assert out.startswith("1 rows read: 0 ")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + HEADER + GOOD,
        (HEADER + GOOD).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + (HEADER + GOOD).replace(b"\n", b"\r\n").replace(b"PRO 5060", b'"PRO 5060"'),
    ],
    ids=["BOM", "CRLF", "as a spreadsheet saves it"],
)
def test_files_of_spreadsheets_are_read(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    run(path)

    assert Unit.objects.get().model.name == "PRO 5060"


def test_a_hyphen_reads_standard_input(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(HEADER + GOOD)))

    run("-")

    assert Unit.objects.get().serial == "0006B1124416"


def test_standard_input_is_checked_as_a_file_is(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(HEADER + GOOD + BAD)))

    _, lines = refusal("-")

    assert [line.split(":")[0] for line in lines] == ["line 3"]


def test_each_bad_row_has_its_line_on_standard_error(path: Path) -> None:
    path.write_bytes(HEADER + BAD + GOOD + b"\n" + b"0006B112441C,PRO,W4TE-9HNB,,\n")

    _, lines = refusal(path)

    assert [line.split(":")[:2] for line in lines] == [["line 2", " serial_number"], ["line 5", " model"]]


def test_a_byte_that_isnt_utf8_is_named_by_its_line(path: Path) -> None:
    path.write_bytes(HEADER + GOOD + b"0006B112441C,PRO 5060,7KMD-P2QX,2.5\xfc,\n" + BAD)

    _, lines = refusal(path)

    assert [line.split(":")[0] for line in lines] == ["line 3", "line 4"]
    assert "UTF-8" in lines[0]


def test_a_file_in_utf16_is_reported_as_that(path: Path) -> None:
    path.write_text((HEADER + GOOD).decode(), encoding="utf-16")

    _, lines = refusal(path)

    assert len(lines) == 1
    assert "UTF-8" in lines[0]


def test_a_quote_that_isnt_closed_is_refused(path: Path) -> None:
    path.write_bytes(HEADER + b'"' + GOOD)

    _, lines = refusal(path)

    assert [line.split(":")[0] for line in lines] == ["line 2"]


@pytest.mark.parametrize("name", ["missing.csv", "."], ids=["missing", "a folder"])
def test_a_file_that_cant_be_read_is_named(tmp_path: Path, name: str) -> None:
    message, lines = refusal(tmp_path / name)

    assert (tmp_path / name).name in message
    assert lines == []


def test_progress_is_written_on_a_terminal(path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    err = Terminal()

    call_command("import_units", str(path), stdout=io.StringIO(), stderr=err)

    assert "1 rows" in err.getvalue()
