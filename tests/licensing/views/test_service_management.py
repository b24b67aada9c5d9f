import datetime
import json
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from associations.services import associate
from licensing.keyset import read
from licensing.keysets.signing import describe_signing_key, key_ring, make_signing_key
from licensing.ledger.writing import licence_value
from licensing.models import Keyset, LedgerEntry, Service
from licensing.moves.one_licence import move_licence
from portal.clock import today
from portal.models import Key, Membership
from products.models import Registration, Unit
from tests.factories import (
    LicenceFactory,
    RegistrationFactory,
    add_spares,
    log_in,
    pair,
    pairs,
    registrations,
)
from tests.licensing.history import divide, grant
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def member(client: Client) -> Membership:
    """The owner that the client is logged in as."""
    return log_in(client)


@pytest.fixture
def mine(member: Membership) -> Registration:
    return RegistrationFactory(
        account=member.account, friendly_name="PRO 5060 1st", unit__serial="0006B1124416"
    )


def page_of(client: Client, unit: Registration) -> Page:
    return Page(client.get(f"/products/{unit.unit.serial}/"))


@pytest.fixture(params=[(10, 0), (1000, 0), (0, 1000)], ids=["10 pairs", "1,000 pairs", "1,000 spares"])
def crowded(request: pytest.FixtureRequest, member: Membership) -> Registration:
    """A primary in an account with so many pairs more, beside so many spares."""
    primary, _, seat = pair(member.account, by=member.user)
    others, spares = request.param
    pairs(member.account, others)
    add_spares(seat, registrations(member.account, spares))
    return primary


def links(page: Page) -> list[str]:
    return [link.text for link in page.root.one("main").all("a")]


# Service Management


def test_service_management_shows_the_unit(client: Client, mine: Registration) -> None:
    page = page_of(client, mine)

    facts = {fact.one("dt").text: fact.one("dd").text for fact in page.root.one("dl").all("div")}
    assert "Service Management - Associated Products" in page.root.one("div", class_="title").text
    assert facts == {
        "Serial Number": "0006B1124416",
        "Product": "SONICWALL PRO 5060",
        "Platform": "SonicWALL",
        "Node Support": "Unlimited",
        "Reg. Code": mine.code,
        "Firmware": "2.5.0.0e",
    }


def test_service_management_lists_the_services_as_the_source_does(client: Client, mine: Registration) -> None:
    for code, count, day in [
        (2, 3, datetime.date(2004, 11, 17)),
        (3, None, datetime.date(2004, 6, 7)),
        (5, None, datetime.date(2004, 10, 31)),
        (6, None, datetime.date(2004, 10, 31)),
    ]:
        service = Service.objects.get(code=code)
        LicenceFactory(registration=mine, service=service, count=count, expires_on=day)

    table = page_of(client, mine).section("services").one("table")

    head = [cell.text for cell in table.one("thead").all("th")]
    assert head == ["Security Service", "Status", "Free Trial", "Manage Service", "Count", "Expiration"]
    assert table.rows()[:12] == [
        ["Nodes/Users", "Licensed", "", "", "Unlimited", ""],
        ["Client AV Enforcement", "Expired", "", "Upgrade Renew Share", "3", "17 Nov 2004"],
        [
            "Gateway Anti-Virus, Anti-Spyware & Intrusion Prevention Service",
            "Expired",
            "",
            "Renew",
            "",
            "07 Jun 2004",
        ],
        ["Server Anti-Virus", "Not Licensed", "", "Activate", "", ""],
        ["Content Filter", "Expired", "", "Renew", "", "31 Oct 2004"],
        ["Premium Content Filtering Service", "Expired", "", "Renew", "", "31 Oct 2004"],
        ["E-Mail Filtering Service", "Not Licensed", "", "", "", ""],
        ["VPN", "Licensed", "", "", "", ""],
        ["Global VPN Client", "Licensed", "", "Upgrade", "5", ""],
        ["Global VPN Client Enterprise", "Not Licensed", "", "Activate", "", ""],
        ["Global Security Client", "Not Licensed", "", "Activate", "", ""],
        ["ViewPoint", "Licensed", "", "", "", ""],
    ]
    assert [row[:2] for row in table.rows()[12:]] == [
        ["SonicOS Enhanced", "Licensed"],
        ["Support", "Not Licensed"],
    ]


