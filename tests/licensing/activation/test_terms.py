"""L4: what a key makes of what a unit has, over month ends and leap days. Pure reckoning."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licensing.activation.terms import Terms, Verb, add_months, possible_terms
from licensing.entitlements.timeline import state_on
from licensing.entitlements.today import Holdings
from licensing.errors import CountOutOfRange, KeyNeedsLicence, NothingToAdd, TermTooLong
from licensing.models import LARGEST_COUNT, ActivationKey, Licence, PoolPart, Service
from portal.days import LAST_DAY
from portal.errors import RuleViolation
from products.models import ProductModel, Registration, Unit

TODAY = date(2026, 11, 22)
DAYS = 800
PRODUCT = ProductModel(pk=1)
UNIT = Registration(pk=1, unit=Unit(pk=1, model=PRODUCT))

type Own = tuple[str, int | None, int, int | None]
"""A licence of the unit's own: kind, count, first and last day as offsets (none: for ever)."""
type Does = tuple[Verb, int | None, int | None, date, date | None]
"""Which licence it changes, by its place (none: it makes one), its count, first and last day."""


def _day(offset: int) -> date:
    return TODAY + timedelta(offset)


def _key(count: int | None = None, months: int | None = 12) -> ActivationKey:
    service = Service(pk=2, code=2, name="Client AV Enforcement", is_counted=count is not None)
    return ActivationKey(service=service, count=count, months=months)


def _licence(number: int, own: Own) -> Licence:
    kind, count, first, last = own
    last_day = None if last is None else _day(last)
    days = {"begins_on": _day(first), "expires_on": last_day, "counted_from": (last_day or _day(first)).day}
    return Licence(pk=number, kind=kind, count=count, **days)


def _holdings(
    own: Iterable[Own], model: int | str | None = "", given: dict[int, int] | None = None
) -> Holdings:
    """What the unit holds; `model` is the count that its model comes with, or empty; `given` by place."""
    licences = [_licence(number, each) for number, each in enumerate(own)]
    included = {} if model == "" else {(PRODUCT.pk, 2): model}
    return Holdings({(UNIT.pk, 2): licences}, {}, included, given or {}, {})


def _does(terms: Terms) -> Does:
    changed = terms.licence and terms.licence.pk
    return terms.verb, changed, terms.count, terms.begins_on, terms.expires_on


def _choices(key: ActivationKey, holdings: Holdings) -> list[Does]:
    return [_does(terms) for terms in possible_terms(key, UNIT, holdings, TODAY)]


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
    assert add_months(day, months, day.day) == later


@pytest.mark.parametrize(
    ("day", "months", "keys", "last"),
    [
        (date(2027, 1, 31), 1, 12, date(2028, 1, 31)),
        (date(2028, 2, 29), 12, 4, date(2032, 2, 29)),
        (date(2026, 10, 30), 1, 5, date(2027, 3, 30)),
    ],
)
def test_a_day_that_a_short_month_cut_comes_back(day: date, months: int, keys: int, last: date) -> None:
    assert reduce(lambda ends, _: add_months(ends, months, day.day), range(keys), day) == last


@given(
    st.dates(date(2004, 1, 1), date(2100, 12, 31)),
    st.dates(date(2004, 1, 1), date(2100, 12, 31)),
    st.integers(1, 120),
)
def test_who_ends_later_ends_no_earlier_after_renewing(one: date, other: date, months: int) -> None:
    first, second = sorted([one, other])

    later = add_months(first, months, first.day)

    assert first < later <= add_months(second, months, second.day)
    assert (later.year - first.year) * 12 + later.month - first.month == months


NOVEMBER, DECEMBER = date(2027, 11, 22), date(2027, 12, 22)
FOR_EVER, NEW = None, None
ACTIVATE, UPGRADE, RENEW = Verb.ACTIVATE, Verb.UPGRADE, Verb.RENEW
SINCE = -100


