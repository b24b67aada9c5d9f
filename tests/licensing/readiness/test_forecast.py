"""F2: from which later day a pair runs less, by examples, day by day, and as the services then really do."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licensing.entitlements.steps import Count, Steps, keyset_steps, owned_steps, size
from licensing.entitlements.today import Holdings, entitlements
from licensing.keyset import UNLIMITED, Kind, shorten, states_on
from licensing.keyset import Service as Row
from licensing.keysets.applied import confirm_applied
from licensing.keysets.issuing import read_keyset
from licensing.models import Licence, Service
from licensing.readiness.forecast import YEAR, Course, Forecast, forecast
from licensing.readiness.pairs import readiness_of
from products.models import Registration, Unit
from tests.factories import MembershipFactory, pair
from tests.licensing.support import CLIENT_AV, GATEWAY_AV, GLOBAL_VPN, SUPPORT, TODAY, give

AV = Service(pk=2, code=2, name="Client AV", is_counted=True)
GATEWAY = Service(pk=3, code=3, name="Gateway AV")
PRIMARY = Registration(pk=1, unit=Unit(model_id=1))


def day(offset: int) -> date:
    return TODAY + timedelta(offset)


def course(primary: list[tuple[int, Count]], standby: list[tuple[int, Count]]) -> Course:
    """Steps by their days' distance from today."""
    return Course(*([(day(offset), count) for offset, count in steps] for steps in (primary, standby)))


def told(courses: dict[Service, Course]) -> Forecast:
    return forecast("San Jose", "Boston", courses, TODAY)


@pytest.mark.parametrize(
    ("both", "text"),
    [
        ([(0, 10), (100, 5)], "the pair runs less: Client AV for 5 instead of 10."),
        ([(0, UNLIMITED), (100, 0)], "the pair runs less: Client AV no longer."),
        ([(0, 0), (10, 5), (100, 0)], ""),
        (
            [(0, 10), (10, 20), (100, 5)],
            "the pair runs less: Client AV for 5 instead of 10.",
        ),
        ([(0, 10), (366, 5)], ""),
    ],
)
def test_what_both_run_less_of(both: list[tuple[int, Count]], text: str) -> None:
    expected = f"From 02 Mar 2027 {text}" if text else "Until 22 Nov 2027 it gets no worse."
    assert told({AV: course(both, both)}).text == expected


@pytest.mark.parametrize(
    ("primary", "standby", "text"),
    [
        ([(0, 10)], [(0, 10), (9, 5)], "Client AV for 5 instead of 10."),
        ([(0, 0), (9, 10)], [(0, 0)], "Client AV not at all."),
        (
            [(0, 10), (9, 8)],
            [(0, 10), (9, 5)],
            "Client AV for 5 instead of 8.",
        ),
    ],
)
def test_what_the_standby_would_run_less_of(
    primary: list[tuple[int, Count]], standby: list[tuple[int, Count]], text: str
) -> None:
    assert (
        told({AV: course(primary, standby)}).text
        == f"From 01 Dec 2026 Boston would run less than San Jose: {text}"
    )


def test_what_is_so_today_is_not_foretold() -> None:
    short = course([(0, 10), (5, 12), (9, 10)], [(0, 5)])

    assert told({AV: short}).first_day == day(5)
    assert told({AV: course([(0, 10)], [(0, 5)])}).first_day is None


def test_all_that_is_less_on_the_first_day_is_named() -> None:
    ends, lasts = [(0, None), (9, 0)], [(0, None)]
    both = {GATEWAY: course(ends, ends), AV: course([(0, 10)], [(0, 10), (9, 5)])}
    later = {Service(pk=9, code=9, name="Later"): course(lasts, [*lasts, (10, 0)])}

    assert told(both | later).text == (
        "From 01 Dec 2026 Boston would run less than San Jose: Client AV for 5 instead of 10. "
        "From 01 Dec 2026 the pair runs less: Gateway AV no longer."
    )


def test_changes_are_told_by_month() -> None:
    primary = [(0, 10), (9, 20), (10, 0)]

    assert told({AV: course(primary, [*primary[:2], (60, 0)])}).months == [
        (
            date(2026, 12, 1),
            ["from 01 Dec, Client AV for 20 instead of 10", "from 02 Dec, San Jose: Client AV no longer"],
        ),
        (date(2027, 1, 1), ["from 21 Jan, Boston: Client AV no longer"]),
    ]


