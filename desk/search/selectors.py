"""The results of the desk's search: exactly one unit, case or keyset, or everything with such a name."""

import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from django.db.models import F, Model

from desk.addresses import CaseRow
from desk.search.keyset_check import CheckedKeyset, check_keysets, looks_like_keyset
from licensing.keyset import Malformed
from licensing.models import RmaCase
from portal.models import Account, User
from portal.name_search import find_named
from products.errors import InvalidSerial
from products.models import Registration, Unit
from products.notation import SERIAL_DIGITS, bare_serial, strip_separators
from products.serials import normalize_serial

MOST_FOUND, MOST_READ = 20, 200
FEWEST_DIGITS = 6
"""The fewest digits to search by: all of a vendor's serial numbers begin with the same ones."""
_CASE = re.compile(r"RMA\W*(?:(?P<year>\d{4})\W+)?0*(?P<number>\d{1,9})", re.ASCII | re.IGNORECASE)
_BARE_CASE = re.compile(r"(?P<year>\d{4})-0*(?P<number>\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Group[T]:
    """The results of one kind, at most MOST_FOUND."""

    rows: Sequence[T] = ()
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class UnitHit:
    """A unit, with its present registration or its last one."""

    unit: Unit
    registration: Registration | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    If the text means exactly one `unit`, `case` or `keyset`, that is set; otherwise the groups hold matches.
    `serial` is a whole serial number, also of no unit. `keysets` are several, each read or not.
    """

    unit: Unit | None = None
    serial: str = ""
    case: RmaCase | None = None
    keyset: CheckedKeyset | None = None
    keysets: Sequence[CheckedKeyset | Malformed] = ()
    units: Group[UnitHit] = field(default_factory=Group)
    accounts: Group[Account] = field(default_factory=Group)
    users: Group[User] = field(default_factory=Group)
    cases: Group[CaseRow] = field(default_factory=Group)

    @property
    def is_exact(self) -> bool:
        """Whether the text can mean only one thing."""
        return bool(self.serial or self.unit or self.case or self.keyset)

    @property
    def has_any(self) -> bool:
        """Whether there is anything to show."""
        return any(group.rows for group in (self.units, self.accounts, self.users, self.cases))


def clean(text: str) -> str:
    """A typed or pasted text without invisible characters, its blanks collapsed."""
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) != "Cc")
    return " ".join(kept.split())


def is_number(text: str) -> bool:
    """Whether a text identifies a unit or a case but no person, and so may be part of an address."""
    return bool(_case_number(text)) or len(_digits(text)) >= FEWEST_DIGITS


def find(text: str) -> Found:
    """Find what a cleaned text of at least FEWEST_CHARACTERS means. Raises Malformed for half a keyset."""
    if looks_like_keyset(text):
        checked = check_keysets(text)
        one = checked[0] if len(checked) == 1 and isinstance(checked[0], CheckedKeyset) else None
        return Found(keyset=one, keysets=() if one else checked)
    if numbered := _case_number(text):
        found = RmaCase.objects.select_related("failed__unit").filter(pk=numbered["number"]).first()
        if found and (not numbered["year"] or found.asked_at.year == int(numbered["year"])):
            return Found(case=found)
    with suppress(InvalidSerial):
        return Found(serial=normalize_serial(text))
    if unit := _unit_of_code(text):
        return Found(unit=unit)
    return Found(units=_units(text), accounts=_accounts(text), users=_users(text), cases=_cases(text))


def _group[T](rows: list[T]) -> Group[T]:
    return Group(rows[:MOST_FOUND], has_more=len(rows) > MOST_FOUND)


def _case_number(text: str) -> dict[str, str] | None:
    found = _CASE.fullmatch(text) or _BARE_CASE.fullmatch(text)
    return found.groupdict() if found else None


def _digits(text: str) -> str:
    """The beginning of a serial number, as stored; empty for any other text."""
    bare = bare_serial(text)
    return bare if re.fullmatch(rf"[0-9A-F]{{1,{SERIAL_DIGITS}}}", bare) else ""


def _unit_of_code(text: str) -> Unit | None:
    """The unit with this registration code."""
    code = strip_separators(text)
    if not re.fullmatch("[A-Z0-9]{8}", code):
        return None
    found = Registration.objects.select_related("unit").filter(code=code).first()
    return found.unit if found else None


def _units(text: str) -> Group[UnitHit]:
    """Units by the beginning of their serial number or, if there are none, by names and search texts."""
    units = _units_beginning(_digits(text)) or _units_named(text)
    shown = _group(_once(units))
    latest = _latest_registrations(shown.rows)
    return Group([UnitHit(unit, latest.get(unit.pk)) for unit in shown.rows], shown.has_more)


def _latest_registrations(units: Sequence[Unit]) -> dict[int, Registration]:
    """The live registration of each unit, or its last one."""
    rows = Registration.objects.filter(unit__in=units).select_related("account")
    latest_first = list(rows.order_by(F("ended_at").desc(nulls_first=True), "-pk")[:MOST_READ])
    return {registration.unit_id: registration for registration in reversed(latest_first)}


def _units_named(text: str) -> list[Unit]:
    rows = Registration.objects.select_related("unit__model")
    found = find_named(rows, text, limit=MOST_FOUND + 1)
    return [registration.unit for registration in found]


def _units_beginning(digits: str) -> list[Unit]:
    if len(digits) < FEWEST_DIGITS:
        return []
    first, last = (digits.ljust(SERIAL_DIGITS, filling) for filling in "0F")
    units = Unit.objects.select_related("model").filter(serial__gte=first, serial__lte=last)
    return list(units.order_by("serial")[: MOST_FOUND + 1])


def _accounts(text: str) -> Group[Account]:
    return _group(find_named(Account.objects.all(), text, limit=MOST_FOUND + 1))


def _users(text: str) -> Group[User]:
    """Users by user name, first and last name, and e-mail address."""
    rows = User.objects.select_related("membership__account")
    return _group(find_named(rows, text, limit=MOST_FOUND + 1))


def _once[M: Model](rows: list[M]) -> list[M]:
    return list({row.pk: row for row in rows}.values())


def _cases(text: str) -> Group[CaseRow]:
    """The case whose number ends with a bare number."""
    if not re.fullmatch(r"[0-9]{3,9}", text):
        return Group()
    cases = RmaCase.objects.select_related("failed__unit", "replacement", "account")
    return _group([CaseRow(case) for case in cases.filter(pk=int(text))])
