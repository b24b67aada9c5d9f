"""The factory's record is read from a file: all of it or nothing, in memory that doesn't grow with it."""

import datetime
import gc
import io
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import connection

from portal.keys import NoActiveKey, describe_hash_key, make_hash_key, write_secret
from portal.models import AuditEntry, Key
from products import factory
from products.codes import code_matches
from products.errors import ImportRefused
from products.factory import COLUMNS, Preview, Problem, import_units, preview_units
from products.factory_staging import staging
from products.models import Unit
from tests.factories import UnitFactory
from tests.rows import nothing_written, whole_rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

HEADER = ",".join(COLUMNS)
GOOD = "0006B1124416,PRO 5060,7KMD-P2QX,2.5.0.0e,2027-06-30"
OTHER = "0006B112441C,TZ 170,W4TE-9HNB,,"


def text(*lines: str, end: str = "\n") -> str:
    return end.join([HEADER, *lines]) + end


def load(*contents: str) -> tuple[int, int]:
    """Import a text; where two are given, the second pass finds the second one."""
    passes = iter([*contents, contents[-1]])
    problems: list[Problem] = []
    result = import_units(
        lambda: io.StringIO(next(passes)), by=None, report=problems.append, progress=lambda rows: None
    )
    assert not problems
    return result


def refusal(*contents: str) -> list[Problem]:
    """The problems that an import is refused for; it leaves every row as it was."""
    passes = iter([*contents, contents[-1]])
    problems: list[Problem] = []

    with nothing_written(), pytest.raises(ImportRefused) as caught:
        import_units(
            lambda: io.StringIO(next(passes)), by=None, report=problems.append, progress=lambda rows: None
        )

    assert caught.value.facts["problems"] == len(problems)
    return problems


def preview(content: str) -> tuple[Preview, list[Problem]]:
    """What a preview says of a text, and the problems that it reports; it leaves every row as it was."""
    problems: list[Problem] = []

    with nothing_written():
        found = preview_units(lambda: io.StringIO(content), report=problems.append)

    assert found.problems == len(problems)
    return found, problems


def lines_of(problems: list[Problem]) -> list[int]:
    return [problem.line for problem in problems]


@pytest.mark.parametrize(
    ("typed", "named"),
    [("pro5060", {"PRO 5060"}), ("TZ170", {"TZ 170"}), ("?", {"CSM 2100", "SonicPoint", "TZ 170 Wireless"})],
)
def test_a_model_that_is_not_in_the_catalogue_is_reported_with_those_that_are(
    typed: str, named: set[str]
) -> None:
    (problem,) = refusal(text(GOOD.replace("PRO 5060", typed)))

    assert problem.line == 2
    assert {name for name in named if f"“{name}”" in problem.reason} == named


def serial_rows(count: int, *, start: int = 0) -> list[str]:
    return [f"{number:012X},PRO 5060,ABCD-{number % 10000:04d},," for number in range(start, start + count)]


def test_a_row_becomes_a_unit() -> None:
    assert load(text(GOOD)) == (1, 1)

    unit = Unit.objects.get()
    assert (unit.serial, unit.model.name, unit.firmware) == ("0006B1124416", "PRO 5060", "2.5.0.0e")
    assert unit.warranty_ends_on == datetime.date(2027, 6, 30)
    assert (unit.version, unit.last_generation, unit.retired_at) == (0, 0, None)


def test_firmware_and_warranty_may_be_left_out() -> None:
    load(text(OTHER))

    unit = Unit.objects.get()
    assert (unit.firmware, unit.warranty_ends_on) == ("", None)


def test_an_import_is_in_the_audit_trail() -> None:
    load(text(GOOD, OTHER))

    assert AuditEntry.objects.get(code="units-imported").data == {"rows": 2, "created": 2}


