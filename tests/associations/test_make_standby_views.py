"""Make standby, in two clicks (A9)."""

import pytest
from django.test import Client

from portal.models import Membership
from tests.associations.support import (
    Pair,
    act,
    asked,
    listed,
    promote,
    remove,
    rows,
    seated,
    unit,
    url,
)
from tests.factories import sharing
from tests.pages import Page
from tests.rows import SESSIONS, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_the_first_click_on_make_standby_asks(client: Client, member: Membership, mine: Pair) -> None:
    spare_seat = seated(mine[0], unit(member), member)

    with nothing_written(but=SESSIONS):
        page = Page(client.get(listed(mine[0]), {"standby": str(spare_seat.uuid)}))

    gained, lost = [list(changes.all("li")) for changes in asked(page).all("ul")]
    assert [item.one("strong").text for item in gained + lost] == ["Server Anti-Virus"] * 2
    assert gained[0].text.endswith("→ licensed for ever")
    assert lost[0].text.endswith("→ not licensed")
    assert asked(page).one("form").attrs["action"] == act(mine[0], spare_seat, "standby")


def test_the_spares_own_page_leads_to_the_page_that_asks(
    client: Client, member: Membership, mine: Pair
) -> None:
    spare = unit(member)
    seat = seated(mine[0], spare, member)

    links = {a.text: a.attrs["href"] for a in Page(client.get(url(spare))).section("parent").all("a")}
    page = Page(client.get(links["Make standby"].partition("#")[0]))

    assert asked(page).one("form").attrs["action"] == act(spare, seat, "standby")
    assert "Make standby" not in Page(client.get(url(mine[1]))).section("parent").text


def test_the_second_click_makes_the_spare_standby(client: Client, member: Membership, mine: Pair) -> None:
    spare = unit(member)
    spare_seat = seated(mine[0], spare, member)

    response = client.post(act(mine[0], spare_seat, "standby"), {"instead": sharing(spare_seat)}, follow=True)

    page = Page(response)
    assert response.redirect_chain == [(listed(mine[0]), 302)]
    assert rows(page) == [
        ["1. Other", spare.unit.serial],
        [f"2. {mine[1].friendly_name} Spare", mine[1].unit.serial],
    ]
    assert page.root.one("div", class_="notes").text


def test_make_standby_sent_twice_changes_once_and_says_that_it_is_so(
    client: Client, member: Membership, mine: Pair
) -> None:
    spare_seat = seated(mine[0], unit(member), member)
    client.post(act(mine[0], spare_seat, "standby"), {"instead": sharing(spare_seat)}, follow=True)

    with nothing_written(but=SESSIONS):
        response = client.post(
            act(mine[0], spare_seat, "standby"), {"instead": sharing(spare_seat)}, follow=True
        )

    assert Page(response).codes() == ["already-standby"]


def test_a_first_click_on_what_is_the_standby_by_now_says_so(
    client: Client, member: Membership, mine: Pair
) -> None:
    spare_seat = seated(mine[0], unit(member), member)
    promote(spare_seat, member)

    page = Page(client.get(listed(mine[0]), {"standby": str(spare_seat.uuid)}))

    assert page.codes() == ["already-standby"]


def test_make_standby_of_a_spare_that_was_removed_meanwhile_is_refused(
    client: Client, member: Membership, mine: Pair
) -> None:
    spare_seat = seated(mine[0], unit(member), member)
    instead = sharing(spare_seat)
    remove(spare_seat, member)

    with nothing_written(but=SESSIONS):
        response = client.post(act(mine[0], spare_seat, "standby"), {"instead": instead}, follow=True)

    assert Page(response).codes() == ["association-gone"]


def test_make_standby_of_what_shares_is_refused(client: Client, mine: Pair) -> None:
    with nothing_written(but=SESSIONS):
        response = client.post(act(mine[0], mine[2], "standby"), {"instead": sharing(mine[2])}, follow=True)

    assert Page(response).codes() == ["no-spare"]