@pytest.mark.parametrize(
    ("key", "own", "choices"),
    [
        # nothing was ever licensed: it begins today
        (_key(), [], [(ACTIVATE, NEW, None, TODAY, NOVEMBER)]),
        (_key(25), [], [(ACTIVATE, NEW, 25, TODAY, NOVEMBER)]),
        (_key(25, None), [], [(ACTIVATE, NEW, 25, TODAY, FOR_EVER)]),
        (_key(-1, None), [], [(ACTIVATE, NEW, -1, TODAY, FOR_EVER)]),
        (_key(None, None), [], [(ACTIVATE, NEW, None, TODAY, FOR_EVER)]),
        # expired: the term counts from today
        (_key(), [("licensed", None, SINCE, -1)], [(RENEW, NEW, None, TODAY, NOVEMBER)]),
        (_key(25), [("licensed", 25, SINCE, -1)], [(RENEW, NEW, 25, TODAY, NOVEMBER)]),
        (_key(None, None), [("licensed", None, SINCE, -1)], [(RENEW, NEW, None, TODAY, FOR_EVER)]),
        (_key(25), [("trial", 5, SINCE, -1)], [(RENEW, NEW, 25, TODAY, NOVEMBER)]),
        # of the same count: the term counts from the end
        (_key(), [("licensed", None, SINCE, 0)], [(RENEW, 0, None, _day(SINCE), NOVEMBER)]),
        (_key(), [("licensed", None, SINCE, 30)], [(RENEW, 0, None, _day(SINCE), DECEMBER)]),
        (_key(25), [("licensed", 25, SINCE, 30)], [(RENEW, 0, 25, _day(SINCE), DECEMBER)]),
        (_key(-1), [("licensed", -1, SINCE, 30)], [(RENEW, 0, -1, _day(SINCE), DECEMBER)]),
        (
            _key(5),
            [("licensed", 5, SINCE, 9), ("licensed", 5, 10, 30), ("licensed", 50, SINCE, 9)],
            [(RENEW, 1, 5, _day(10), DECEMBER)],
        ),
        (
            _key(5),
            [("licensed", 5, -9, 30), ("licensed", 5, -50, 30), ("licensed", 5, -50, 30)],
            [(RENEW, 1, 5, _day(-50), DECEMBER)],
        ),
        # without a term: for ever
        (_key(None, None), [("licensed", None, SINCE, 30)], [(RENEW, NEW, None, TODAY, FOR_EVER)]),
        (_key(None, None), [("trial", None, SINCE, 30)], [(ACTIVATE, NEW, None, TODAY, FOR_EVER)]),
        # a larger count begins today, a smaller one after the last end; the other is offered, too
        (
            _key(25),
            [("licensed", 5, SINCE, 30)],
            [(UPGRADE, NEW, 25, TODAY, NOVEMBER), (UPGRADE, NEW, 25, _day(31), DECEMBER)],
        ),
        (
            _key(25),
            [("licensed", 50, SINCE, 30)],
            [(RENEW, NEW, 25, _day(31), DECEMBER), (RENEW, NEW, 25, TODAY, NOVEMBER)],
        ),
        (_key(25), [("licensed", 50, SINCE, 0)], [(RENEW, NEW, 25, _day(1), NOVEMBER)]),
        (
            _key(25),
            [("licensed", 5, SINCE, None), ("licensed", 50, SINCE, 30)],
            [(RENEW, NEW, 25, _day(31), DECEMBER), (RENEW, NEW, 25, TODAY, NOVEMBER)],
        ),
        # a trial runs to its end, then what was bought
        (
            _key(),
            [("trial", None, 0, 30)],
            [(ACTIVATE, NEW, None, _day(31), DECEMBER), (ACTIVATE, NEW, None, TODAY, NOVEMBER)],
        ),
        (
            _key(5),
            [("trial", 5, 0, 30)],
            [(ACTIVATE, NEW, 5, _day(31), DECEMBER), (ACTIVATE, NEW, 5, TODAY, NOVEMBER)],
        ),
        (
            _key(25),
            [("trial", 5, 0, 30), ("licensed", 10, 31, 60)],
            [
                (UPGRADE, NEW, 25, _day(31), DECEMBER),
                (UPGRADE, NEW, 25, TODAY, NOVEMBER),
                (UPGRADE, NEW, 25, _day(61), date(2028, 1, 21)),
            ],
        ),
        # a trial that never runs is no reason to wait
        (
            _key(25),
            [("trial", 5, 0, 30), ("licensed", 10, SINCE, 60)],
            [(UPGRADE, NEW, 25, TODAY, NOVEMBER), (UPGRADE, NEW, 25, _day(61), date(2028, 1, 21))],
        ),
        # a count without a term: until the same end as the running licence that ends last
        (_key(25, None), [("licensed", 5, SINCE, 30)], [(UPGRADE, 0, 30, _day(SINCE), _day(30))]),
        (_key(25, None), [("licensed", 5, SINCE, None)], [(UPGRADE, 0, 30, _day(SINCE), FOR_EVER)]),
        (_key(-1, None), [("licensed", 5, SINCE, 30)], [(UPGRADE, 0, -1, _day(SINCE), _day(30))]),
        (
            _key(1, None),
            [("licensed", LARGEST_COUNT - 1, SINCE, None)],
            [(UPGRADE, 0, LARGEST_COUNT, _day(SINCE), FOR_EVER)],
        ),
        (
            _key(25, None),
            [("licensed", 50, SINCE, 30), ("licensed", 5, SINCE, 60), ("licensed", 5, 10, 90)],
            [(UPGRADE, 1, 30, _day(SINCE), _day(60))],
        ),
        (
            _key(25, None),
            [("licensed", 3, SINCE, 30), ("licensed", 5, SINCE, 30)],
            [(UPGRADE, 1, 30, _day(SINCE), _day(30))],
        ),
        (_key(25, None), [("trial", 5, SINCE, 30)], [(ACTIVATE, NEW, 25, TODAY, FOR_EVER)]),
        (_key(25, None), [("trial", 5, SINCE, -1)], [(RENEW, NEW, 25, TODAY, FOR_EVER)]),
    ],
)
def test_l4_what_a_key_makes(key: ActivationKey, own: list[Own], choices: list[Does]) -> None:
    assert _choices(key, _holdings(own)) == choices


