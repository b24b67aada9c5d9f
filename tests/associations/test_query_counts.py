"""Every page of associations asks as much for many pairs, and for many spares, as for few."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from associations.models import Seat, Side
from portal.models import Membership
from tests.associations.support import Pair, act, listed, unit, url
from tests.factories import add_spares, pairs, registrations

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.mark.parametrize(
    ("others", "spares"), [(10, 1), (1000, 1), (1, 1000)], ids=["10 pairs", "1,000 pairs", "1,000 spares"]
)
@pytest.mark.parametrize(
    ("page", "queries"),
    [
        ("listed", 7),
        ("remove", 22),
        ("standby", 35),
        ("secondary", 8),
        ("parent", 10),
        ("effect", 25),
        ("service", 48),
    ],
)
def test_each_page_asks_as_much_for_many_pairs_and_spares(
    client: Client,
    member: Membership,
    mine: Pair,
    django_assert_num_queries: DjangoAssertNumQueries,
    others: int,
    spares: int,
    page: str,
    queries: int,
) -> None:
    primary, secondary, seat = mine
    other, *_ = pairs(member.account, others)[0]
    add_spares(seat, registrations(member.account, spares))
    spare = Seat.objects.filter(shares=False, side=Side.CHILD).order_by("registration__friendly_name").first()
    addresses = {
        "listed": listed(primary),
        "remove": f"{listed(primary)}?remove={seat.uuid}",
        "standby": f"{listed(primary)}?standby={spare.uuid}",
        "secondary": listed(secondary),
        "parent": act(secondary, seat, "parent"),
        "effect": f"{act(secondary, seat, 'parent')}?to={other.unit.serial}",
        "service": f"{url(secondary)}?remove={seat.uuid}",
    }

    with django_assert_num_queries(queries):
        response = client.get(addresses[page])

    assert response.status_code == 200


@pytest.mark.parametrize("count", [10, 1000], ids=["10 pairs", "1,000 pairs"])
@pytest.mark.parametrize(
    ("step", "queries"),
    [("association/", 26), ("association/child/", 27), ("association/child/?from={secondary}", 30)],
    ids=["parent", "child", "child from a secondary"],
)
def test_create_association_asks_as_much_for_many_pairs(
    client: Client,
    member: Membership,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
    step: str,
    queries: int,
) -> None:
    mine = unit(member)
    _, secondary, _ = pairs(member.account, count)[0]
    registrations(member.account, count)  # what is offered as a child is in no pair

    with django_assert_num_queries(queries):
        response = client.get(url(mine, step.format(secondary=secondary.unit.serial)))

    assert response.status_code == 200
