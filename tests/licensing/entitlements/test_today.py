"""L1 to L3 as tables. A day is an offset from TODAY."""

from datetime import date, timedelta

import pytest

from associations.services import associate
from licensing.entitlements.timeline import Right
from licensing.entitlements.today import Entitlement, entitlements, node_count, sharing_primary
from licensing.keyset import Status
from licensing.models import Licence, ModelService, Service
from licensing.selectors import MOST_COUNTED, MOST_SHOWN, expiring_soon, node_support
from portal.clock import today
from products.models import Registration
from tests.factories import LicenceFactory, MembershipFactory, RegistrationFactory, pair, registrations

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

TODAY = date(2026, 11, 22)
CLIENT_AV = 2
"""Shareable and counted; no model comes with it as shipped."""
GLOBAL_VPN_CLIENT = 9
"""Shareable and counted; a PRO 5060 comes with 5."""
NODES, ENHANCED, SUPPORT, SERVER_AV = 1, 13, 14, 4

type Terms = tuple[str, int | None, int | None]
"""Kind, count and the last day as an offset (none: for ever)."""


def _day(offset: int | None) -> date | None:
    return None if offset is None else TODAY + timedelta(offset)


def _give(registration: Registration, code: int, terms: Terms | None) -> None:
    if terms:
        kind, count, last_day = terms
        LicenceFactory(
            registration=registration,
            service=Service.objects.get(code=code),
            kind=kind,
            count=count,
            expires_on=_day(last_day),
        )


def _include(registration: Registration, code: int, count: int | None) -> None:
    ModelService.objects.create(
        model=registration.unit.model, service=Service.objects.get(code=code), count=count
    )


def _held(
    registration: Registration, code: int, source: Registration | None = None, today: date = TODAY
) -> Entitlement:
    held = entitlements(registration, source=source, today=today)
    return next(e for e in held if e.service.code == code)


# L1: the status is derived from the day.


@pytest.mark.parametrize(
    ("terms", "day", "status"),
    [
        (None, 0, Status.NOT_LICENSED),
        (("licensed", 3, None), 10_000, Status.LICENSED),
        (("licensed", 3, 5), 5, Status.LICENSED),
        (("licensed", 3, 5), 6, Status.EXPIRED),
        (("trial", 3, 5), 5, Status.FREE_TRIAL),
        (("trial", 3, 5), 6, Status.EXPIRED),
        (("trial", 3, None), 6, Status.FREE_TRIAL),
    ],
)
def test_l1_the_status_on_a_day(terms: Terms | None, day: int, status: Status) -> None:
    unit = RegistrationFactory()
    _give(unit, CLIENT_AV, terms)

    today = TODAY + timedelta(day)

    assert _held(unit, CLIENT_AV, today=today).status(today) == status


# L2: a unit's own entitlement.


@pytest.mark.parametrize(
    ("terms", "included", "right", "count"),
    [
        (None, None, None, None),
        (None, 5, Right.MODEL, 5),
        (("licensed", 3, None), None, Right.OWN, 3),
        (("licensed", 3, 0), 5, Right.MODEL, 5),
        (("licensed", 7, 0), 5, Right.OWN, 7),
        (("trial", 7, 0), 5, Right.OWN, 7),
        (("licensed", 5, 0), 5, Right.MODEL, 5),
        (("licensed", 50, -1), 5, Right.MODEL, 5),
        (("licensed", 50, -1), None, Right.OWN, 50),
    ],
)
def test_l2_of_what_a_unit_has_itself_the_best_runs(
    terms: Terms | None, included: int | None, right: Right | None, count: int | None
) -> None:
    unit = RegistrationFactory()
    _give(unit, CLIENT_AV, terms)
    if included:
        _include(unit, CLIENT_AV, included)

    held = _held(unit, CLIENT_AV)

    assert (held.right, held.count) == (right, count)


# L2: a sharing secondary. In each row but one clause is equal on both sides, or an earlier one decides.