@pytest.mark.parametrize(
    ("key", "own", "model", "choices"),
    [
        (_key(25), [], 5, [(ACTIVATE, NEW, 25, TODAY, NOVEMBER)]),
        (_key(-1), [], 5, [(ACTIVATE, NEW, -1, TODAY, NOVEMBER)]),
        (_key(25, None), [], 5, [(UPGRADE, NEW, 30, TODAY, FOR_EVER)]),
        (_key(25, None), [("licensed", 50, SINCE, -1)], 5, [(UPGRADE, NEW, 30, TODAY, FOR_EVER)]),
        (_key(25, None), [("licensed", 3, SINCE, 30)], 5, [(UPGRADE, NEW, 30, TODAY, FOR_EVER)]),
        (_key(25, None), [("licensed", 10, SINCE, 30)], 5, [(UPGRADE, 0, 35, _day(SINCE), _day(30))]),
        # it is no reason to wait
        (
            _key(10),
            [("licensed", 5, SINCE, 30)],
            8,
            [(UPGRADE, NEW, 10, TODAY, NOVEMBER), (UPGRADE, NEW, 10, _day(31), DECEMBER)],
        ),
    ],
)
def test_l4_with_what_the_model_comes_with(
    key: ActivationKey, own: list[Own], model: int, choices: list[Does]
) -> None:
    assert _choices(key, _holdings(own, model)) == choices


@pytest.mark.parametrize(
    ("error", "key", "own", "model"),
    [
        (KeyNeedsLicence, _key(25, None), [("licensed", 5, SINCE, -1)], ""),
        (KeyNeedsLicence, _key(-1, None), [("licensed", 5, SINCE, -1)], ""),
        (KeyNeedsLicence, _key(25, None), [("trial", 5, 0, 30), ("licensed", 5, 31, 90)], ""),
        (NothingToAdd, _key(), [("licensed", None, SINCE, None)], ""),
        (NothingToAdd, _key(None, None), [("licensed", None, SINCE, None)], ""),
        (NothingToAdd, _key(25), [("licensed", 25, SINCE, None)], ""),
        (NothingToAdd, _key(5), [("licensed", 25, SINCE, None)], ""),
        (NothingToAdd, _key(5), [("licensed", 5, SINCE, 30), ("licensed", 25, SINCE, None)], ""),
        (NothingToAdd, _key(25, None), [("licensed", -1, SINCE, 30)], ""),
        (NothingToAdd, _key(-1, None), [("licensed", -1, SINCE, None)], ""),
        (NothingToAdd, _key(5), [], 5),
        (NothingToAdd, _key(3), [("licensed", 10, SINCE, 30)], 5),
        (NothingToAdd, _key(25), [], -1),
        (NothingToAdd, _key(25, None), [], -1),
        (NothingToAdd, _key(), [], None),
        (NothingToAdd, _key(), [("licensed", None, SINCE, 30)], None),
        (CountOutOfRange, _key(2, None), [("licensed", LARGEST_COUNT - 1, SINCE, None)], ""),
        (CountOutOfRange, _key(2, None), [], LARGEST_COUNT - 1),
    ],
)
def test_l4_what_a_key_cannot_do(
    error: type[Exception], key: ActivationKey, own: list[Own], model: int | str | None
) -> None:
    with pytest.raises(error):
        _choices(key, _holdings(own, model))


def test_a_licence_given_away_in_part_is_still_the_one_of_its_count() -> None:
    holdings = _holdings([("licensed", 10, SINCE, 30)], given={0: 7})

    assert _choices(_key(10), holdings) == [(RENEW, 0, 10, _day(SINCE), DECEMBER)]
    assert _choices(_key(3), holdings)[0][1] is NEW


