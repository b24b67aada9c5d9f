"""What both accounts see of an offered product, and what their owners do about it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from licensing.models import Offer, PoolPart
from licensing.moves.offers import withdraw_offer
from licensing.moves.release import plan_release
from portal.clock import today
from portal.models import Membership
from products.models import Registration
from tests.factories import MembershipFactory, RegistrationFactory, hf, log_in
from tests.licensing.offers import accepted, offered
from tests.licensing.support import CLIENT_AV, CONTENT_FILTER, GATEWAY_AV, give, service
from tests.pages import Page
from tests.rows import SESSIONS, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def giver() -> Membership:
    return MembershipFactory()


@pytest.fixture
def unit(giver: Membership) -> Registration:
    return RegistrationFactory(account=giver.account, friendly_name="San Jose")


@pytest.fixture
def taker(client: Client) -> Membership:
    """The owner that the client is logged in as."""
    return log_in(client)


@pytest.fixture
def offer(unit: Registration, giver: Membership, taker: Membership) -> Offer:
    return offered(unit, taker.account, giver.user)


def url(offer: Offer, end: str = "") -> str:
    return f"/offers/{offer.uuid}/{end}"


def unit_url(unit: Registration) -> str:
    return f"/products/{unit.unit.serial}/"


def seen(unit: Registration) -> dict[str, str]:
    return {"seen": plan_release(unit).fingerprint}


@pytest.mark.parametrize("role", Membership.Role.values)
def test_owners_find_it_on_their_main_page(client: Client, offer: Offer, role: str) -> None:
    log_in(client, role, offer.account)

    links = list(Page(client.get("/")).root.all("a", href=url(offer)))

    assert bool(links) == (role == "owner")


def test_its_page_names_what_comes_and_nothing_else_of_the_giver(
    client: Client, unit: Registration, giver: Membership, taker: Membership
) -> None:
    other = RegistrationFactory(account=giver.account, friendly_name="Secret lab")
    PoolPart.objects.create(licence=give(unit, CLIENT_AV, count=10), registration=other, count=4)
    PoolPart.objects.create(licence=give(other, GATEWAY_AV), registration=unit, count=3)

    page = Page(client.get(url(offered(unit, taker.account, giver.user))))

    text = page.root.one("main").text
    assert [line.one("strong").text.strip() for line in page.section("offered").all("li")] == [
        str(service(CLIENT_AV))
    ]
    assert giver.account.name in text
    assert not [name for name in ("Secret lab", other.unit.serial, giver.user.username) if name in text]


def test_accepted_it_is_mine(client: Client, offer: Offer, unit: Registration, taker: Membership) -> None:
    response = client.post(url(offer, "accept/"), seen(unit))

    assert response["Location"] == unit_url(unit)
    assert Registration.objects.live().get(unit=unit.unit).account == taker.account
    assert "San Jose" in client.get("/products/").text


def test_declined_it_is_on_no_page_any_more(client: Client, offer: Offer) -> None:
    response = client.post(url(offer, "decline/"), follow=True)

    assert response.redirect_chain == [("/", 302)]
    assert not list(Page(response).root.all("a", href=url(offer)))
    assert "declined" in Page(client.get(url(offer))).section("offered").text


@pytest.mark.parametrize("answer", ["accept/", "decline/"])
def test_what_is_over_can_not_be_answered(
    client: Client, offer: Offer, unit: Registration, giver: Membership, answer: str
) -> None:
    withdraw_offer(offer=offer, by=giver.user, today=today(), now=timezone.now())

    with nothing_written():
        response = client.post(url(offer, answer), seen(unit))

    assert (response.status_code, Page(response).codes()) == (422, ["offer-ended"])
    assert not list(Page(response).root.one("main").all("button"))


def test_after_its_last_day_it_says_that_it_is_over(client: Client, offer: Offer) -> None:
    Offer.objects.update(ends_on=today() - timedelta(1))

    page = Page(client.get(url(offer)))

    assert "over" in page.section("offered").text
    assert not list(Page(client.get("/")).root.all("a", href=url(offer)))


def test_what_keeps_it_there_is_its_givers_business(
    client: Client, offer: Offer, unit: Registration, giver: Membership
) -> None:
    other = RegistrationFactory(account=giver.account, friendly_name="Secret lab")
    hf(unit, other, by=giver.user)

    with nothing_written():
        response = client.post(url(offer, "accept/"), seen(unit))

    assert (response.status_code, Page(response).codes()) == (422, ["offer-blocked"])
    assert "Secret lab" not in response.text
    assert other.unit.serial not in response.text


def test_a_change_since_the_offer_has_to_be_offered_anew(
    client: Client, offer: Offer, unit: Registration
) -> None:
    give(unit, CONTENT_FILTER)

    with nothing_written():
        response = client.post(url(offer, "accept/"), seen(unit))

    assert (response.status_code, Page(response).codes()) == (422, ["offer-changed"])


# The giver's side


@pytest.mark.parametrize("role", Membership.Role.values)
def test_the_givers_page_says_to_whom_and_owners_withdraw(
    client: Client, offer: Offer, unit: Registration, role: str
) -> None:
    log_in(client, role, unit.account)

    page = Page(client.get(unit_url(unit)))

    withdraws = page.root.all("form", action=f"{unit_url(unit)}offers/{offer.uuid}/withdraw/")
    assert offer.account.name in page.root.one("main").text
    assert bool(list(withdraws)) == (role == "owner")
    assert not list(page.root.all("a", href=f"{unit_url(unit)}release/"))


def test_withdrawn_it_can_be_released_again(
    client: Client, offer: Offer, unit: Registration, giver: Membership
) -> None:
    client.force_login(giver.user)

    response = client.post(f"{unit_url(unit)}offers/{offer.uuid}/withdraw/")

    assert response["Location"] == unit_url(unit)
    assert list(Page(client.get(unit_url(unit))).root.all("a", href=f"{unit_url(unit)}release/"))


def test_what_is_offered_is_not_offered_again(
    client: Client, offer: Offer, unit: Registration, giver: Membership, taker: Membership
) -> None:
    client.force_login(giver.user)

    with nothing_written():
        response = client.post(
            f"{unit_url(unit)}release/", {"account": str(taker.account.uuid), **seen(unit)}
        )

    assert (response.status_code, Page(response).codes()) == (422, ["already-offered"])


def test_a_stale_withdrawal_takes_nothing_back(client: Client, unit: Registration, giver: Membership) -> None:
    other = MembershipFactory()
    first = offered(unit, other.account, giver.user)
    withdraw_offer(offer=first, by=giver.user, today=today(), now=timezone.now())
    second = offered(unit, other.account, giver.user)
    client.force_login(giver.user)

    with nothing_written(but=SESSIONS):
        response = client.post(f"{unit_url(unit)}offers/{first.uuid}/withdraw/", follow=True)

    assert "offer-ended" in Page(response).codes()
    assert accepted(second).account == other.account


@pytest.mark.parametrize("count", [1, 30])
def test_pages_ask_as_much_for_many_offers_and_licences(
    client: Client,
    giver: Membership,
    taker: Membership,
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    units = RegistrationFactory.create_batch(count, account=giver.account)
    for _ in range(count):
        give(units[0], CLIENT_AV)
    offers = [offered(unit, taker.account, giver.user) for unit in units]

    with django_assert_num_queries(7):
        client.get(url(offers[0]))
    with django_assert_num_queries(7):
        client.get("/")