SHARED, OWN = Right.SHARED, Right.OWN
TABLE = [
    # mine, the primary's, whose it is
    pytest.param(None, ("licensed", 3, None), SHARED, id="somebody has it: the primary"),
    pytest.param(("licensed", 3, None), None, OWN, id="somebody has it: the secondary"),
    pytest.param(None, ("licensed", 3, -1), SHARED, id="somebody has it: expired is more than never"),
    pytest.param(("licensed", 9, -1), ("trial", 1, 0), SHARED, id="unexpired first: the primary"),
    pytest.param(("trial", 1, 0), ("licensed", 9, -1), OWN, id="unexpired first: the secondary"),
    pytest.param(("licensed", 1, 6), ("trial", 9, 5), SHARED, id="the larger count before kind and last day"),
    pytest.param(("trial", 9, 5), ("licensed", 1, None), OWN, id="the larger count: a secondary's trial"),
    pytest.param(("licensed", 9, 5), ("licensed", 9, 6), SHARED, id="the later last day"),
    pytest.param(("licensed", 9, 6), ("licensed", 9, 5), OWN, id="the later last day: the secondary"),
    pytest.param(("licensed", 9, 5000), ("licensed", 9, None), SHARED, id="no last day is the latest"),
    pytest.param(("licensed", 9, None), ("licensed", 9, 5000), OWN, id="no last day: the secondary"),
    pytest.param(("licensed", 9, -3), ("licensed", 1, -2), SHARED, id="the later expiry of two expired ones"),
    pytest.param(("trial", 9, 6), ("licensed", 9, 5), SHARED, id="licensed before trial and last day"),
    pytest.param(("licensed", 9, 5), ("trial", 9, 6), OWN, id="licensed before trial: the secondary"),
    pytest.param(("licensed", 3, 5), ("licensed", 4, 5), SHARED, id="the larger count"),
    pytest.param(("licensed", 4, 5), ("licensed", 3, 5), OWN, id="the larger count: the secondary"),
    pytest.param(("licensed", 2**32 - 1, 5), ("licensed", -1, 5), SHARED, id="Unlimited is the largest"),
    pytest.param(("licensed", -1, 5), ("licensed", 9, 5), OWN, id="Unlimited: the secondary"),
    pytest.param(("licensed", 0, 5), ("licensed", -1, 5), SHARED, id="none is the smallest count"),
    pytest.param(("licensed", 3, 5), ("licensed", 3, 5), SHARED, id="equal: the primary's"),
]


@pytest.mark.parametrize(("mine", "theirs", "right"), TABLE)
def test_l2_a_sharing_secondary_has_the_better(
    mine: Terms | None, theirs: Terms | None, right: Right
) -> None:
    primary, secondary = RegistrationFactory.create_batch(2)
    _give(secondary, CLIENT_AV, mine)
    _give(primary, CLIENT_AV, theirs)

    held = _held(secondary, CLIENT_AV, primary)

    kind, count, last_day = theirs if right == SHARED else mine
    assert (held.right, held.kind, held.count, held.expires_on) == (right, kind, count, _day(last_day))


@pytest.mark.parametrize(
    ("mine", "theirs", "right", "count"),
    [
        pytest.param(("licensed", 9, 0), None, OWN, 9, id="a larger count than the model's: the secondary"),
        pytest.param(None, ("licensed", 9, 0), SHARED, 9, id="a larger count than the model's: the primary"),
        pytest.param(("licensed", 1, 0), None, SHARED, 5, id="the model's is larger"),
        pytest.param(("licensed", 90, -1), None, SHARED, 5, id="the model's before an expired licence"),
        pytest.param(None, None, SHARED, 5, id="both from the model: the primary's"),
    ],
)
def test_l2_against_what_the_model_comes_with(
    mine: Terms | None, theirs: Terms | None, right: Right, count: int
) -> None:
    primary, secondary = RegistrationFactory.create_batch(2)
    _give(secondary, GLOBAL_VPN_CLIENT, mine)
    _give(primary, GLOBAL_VPN_CLIENT, theirs)

    held = _held(secondary, GLOBAL_VPN_CLIENT, primary)

    assert (held.right, held.count) == (right, count)


def test_l2_what_follows_is_told_with_what_runs() -> None:
    primary, secondary = RegistrationFactory.create_batch(2)
    _give(secondary, GLOBAL_VPN_CLIENT, ("trial", 20, 3))
    _give(primary, GLOBAL_VPN_CLIENT, ("licensed", 9, 7))

    then = _held(secondary, GLOBAL_VPN_CLIENT, primary).then

    assert [(span.holding.count, span.first_day, span.last_day) for span in then] == [
        (9, _day(4), _day(7)),
        (5, _day(8), None),
    ]