@pytest.mark.parametrize(
    ("kind", "days", "status"),
    [
        ("licensed", 0, "Licensed"),
        ("trial", 0, "Free Trial"),
        ("licensed", -1, "Expired"),
        ("trial", -1, "Expired"),
    ],
)
def test_service_management_derives_the_status_from_the_day(
    client: Client, mine: Registration, kind: str, days: int, status: str
) -> None:
    day = today() + datetime.timedelta(days=days)
    LicenceFactory(registration=mine, service=Service.objects.get(code=4), kind=kind, expires_on=day)

    rows = page_of(client, mine).section("services").one("table").rows()

    manage = "Renew" if kind == "licensed" else "Activate"
    assert rows[3] == ["Server Anti-Virus", status, "", manage, "", f"{day:%d %b %Y}"]


def test_service_management_says_what_follows(client: Client, member: Membership) -> None:
    primary, secondary, _ = pair(member.account, by=member.user)
    day = today() + datetime.timedelta(days=30)
    service = Service.objects.get(name="Global VPN Client")
    LicenceFactory(registration=primary, service=service, count=15, expires_on=day)

    for unit in (primary, secondary):
        rows = page_of(client, unit).section("services").one("table").rows()
        (row,) = [row for row in rows if row[0] == service.name]
        assert row[4:] == ["15", f"{day:%d %b %Y} then for 5 for ever"]


def test_service_management_says_from_when_what_is_to_begin_runs(client: Client, mine: Registration) -> None:
    first, last = datetime.date(9000, 3, 16), datetime.date(9001, 3, 15)
    service = Service.objects.get(code=4)
    LicenceFactory(registration=mine, service=service, begins_on=first, expires_on=last)

    rows = next(page_of(client, mine).section("services").all("table")).rows()

    assert rows[3][:2] == ["Server Anti-Virus", "Not Licensed"]
    assert rows[3][3:] == ["Renew", "", "from 16 Mar 9000 licensed until 15 Mar 9001"]


@pytest.mark.parametrize(
    ("licences", "verbs"),
    [
        ([(3, 0, 9)], "Upgrade Renew Share"),
        ([(3, 0, None)], "Upgrade Share"),
        ([(-1, 0, 9)], "Renew"),
        ([(-1, 0, None)], ""),
        ([(-1, 0, None), (3, -9, -1)], "Share"),
        ([(-1, 0, 9), (3, 0, 9)], "Upgrade Renew Share"),
        ([(3, 5, 9)], "Renew Share"),
        ([(3, -9, -1)], "Upgrade Renew Share"),
    ],
)
def test_manage_service_offers_what_the_licences_together_allow(
    client: Client, mine: Registration, licences: list[tuple[int, int, int | None]], verbs: str
) -> None:
    """Each with its count, and its first and last day from today."""
    for count, first, last in licences:
        LicenceFactory(
            registration=mine,
            service=Service.objects.get(code=2),
            count=count,
            begins_on=today() + datetime.timedelta(first),
            expires_on=None if last is None else today() + datetime.timedelta(last),
        )

    rows = next(page_of(client, mine).section("services").all("table")).rows()

    assert rows[1][3] == verbs


# The fold with each licence by itself


def fold(page: Page) -> list[list[str]]:
    """The rows of the fold; none if there isn't one."""
    return [row for details in page.section("services").all("details") for row in details.one("table").rows()]


def test_what_the_rows_say_already_is_not_folded(client: Client, mine: Registration) -> None:
    grant(mine, 2, count=3)
    grant(mine, 3, expires_on=today())

    assert fold(page_of(client, mine)) == []


def test_each_licence_says_its_days_where_it_came_from_and_who_has_parts(
    client: Client, member: Membership, mine: Registration
) -> None:
    other, lender = RegistrationFactory.create_batch(2, account=member.account)
    day, last = f"{today():%d %b %Y}", datetime.date(9000, 1, 31)
    divide(grant(mine, 2, count=9, expires_on=last), other, 4, by=member.user)
    key = LicenceFactory(registration=mine, service=Service.objects.get(code=2), count=12, begins_on=today())
    told = {"unit": mine.unit, "service": key.service, "licence": key.uuid, "after": licence_value(key)}
    LedgerEntry.objects.create(**told, right="key", detail="AB2D")
    divide(grant(lender, 2, count=7), mine, 2, by=member.user)

    name = "Client AV Enforcement"
    granted, bought, lent = fold(page_of(client, mine))
    assert granted == [name, "9", day, "31 Jan 9000", "granted by Support", f"4 to {other.unit.serial}"]
    assert bought == [name, "12", day, "for ever", "key ending AB2D", ""]
    assert lent == [name, "2", day, "for ever", f"part of the license of {lender.unit.serial}", ""]