def test_codes_are_kept_as_a_keyed_hash_that_names_its_key() -> None:
    load(text(GOOD))

    unit = Unit.objects.get()
    assert unit.code_kid == Key.objects.get(purpose="codes", state="active").kid
    assert code_matches(unit.serial, "7KMDP2QX", mac=unit.code_mac, kid=unit.code_kid)
    assert not code_matches(unit.serial, "7KMDP2QY", mac=unit.code_mac, kid=unit.code_kid)


def test_the_same_code_has_another_hash_for_another_unit() -> None:
    load(text(GOOD, GOOD.replace("0006B1124416", "0006B112441C")))

    assert len(set(Unit.objects.values_list("code_mac", flat=True))) == 2


def test_no_code_is_anywhere_in_the_database() -> None:
    load(text(GOOD, OTHER))

    stored = repr(whole_rows()).upper()

    for code in ("7KMD-P2QX", "7KMDP2QX", "W4TE-9HNB", "W4TE9HNB"):
        assert code not in stored


def test_an_import_without_keys_is_refused_and_writes_nothing() -> None:
    Key.objects.all().delete()

    with nothing_written(), pytest.raises(NoActiveKey):
        load(text(GOOD))


@pytest.mark.parametrize(
    "content",
    [
        text(GOOD, OTHER, end="\r\n"),
        text("", GOOD, "", ",,,,", "  ", OTHER, ""),
        text(GOOD.replace("PRO 5060", '"PRO 5060"'), ",".join(f'"{value}"' for value in OTHER.split(","))),
        text(GOOD, OTHER).rstrip("\n"),
        text(" 0006-b112-4416 , PRO 5060 ,7kmd p2qx, 2.5.0.0e , 2027-06-30 ", OTHER),
        text(GOOD, OTHER).replace(",", " , ", 4),
    ],
    ids=["CRLF", "empty lines", "quotes", "no last line end", "other notations", "blanks in the header"],
)
def test_a_file_may_be_written_in_other_ways(content: str) -> None:
    assert load(content) == (2, 2)

    assert Unit.objects.get(serial="0006B1124416").warranty_ends_on == datetime.date(2027, 6, 30)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        "serial_number,model\n",
        HEADER.replace("model", "product") + "\n" + GOOD,
        HEADER.replace(",", ";") + "\n" + GOOD.replace(",", ";"),
        GOOD,
        f"{HEADER},more\n{GOOD},more",
    ],
    ids=["empty", "empty line", "too few", "another name", "semicolons", "none", "too many"],
)
def test_another_header_is_refused(content: str) -> None:
    assert lines_of(refusal(content)) == [1]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (GOOD.replace("0006B1124416", "6.0E+11"), "serial_number"),
        (GOOD.replace("0006B1124416", "6B1124416"), "serial_number"),
        (GOOD.replace("0006B1124416", ""), "serial_number"),
        (GOOD.replace("PRO 5060", "PRO 9999"), "model"),
        (GOOD.replace("PRO 5060", ""), "model"),
        (GOOD.replace("7KMD-P2QX", "7KMD"), "authentication_code"),
        (GOOD.replace("2.5.0.0e", "x" * 33), "firmware"),
        (GOOD.replace("2.5.0.0e", '"2.5\n0"'), "firmware"),
        (GOOD.replace("2.5.0.0e", "2.5\0"), "firmware"),
        (GOOD.replace("2027-06-30", "30.06.2027"), "warranty_ends_on"),
        (GOOD.replace("2027-06-30", "2027-02-29"), "warranty_ends_on"),
        (GOOD.replace("2027-06-30", "0000-00-00"), "warranty_ends_on"),
        (GOOD.replace("2027-06-30", "20270630"), "warranty_ends_on"),
        (GOOD.replace("2027-06-30", "2027-W26-3"), "warranty_ends_on"),
        (GOOD.replace("2027-06-30", "9999-01-01"), "warranty_ends_on"),
        (GOOD.replace("2027-06-30", "9999-12-31"), "warranty_ends_on"),
        (f"{GOOD},more", "6 columns"),
        ("0006B1124416", "1 columns"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_column(row: str, column: str) -> None:
    (problem,) = refusal(text(OTHER, "", row))

    assert problem.line == 4
    assert problem.reason.startswith(column)


def test_every_bad_row_is_named() -> None:
    bad = [GOOD.replace("PRO", "pro"), OTHER, "1,2", GOOD.replace("06-30", "06-31"), "x,TZ 170,W4TE-9HNB,,"]

    problems = refusal(text(*bad))

    assert lines_of(problems) == [2, 4, 5, 6]


def test_what_contradicts_the_record_is_named_beside_rows_that_are_bad() -> None:
    load(text(GOOD))

    problems = refusal(text(GOOD.replace("PRO 5060", "PRO 2040"), "nothing", OTHER))

    assert sorted(lines_of(problems)) == [2, 3]


def test_bytes_that_arent_utf8_are_named_with_their_line() -> None:
    rows = serial_rows(300)
    rows[250] = rows[250].replace("PRO", "PR\udcd6")

    (problem,) = refusal(text(*rows))

    assert problem.line == 252
    assert "UTF-8" in problem.reason


@pytest.mark.parametrize(
    "row", ['"0006B1124416,PRO 5060,7KMD-P2QX,,', '0006B1124416,PRO 5060,7KMD-P2QX,"2.5"x,']
)
def test_what_is_no_csv_is_named_where_it_begins(row: str) -> None:
    (problem,) = refusal(text(OTHER, row, *serial_rows(5)))

    assert problem.line == 3
    assert "CSV" in problem.reason


def test_a_quote_that_never_ends_is_not_read_to_the_end_of_a_long_file() -> None:
    (problem,) = refusal(text(GOOD, '"' + OTHER, *serial_rows(5000)))

    assert problem.line == 3


def test_the_same_row_twice_in_a_file_is_one_unit() -> None:
    assert load(text(GOOD, OTHER, GOOD.replace("B", "b").replace("7KMD-P2QX", "7kmdp2qx"))) == (3, 2)


@pytest.mark.parametrize(
    "other",
    [
        GOOD.replace("PRO 5060", "PRO 2040"),
        GOOD.replace("7KMD-P2QX", "7KMD-P2QY"),
        GOOD.replace("2.5.0.0e", ""),
        GOOD.replace("2027-06-30", "2028-06-30"),
    ],
)
@pytest.mark.parametrize("batch", [1000, 2])
def test_a_serial_number_twice_with_other_values_is_refused(monkeypatch, other: str, batch: int) -> None:
    monkeypatch.setattr(factory, "BATCH", batch)

    problems = refusal(text(GOOD, OTHER, *serial_rows(3), other))

    assert lines_of(problems) == [7]


def test_a_unit_that_exists_with_the_same_values_is_fine() -> None:
    load(text(GOOD))
    before = Unit.objects.get()

    assert load(text(GOOD, OTHER)) == (2, 1)

    assert Unit.objects.filter(pk=before.pk, code_mac=before.code_mac, version=before.version).exists()


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("PRO 5060", "PRO 2040", "model"),
        ("7KMD-P2QX", "7KMD-P2QY", "authentication_code"),
        ("2.5.0.0e", "", "firmware"),
        ("2027-06-30", "", "warranty_ends_on"),
    ],
)
def test_a_unit_that_exists_with_other_values_is_refused(old: str, new: str, column: str) -> None:
    load(text(GOOD))

    (problem,) = refusal(text(OTHER, GOOD.replace(old, new)))

    assert problem.line == 3
    assert problem.reason.endswith(column)