def test_l2_a_service_that_is_not_counted_has_no_count() -> None:
    unit = RegistrationFactory()
    _give(unit, CLIENT_AV, ("licensed", 50, 5))
    Service.objects.filter(code=CLIENT_AV).update(is_counted=False)
    _include(unit, CLIENT_AV, 5)

    held = _held(unit, CLIENT_AV)

    assert (held.right, held.count, held.expires_on) == (Right.MODEL, None, None)


def test_l2_own_licences_show_again_for_the_unit_alone() -> None:
    primary, secondary = RegistrationFactory.create_batch(2)
    _give(secondary, CLIENT_AV, ("licensed", 3, 5))
    _give(primary, CLIENT_AV, ("licensed", 50, None))
    assert _held(secondary, CLIENT_AV, primary).count == 50

    alone = _held(secondary, CLIENT_AV)

    assert (alone.right, alone.count, alone.expires_on) == (OWN, 3, _day(5))


def test_the_primary_gains_nothing_from_its_secondary() -> None:
    member = MembershipFactory()
    primary, secondary, _ = pair(member.account, member.user)
    _give(secondary, CLIENT_AV, ("licensed", 3, None))

    assert sharing_primary(primary) is None
    assert _held(primary, CLIENT_AV, sharing_primary(primary)).right is None


# L3: what is shareable.


@pytest.mark.parametrize("code", [SUPPORT, ENHANCED, NODES])
def test_l3_not_shared(code: int) -> None:
    primary, secondary = RegistrationFactory.create_batch(2)
    ModelService.objects.filter(service__code=code).delete()
    _give(primary, code, ("licensed", 5 if code == NODES else None, None))

    assert _held(secondary, code, primary).right is None


@pytest.mark.parametrize("kind", ["licensed", "trial"])
@pytest.mark.parametrize("code", [*range(2, 13)])
def test_l3_every_security_service_is_shared_trials_included(code: int, kind: str) -> None:
    primary, secondary = RegistrationFactory.create_batch(2)
    ModelService.objects.filter(service__code=code).delete()
    _give(primary, code, (kind, None, 5))

    held = _held(secondary, code, primary)

    assert (held.right, held.kind) == (SHARED, kind)


def test_l3_an_operator_decides_otherwise() -> None:
    primary, secondary = RegistrationFactory.create_batch(2)
    _give(primary, SERVER_AV, ("licensed", None, None))
    Service.objects.filter(code=SERVER_AV).update(is_shareable=False)

    assert _held(secondary, SERVER_AV, primary).right is None


# Whose licences a unit shares.


def test_a_spare_shares_nobodys_licences() -> None:
    member = MembershipFactory()
    primary, secondary, seat = pair(member.account, member.user)
    spare = RegistrationFactory(account=member.account)
    associate(parent=primary, child=spare, type=seat.type, by=member.user, today=today())

    assert sharing_primary(secondary) == primary
    assert sharing_primary(spare) is None


# Nodes, queries and what ends soon.


@pytest.mark.parametrize(
    ("model", "terms", "count", "text"),
    [
        ("PRO 5060", None, -1, "Unlimited"),
        ("PRO 5060", ("licensed", 1250, 0), -1, "Unlimited"),
        ("SonicPoint", ("licensed", 1250, 0), 1250, "1,250"),
        ("PRO 5060", ("licensed", 25, -1), -1, "Unlimited"),
        ("SonicPoint", ("licensed", 0, 0), 0, "None"),
    ],
)
def test_the_node_count(model: str, terms: Terms | None, count: int, text: str) -> None:
    unit = RegistrationFactory(unit__model_name=model)
    _give(unit, NODES, terms)

    held = entitlements(unit, source=None, today=TODAY)

    assert (node_count(held, TODAY), node_support(held, TODAY)) == (count, text)


def test_an_access_point_has_no_nodes() -> None:
    unit = RegistrationFactory(unit__model_name="SonicPoint")

    assert node_count(entitlements(unit, source=None, today=TODAY), TODAY) == 0


