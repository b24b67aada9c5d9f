"""Licences, counts and last days are put into words in one place, with the day given."""

from datetime import date

import pytest

from licensing.entitlements.timeline import Holding, Right, Span
from licensing.entitlements.today import Entitlement
from licensing.models import Licence, Service
from licensing.wording import (
    begin_in_words,
    count_in_words,
    end_in_words,
    entry_in_words,
    licence_in_words,
    lines_in_words,
    number_in_words,
    then_in_words,
)

TODAY, LAST, NEXT = date(2026, 11, 22), date(2027, 11, 17), date(2027, 11, 18)
SERVICE = Service(code=2, name="Client AV Enforcement")


@pytest.mark.parametrize(("count", "text"), [(None, ""), (-1, "Unlimited"), (5, "5"), (1000, "1,000")])
def test_a_count_in_words(count: int | None, text: str) -> None:
    assert count_in_words(count) == text


@pytest.mark.parametrize(("day", "text"), [(LAST, "until 17 Nov 2027"), (None, "for ever")])
def test_an_end_in_words(day: date | None, text: str) -> None:
    assert end_in_words(day) == text


@pytest.mark.parametrize(("day", "text"), [(TODAY, "from today"), (NEXT, "from 18 Nov 2027")])
def test_a_beginning_in_words(day: date, text: str) -> None:
    assert begin_in_words(day, TODAY) == text


@pytest.mark.parametrize(("count", "text"), [(None, ""), (-1, " (Unlimited)"), (1000, " for 1,000")])
def test_a_number_in_words(count: int | None, text: str) -> None:
    assert number_in_words(count) == text


@pytest.mark.parametrize(
    ("kind", "count", "day", "text"),
    [
        ("licensed", 5, LAST, "licensed for 5 until 17 Nov 2027"),
        ("licensed", 1000, None, "licensed for 1,000 for ever"),
        ("licensed", -1, TODAY, "licensed (Unlimited) until 22 Nov 2026"),
        ("trial", None, LAST, "free trial until 17 Nov 2027"),
        ("licensed", 5, date(2026, 11, 7), "expired 07 Nov 2026"),
        ("trial", None, date(2026, 11, 21), "expired 21 Nov 2026"),
    ],
)
def test_a_licence_in_words(kind: str, count: int | None, day: date | None, text: str) -> None:
    licence = Licence(service=SERVICE, kind=kind, count=count, begins_on=TODAY, expires_on=day)
    held = Entitlement(SERVICE, Right.OWN, kind, count, day)

    assert licence_in_words(licence, TODAY) == licence_in_words(held, TODAY) == text


def test_a_licence_that_is_to_begin_says_from_when() -> None:
    licence = Licence(service=SERVICE, count=5, begins_on=LAST, expires_on=None)

    assert licence_in_words(licence, TODAY) == "from 17 Nov 2027 licensed for 5 for ever"


def _span(kind: str, count: int | None, first: date, last: date | None) -> Span:
    return Span(Holding(Right.OWN, kind, count), first, last)


@pytest.mark.parametrize(
    ("then", "lines"),
    [
        ([], []),
        ([_span("licensed", 5, NEXT, date(2028, 8, 31))], ["then for 5 until 31 Aug 2028"]),
        ([_span("licensed", -1, NEXT, None)], ["then Unlimited for ever"]),
        ([_span("licensed", None, NEXT, None)], ["then for ever"]),
        ([_span("trial", 5, NEXT, None)], ["then free trial for 5 for ever"]),
        ([_span("licensed", 5, LAST, None)], ["from 17 Nov 2027 for 5 for ever"]),
        (
            [_span("licensed", 9, NEXT, NEXT), _span("licensed", 5, date(2028, 3, 16), None)],
            ["then for 9 until 18 Nov 2027", "from 16 Mar 2028 for 5 for ever"],
        ),
    ],
)
def test_what_follows_in_words(then: list[Span], lines: list[str]) -> None:
    assert then_in_words(Entitlement(SERVICE, Right.OWN, "licensed", 20, LAST, tuple(then))) == lines


def test_what_is_to_begin_in_words() -> None:
    held = Entitlement(SERVICE, then=(_span("licensed", 5, date(2027, 3, 16), LAST),))

    assert then_in_words(held) == ["from 16 Mar 2027 licensed for 5 until 17 Nov 2027"]
    assert lines_in_words(held, TODAY) == ["not licensed", *then_in_words(held)]


def test_what_nobody_has_is_not_licensed() -> None:
    assert licence_in_words(Entitlement(SERVICE), TODAY) == "not licensed"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        ({"kind": "licensed", "count": 5, "expires_on": "2004-11-17"}, "licensed for 5 until 17 Nov 2004"),
        (
            {"kind": "licensed", "count": 10, "expires_on": None, "given": 3},
            "licensed for 10 for ever, 3 of them shared out",
        ),
        (
            {"kind": "licensed", "count": 5, "begins_on": "2026-11-22", "expires_on": None},
            "licensed for 5 for ever",
        ),
        (
            {"kind": "licensed", "count": 5, "begins_on": "2026-11-23", "expires_on": "2027-11-17"},
            "from 23 Nov 2026 licensed for 5 until 17 Nov 2027",
        ),
        ({"count": -1}, "Unlimited"),
        ({"count": None}, "uncounted"),
        ({"is_counted": True, "is_shareable": False}, "licensed for a number"),
        ({"is_counted": False}, "no flags"),
    ],
)
def test_a_ledger_entry_in_words(value: dict[str, object] | None, text: str) -> None:
    assert entry_in_words(value, TODAY) == text