def test_a_licence_that_only_others_run_by_is_lengthened_for_them() -> None:
    holdings = _holdings([("licensed", 10, SINCE, 30), ("licensed", -1, SINCE, None)], given={0: 10})

    assert _choices(_key(10), holdings) == [(RENEW, 0, 10, _day(SINCE), DECEMBER)]


def test_what_was_given_away_whole_runs_here_again_with_a_key() -> None:
    holdings = _holdings([("licensed", 10, SINCE, None)], given={0: 10})

    assert _choices(_key(5), holdings) == [(UPGRADE, NEW, 5, TODAY, NOVEMBER)]
    assert _choices(_key(5, None), holdings) == [(UPGRADE, 0, 15, _day(SINCE), FOR_EVER)]


def test_a_part_of_another_units_licence_is_no_reason_to_wait() -> None:
    key, holdings = _key(5), _holdings([])
    part = PoolPart(licence=_licence(9, ("licensed", 50, SINCE, 30)), count=10)
    holdings.parts[UNIT.pk, 2] = [part]

    assert _choices(key, holdings) == [(ACTIVATE, NEW, 5, TODAY, NOVEMBER)]


def test_a_licence_after_another_ends_on_the_others_day_of_the_month() -> None:
    holdings = _holdings([("licensed", 10, SINCE, 98)])
    (licence,) = holdings.licences[UNIT.pk, 2]
    licence.counted_from = 31

    terms = possible_terms(_key(5, 1), UNIT, holdings, TODAY)[0]

    assert licence.expires_on == date(2027, 2, 28)
    assert (terms.begins_on, terms.expires_on) == (date(2027, 3, 1), date(2027, 3, 31))
    assert terms.counted_from == 31


def test_what_a_trial_was_counted_from_is_forgotten() -> None:
    holdings = _holdings([("trial", None, 0, 30)])
    holdings.licences[UNIT.pk, 2][0].counted_from = 31

    assert possible_terms(_key(), UNIT, holdings, TODAY)[0].expires_on == DECEMBER


def test_another_beginning_whose_term_would_be_too_long_is_not_offered() -> None:
    last = (LAST_DAY - TODAY).days

    assert _choices(_key(25), _holdings([("licensed", 5, SINCE, last)])) == [
        (UPGRADE, NEW, 25, TODAY, NOVEMBER)
    ]
    with pytest.raises(TermTooLong):
        _choices(_key(3), _holdings([("licensed", 5, SINCE, last)]))


def test_a_service_that_is_no_longer_counted_has_one_kind_of_licence() -> None:
    key = _key(25)
    key.service.is_counted = False

    assert _choices(key, _holdings([("licensed", 5, SINCE, 30)]))[0][:3] == (RENEW, 0, 5)


COUNTS = st.sampled_from([-1, 1, 5, 10])
OWN = st.tuples(
    st.sampled_from(["licensed", "licensed", "trial"]),
    COUNTS,
    st.integers(-90, 60),
    st.none() | st.integers(61, 500),
) | st.tuples(st.just("licensed"), COUNTS, st.integers(-90, -40), st.integers(-40, 60))
KEYS = st.builds(_key, COUNTS, st.sampled_from([None, 1, 12]))


def _size_on(holdings: Holdings, day: date) -> tuple[bool, float]:
    """Whether the unit runs anything on a day, and for how many."""
    state = state_on(holdings.of_unit(UNIT, _key(1).service), day)
    runs = state.status in {"licensed", "free-trial"}
    return runs, (float("inf") if state.holding.count == -1 else state.holding.count) if runs else 0


@settings(deadline=None, max_examples=40)
@given(KEYS, st.lists(OWN, max_size=4), st.sampled_from(["", 5]), st.dictionaries(st.integers(0, 3), COUNTS))
def test_redeeming_takes_no_day_and_no_count_away(
    key: ActivationKey, own: list[Own], model: int | str, given: dict[int, int]
) -> None:
    given = {place: count for place, count in given.items() if count > 0 and place < len(own)}
    given = {place: count for place, count in given.items() if not 0 < own[place][1] < count}
    holdings = _holdings(own, model, given)
    try:
        choices = possible_terms(key, UNIT, holdings, TODAY)
    except RuleViolation:
        return

    for terms in choices:
        after = terms.applied(holdings, UNIT, key.service)
        days = [_day(offset) for offset in range(DAYS)]
        assert all(_size_on(holdings, day) <= _size_on(after, day) for day in days)
        kept = {licence.pk: licence for licence in after.licences[UNIT.pk, 2]}
        for licence in holdings.licences[UNIT.pk, 2]:
            assert (kept[licence.pk].expires_on or date.max) >= (licence.expires_on or date.max)
            assert kept[licence.pk].count in {licence.count, -1} or kept[licence.pk].count > licence.count