def test_a_license_that_moved_says_from_where_and_one_that_is_over_comes_last(
    client: Client, member: Membership, mine: Registration
) -> None:
    source = RegistrationFactory(account=member.account)
    LicenceFactory(
        registration=mine, service=Service.objects.get(code=3), expires_on=datetime.date(2004, 6, 7)
    )
    facts = {"to": mine, "reason": "a correction", "by": member.user, "today": today()}
    move_licence(licence=grant(source, 3), **facts)

    rows = fold(page_of(client, mine))

    assert [row[3:5] for row in rows] == [
        ["for ever", f"moved from {source.unit.serial}"],
        ["07 Jun 2004", ""],
    ]


@pytest.mark.parametrize("count", [2, 40])
def test_the_fold_asks_as_much_for_many_licences(
    client: Client, member: Membership, mine: Registration, count: int, django_assert_num_queries
) -> None:
    other, service = RegistrationFactory(account=member.account), Service.objects.get(code=2)
    for _ in range(count):
        licence = LicenceFactory(registration=mine, service=service, count=9)
        divide(licence, other, 4, by=member.user)

    # two more than where the rows say all
    with django_assert_num_queries(25):
        client.get(f"/products/{mine.unit.serial}/")


def test_a_secondary_shows_what_it_shares(client: Client, member: Membership) -> None:
    primary, secondary, _ = pair(member.account, by=member.user)
    for code in (4, 14):
        LicenceFactory(registration=primary, service=Service.objects.get(code=code))

    rows = {row[0]: row[1] for row in page_of(client, secondary).section("services").one("table").rows()}

    assert rows["Server Anti-Virus"] == "Licensed shared"
    assert rows["Support"] == "Not Licensed"


def test_a_secondary_names_its_parent_product(client: Client, member: Membership) -> None:
    primary, secondary, _ = pair(member.account, by=member.user)

    section = page_of(client, secondary).section("parent")

    head = [cell.text for cell in section.one("thead").all("th")]
    assert section.one("h2").text == "Parent Product"
    rows = [row[:3] for row in section.one("table").rows()]
    assert head[:3] == ["Parent Product Type", "Friendly Name", "Serial Number"]
    assert rows == [["HF Primary", primary.friendly_name, primary.unit.serial]]
    assert section.one("a", class_="serial").attrs["href"] == f"/products/{primary.unit.serial}/"


def test_a_primary_has_no_parent_product_and_counts_its_children(client: Client, member: Membership) -> None:
    primary, _, _ = pair(member.account, by=member.user)

    page = page_of(client, primary)

    section = page.section("children")
    assert section.one("h2").text == "Associated Products"
    assert [cell.text for cell in section.one("thead").all("th")] == ["Child Product Type", "Status"]
    assert section.one("table").rows() == [
        ["SonicPoint", "0"],
        ["SonicWALL SonicPoint G", "0"],
        ["HF Secondary", "1"],
    ]
    assert not list(page.root.all(id="parent"))


def test_a_secondary_counts_its_primary(client: Client, member: Membership) -> None:
    _, secondary, _ = pair(member.account, by=member.user)

    rows = page_of(client, secondary).section("children").one("table").rows()

    assert rows[-1] == ["HF Primary", "1"]


def test_a_spare_is_shown_as_spare_on_both_sides(
    client: Client, member: Membership, mine: Registration
) -> None:
    primary, secondary, seat = pair(member.account, by=member.user)
    associate(parent=primary, child=mine, type=seat.type, by=member.user, today=today())

    on_primary, on_spare, on_secondary = (page_of(client, unit) for unit in (primary, mine, secondary))

    assert on_primary.section("children").one("table").rows()[-1] == ["HF Secondary", "2 (1 spare)"]
    assert [tag.text for tag in on_spare.root.one("div", class_="title").all("span", class_="tag")] == [
        "HF Secondary (spare)"
    ]
    assert [tag.text for tag in on_secondary.root.one("div", class_="title").all("span", class_="tag")] == [
        "HF Secondary"
    ]