def test_a_unit_hashed_under_a_key_of_before_is_compared_under_that_key(settings, tmp_path: Path) -> None:
    load(text(GOOD))
    shutil.copytree(settings.DATA_DIR / "keys", tmp_path / "keys")
    settings.DATA_DIR = tmp_path
    Key.objects.filter(purpose="codes").update(state="retired")
    secret = make_hash_key()
    kid = describe_hash_key(secret).kid
    write_secret(tmp_path / "keys" / "codes" / kid, secret)
    Key.objects.create(purpose="codes", state="active", kid=kid)

    assert load(text(GOOD, OTHER)) == (2, 1)

    assert Unit.objects.get(serial="0006B112441C").code_kid == kid
    assert Unit.objects.exclude(code_kid=kid).count() == 1


def test_a_contradiction_found_in_the_second_pass_rolls_everything_back(monkeypatch) -> None:
    monkeypatch.setattr(factory, "BATCH", 2)
    rows = serial_rows(9)

    problems = refusal(text(*rows, rows[0].replace("ABCD", "ABCE")))

    assert lines_of(problems) == [11]


@pytest.mark.parametrize(
    "second",
    [
        text(OTHER, GOOD.replace("PRO 5060", "PRO 9999")),
        text(OTHER),
        text(OTHER, GOOD, *serial_rows(2)),
        text(),
        "",
        text(OTHER, '"' + GOOD),
        text(OTHER, GOOD.replace("PRO", "\udcff")),
    ],
    ids=["bad row", "row gone", "rows more", "only the header", "nothing", "no CSV", "not UTF-8"],
)
def test_a_file_that_changes_between_the_passes_is_refused(second: str) -> None:
    assert refusal(text(OTHER, GOOD), second)