_days = st.none() | st.sampled_from([-1, 0, 1, 365, 366]) | st.integers(-5, 400)
_counts = st.sampled_from([3, 5, 9, UNLIMITED])
_terms = st.lists(st.tuples(st.sampled_from(list(Kind)), _counts, _days, _days), max_size=5)


def _as_day(offset: int | None) -> date | None:
    return None if offset is None else day(offset)


def _rows(service: Service, terms: list[tuple[Kind, int, int | None, int | None]]) -> list[Row]:
    """Terms as rows of a keyset, which has one for each place."""
    rows = {}
    for kind, count, begins, last in terms:
        if begins is None or last is None or begins <= last:
            number = count if service.is_counted else None
            row = Row(service.code, kind, number, _as_day(last), _as_day(begins))
            rows[row.place] = row
    return list(rows.values())


def _owned(service: Service, rows: list[Row]) -> Steps:
    """How a service runs by licences with the terms of rows."""
    licences = [
        Licence(
            pk=number,
            kind=row.kind.name.lower(),
            count=row.count,
            begins_on=row.begin or date.min,
            expires_on=row.expiry,
        )
        for number, row in enumerate(rows)
    ]
    held = Holdings({(PRIMARY.pk, service.pk): licences}, {}, {}, {}, {})
    return owned_steps(held.own(PRIMARY, service, TODAY), TODAY)


def _count_on(rows: list[Row], asked: date) -> Count:
    state = states_on(asked, sorted(rows, key=lambda row: row.place)).get(rows[0].code) if rows else None
    return state.row.count if state and state.row and state.row.runs_on(asked) else 0


def _is_loss(now: list[Count], then: list[Count]) -> bool:
    sizes = [[size(count) for count in counts] for counts in (now, then)]
    (was_primary, was_standby), (primary, standby) = sizes
    return then != now and (standby < primary or (primary < was_primary and standby < was_standby))


@settings(deadline=None)
@given(st.tuples(st.tuples(_terms, _terms), st.tuples(_terms, _terms)))
def test_it_says_what_asking_for_each_day_says(terms: tuple[tuple[list, list], ...]) -> None:
    held = {
        service: [_rows(service, side) for side in sides]
        for service, sides in zip((AV, GATEWAY), terms, strict=True)
    }
    courses = {}
    for service, (primary, standby) in held.items():
        state = states_on(TODAY, shorten(standby, TODAY).services).get(service.code)
        courses[service] = Course(_owned(service, primary), keyset_steps(state, TODAY))

    found = told(courses)

    asked = [
        (day(offset), service)
        for offset in range(YEAR.days + 1)
        for service, sides in held.items()
        if _is_loss([_count_on(s, TODAY) for s in sides], [_count_on(s, day(offset)) for s in sides])
    ]
    assert found.first_day == (asked[0][0] if asked else None)
    assert [c.service for c in found.losses] == [s for at, s in asked if at == found.first_day]


@pytest.mark.django_db
@pytest.mark.usefixtures("keys", "catalogue")
def test_what_was_foretold_is_what_the_services_then_do() -> None:
    member = MembershipFactory()
    primary, secondary, _ = pair(member.account, by=member.user)
    give(primary, CLIENT_AV, count=10, expires_on=day(100))
    give(primary, CLIENT_AV, count=5, begins_on=day(50), expires_on=day(200))
    give(secondary, CLIENT_AV, count=8, expires_on=day(150))
    give(primary, GLOBAL_VPN, count=15, expires_on=day(30))
    give(primary, GATEWAY_AV, kind="trial", expires_on=day(20))
    give(primary, GATEWAY_AV, begins_on=day(40))
    give(secondary, SUPPORT, expires_on=day(60))
    for unit in (primary, secondary):
        keyset = read_keyset(registration=unit, today=TODAY)
        confirm_applied(registration=unit, generation=keyset.generation, by=member.user)

    found = readiness_of([primary], TODAY)[primary.pk].forecast

    assert found
    assert len(found.changes) == 7
    for change in found.changes:
        for at, counts in ((change.day - timedelta(1), change.before), (change.day, change.after)):
            assert _really_run(change.service, primary, secondary, at) == list(counts)


def _really_run(service: Service, primary: Registration, secondary: Registration, at: date) -> list[Count]:
    """What both units run a service for on a day."""
    counts: list[Count] = []
    for unit, source in ((primary, None), (secondary, primary)):
        held = next(e for e in entitlements(unit, source=source, today=at) if e.service == service)
        counts.append(held.count if held.right and not held.is_expired(at) else 0)
    return counts
