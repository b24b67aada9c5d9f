"""Remove, in two clicks, from either unit's page (A7)."""

import uuid

import pytest
from django.test import Client

from associations.models import Seat
from licensing.models import Service
from portal.models import Act, Membership
from tests.associations.support import Pair, act, asked, listed, remove, seated, unit, url
from tests.factories import LicenceFactory, MembershipFactory, pair
from tests.pages import Page
from tests.rows import SESSIONS, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.mark.parametrize("page_of", [0, 1], ids=["primary's", "secondary's"])
def test_the_first_click_asks_and_names_the_services_lost(client: Client, mine: Pair, page_of: int) -> None:
    with nothing_written(but=SESSIONS):
        page = Page(client.get(listed(mine[page_of]), {"remove": str(mine[2].uuid)}))

    assert [item.one("strong").text for item in asked(page).one("ul").all("li")] == ["Server Anti-Virus"]
    assert asked(page).one("form").attrs["action"] == act(mine[page_of], mine[2], "remove")


def test_the_first_click_on_the_secondarys_own_page(client: Client, mine: Pair) -> None:
    _, secondary, seat = mine
    (link,) = [a for a in Page(client.get(url(secondary))).section("parent").all("a") if a.text == "Remove"]

    page = Page(client.get(url(secondary) + link.attrs["href"].partition("#")[0]))

    assert [item.one("strong").text for item in asked(page).one("ul").all("li")] == ["Server Anti-Virus"]
    assert asked(page).one("form").attrs["action"] == act(secondary, seat, "remove")


def test_a_spare_loses_nothing(client: Client, member: Membership, mine: Pair) -> None:
    spare_seat = seated(mine[0], unit(member), member)

    page = Page(client.get(listed(mine[0]), {"remove": str(spare_seat.uuid)}))

    assert not list(asked(page).all("li"))


def test_what_the_secondary_owns_itself_is_not_named_as_lost(client: Client, mine: Pair) -> None:
    LicenceFactory(registration=mine[1], service=Service.objects.get(code=4))

    page = Page(client.get(listed(mine[0]), {"remove": str(mine[2].uuid)}))

    assert not list(asked(page).all("li"))


@pytest.mark.parametrize("page_of", [0, 1], ids=["primary's", "secondary's"])
def test_the_second_click_removes(client: Client, mine: Pair, page_of: int) -> None:
    primary, secondary, seat = mine
    place = mine[page_of]

    response = client.post(act(place, seat, "remove"), follow=True)

    notes = Page(response).root.one("div", class_="notes")
    assert response.redirect_chain == [(url(place), 302)]
    assert not Seat.objects.live().exists()
    assert secondary.friendly_name in notes.text
    assert "Server Anti-Virus" in notes.text
    undo = f"/activity/{Act.objects.get().uuid}/undo/"
    assert [link.attrs["href"] for link in notes.all("a")] == [url(primary), undo]


def test_a_spare_that_remains_is_offered_to_be_made_standby(
    client: Client, member: Membership, mine: Pair
) -> None:
    primary, _, seat = mine
    spare_seat = seated(primary, unit(member), member)

    page = Page(client.post(act(primary, seat, "remove"), follow=True))

    links = {a.text: a.attrs["href"] for a in page.root.one("div", class_="notes").all("a")}
    asking = Page(client.get(links["Make standby"].partition("#")[0]))
    assert asked(asking).one("form").attrs["action"] == act(primary, spare_seat, "standby")
    assert not list(page.section("pair").all("div", class_="link shares"))


def test_removing_a_spare_offers_no_standby(client: Client, member: Membership, mine: Pair) -> None:
    spare_seat = seated(mine[0], unit(member), member)

    page = Page(client.post(act(mine[0], spare_seat, "remove"), follow=True))

    assert "Make standby" not in page.root.one("div", class_="notes").text


def test_removing_twice_says_what_happened_meanwhile(client: Client, mine: Pair) -> None:
    client.post(act(mine[0], mine[2], "remove"), follow=True)

    with nothing_written(but=SESSIONS):
        response = client.post(act(mine[0], mine[2], "remove"), follow=True)

    assert Page(response).codes() == ["association-gone"]


def test_a_stale_remove_leaves_the_pair_that_came_after(
    client: Client, member: Membership, mine: Pair
) -> None:
    primary, secondary, seat = mine
    remove(seat, member)
    seated(primary, secondary, member)

    with nothing_written(but=SESSIONS):
        response = client.post(act(secondary, seat, "remove"), follow=True)

    assert Page(response).codes() == ["association-gone"]


def test_names_in_messages_are_escaped(client: Client, member: Membership) -> None:
    evil = unit(member, "<script>alert(1)</script>")
    seat = seated(unit(member), evil, member)

    notes = Page(client.post(act(evil, seat, "remove"), follow=True)).root.one("div", class_="notes")

    assert not list(notes.all("script"))
    assert evil.friendly_name in notes.text


@pytest.mark.parametrize("action", ["remove", "parent", "standby"])
@pytest.mark.parametrize("whose", ["another account's", "another unit's", "the parent's own", "nobody's"])
def test_a_seat_that_the_page_has_nothing_to_do_with_is_not_there(
    client: Client, mine: Pair, member: Membership, action: str, whose: str
) -> None:
    stranger = MembershipFactory()
    seats = {
        "another account's": lambda: pair(stranger.account, by=stranger.user)[2],
        "another unit's": lambda: pair(member.account, by=member.user)[2],
        "the parent's own": lambda: Seat.objects.get(registration=mine[0]),
        "nobody's": lambda: Seat(uuid=uuid.uuid4()),
    }
    seat = seats[whose]()

    with nothing_written(but=SESSIONS):
        response = client.post(act(mine[0], seat, action), {"to": mine[1].unit.serial})

    assert response.status_code == 404
