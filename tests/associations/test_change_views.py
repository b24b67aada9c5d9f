"""My Product - Associated Products, Remove, Change parent and Make standby, page by page (A5, A6, A7, A9)."""

import uuid

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from associations.catalogue import add_type_model, save_association_type
from associations.models import AssociationType, Seat, Side
from associations.selectors import history
from associations.services import associate, change_parent, make_standby, remove_association
from licensing.models import Licence, Service
from portal.clock import today
from portal.models import AuditEntry, Membership
from products.models import ProductModel, Registration
from tests.factories import (
    CODE,
    MembershipFactory,
    RegistrationFactory,
    UnitFactory,
    add_spares,
    log_in,
    pair,
    pairs,
    registrations,
    sharing,
)
from tests.pages import Element, Page
from tests.rows import every_row

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def member(client: Client) -> Membership:
    """The owner that the client is logged in as."""
    return log_in(client)


@pytest.fixture
def mine(member: Membership) -> tuple[Registration, Registration, Seat]:
    """A pair: primary, secondary and the secondary's seat. The primary has a licence for each to share."""
    primary, secondary, seat = pair(member.account, by=member.user)
    Licence.objects.create(registration=primary, service=Service.objects.get(code=4))
    return primary, secondary, seat


def unit(member: Membership, name: str = "Other", model: str = "PRO 5060") -> Registration:
    return RegistrationFactory(account=member.account, friendly_name=name, unit__model_name=model)


def seated(parent: Registration, child: Registration, member: Membership, slug: str = "hf") -> Seat:
    type = AssociationType.objects.get(slug=slug)
    return associate(parent=parent, child=child, type=type, by=member.user, today=today())


def url(registration: Registration, rest: str = "") -> str:
    return f"/products/{registration.unit.serial}/{rest}"


def listed(registration: Registration, slug: str = "hf") -> str:
    return url(registration, f"associated/{slug}/")


def act(registration: Registration, seat: Seat, action: str) -> str:
    return url(registration, f"associations/{seat.uuid}/{action}/")


def typed(serial: str, name: str = "", code: str = "") -> dict[str, str]:
    return {"serial_number": serial, "friendly_name": name, "authentication_code": code}


def register(client: Client, place: Registration, sent: dict[str, str], slug: str = "hf"):
    return client.post(f"{listed(place, slug)}register/", sent)


def rows(page: Page) -> list[list[str]]:
    """Name and serial number of each row of Associated Products."""
    return [row[:2] for row in page.section("associated").one("table").rows()]


def asked(page: Page) -> Element:
    return page.root.one("div", id="asked")


def unchanged(before: dict[str, list[tuple[object, ...]]]) -> bool:
    """Nothing was written but the session, which carries the answer to the next page."""
    after = every_row()
    return all(after[name] == found for name, found in before.items() if name != "sessions.Session")


# My Product - Associated Products


