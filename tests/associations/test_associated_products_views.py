"""My Product - Associated Products: what it lists, and who may change it (A5)."""

import pytest
from django.test import Client

from portal.models import Membership
from tests.associations.support import Pair, act, listed, register, rows, seated, typed, unit, url
from tests.factories import add_spares, log_in, pair, registrations
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_a_primary_lists_its_secondaries(client: Client, member: Membership, mine: Pair) -> None:
    primary, secondary, _ = mine
    spare = unit(member, "A spare")
    seated(primary, spare, member)

    page = Page(client.get(listed(primary)))

    title = page.root.one("div", class_="title").text
    assert page.root.one("h1").text == "My Product - Associated Products"
    assert f"HF Secondary associated with {primary.friendly_name}" in title
    assert rows(page) == [
        [f"1. {secondary.friendly_name}", secondary.unit.serial],
        ["2. A spare Spare", spare.unit.serial],
    ]


def test_a_secondary_lists_its_primary(client: Client, mine: Pair) -> None:
    primary, secondary, seat = mine

    page = Page(client.get(listed(secondary)))

    assert (
        f"HF Primary associated with {secondary.friendly_name}" in page.root.one("div", class_="title").text
    )
    assert rows(page) == [[f"1. {primary.friendly_name}", primary.unit.serial]]
    targets = [link.attrs["href"] for link in page.section("associated").all("a")]
    assert act(secondary, seat, "parent") in targets
    assert f"?remove={seat.uuid}#asked" in targets


def test_on_a_spares_own_page_the_spare_is_marked_and_not_its_primary(
    client: Client, member: Membership, mine: Pair
) -> None:
    spare = unit(member)
    seated(mine[0], spare, member)

    page = Page(client.get(listed(spare)))

    assert rows(page) == [[f"1. {mine[0].friendly_name}", mine[0].unit.serial]]
    assert page.root.one("div", class_="title").one("span", class_="tag warn").text == "Spare"


def test_a_unit_in_no_pair_lists_no_secondary_and_says_so(client: Client, member: Membership) -> None:
    alone = unit(member)

    page = Page(client.get(listed(alone)))

    assert "HF Secondary associated with Other" in page.root.one("div", class_="title").text
    assert page.root.one("div", class_="empty").text
    assert not list(page.root.all("table"))


def test_a_firewall_lists_its_sonicpoints(client: Client, member: Membership) -> None:
    firewall, point = unit(member, "Door", "TZ 170"), unit(member, "Roof", "SonicPoint")
    seated(firewall, point, member, "sonicpoint")

    page = Page(client.get(listed(firewall, "sonicpoint")))
    from_point = Page(client.get(listed(point, "sonicpoint")))

    assert rows(page) == [["1. Roof", point.unit.serial]]
    assert rows(from_point) == [["1. Door", firewall.unit.serial]]


def test_the_columns_are_those_of_registered_products(client: Client, mine: Pair) -> None:
    table = Page(client.get(listed(mine[0]))).section("associated").one("table")

    head = [cell.text for cell in table.one("thead").all("th")][:5]
    assert head == ["Name", "Serial Number", "Product Line", "Firmware", "Reg. Code"]
    assert table.rows()[0][2:5] == ["PRO 5060", "2.5.0.0e", mine[1].code]


@pytest.mark.parametrize("slug", ["nothing", "hub"])
def test_a_type_that_is_not_there_has_no_page(client: Client, member: Membership, slug: str) -> None:
    response = client.get(listed(unit(member), slug))

    assert response.status_code == 404


def test_a_type_that_the_model_has_no_part_in_has_no_page(client: Client, member: Membership) -> None:
    point = unit(member, model="SonicPoint")

    assert client.get(listed(point)).status_code == 404
    assert register(client, point, typed(unit(member).unit.serial)).status_code == 404


def test_a_viewer_sees_the_rows_and_nothing_to_change(client: Client, member: Membership) -> None:
    primary, secondary, seat = pair(member.account, by=member.user)
    log_in(client, Membership.Role.VIEWER, member.account)

    for asking in ("", f"?remove={seat.uuid}", f"?standby={seat.uuid}"):
        main = Page(client.get(listed(primary) + asking)).root.one("main")

        assert secondary.unit.serial in main.text
        assert not list(main.all("form"))
        assert not {"Remove", "Change parent"} & {link.text for link in main.all("a")}


def test_a_viewer_is_asked_nothing_on_service_management(client: Client, member: Membership) -> None:
    _, secondary, seat = pair(member.account, by=member.user)
    log_in(client, Membership.Role.VIEWER, member.account)

    main = Page(client.get(url(secondary), {"remove": str(seat.uuid)})).root.one("main")

    assert not list(main.all("form"))
    assert not list(main.all("button"))


def test_more_than_a_hundred_get_a_box_to_find_one(client: Client, mine: Pair) -> None:
    primary, _, seat = mine
    many = registrations(primary.account, 101)
    add_spares(seat, many)

    page = Page(client.get(listed(primary)))
    found = Page(client.get(listed(primary), {"q": many[100].unit.serial.lower()}))
    missed = Page(client.get(listed(primary), {"q": "nowhere "}))

    assert len(rows(page)) == 100
    assert page.root.one("form", role="search").one("input", name="q")
    assert [row[1] for row in rows(found)] == [many[100].unit.serial]
    assert missed.root.one("form", role="search").one("input", name="q").attrs["value"] == "nowhere"
    assert not list(missed.root.all("table"))
