"""A10: where the child holds the better licences, pages say so and offer the roles the other way round."""

import pytest
from django.test import Client

from licensing.models import Licence, Service
from portal.models import Membership
from products.models import Registration
from tests.factories import LicenceFactory, RegistrationFactory, log_in
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

type Two = tuple[Registration, Registration]


@pytest.fixture
def member(client: Client) -> Membership:
    return log_in(client)


@pytest.fixture
def two(member: Membership) -> Two:
    """A unit with a licence, and one without."""
    rich, poor = RegistrationFactory.create_batch(2, account=member.account)
    LicenceFactory(registration=rich, service=Service.objects.get(code=4))
    return rich, poor


def step(unit: Registration, rest: str = "") -> str:
    return f"/products/{unit.unit.serial}/association/{rest}"


def test_choosing_a_parent_with_fewer_licenses_is_marked(client: Client, two: Two) -> None:
    page = Page(client.get(step(two[0])))

    assert page.codes() == ["roles-reversed"]
    assert f"{two[1].friendly_name}: Server Anti-Virus, licensed for ever" in page.root.text


def test_choosing_a_child_with_better_licenses_is_marked(client: Client, two: Two) -> None:
    page = Page(client.get(step(two[1], "child/")))

    assert page.codes() == ["roles-reversed"]


def test_the_right_way_round_nothing_is_said(client: Client, two: Two) -> None:
    pages = [Page(client.get(step(two[1]))), Page(client.get(step(two[0], "child/")))]

    assert [page.codes() for page in pages] == [[], []]


def test_units_associated_the_wrong_way_round_are_offered_the_swap(client: Client, two: Two) -> None:
    rich, poor = two

    page = Page(client.post(step(rich), {"choice": f"hf:{poor.unit.serial}"}, follow=True))

    (link,) = [a for a in page.root.one("div", class_="notes").all("a") if a.text == "Swap roles"]
    client.post(link.attrs["href"])
    assert rich.seats.live().get().side == "parent"


def test_an_expired_license_makes_nobody_better(client: Client, two: Two) -> None:
    Licence.objects.update(begins_on="2003-11-18", expires_on="2004-11-17")

    page = Page(client.get(step(two[0])))

    assert page.codes() == []