def test_every_contradiction_is_named_however_far_apart(monkeypatch) -> None:
    monkeypatch.setattr(factory, "BATCH", 2)
    load(text(GOOD))
    other = [row.replace("ABCD", "ABCE") for row in serial_rows(3)]

    problems = refusal(text(*serial_rows(3), *other, GOOD.replace("2.5", "2.6"), *other))

    assert sorted(lines_of(problems)) == [5, 6, 7, 8, 9, 10, 11]


def test_several_contradictions_in_one_row_are_all_named() -> None:
    load(text(OTHER))

    (problem,) = refusal(text("0006B112441C,TZ 150,W4TE-9HNB,1.0,2027-01-01"))

    assert problem.reason.endswith("another model, firmware, warranty_ends_on")


@pytest.mark.parametrize("firmware", ["2.5\\N", "\\", "\\N", "a\\tb", "=cmd|' /C calc'!A0", "üß\U0001f525"])
def test_a_firmware_is_kept_as_it_is_written(firmware: str) -> None:
    row = GOOD.replace("2.5.0.0e", firmware)

    assert load(text(row)) == (1, 1)

    assert Unit.objects.get().firmware == firmware
    assert load(text(row)) == (1, 0)


def test_a_problem_quotes_nothing_that_would_steer_a_terminal() -> None:
    problems = refusal(text(GOOD.replace("PRO", "\x1b[2J\0"), GOOD.replace("0006", "\x9b06")))

    assert lines_of(problems) == [2, 3]
    assert all(problem.reason.isprintable() for problem in problems)


def test_a_problem_quotes_a_long_value_in_part() -> None:
    (problem,) = refusal(text(GOOD.replace("PRO 5060", "x" * 100_000)))

    assert len(problem.reason) < 500


def test_a_model_in_whatever_order_has_its_count(monkeypatch) -> None:
    monkeypatch.setattr(factory, "BATCH", 2)
    load(text(GOOD))

    seen, problems = preview(text(*serial_rows(4), GOOD, OTHER, OTHER, ""))

    assert not problems
    assert (seen.rows, seen.new, seen.known) == (7, 5, 1)
    assert [(count.name, count.rows, count.new) for count in seen.models] == [
        ("PRO 5060", 5, 4),
        ("TZ 170", 2, 1),
    ]