def test_a_spare_shares_nothing(client: Client, member: Membership, mine: Registration) -> None:
    primary, _, seat = pair(member.account, by=member.user)
    LicenceFactory(registration=primary, service=Service.objects.get(code=4))
    associate(parent=primary, child=mine, type=seat.type, by=member.user, today=today())

    rows = page_of(client, mine).section("services").one("table").rows()

    assert rows[3][:2] == ["Server Anti-Virus", "Not Licensed"]


def test_a_unit_left_midway_offers_create_association(client: Client, mine: Registration) -> None:
    page = page_of(client, mine)

    (link,) = [a for a in page.root.one("main").all("a") if a.text == "Create Association"]
    assert link.attrs["href"] == "/products/0006B1124416/association/"


def test_a_unit_in_an_association_offers_none(client: Client, member: Membership) -> None:
    primary, secondary, _ = pair(member.account, by=member.user)

    offers = [links(page_of(client, unit)) for unit in (primary, secondary)]

    assert "Create Association" not in offers[0] + offers[1]


def test_a_model_of_no_type_offers_none(client: Client, mine: Registration) -> None:
    mine.unit.model.type_models.all().delete()

    page = page_of(client, mine)

    assert "Create Association" not in links(page)
    assert not list(page.root.all(id="children"))


def test_a_viewer_reads_the_page_and_is_offered_nothing_to_change(client: Client) -> None:
    mine = RegistrationFactory(account=log_in(client, Membership.Role.VIEWER).account)

    page = page_of(client, mine)

    assert "View License keyset" in links(page)
    assert "Create Association" not in links(page)
    assert not list(page.root.one("main").all("form"))