def test_expired_nodes_support_none() -> None:
    unit = RegistrationFactory(unit__model_name="SonicPoint")
    _give(unit, NODES, ("licensed", 25, -1))

    assert node_count(entitlements(unit, source=None, today=TODAY), TODAY) == 0


def test_every_service_stands_in_the_list_in_order_of_code() -> None:
    held = entitlements(RegistrationFactory(), source=None, today=TODAY)

    assert [e.service.code for e in held] == sorted(Service.objects.values_list("code", flat=True))


def test_a_pair_costs_six_queries(django_assert_num_queries) -> None:
    primary, secondary = RegistrationFactory.create_batch(2)

    with django_assert_num_queries(6):
        entitlements(secondary, source=primary, today=TODAY)


def test_expiring_soon_is_what_ends_within_30_days_then_what_is_lately_over() -> None:
    unit, other = RegistrationFactory(), RegistrationFactory()
    for code, last_day in ((2, 30), (3, 0), (4, 31), (5, -30), (6, None), (7, -31), (8, 1), (9, -1)):
        _give(unit, code, ("licensed", None, last_day))
    _give(other, 2, ("licensed", None, 3))

    found = expiring_soon(unit.account, TODAY)

    assert [licence.service.code for licence in found.rows] == [3, 8, 2, 9, 5]
    assert found.more == 0


@pytest.mark.parametrize(
    ("next_one", "is_quiet"),
    [
        ({"begins_on": TODAY + timedelta(4), "expires_on": None}, True),
        ({"begins_on": TODAY, "expires_on": TODAY + timedelta(9)}, True),
        ({"begins_on": TODAY, "expires_on": TODAY + timedelta(9), "count": -1}, True),
        ({"begins_on": TODAY + timedelta(5), "expires_on": None}, False),
        ({"begins_on": TODAY, "expires_on": None, "count": 4}, False),
        ({"begins_on": TODAY, "expires_on": None, "kind": "trial"}, False),
        ({"begins_on": TODAY, "expires_on": None, "service": 9}, False),
    ],
)
def test_what_is_followed_by_as_much_is_not_expiring(next_one: dict, is_quiet: bool) -> None:
    unit = RegistrationFactory()
    facts = {"registration": unit, "count": 5, "service": Service.objects.get(code=2)}
    ending = LicenceFactory(**facts, expires_on=TODAY + timedelta(3))
    if "service" in next_one:
        next_one = next_one | {"service": Service.objects.get(code=next_one["service"])}
    LicenceFactory(**facts | next_one)

    found = expiring_soon(unit.account, TODAY)

    assert (ending in found.rows) != is_quiet


def test_what_unlimited_is_followed_by_is_less_unless_unlimited() -> None:
    unit = RegistrationFactory()
    facts = {"registration": unit, "service": Service.objects.get(code=2)}
    ending = LicenceFactory(**facts, count=-1, expires_on=TODAY + timedelta(3))
    LicenceFactory(**facts, count=2**32 - 1)

    assert list(expiring_soon(unit.account, TODAY).rows) == [ending]


@pytest.mark.parametrize(
    ("ended", "more", "text"),
    [
        (MOST_SHOWN - 1, 0, "0"),
        (MOST_SHOWN + 2, 3, "3"),
        (MOST_SHOWN + MOST_COUNTED - 1, 1000, "1,000"),
        (MOST_SHOWN + MOST_COUNTED + 9, 1001, "1,000+"),
    ],
)
def test_what_is_to_end_is_never_cut_off_by_what_has_ended(
    django_assert_num_queries, ended: int, more: int, text: str
) -> None:
    unit = RegistrationFactory()
    _give(unit, 2, ("licensed", None, 1))
    service, yesterday = Service.objects.get(code=3), TODAY - timedelta(days=1)
    Licence.objects.bulk_create(
        LicenceFactory.build(registration=other, service=service, expires_on=yesterday)
        for other in registrations(unit.account, ended)
    )

    with django_assert_num_queries(1):
        found = expiring_soon(unit.account, TODAY)

    assert (found.rows[0].service.code, len(found.rows)) == (2, min(ended + 1, MOST_SHOWN))
    assert (found.more, found.more_text) == (more, text)
