"""L4: what a key makes of what a unit has, over month ends and leap days. Pure reckoning."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.activation.terms import Terms, Verb, add_months, redeemed
from licensing.entitlements.timeline import Right
from licensing.entitlements.today import Entitlement
from licensing.errors import CountOutOfRange, KeyNeedsLicence, NothingToAdd
from licensing.models import LARGEST_COUNT, ActivationKey, Service

TODAY = date(2026, 11, 22)
SERVICE = Service(code=2, name="Client AV Enforcement")
NEVER = Entitlement(SERVICE)

type Held = tuple[str, int | None, int | None]
"""Kind, count and the last day as an offset (none: for ever)."""


def _key(count: int | None = None, months: int | None = 12) -> ActivationKey:
    return ActivationKey(service=SERVICE, count=count, months=months)


def _has(kind: str, count: int | None, last_day: int | None) -> Entitlement:
    day = None if last_day is None else TODAY + timedelta(last_day)
    if kind == "model":
        return Entitlement(SERVICE, Right.MODEL, count=count)
    return Entitlement(SERVICE, Right.OWN, kind, count, day)


def _redeem(key: ActivationKey, held: Held | None) -> Terms:
    return redeemed(key, _has(*held) if held else NEVER, TODAY)


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2027, 1, 31), 1, date(2027, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2027, 3, 31), 1, date(2027, 4, 30)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2028, 2, 29), 48, date(2032, 2, 29)),
        (date(2027, 2, 28), 12, date(2028, 2, 28)),
        (date(2096, 2, 29), 48, date(2100, 2, 28)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2026, 11, 22), 120, date(2036, 11, 22)),
    ],
)
def test_a_term_ends_in_its_month(day: date, months: int, later: date) -> None:
    assert add_months(day, months) == later


def test_no_term_is_for_ever() -> None:
    assert add_months(TODAY, None) is None


@given(
    st.dates(date(2004, 1, 1), date(2100, 12, 31)),
    st.dates(date(2004, 1, 1), date(2100, 12, 31)),
    st.integers(1, 120),
)
def test_who_ends_later_ends_no_earlier_after_renewing(one: date, other: date, months: int) -> None:
    first, second = sorted([one, other])

    assert first < add_months(first, months) <= add_months(second, months)
    assert (add_months(first, months).year - first.year) * 12 + (
        add_months(first, months).month - first.month
    ) == months


NOVEMBER, FOR_EVER = date(2027, 11, 22), None
DECEMBER = date(2027, 12, 22)


@pytest.mark.parametrize(
    ("key", "held", "terms"),
    [
        # nothing was ever licensed: it begins today
        (_key(), None, Terms(Verb.ACTIVATE, None, NOVEMBER)),
        (_key(25), None, Terms(Verb.ACTIVATE, 25, NOVEMBER)),
        (_key(25, None), None, Terms(Verb.ACTIVATE, 25, FOR_EVER)),
        (_key(-1, None), None, Terms(Verb.ACTIVATE, -1, FOR_EVER)),
        (_key(None, None), None, Terms(Verb.ACTIVATE, None, FOR_EVER)),
        # expired: the term counts from today
        (_key(), ("licensed", None, -1), Terms(Verb.RENEW, None, NOVEMBER)),
        (_key(25), ("licensed", 50, -400), Terms(Verb.RENEW, 25, NOVEMBER)),
        (_key(25), ("licensed", 5, -1), Terms(Verb.RENEW, 25, NOVEMBER)),
        (_key(None, None), ("licensed", None, -1), Terms(Verb.RENEW, None, FOR_EVER)),
        # running: the term counts from its end, for at most the count that the key names
        (_key(), ("licensed", None, 0), Terms(Verb.RENEW, None, NOVEMBER)),
        (_key(), ("licensed", None, 30), Terms(Verb.RENEW, None, DECEMBER)),
        (_key(25), ("licensed", 50, 30), Terms(Verb.RENEW, 25, DECEMBER)),
        (_key(25), ("licensed", 5, 30), Terms(Verb.RENEW, 5, DECEMBER)),
        (_key(-1), ("licensed", 5, 30), Terms(Verb.RENEW, 5, DECEMBER)),
        (_key(25), ("licensed", -1, 30), Terms(Verb.RENEW, 25, DECEMBER)),
        (_key(-1), ("licensed", -1, 30), Terms(Verb.RENEW, -1, DECEMBER)),
        (_key(None, None), ("licensed", None, 30), Terms(Verb.RENEW, None, FOR_EVER)),
        # a count without a term raises the count until the present end
        (_key(25, None), ("licensed", 5, 30), Terms(Verb.UPGRADE, 30, date(2026, 12, 22))),
        (_key(25, None), ("licensed", 5, None), Terms(Verb.UPGRADE, 30, FOR_EVER)),
        (_key(-1, None), ("licensed", 5, 30), Terms(Verb.UPGRADE, -1, date(2026, 12, 22))),
        (_key(25, None), ("model", 5, None), Terms(Verb.UPGRADE, 30, FOR_EVER)),
        (
            _key(1, None),
            ("licensed", LARGEST_COUNT - 1, None),
            Terms(Verb.UPGRADE, LARGEST_COUNT, FOR_EVER),
        ),
        # a trial runs to its end, then what was bought
        (_key(), ("trial", None, 30), Terms(Verb.ACTIVATE, None, DECEMBER)),
        (_key(25), ("trial", 5, 30), Terms(Verb.ACTIVATE, 25, DECEMBER)),
        (_key(3), ("trial", 5, 0), Terms(Verb.ACTIVATE, 3, NOVEMBER)),
        (_key(25, None), ("trial", 5, 30), Terms(Verb.ACTIVATE, 25, FOR_EVER)),
        (_key(25), ("trial", 5, -1), Terms(Verb.RENEW, 25, NOVEMBER)),
        (_key(25, None), ("trial", 5, -1), Terms(Verb.RENEW, 25, FOR_EVER)),
        # more than the model comes with
        (_key(25), ("model", 5, None), Terms(Verb.ACTIVATE, 25, NOVEMBER)),
        (_key(-1), ("model", 5, None), Terms(Verb.ACTIVATE, -1, NOVEMBER)),
    ],
)
def test_l4_what_a_key_makes(key: ActivationKey, held: Held | None, terms: Terms) -> None:
    assert _redeem(key, held) == terms


@pytest.mark.parametrize(
    ("error", "key", "held"),
    [
        (KeyNeedsLicence, _key(25, None), ("licensed", 5, -1)),
        (KeyNeedsLicence, _key(-1, None), ("licensed", 5, -1)),
        (NothingToAdd, _key(), ("licensed", None, None)),
        (NothingToAdd, _key(None, None), ("licensed", None, None)),
        (NothingToAdd, _key(25), ("licensed", 5, None)),
        (NothingToAdd, _key(25, None), ("licensed", -1, 30)),
        (NothingToAdd, _key(-1, None), ("licensed", -1, None)),
        (NothingToAdd, _key(5), ("model", 5, None)),
        (NothingToAdd, _key(3), ("model", 5, None)),
        (NothingToAdd, _key(25), ("model", -1, None)),
        (NothingToAdd, _key(25, None), ("model", -1, None)),
        (NothingToAdd, _key(), ("model", None, None)),
        (CountOutOfRange, _key(2, None), ("licensed", LARGEST_COUNT - 1, None)),
    ],
)
def test_l4_what_a_key_cannot_do(error: type[Exception], key: ActivationKey, held: Held) -> None:
    with pytest.raises(error):
        _redeem(key, held)


@given(
    st.one_of(
        st.none(), st.tuples(st.sampled_from(["licensed", "trial"]), st.just(None), st.integers(-900, 900))
    ),
    st.integers(1, 120),
)
def test_l4_no_key_with_a_term_shortens_anything(held: Held | None, months: int) -> None:
    present = _has(*held) if held else NEVER

    terms = redeemed(_key(None, months), present, TODAY)

    assert terms.expires_on == add_months(max(TODAY, present.expires_on or TODAY), months)
