"""The factory's record is corrected: one unit at the desk, or many by a file."""

import datetime
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from portal.errors import ReasonNeeded
from portal.models import AuditEntry, User
from portal.roles import LEAD
from products.codes import code_matches
from products.errors import FirmwareTooLong, InvalidCode, RecordUnchanged
from products.models import Unit
from products.record import Change, correct_record
from tests.factories import CODE, RegistrationFactory, UnitFactory, UserFactory, staff
from tests.licensing.support import refuses
from tests.pages import Page
from tests.rows import nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

OLD, NEW = datetime.date(2027, 3, 1), datetime.date(2028, 3, 1)
OTHER = "WXYZ-9876"
HEADER = "serial_number,model,authentication_code,firmware,warranty_ends_on"


@pytest.fixture
def unit() -> Unit:
    unit = RegistrationFactory().unit
    Unit.objects.filter(pk=unit.pk).update(warranty_ends_on=OLD, firmware="2.5")
    unit.refresh_from_db()
    return unit


def correct(unit: Unit, by: User | None = None, **changes: object) -> Change:
    facts = {"warranty_ends_on": OLD, "firmware": "2.5", "authentication_code": "", "reason": "a typo"}
    return correct_record(unit=unit, by=by or UserFactory(is_staff=True), **facts | changes)


def opens(unit: Unit, code: str) -> bool:
    unit.refresh_from_db()
    return code_matches(unit.serial, code.replace("-", ""), mac=unit.code_mac, kid=unit.code_kid)


def test_the_record_is_corrected_and_audited_without_the_code(unit: Unit) -> None:
    change = correct(unit, warranty_ends_on=NEW, firmware=" 3.0 ", authentication_code=OTHER.lower())

    assert opens(unit, OTHER)
    assert (unit.warranty_ends_on, unit.firmware) == (NEW, "3.0")
    entry = AuditEntry.objects.get(code="record-corrected")
    assert (entry.serial, entry.reason) == (unit.serial, "a typo")
    assert entry.account == unit.registrations.get().account
    assert not {OTHER, unit.code_mac} & set(str(entry.data).split())
    assert str(change).startswith(f"{unit.serial}: warranty 01 Mar 2027 → 01 Mar 2028, firmware 2.5 → 3.0")


def test_an_empty_code_stays_and_the_others_are_emptied(unit: Unit) -> None:
    correct(unit, warranty_ends_on=None, firmware="")

    assert opens(unit, CODE)
    assert (unit.warranty_ends_on, unit.firmware) == (None, "")


def test_no_keyset_is_made_stale(unit: Unit) -> None:
    version = unit.version

    correct(unit, firmware="3.0", authentication_code=OTHER)

    unit.refresh_from_db()
    assert unit.version == version


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({}, RecordUnchanged),
        ({"authentication_code": CODE}, RecordUnchanged),
        ({"authentication_code": "1"}, InvalidCode),
        ({"firmware": "n" * 33}, FirmwareTooLong),
        ({"firmware": "3.0", "reason": " "}, ReasonNeeded),
    ],
)
def test_a_refused_correction_writes_nothing(
    unit: Unit, changes: dict[str, object], refusal: type[Exception]
) -> None:
    lead = UserFactory(is_staff=True)

    refuses(refusal, lambda: correct(unit, lead, **changes))


@pytest.mark.parametrize("state", ["registered", "in stock", "retired"])
def test_a_lead_sees_what_changes_and_confirms(client: Client, unit: Unit, state: str) -> None:
    unit = (
        unit if state == "registered" else UnitFactory(retired_at=timezone.now() if state[0] == "r" else None)
    )
    client.force_login(staff(LEAD))
    address, form = f"/support/units/{unit.serial}/record/", {"firmware": "3.0", "reason": "a typo"}
    form["authentication_code"] = OTHER

    page = Page(client.post(address, form))
    lines = [line.text for line in page.root.one("ul", class_="effects points").all("li")]
    client.post(address, form | {"shown": page.root.one("input", name="shown").attrs["value"]})

    assert lines[-1] == "Another authentication code"
    assert opens(unit, OTHER)
    assert unit.firmware == "3.0"