def test_service_management_asks_as_much_for_many_pairs_and_spares(
    client: Client, crowded: Registration, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(37):
        client.get(f"/products/{crowded.unit.serial}/")


# The unit's name


def test_renaming_shows_the_new_name(client: Client, mine: Registration) -> None:
    response = client.post("/products/0006B1124416/name/", {"friendly_name": " Head Office "}, follow=True)

    assert response.redirect_chain == [("/products/0006B1124416/", 302)]
    assert Page(response).root.one("h1").text == "Head Office"


@pytest.mark.parametrize("name", ["n" * 31, "two\nlines"])
def test_renaming_refuses_beside_the_field_and_keeps_what_was_typed(
    client: Client, mine: Registration, name: str
) -> None:
    response = client.post("/products/0006B1124416/name/", {"friendly_name": name})

    page = Page(response)
    mine.refresh_from_db()
    assert response.status_code == 422
    assert page.codes(page.field("friendly_name")) == ["invalid-friendly-name"]
    assert page.field("friendly_name").one("input").attrs["value"] == name
    assert mine.friendly_name == "PRO 5060 1st"


# License Keyset


def shown(page: Page) -> dict[str, str]:
    """The keysets of the page: serial number and text."""
    return {
        area.attrs["id"].removeprefix("keyset-"): area.text
        for area in page.root.all("textarea", class_="keyset")
    }


def test_the_keyset_page_shows_the_units_own_keyset(client: Client, mine: Registration) -> None:
    page = Page(client.get("/products/0006B1124416/keyset/"))

    keyset = Keyset.objects.get()
    facts = {fact.one("dt").text: fact.one("dd").text for fact in page.root.one("dl").all("div")}
    assert page.root.one("h1").text == "License Keyset"
    assert shown(page) == {"0006B1124416": keyset.text}
    assert facts == {
        "Generation": "1",
        "Issued": f"{keyset.issued_at:%d %b %Y, %H:%M} UTC",
        "Applied": "not confirmed",
    }


@pytest.mark.parametrize("whose", [0, 1], ids=["primary", "secondary"])
def test_a_unit_of_a_pair_shows_both_keysets_its_own_first(
    client: Client, member: Membership, whose: int
) -> None:
    units = pair(member.account, by=member.user)[:2]

    page = Page(client.get(f"/products/{units[whose].unit.serial}/keyset/"))

    serials = [units[whose].unit.serial, units[1 - whose].unit.serial]
    assert list(shown(page)) == serials
    assert [read(text).serial for text in shown(page).values()] == serials
    assert page.root.one("div", class_="note warn").text


def test_a_spare_shows_its_own_keyset_alone(client: Client, member: Membership, mine: Registration) -> None:
    primary, secondary, seat = pair(member.account, by=member.user)
    associate(parent=primary, child=mine, type=seat.type, by=member.user, today=today())

    on_spare, on_primary = (
        shown(Page(client.get(f"/products/{unit.unit.serial}/keyset/"))) for unit in (mine, primary)
    )

    assert list(on_spare) == ["0006B1124416"]
    assert list(on_primary) == [primary.unit.serial, secondary.unit.serial]


def test_the_keyset_page_notes_that_it_was_read(client: Client, mine: Registration) -> None:
    client.get("/products/0006B1124416/keyset/")

    assert Keyset.objects.get().first_read_at is not None


def test_the_keyset_page_gives_the_same_text_again(client: Client, mine: Registration) -> None:
    texts = [shown(Page(client.get("/products/0006B1124416/keyset/"))) for _ in range(2)]

    assert texts[0] == texts[1]
    assert Keyset.objects.count() == 1


def test_a_viewer_reads_keysets(client: Client) -> None:
    mine = RegistrationFactory(account=log_in(client, Membership.Role.VIEWER).account)

    page = Page(client.get(f"/products/{mine.unit.serial}/keyset/"))

    assert list(shown(page)) == [mine.unit.serial]


def test_a_retired_unit_gets_no_keyset(client: Client, mine: Registration) -> None:
    Unit.objects.filter(pk=mine.unit_id).update(retired_at=timezone.now())

    response = client.get("/products/0006B1124416/keyset/")

    page = Page(response)
    assert response.status_code == 409
    assert page.codes() == ["unit-retired"]
    assert shown(page) == {}


def test_a_node_without_the_active_keys_file_says_so(client: Client, mine: Registration) -> None:
    Key.objects.filter(purpose=Key.Purpose.KEYSETS).update(kid="0123456789abcdef")

    response = client.get("/products/0006B1124416/keyset/")

    assert response.status_code == 503
    assert Page(response).codes() == ["key-missing"]


def test_a_node_whose_signing_key_is_damaged_says_so_and_signs_nothing(
    client: Client, mine: Registration, damage_key: Callable[[str], None]
) -> None:
    damage_key("keysets")

    response = client.get("/products/0006B1124416/keyset/")

    assert response.status_code == 503
    assert Page(response).codes() == ["key-file-unknown"]
    assert not Keyset.objects.exists()


def test_a_portal_without_keys_says_so(client: Client, mine: Registration) -> None:
    Key.objects.filter(purpose=Key.Purpose.KEYSETS).delete()

    response = client.get("/products/0006B1124416/keyset/")

    assert response.status_code == 503
    assert Page(response).codes() == ["no-active-key"]


def test_keysets_are_kept_by_no_cache(client: Client, mine: Registration) -> None:
    response = client.get("/products/0006B1124416/keyset/")

    assert "no-store" in response["Cache-Control"]


def test_the_keyset_page_asks_as_much_for_many_pairs_and_spares(
    client: Client, crowded: Registration, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.get(f"/products/{crowded.unit.serial}/keyset/")

    with django_assert_num_queries(8):
        client.get(f"/products/{crowded.unit.serial}/keyset/")


# The public keys


def test_the_public_keys_are_there_for_everybody(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        response = client.get("/.well-known/jwks.json")

    assert response["Content-Type"] == "application/jwk-set+json"
    assert "max-age=300" in response["Cache-Control"]
    assert json.loads(response.content) == key_ring().to_jwks()
    assert len(json.loads(response.content)["keys"]) == 1


@pytest.mark.parametrize(("state", "served"), [("staged", 2), ("retired", 2), ("revoked", 1)])
def test_all_public_keys_but_revoked_ones_are_served(client: Client, state: str, served: int) -> None:
    described = describe_signing_key(make_signing_key())
    Key.objects.create(purpose="keysets", kid=described.kid, public=described.public, state=state)

    keys = json.loads(client.get("/.well-known/jwks.json").content)["keys"]

    assert len(keys) == served
    assert not [key for key in keys if "d" in key]