def test_a_primary_lists_its_secondaries(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
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


def test_a_secondary_lists_its_primary(client: Client, mine: tuple[Registration, Registration, Seat]) -> None:
    primary, secondary, seat = mine

    page = Page(client.get(listed(secondary)))

    assert (
        f"HF Primary associated with {secondary.friendly_name}" in page.root.one("div", class_="title").text
    )
    assert rows(page) == [[f"1. {primary.friendly_name}", primary.unit.serial]]
    targets = [link.attrs["href"] for link in page.section("associated").all("a")]
    assert act(secondary, seat, "parent") in targets
    assert f"?remove={seat.uuid}#asked" in targets


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


def test_the_columns_are_those_of_registered_products(
    client: Client, mine: tuple[Registration, Registration, Seat]
) -> None:
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


def test_more_than_a_hundred_get_a_box_to_find_one(
    client: Client, mine: tuple[Registration, Registration, Seat]
) -> None:
    primary, _, seat = mine
    many = registrations(primary.account, 101)
    add_spares(seat, many)

    page = Page(client.get(listed(primary)))
    found = Page(client.get(listed(primary), {"q": many[100].unit.serial.lower()}))
    missed = Page(client.get(listed(primary), {"q": "nowhere \0"}))

    assert len(rows(page)) == 100
    assert page.root.one("form", role="search").one("input", name="q")
    assert [row[1] for row in rows(found)] == [many[100].unit.serial]
    assert missed.root.one("form", role="search").one("input", name="q").attrs["value"] == "nowhere"
    assert not list(missed.root.all("table"))


# Remove, in two clicks


@pytest.mark.parametrize("page_of", [0, 1], ids=["primary's", "secondary's"])
def test_the_first_click_asks_and_names_the_services_lost(
    client: Client, mine: tuple[Registration, Registration, Seat], page_of: int
) -> None:
    before = every_row()

    page = Page(client.get(listed(mine[page_of]), {"remove": str(mine[2].uuid)}))

    assert [item.one("strong").text for item in asked(page).one("ul").all("li")] == ["Server Anti-Virus"]
    assert asked(page).one("form").attrs["action"] == act(mine[page_of], mine[2], "remove")
    assert unchanged(before)


def test_the_first_click_on_the_secondarys_own_page(
    client: Client, mine: tuple[Registration, Registration, Seat]
) -> None:
    _, secondary, seat = mine
    (link,) = [a for a in Page(client.get(url(secondary))).section("parent").all("a") if a.text == "Remove"]

    page = Page(client.get(url(secondary) + link.attrs["href"].partition("#")[0]))

    assert [item.one("strong").text for item in asked(page).one("ul").all("li")] == ["Server Anti-Virus"]
    assert asked(page).one("form").attrs["action"] == act(secondary, seat, "remove")


def test_a_spare_is_told_to_lose_nothing(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    spare_seat = seated(mine[0], unit(member), member)

    page = Page(client.get(listed(mine[0]), {"remove": str(spare_seat.uuid)}))

    assert not list(asked(page).all("li"))


def test_what_the_secondary_owns_itself_is_not_named_as_lost(
    client: Client, mine: tuple[Registration, Registration, Seat]
) -> None:
    Licence.objects.create(registration=mine[1], service=Service.objects.get(code=4))

    page = Page(client.get(listed(mine[0]), {"remove": str(mine[2].uuid)}))

    assert not list(asked(page).all("li"))


@pytest.mark.parametrize("page_of", [0, 1], ids=["primary's", "secondary's"])
def test_the_second_click_removes(
    client: Client, mine: tuple[Registration, Registration, Seat], page_of: int
) -> None:
    primary, secondary, seat = mine
    place = mine[page_of]

    response = client.post(act(place, seat, "remove"), follow=True)

    notes = Page(response).root.one("div", class_="notes")
    assert response.redirect_chain == [(url(place), 302)]
    assert not Seat.objects.live().exists()
    assert secondary.friendly_name in notes.text
    assert "Server Anti-Virus" in notes.text
    assert [link.attrs["href"] for link in notes.all("a")] == [url(primary)]


def test_removing_twice_says_what_happened_meanwhile(
    client: Client, mine: tuple[Registration, Registration, Seat]
) -> None:
    client.post(act(mine[0], mine[2], "remove"), follow=True)
    before = every_row()

    response = client.post(act(mine[0], mine[2], "remove"), follow=True)

    assert Page(response).codes() == ["association-gone"]
    assert unchanged(before)


def test_a_stale_remove_leaves_the_pair_that_came_after(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    primary, secondary, seat = mine
    remove_association(seat=seat, by=member.user)
    seated(primary, secondary, member)
    before = every_row()

    response = client.post(act(secondary, seat, "remove"), follow=True)

    assert Page(response).codes() == ["association-gone"]
    assert unchanged(before)


def test_names_in_messages_are_escaped(client: Client, member: Membership) -> None:
    evil = unit(member, "<script>alert(1)</script>")
    seat = seated(unit(member), evil, member)

    notes = Page(client.post(act(evil, seat, "remove"), follow=True)).root.one("div", class_="notes")

    assert not list(notes.all("script"))
    assert evil.friendly_name in notes.text


@pytest.mark.parametrize("action", ["remove", "parent", "standby"])
@pytest.mark.parametrize("whose", ["another account's", "another unit's", "the parent's own", "nobody's"])
def test_a_seat_that_the_page_has_nothing_to_do_with_is_not_there(
    client: Client, mine: tuple[Registration, Registration, Seat], member: Membership, action: str, whose: str
) -> None:
    stranger = MembershipFactory()
    seats = {
        "another account's": lambda: pair(stranger.account, by=stranger.user)[2],
        "another unit's": lambda: pair(member.account, by=member.user)[2],
        "the parent's own": lambda: Seat.objects.get(registration=mine[0]),
        "nobody's": lambda: Seat(uuid=uuid.uuid4()),
    }
    seat = seats[whose]()
    before = every_row()

    response = client.post(act(mine[0], seat, action), {"to": mine[1].unit.serial})

    assert response.status_code == 404
    assert unchanged(before)


# Change parent


def test_change_parent_offers_the_units_that_fit(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    primary, secondary, seat = mine
    free, other_primary, other_secondary = unit(member, "Free"), unit(member, "P2"), unit(member, "S2")
    seated(other_primary, other_secondary, member)
    unit(member, "4060", "PRO 4060")

    page = Page(client.get(act(secondary, seat, "parent")))

    offered = [row[1:] for row in page.root.one("table", class_="choices").rows()]
    assert page.root.one("h1").text == "Change parent"
    assert offered == [
        ["HF Primary", "Free", free.unit.serial],
        ["HF Primary", "P2", other_primary.unit.serial],
    ]
    assert primary.friendly_name in page.root.one("div", class_="title").text


def test_without_another_unit_change_parent_says_so(
    client: Client, mine: tuple[Registration, Registration, Seat]
) -> None:
    page = Page(client.get(act(mine[1], mine[2], "parent")))

    assert page.root.one("div", class_="empty").text
    assert not list(page.root.one("main").all("button"))


def test_change_parent_says_what_is_lost_and_gained_before_it_does_anything(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    other = unit(member)
    Licence.objects.create(registration=other, service=Service.objects.get(code=3))
    before = every_row()

    page = Page(client.get(act(mine[1], mine[2], "parent"), {"to": other.unit.serial}))

    section = page.section("effect")
    changes = [item.text for item in section.one("ul").all("li")]
    assert [item.one("strong").text for item in section.one("ul").all("li")] == [
        "Gateway Anti-Virus, Anti-Spyware & Intrusion Prevention Service",
        "Server Anti-Virus",
    ]
    assert changes[0].endswith("Licensed")
    assert changes[1].endswith("Not Licensed")
    assert mine[0].friendly_name in section.text
    assert unchanged(before)


def test_change_parent_says_that_the_unit_becomes_a_spare(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    other, others = unit(member), unit(member, "Sharing")
    Licence.objects.create(registration=other, service=Service.objects.get(code=3))
    seated(other, others, member)

    section = Page(client.get(act(mine[1], mine[2], "parent"), {"to": other.unit.serial})).section("effect")

    assert "spare" in section.text
    assert [item.one("strong").text for item in section.one("ul").all("li")] == ["Server Anti-Virus"]


@pytest.mark.parametrize("page_of", [0, 1], ids=["primary's", "secondary's"])
def test_change_parent_is_done_and_told(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat], page_of: int
) -> None:
    other = unit(member)

    response = client.post(act(mine[page_of], mine[2], "parent"), {"to": other.unit.serial}, follow=True)

    live = set(Seat.objects.live().values_list("registration", "side", "shares"))
    assert live == {(other.pk, "parent", False), (mine[1].pk, "child", True)}
    assert response.redirect_chain == [(url(mine[page_of]), 302)]
    assert Page(response).root.one("div", class_="notes").text


def test_changing_the_parent_twice_says_what_happened_meanwhile(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    other, third = unit(member), unit(member, "Third")
    client.post(act(mine[1], mine[2], "parent"), {"to": other.unit.serial}, follow=True)
    before = every_row()

    for wanted in (other, third, mine[0]):
        response = client.post(act(mine[1], mine[2], "parent"), {"to": wanted.unit.serial})

        assert response.status_code == 422
        assert Page(response).codes() == ["association-gone"]
    assert unchanged(before)


@pytest.mark.parametrize("query", [{}, {"to": "0006B11244FF"}])
def test_a_stale_link_to_change_parent_says_what_happened_meanwhile(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat], query: dict[str, str]
) -> None:
    remove_association(seat=mine[2], by=member.user)

    response = client.get(act(mine[1], mine[2], "parent"), query, follow=True)

    assert response.redirect_chain == [(url(mine[1]), 302)]
    assert Page(response).codes() == ["association-gone"]


def test_change_parent_to_a_unit_that_became_a_secondary_meanwhile(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    other = unit(member)
    seated(unit(member), other, member)
    before = every_row()

    response = client.post(act(mine[1], mine[2], "parent"), {"to": other.unit.serial})

    assert response.status_code == 422
    assert Page(response).codes() == ["parent-is-child"]
    assert unchanged(before)


def test_change_parent_sent_without_a_parent_is_refused(
    client: Client, mine: tuple[Registration, Registration, Seat]
) -> None:
    _, secondary, seat = mine

    response = client.post(act(secondary, seat, "parent"), {})

    assert response.status_code == 422
    assert Page(response).codes() == ["choice-gone"]


def test_choosing_another_parent_keeps_where_one_came_from(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    _, secondary, seat = mine
    other = unit(member)

    page = client.get(act(secondary, seat, "parent"), {"to": other.unit.serial, "from": other.unit.serial})

    assert f'href="{act(secondary, seat, "parent")}?from={other.unit.serial}"' in page.text


@pytest.mark.parametrize("wanted", ["0006B11244FF", "foreign", "\0", "x" * 5000])
def test_a_tampered_parent_is_refused(
    client: Client, mine: tuple[Registration, Registration, Seat], wanted: str
) -> None:
    serial = RegistrationFactory().unit.serial if wanted == "foreign" else wanted
    before = every_row()

    for response in (
        client.post(act(mine[1], mine[2], "parent"), {"to": serial}),
        client.get(act(mine[1], mine[2], "parent"), {"to": serial}),
    ):
        assert response.status_code == 422
        assert Page(response).codes() == ["choice-gone"]
    assert unchanged(before)


# Make standby


def test_the_first_click_on_make_standby_asks(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    spare_seat = seated(mine[0], unit(member), member)
    before = every_row()

    page = Page(client.get(listed(mine[0]), {"standby": str(spare_seat.uuid)}))

    assert [item.one("strong").text for item in asked(page).one("ul").all("li")] == ["Server Anti-Virus"]
    assert asked(page).one("form").attrs["action"] == act(mine[0], spare_seat, "standby")
    assert unchanged(before)


def test_the_second_click_makes_the_spare_standby(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
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


def test_make_standby_sent_twice_changes_once(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    spare_seat = seated(mine[0], unit(member), member)
    client.post(act(mine[0], spare_seat, "standby"), {"instead": sharing(spare_seat)}, follow=True)
    before = every_row()

    response = client.post(act(mine[0], spare_seat, "standby"), {"instead": sharing(spare_seat)}, follow=True)

    assert Page(response).codes() == ["association-gone"]
    assert unchanged(before)


def test_make_standby_of_what_shares_is_refused(
    client: Client, mine: tuple[Registration, Registration, Seat]
) -> None:
    before = every_row()

    response = client.post(act(mine[0], mine[2], "standby"), {"instead": sharing(mine[2])}, follow=True)

    assert Page(response).codes() == ["no-spare"]
    assert unchanged(before)


# Associating a registered unit (A5)


def test_an_owned_serial_is_associated_as_secondary(client: Client, member: Membership) -> None:
    primary, secondary = unit(member, "Head"), unit(member, "Branch")

    response = register(client, primary, typed(secondary.unit.serial))

    live = set(Seat.objects.live().values_list("registration", "side", "shares"))
    assert response["Location"] == listed(primary)
    assert live == {(primary.pk, "parent", False), (secondary.pk, "child", True)}


def test_an_owned_serial_is_associated_in_any_notation_and_needs_no_code(
    client: Client, member: Membership
) -> None:
    primary = unit(member)
    RegistrationFactory(account=member.account, unit__serial="0006B112441C")

    register(client, primary, typed(" 00:06:b1:12:44:1c"))

    assert Seat.objects.live().count() == 2


@pytest.mark.parametrize(("name", "expected"), [("", "Branch"), (" ", "Branch"), (" Basel ", "Basel")])
def test_a_blank_name_keeps_and_a_given_one_renames(
    client: Client, member: Membership, name: str, expected: str
) -> None:
    primary, secondary = unit(member, "Head"), unit(member, "Branch")

    register(client, primary, typed(secondary.unit.serial, name))

    secondary.refresh_from_db()
    primary.refresh_from_db()
    assert (secondary.friendly_name, primary.friendly_name) == (expected, "Head")


def test_a_further_secondary_is_told_to_be_a_spare(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    spare = unit(member)

    response = client.post(f"{listed(mine[0])}register/", typed(spare.unit.serial), follow=True)

    assert Seat.objects.live().get(registration=spare).is_spare
    assert Page(response).root.one("div", class_="note warn").text


def test_registering_the_same_pair_twice_associates_once(client: Client, member: Membership) -> None:
    primary, secondary = unit(member), unit(member)
    register(client, primary, typed(secondary.unit.serial))

    response = register(client, primary, typed(secondary.unit.serial))

    assert response.status_code == 302
    assert Seat.objects.count() == 2


def test_another_ones_secondary_leads_to_change_parent(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    primary = unit(member)
    before = every_row()

    response = client.post(f"{listed(primary)}register/", typed(mine[1].unit.serial), follow=True)

    ((address, _),) = response.redirect_chain
    assert address.startswith(act(mine[1], mine[2], "parent"))
    assert Page(response).section("effect")
    assert unchanged(before)
    done = client.post(address, {"to": primary.unit.serial})
    assert done["Location"] == url(primary)
    assert Seat.objects.live().get(registration=primary).side == Side.PARENT


def test_a_name_given_on_the_way_to_change_parent_renames(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    _, secondary, _ = mine

    register(client, unit(member), typed(secondary.unit.serial, "Rack B"))

    secondary.refresh_from_db()
    assert secondary.friendly_name == "Rack B"


def test_a_secondary_types_another_primary(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    other = unit(member)

    response = client.post(f"{listed(mine[1])}register/", typed(other.unit.serial), follow=True)

    ((address, _),) = response.redirect_chain
    assert address.startswith(act(mine[1], mine[2], "parent"))
    assert "Other" in Page(response).section("effect").text


@pytest.mark.parametrize(
    ("which", "code"),
    [("itself", "with-itself"), ("4060", "different-models"), ("170", "type-does-not-fit")],
)
def test_a_unit_that_does_not_fit_is_refused_and_keeps_what_was_typed(
    client: Client, member: Membership, which: str, code: str
) -> None:
    primary = unit(member)
    others = {"itself": primary, "4060": unit(member, model="PRO 4060"), "170": unit(member, model="TZ 170")}
    before = every_row()

    response = register(client, primary, typed(others[which].unit.serial, "Branch"))

    page = Page(response)
    assert response.status_code == 422
    assert page.codes() == [code]
    assert page.field("friendly_name").one("input").attrs["value"] == "Branch"
    assert unchanged(before)


def test_a_primary_typed_on_another_units_page_is_refused(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    before = every_row()

    response = register(client, unit(member), typed(mine[0].unit.serial))

    assert Page(response).codes() == ["already-parent"]
    assert Seat.objects.count() == len(before["associations.Seat"])


@pytest.mark.parametrize(
    ("sent", "field", "code"),
    [
        (typed("1"), "serial_number", "invalid-serial"),
        (typed(""), "serial_number", "required"),
        (typed("FFFFFFFFFFFF"), "authentication_code", "invalid-code"),
        (typed("FFFFFFFFFFFF", code="ABC"), "authentication_code", "invalid-code"),
        (typed("FFFFFFFFFFFF", "n" * 31, CODE), "friendly_name", "invalid-friendly-name"),
    ],
)
def test_wrong_input_is_refused_beside_its_field(
    client: Client, member: Membership, sent: dict[str, str], field: str, code: str
) -> None:
    primary = unit(member)
    before = every_row()

    response = register(client, primary, sent)

    page = Page(response)
    assert response.status_code == 422
    assert page.codes(page.field(field)) == page.codes() == [code]
    assert unchanged(before)


def test_another_accounts_unit_is_told_to_who_knows_its_code(client: Client, member: Membership) -> None:
    response = register(client, unit(member), typed(RegistrationFactory().unit.serial, code=CODE))

    assert response.status_code == 422
    assert Page(response).codes() == ["in-another-account"]


def test_wrong_codes_are_counted_on_this_page_too(client: Client, member: Membership) -> None:
    primary, new = unit(member), UnitFactory()
    for _ in range(5):
        assert Page(register(client, primary, typed(new.serial, code="ABCD-1235"))).codes() == ["no-match"]

    response = register(client, primary, typed(new.serial, code=CODE))

    assert response.status_code == 422
    assert Page(response).codes() == ["serial-closed"]
    assert not Registration.objects.filter(unit=new).exists()


# Associating a new unit (A5)


def test_a_new_unit_is_registered_first_then_survey_then_create_association(
    client: Client, member: Membership
) -> None:
    primary, new = unit(member, "Head"), UnitFactory()

    first = register(client, primary, typed(new.serial, "Branch", CODE))
    second = client.post(first["Location"], {})
    page = Page(client.get(second["Location"]))

    registration = Registration.objects.get(unit=new)
    assert (registration.friendly_name, registration.account) == ("Branch", member.account)
    assert not Seat.objects.exists()
    assert first["Location"] == f"/products/{new.serial}/survey/?from={primary.unit.serial}"
    assert second["Location"] == f"/products/{new.serial}/association/?from={primary.unit.serial}"
    offered = list(page.root.all("input", name="choice"))
    assert [radio.attrs["value"] for radio in offered if "checked" in radio.attrs] == [
        f"hf:{primary.unit.serial}"
    ]
    assert page.root.one("table", class_="choices").rows()[-1][1:] == ["No parent product"]


def test_the_new_unit_becomes_the_secondary_of_the_unit_that_one_came_from(
    client: Client, member: Membership
) -> None:
    primary, new = unit(member), unit(member)

    client.post(f"{url(new)}association/?from={primary.unit.serial}", {"choice": f"hf:{primary.unit.serial}"})

    live = set(Seat.objects.live().values_list("registration", "side", "shares"))
    assert live == {(primary.pk, "parent", False), (new.pk, "child", True)}


def test_no_parent_product_leads_on_and_changes_nothing(client: Client, member: Membership) -> None:
    primary, new = unit(member), unit(member)

    response = client.post(f"{url(new)}association/?from={primary.unit.serial}", {"choice": ""})

    assert response["Location"] == f"{url(new)}association/child/?from={primary.unit.serial}"
    assert not Seat.objects.exists()


def test_coming_from_a_secondary_the_children_include_secondaries_with_that_one_chosen(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    secondary, new = mine[1], unit(member, "New")

    response = client.get(f"{url(new)}association/?from={secondary.unit.serial}", follow=True)

    page = Page(response)
    radios = list(page.root.all("input", name="choice"))
    assert response.redirect_chain[-1][0] == f"{url(new)}association/child/?from={secondary.unit.serial}"
    assert [radio.attrs["value"] for radio in radios] == [f"hf:{secondary.unit.serial}", ""]
    assert "checked" in radios[0].attrs
    assert page.root.one("table", class_="choices").rows()[-1][1:] == ["No child product"]


def test_choosing_a_secondary_there_leads_to_change_parent(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    secondary, new = mine[1], unit(member, "New")
    before = every_row()

    response = client.post(
        f"{url(new)}association/child/?from={secondary.unit.serial}",
        {"choice": f"hf:{secondary.unit.serial}"},
        follow=True,
    )

    assert response.redirect_chain[-1][0].startswith(act(secondary, mine[2], "parent"))
    assert "New" in Page(response).section("effect").text
    assert unchanged(before)


# A type made of rows alone


def new_type(member: Membership) -> AssociationType:
    """Hubs and spokes, for one model."""
    hub = AssociationType(
        slug="hub", parent_label="Hub", child_label="Spoke", is_same_model=False, shares_licences=False
    )
    type = save_association_type(type=hub, by=member.user, reason="VPN hubs")
    model = ProductModel.objects.get(name="TZ 170")
    for side in Side:
        add_type_model(type=type, model=model, side=side, by=member.user, reason="VPN hubs")
    return type


def test_a_type_of_rows_is_walked_from_the_label_to_the_pair(client: Client, member: Membership) -> None:
    new_type(member)
    hub, spoke = unit(member, "Hub A", "TZ 170"), unit(member, "Spoke A", "TZ 170")

    (link,) = [a for a in Page(client.get(url(hub))).section("children").all("a") if a.text == "Spoke"]
    response = client.post(link.attrs["href"] + "register/", typed(spoke.unit.serial), follow=True)

    page = Page(response)
    assert "Spoke associated with Hub A" in page.root.one("div", class_="title").text
    assert rows(page) == [["1. Spoke A", spoke.unit.serial]]
    assert Page(client.get(url(spoke))).section("parent").one("table").rows()[0][:3] == [
        "Hub",
        "Hub A",
        hub.unit.serial,
    ]


def test_a_type_of_rows_changes_its_parent_and_is_removed(client: Client, member: Membership) -> None:
    new_type(member)
    hub, spoke, other = (unit(member, name, "TZ 170") for name in ("Hub A", "Spoke A", "Hub B"))
    seat = seated(hub, spoke, member, "hub")

    client.post(act(spoke, seat, "parent"), {"to": other.unit.serial})
    changed = Seat.objects.live().get(registration=spoke)
    gone = client.post(act(other, changed, "remove"), follow=True)

    assert [(c.role, c.other.friendly_name) for c in history(spoke)] == [
        ("Spoke", "Hub B"),
        ("Spoke", "Hub A"),
    ]
    assert not Seat.objects.live().exists()
    assert "Spoke A" in Page(gone).root.one("div", class_="notes").text


def test_a_type_of_rows_is_offered_on_create_association(client: Client, member: Membership) -> None:
    new_type(member)
    spoke, hub = unit(member, "Spoke A", "TZ 170"), unit(member, "Hub A", "TZ 170")

    page = Page(client.get(f"{url(spoke)}association/"))
    client.post(f"{url(spoke)}association/", {"choice": f"hub:{hub.unit.serial}"})

    offered = [row[1:] for row in page.root.one("table", class_="choices").rows()]
    assert offered == [["Hub", "Hub A", hub.unit.serial]]
    assert Seat.objects.live().get(registration=spoke).label == "Spoke"


# The history


def test_history_tells_with_whom_in_which_role_and_until_when(
    member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    primary, secondary, seat = mine
    other = unit(member)
    changed = change_parent(seat=seat, parent=other, by=member.user, today=today())
    remove_association(seat=changed, by=member.user)

    told = [(c.role, c.other, c.seat.ended_by) for c in history(secondary)]

    assert told == [("HF Secondary", other, member.user), ("HF Secondary", primary, member.user)]
    assert [(c.role, c.other) for c in history(primary)] == [("HF Primary", secondary)]
    assert [(c.role, c.other) for c in history(other)] == [("HF Primary", secondary)]


def test_history_tells_of_a_spare_that_became_standby(
    member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    primary, secondary, _ = mine
    spare = unit(member)
    seat = seated(primary, spare, member)
    make_standby(seat=seat, instead=sharing(seat), by=member.user, today=today())

    told = [(c.seat.is_spare, c.seat.ended_at is None) for c in history(spare)]

    assert told == [(False, True), (True, False)]
    assert len(history(primary)) == 4
    assert {c.other for c in history(secondary)} == {primary}


def test_history_of_a_unit_alone_is_empty(client: Client, member: Membership) -> None:
    alone = unit(member)

    assert history(alone) == []
    assert not list(Page(client.get(url(alone))).root.all(id="history"))


def test_the_units_page_shows_its_history(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    primary, secondary, seat = mine
    remove_association(seat=seat, by=member.user)

    ((role, other, began, ended),) = Page(client.get(url(secondary))).section("history").one("table").rows()

    seat.refresh_from_db()
    assert role == "HF Secondary"
    assert other == f"{primary.friendly_name} {primary.unit.serial}"
    assert began == f"{seat.began_at:%d %b %Y, %H:%M}, {member.user}"
    assert ended == f"{seat.ended_at:%d %b %Y, %H:%M}, {member.user}"


# Queries


@pytest.mark.parametrize(
    ("others", "spares"), [(10, 1), (1000, 1), (1, 1000)], ids=["10 pairs", "1,000 pairs", "1,000 spares"]
)
@pytest.mark.parametrize(
    ("page", "queries"),
    [
        ("listed", 7),
        ("remove", 14),
        ("standby", 15),
        ("secondary", 8),
        ("parent", 10),
        ("effect", 19),
        ("service", 20),
    ],
)
def test_each_page_asks_as_much_for_many_pairs_and_spares(
    client: Client,
    member: Membership,
    mine: tuple[Registration, Registration, Seat],
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


def test_every_change_through_the_pages_is_in_the_audit_trail(
    client: Client, member: Membership, mine: tuple[Registration, Registration, Seat]
) -> None:
    spare = unit(member)
    client.post(f"{listed(mine[0])}register/", typed(spare.unit.serial))
    client.post(
        act(mine[0], Seat.objects.get(registration=spare), "standby"),
        {"instead": sharing(Seat.objects.get(registration=spare))},
    )
    client.post(act(mine[0], Seat.objects.live().get(registration=spare), "remove"))

    codes = AuditEntry.objects.filter(serial=spare.unit.serial, actor=member.user).order_by("pk")
    assert list(codes.values_list("code", flat=True)) == ["associated", "made-standby", "association-removed"]