def test_a_preview_shows_the_first_rows_without_their_codes() -> None:
    load(text(GOOD))

    seen, _ = preview(text(GOOD, OTHER, *serial_rows(20)))

    assert [(sample.line, sample.serial, sample.is_new) for sample in seen.first[:3]] == [
        (2, "0006B1124416", False),
        (3, "0006B112441C", True),
        (4, "000000000000", True),
    ]
    assert len(seen.first) == 10
    assert str(seen.first[0].warranty_ends_on) == "2027-06-30"
    assert "P2QX" not in repr(seen)


def test_a_preview_names_what_an_import_would_refuse() -> None:
    load(text(GOOD))
    content = text(GOOD.replace("5060", "2040"), "x", OTHER, OTHER.replace("170", "150"), *serial_rows(2))

    seen, problems = preview(content)

    assert sorted(lines_of(problems)) == sorted(lines_of(refusal(content))) == [2, 3, 5]
    assert (seen.rows, seen.new, seen.known) == (6, 3, 1)


def test_a_preview_of_another_header_says_so() -> None:
    seen, problems = preview("serial_number,model\n")

    assert lines_of(problems) == [1]
    assert (seen.rows, seen.new, seen.models, seen.first) == (0, 0, [], [])


class StoppedError(Exception):
    """Somebody stops an import."""


def test_an_import_that_is_stopped_in_the_middle_has_written_nothing(monkeypatch) -> None:
    monkeypatch.setattr(factory, "BATCH", 2)

    for stop_after in range(1, 6):
        steps = iter(range(stop_after))

        def stop(rows: int, steps: Iterator[int] = steps) -> None:
            if next(steps, None) is None:
                raise StoppedError

        with nothing_written(), suppress(StoppedError):
            import_units(
                lambda: io.StringIO(text(*serial_rows(5))),
                by=None,
                report=lambda problem: None,
                progress=stop,
            )
            pytest.fail("it came to its end")

    assert load(text(*serial_rows(5))) == (5, 5)


def test_units_that_come_in_between_refuse_the_import(monkeypatch) -> None:
    monkeypatch.setattr(factory, "BATCH", 2)
    problems: list[Problem] = []
    steps = iter(range(4))

    def meanwhile(rows: int) -> None:
        if next(steps, None) == 3:  # three batches read, the first one written
            UnitFactory(serial="000000000004")

    with pytest.raises(ImportRefused):
        import_units(
            lambda: io.StringIO(text(*serial_rows(6))), by=None, report=problems.append, progress=meanwhile
        )

    assert "meanwhile" in problems[0].reason
    assert not Unit.objects.exists()


def test_progress_counts_the_rows_of_each_pass(monkeypatch) -> None:
    monkeypatch.setattr(factory, "BATCH", 2)
    seen: list[int] = []

    import_units(
        lambda: io.StringIO(text(*serial_rows(5))), by=None, report=lambda problem: None, progress=seen.append
    )

    assert seen == [2, 4, 5, 2, 4, 5]


def test_memory_doesnt_grow_with_the_file(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(factory, "BATCH", 100)
    load(text(GOOD))  # what is only kept once is kept now

    small = peak_of(tmp_path / "small.csv", serial_rows(400))
    large = peak_of(tmp_path / "large.csv", serial_rows(4000, start=400))

    assert Unit.objects.count() == 4401
    assert large < 2 * small  # measured: 1.2 to 1.7, and 2.5 to 4.5 where the rows were kept


def peak_of(path: Path, rows: list[str]) -> int:
    path.write_text(text(*rows))
    rows.clear()
    opened: Callable[[], io.TextIOWrapper] = path.open
    gc.collect()
    tracemalloc.start()
    import_units(opened, by=None, report=lambda problem: None, progress=lambda rows: None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.postgres
def test_the_time_outs_of_requests_end_no_import() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 10000")
        cursor.execute("SET LOCAL lock_timeout = 4000")

    with staging(), connection.cursor() as cursor:
        limits = [cursor.execute(f"SHOW {name}").fetchone() for name in ("statement_timeout", "lock_timeout")]

    assert limits == [("0",), ("0",)]
