"""A first click on an old page: the association that it means has ended meanwhile, and the page says so."""

import pytest
from django.test import Client

from associations.errors import AssociationGone
from portal.models import Membership
from tests.associations.support import Pair, listed, remove, url
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.mark.parametrize("click", ["remove", "standby"])
def test_a_click_in_the_list_of_associated_products(
    client: Client, member: Membership, mine: Pair, click: str
) -> None:
    primary, _, seat = mine
    remove(seat, member)

    page = Page(client.get(listed(primary), {click: seat.uuid}))

    assert page.codes() == [AssociationGone.code]


def test_a_click_on_remove_on_the_secondarys_page(client: Client, member: Membership, mine: Pair) -> None:
    _, secondary, seat = mine
    remove(seat, member)

    page = Page(client.get(url(secondary), {"remove": seat.uuid}))

    assert page.codes() == [AssociationGone.code]


def test_a_click_on_something_that_never_was(client: Client, mine: Pair) -> None:
    response = client.get(url(mine[1]), {"remove": "none"})

    assert response.status_code == 200
    assert Page(response).codes() == []