def test_the_form_begins_with_what_is_recorded(client: Client, unit: Unit) -> None:
    client.force_login(staff(LEAD))

    page = Page(client.get(f"/support/units/{unit.serial}/record/"))

    shown = {name: page.root.one("input", name=name).attrs.get("value", "") for name in FIELDS}
    assert shown == {"warranty_ends_on": "2027-03-01", "firmware": "2.5", "authentication_code": ""}


FIELDS = ("warranty_ends_on", "firmware", "authentication_code")


# Many, by a file


def file(path: Path, *rows: str) -> Path:
    path = path / "units.csv"
    path.write_text("\n".join([HEADER, *rows, ""]))
    return path


def row(unit: Unit, code: str = CODE, firmware: str = "2.5", day: object = OLD, model: str = "") -> str:
    return f"{unit.serial},{model or unit.model},{code},{firmware},{day}"


def run(path: Path, *options: str) -> list[str]:
    out = io.StringIO()
    call_command("import_units", str(path), *options, stdout=out, stderr=io.StringIO())
    return out.getvalue().splitlines()


def test_a_file_shows_each_change_and_writes_nothing(unit: Unit, tmp_path: Path) -> None:
    new = "0006B1124416,PRO 5060,7KMD-P2QX,,"

    with nothing_written():
        told, last = run(file(tmp_path, row(unit, day=NEW), new), "--update")

    assert told == f"{unit.serial}: warranty 01 Mar 2027 → 01 Mar 2028"
    assert last.startswith("2 rows read: 1 units are new, 1 are corrected. Nothing was written")


def test_with_yes_they_are_corrected(unit: Unit, tmp_path: Path) -> None:
    same = UnitFactory()
    rows = [
        row(unit, OTHER, "3.0", NEW),
        row(same, firmware=same.firmware, day=same.warranty_ends_on or ""),
        "0006B1124416,PRO 5060,7KMD-P2QX,,",
    ]

    told, last = run(file(tmp_path, *rows), "--update", "--yes", "--reason", "the label's list")

    assert opens(unit, OTHER)
    assert (unit.warranty_ends_on, unit.firmware) == (NEW, "3.0")
    assert told.endswith("another authentication code")
    assert last == "3 rows read: 1 units are new, 1 are corrected."
    entry = AuditEntry.objects.get(code="record-corrected")
    assert (entry.reason, entry.account) == ("the label's list", unit.registrations.get().account)
    assert AuditEntry.objects.get(code="units-imported").data == {"rows": 3, "created": 1, "updated": 1}


def test_twice_it_corrects_nothing(unit: Unit, tmp_path: Path) -> None:
    path = file(tmp_path, row(unit, day=NEW))
    run(path, "--update", "--yes", "--reason", "once")

    assert run(path, "--update") == [
        "1 rows read: 0 units are new, 0 are corrected. Nothing was written: "
        "add --yes and --reason to write this."
    ]


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        (lambda unit: [row(unit, model="TZ 170")], ["--update", "--yes", "--reason", "a typo"]),
        (lambda unit: [row(unit, day=NEW), row(unit)], ["--update", "--yes", "--reason", "a typo"]),
        (lambda unit: [row(unit, day=NEW), "1,PRO 5060,7KMD-P2QX,,"], ["--update", "--yes", "--reason", "x"]),
        (lambda unit: [row(unit, day=NEW)], ["--update", "--yes"]),
        (lambda unit: [row(unit, day=NEW)], ["--yes"]),
        (lambda unit: [row(unit, day=NEW)], []),
    ],
    ids=["another model", "twice with other values", "a bad row", "no reason", "yes alone", "no update"],
)
def test_a_file_that_is_refused_writes_nothing(
    unit: Unit, tmp_path: Path, rows: object, options: list[str]
) -> None:
    path = file(tmp_path, *rows(unit))

    with nothing_written(), pytest.raises(CommandError):
        run(path, *options)
