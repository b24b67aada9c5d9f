"""Change parent: what it offers, what it says, what it does (A6)."""

import pytest
from django.test import Client

from associations.models import Seat
from licensing.models import Service
from portal.models import Membership
from products.models import Registration
from tests.associations.support import Pair, act, remove, seated, unit, url
from tests.factories import LicenceFactory, RegistrationFactory
from tests.pages import Page
from tests.rows import SESSIONS, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_change_parent_offers_the_units_that_fit(client: Client, member: Membership, mine: Pair) -> None:
    primary, secondary, seat = mine
    free, other_primary, other_secondary = unit(member, "Free"), unit(member, "P2"), unit(member, "S2")
    seated(other_primary, other_secondary, member)
    unit(member, "4060", "PRO 4060")

    page = Page(client.get(act(secondary, seat, "parent")))

    offered = [row[1:] for row in page.root.one("table", class_="choices").rows()]
    assert page.root.one("h1").text == "Change parent"
    assert offered == [
        ["HF Primary", "Free", free.unit.serial, ""],
        ["HF Primary", "P2", other_primary.unit.serial, "Shared already"],
    ]
    assert primary.friendly_name in page.root.one("div", class_="title").text


def test_a_search_keeps_where_one_came_from(client: Client, member: Membership, mine: Pair) -> None:
    origin = unit(member, "Free").unit.serial

    page = Page(client.get(act(mine[1], mine[2], "parent"), {"q": "fr", "from": origin}))

    assert [e.attrs["value"] for e in page.root.one("form", role="search").all(name="from")] == [origin]


def test_without_another_unit_change_parent_says_so(client: Client, mine: Pair) -> None:
    page = Page(client.get(act(mine[1], mine[2], "parent")))

    assert page.root.one("div", class_="empty").text
    assert not list(page.root.one("main").all("button"))


def test_change_parent_says_what_is_lost_and_gained_before_it_does_anything(
    client: Client, member: Membership, mine: Pair
) -> None:
    other = unit(member)
    LicenceFactory(registration=other, service=Service.objects.get(code=3))

    with nothing_written(but=SESSIONS):
        page = Page(client.get(act(mine[1], mine[2], "parent"), {"to": other.unit.serial}))

    section = page.section("effect")
    changes = [item.text for item in section.one("ul").all("li")]
    assert [item.one("strong").text for item in section.one("ul").all("li")] == [
        "Gateway Anti-Virus, Anti-Spyware & Intrusion Prevention Service",
        "Server Anti-Virus",
    ]
    assert changes[0].endswith("→ licensed for ever")
    assert changes[1].endswith("→ not licensed")
    assert mine[0].friendly_name in section.text


def test_change_parent_says_that_the_unit_becomes_a_spare(
    client: Client, member: Membership, mine: Pair
) -> None:
    other, others = unit(member), unit(member, "Sharing")
    LicenceFactory(registration=other, service=Service.objects.get(code=3))
    seated(other, others, member)

    section = Page(client.get(act(mine[1], mine[2], "parent"), {"to": other.unit.serial})).section("effect")

    assert "spare" in section.text
    assert [item.one("strong").text for item in section.one("ul").all("li")] == ["Server Anti-Virus"]


@pytest.mark.parametrize("page_of", [0, 1], ids=["primary's", "secondary's"])
def test_change_parent_is_done_and_said(client: Client, member: Membership, mine: Pair, page_of: int) -> None:
    other = unit(member)

    response = client.post(act(mine[page_of], mine[2], "parent"), {"to": other.unit.serial}, follow=True)

    live = set(Seat.objects.live().values_list("registration", "side", "shares"))
    assert live == {(other.pk, "parent", False), (mine[1].pk, "child", True)}
    assert response.redirect_chain == [(url(mine[page_of]), 302)]
    assert Page(response).root.one("div", class_="notes").text


def test_changing_the_parent_twice_says_what_happened_meanwhile(
    client: Client, member: Membership, mine: Pair
) -> None:
    other, third = unit(member), unit(member, "Third")
    client.post(act(mine[1], mine[2], "parent"), {"to": other.unit.serial}, follow=True)

    with nothing_written(but=SESSIONS):
        for wanted in (other, third, mine[0]):
            response = client.post(act(mine[1], mine[2], "parent"), {"to": wanted.unit.serial})

            assert response.status_code == 422
            assert Page(response).codes() == ["association-gone"]


@pytest.mark.parametrize("query", [{}, {"to": "0006B11244FF"}])
def test_a_stale_link_to_change_parent_says_what_happened_meanwhile(
    client: Client, member: Membership, mine: Pair, query: dict[str, str]
) -> None:
    remove(mine[2], member)

    response = client.get(act(mine[1], mine[2], "parent"), query, follow=True)

    assert response.redirect_chain == [(url(mine[1]), 302)]
    assert Page(response).codes() == ["association-gone"]


def test_change_parent_to_a_unit_that_became_a_secondary_meanwhile(
    client: Client, member: Membership, mine: Pair
) -> None:
    other = unit(member)
    seated(unit(member), other, member)

    with nothing_written(but=SESSIONS):
        response = client.post(act(mine[1], mine[2], "parent"), {"to": other.unit.serial})

    assert response.status_code == 422
    assert Page(response).codes() == ["parent-is-child"]


def test_change_parent_sent_without_a_parent_is_refused(client: Client, mine: Pair) -> None:
    _, secondary, seat = mine

    response = client.post(act(secondary, seat, "parent"), {})

    assert response.status_code == 422
    assert Page(response).codes() == ["choice-gone"]


def test_choosing_another_parent_keeps_where_one_came_from(
    client: Client, member: Membership, mine: Pair
) -> None:
    _, secondary, seat = mine
    other = unit(member)

    page = client.get(act(secondary, seat, "parent"), {"to": other.unit.serial, "from": other.unit.serial})

    assert f'href="{act(secondary, seat, "parent")}?from={other.unit.serial}"' in page.text


@pytest.mark.parametrize("wanted", ["0006B11244FF", "foreign", "\0", "x" * 5000])
def test_a_tampered_parent_is_refused(client: Client, mine: Pair, wanted: str) -> None:
    serial = RegistrationFactory().unit.serial if wanted == "foreign" else wanted

    with nothing_written(but=SESSIONS):
        ask = [client.post] if wanted == "\0" else [client.post, client.get]
        for response in [asked(act(mine[1], mine[2], "parent"), {"to": serial}) for asked in ask]:
            assert response.status_code == 422
            assert Page(response).codes() == ["choice-gone"]


@pytest.mark.parametrize("which", ["child", "parent"])
def test_the_confirmation_renames_what_was_typed_on_the_way(
    client: Client, member: Membership, mine: Pair, which: str
) -> None:
    _, secondary, seat = mine
    other = unit(member)
    typed = {"child": secondary, "parent": other}[which]
    sent = {"to": other.unit.serial, "typed": typed.unit.serial, "name": "Rack B"}

    client.post(act(secondary, seat, "parent"), sent)

    named = Registration.objects.filter(friendly_name="Rack B")
    assert list(named) == [typed]
