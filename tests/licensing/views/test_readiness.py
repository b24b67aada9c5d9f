import csv
import io
from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from licensing.grants.giving import grant_licence
from licensing.keysets.applied import confirm_applied
from licensing.keysets.issuing import read_keyset
from licensing.models import Keyset, KeysetHead, Service
from portal.clock import today
from portal.models import Membership
from products.models import Registration
from tests.factories import RegistrationFactory, add_spares, log_in, pair, pairs, registrations
from tests.licensing.support import give
from tests.pages import Element, Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

type Units = tuple[Registration, Registration]


@pytest.fixture
def member(client: Client) -> Membership:
    """The owner that the client is logged in as."""
    return log_in(client)


@pytest.fixture
def units(member: Membership) -> Units:
    """The units of a pair, of which nobody knows what they run."""
    primary, secondary, _ = pair(member.account, by=member.user)
    return primary, secondary


def apply(units: Units, member: Membership) -> None:
    """Both units run their newest keysets."""
    for unit in units:
        keyset = read_keyset(registration=unit, today=today())
        confirm_applied(registration=unit, generation=keyset.generation, by=member.user)


def grant(unit: Registration) -> None:
    service = Service.objects.get(code=3)
    grant_licence(
        unit=unit.unit, service=service, count=None, expires_on=None, reason="bought", by=None, today=today()
    )


def findings(element: Element) -> list[str]:
    return [e.attrs["data-finding"] for e in element.all("li") if "data-finding" in e.attrs]


def page_of(client: Client, path: str) -> Page:
    return Page(client.get(path))


def facts(page: Page, unit: Registration) -> dict[str, str]:
    """The facts beside a unit's keyset."""
    id = f"keyset-{unit.unit.serial}"
    section = page.root.one("section", aria_labelledby=f"{id}-title {id}-serial")
    return {fact.one("dt").text: fact.one("dd").text for fact in section.one("dl").all("div")}


# Applied on the unit


def test_confirming_notes_the_generation_and_comes_back(
    client: Client, member: Membership, units: Units
) -> None:
    primary, secondary = units
    page = page_of(client, f"/products/{primary.unit.serial}/keyset/")
    address = f"/products/{secondary.unit.serial}/keyset/applied/"
    form = page.root.one("form", action=address)
    sent = {e.attrs["name"]: e.attrs["value"] for e in form.all("input")}

    response = client.post(address, sent, follow=True)

    day = f"{today():%d %b %Y}"
    assert response.redirect_chain == [(f"/products/{primary.unit.serial}/keyset/", 302)]
    assert Page(response).codes() == ["applied"]
    assert facts(Page(response), secondary)["Applied"] == f"generation 1 on {day} by {member.user}"
    assert facts(Page(response), primary)["Applied"] == "not confirmed"


def test_what_is_confirmed_is_not_asked_for_again(client: Client, member: Membership, units: Units) -> None:
    apply(units, member)

    page = page_of(client, f"/products/{units[0].unit.serial}/keyset/")

    assert not list(page.root.one("main").all("form"))


def test_a_newer_generation_is_asked_for(client: Client, member: Membership, units: Units) -> None:
    apply(units, member)
    grant(units[0])

    page = page_of(client, f"/products/{units[0].unit.serial}/keyset/")

    assert len(list(page.root.one("main").all("form"))) == 2
    assert facts(page, units[1])["Generation"] == "2"
    assert facts(page, units[1])["Applied"].startswith("generation 1 on ")


def test_an_older_generation_can_be_confirmed_and_is_reported(client: Client, units: Units) -> None:
    read_keyset(registration=units[0], today=today())
    grant(units[0])
    read_keyset(registration=units[0], today=today())

    response = client.post(
        f"/products/{units[0].unit.serial}/keyset/applied/", {"generation": "1"}, follow=True
    )

    assert Page(response).codes() == ["applied-stale"]
    assert KeysetHead.objects.get(unit=units[0].unit).applied.generation == 1


def test_a_generation_that_was_never_issued_is_refused(client: Client, units: Units) -> None:
    read_keyset(registration=units[0], today=today())

    response = client.post(
        f"/products/{units[0].unit.serial}/keyset/applied/", {"generation": "2"}, follow=True
    )

    assert Page(response).codes() == ["keyset-unknown"]
    assert KeysetHead.objects.get(unit=units[0].unit).applied is None


@pytest.mark.parametrize("generation", ["", "x", "-1", "1" * 20, "\0"])
def test_nonsense_confirms_nothing(client: Client, units: Units, generation: str) -> None:
    read_keyset(registration=units[0], today=today())

    response = client.post(f"/products/{units[0].unit.serial}/keyset/applied/", {"generation": generation})

    assert response["Location"] == f"/products/{units[0].unit.serial}/keyset/"
    assert KeysetHead.objects.get().applied is None


def test_a_viewer_reads_what_is_applied_and_confirms_nothing(client: Client) -> None:
    viewer = log_in(client, Membership.Role.VIEWER)
    primary, secondary, _ = pair(viewer.account, by=viewer.user)

    page = page_of(client, f"/products/{primary.unit.serial}/keyset/")
    response = client.post(f"/products/{primary.unit.serial}/keyset/applied/", {"generation": "1"})

    assert facts(page, secondary)["Applied"] == "not confirmed"
    assert not list(page.root.one("main").all("form"))
    assert response.status_code == 403


def test_what_a_former_owner_confirmed_is_not_shown(client: Client, member: Membership, units: Units) -> None:
    apply(units, member)
    KeysetHead.objects.update(applied_at="2000-01-01T00:00:00Z")

    page = page_of(client, f"/products/{units[0].unit.serial}/keyset/")

    assert facts(page, units[0])["Applied"] == "not confirmed"


# Service Management


@pytest.mark.parametrize("whose", [0, 1], ids=["primary", "secondary"])
def test_both_units_pages_tell_what_stands_in_the_way(
    client: Client, member: Membership, units: Units, whose: int
) -> None:
    apply(units, member)
    grant(units[0])

    section = page_of(client, f"/products/{units[whose].unit.serial}/").section("readiness")

    assert section.one("header").one("span", class_="tag bad").text == "Not ready"
    assert findings(section) == ["service-not-covered", "keyset-stale", "keyset-stale"]
    assert {link.attrs["href"] for link in section.all("a")} == {
        f"/products/{unit.unit.serial}/keyset/" for unit in units
    }


def test_a_ready_pair_says_what_the_secondary_would_run(
    client: Client, member: Membership, units: Units
) -> None:
    grant(units[0])
    apply(units, member)

    section = page_of(client, f"/products/{units[0].unit.serial}/").section("readiness")

    gateway = Service.objects.get(code=3).name
    assert section.one("header").one("span", class_="tag ok").text == "Ready"
    assert findings(section) == []
    assert [gateway, "Licensed", "", ""] in section.one("table").rows()


def test_the_pairs_page_tells_when_it_runs_less(client: Client, member: Membership, units: Units) -> None:
    last = today() + timedelta(days=100)
    give(units[0], 9, count=15, expires_on=last)
    apply(units, member)

    section = page_of(client, f"/products/{units[0].unit.serial}/").section("readiness")

    day, told = last + timedelta(days=1), "Global VPN Client for 5 instead of 15"
    assert section.one("p", id="forecast").text == f"From {day:%d %b %Y} the pair runs less: {told}."
    months, runs = section.all("table")
    assert months.rows() == [[f"{day:%b %Y}", f"From {day:%d %b}, {told}"]]
    rows = runs.rows()
    assert ["Global VPN Client", "Licensed", "15", f"{last:%d %b %Y} then for 5 for ever"] in rows


def test_of_an_unknown_secondary_the_newest_keyset_is_reckoned_with(client: Client, units: Units) -> None:
    section = page_of(client, f"/products/{units[0].unit.serial}/").section("readiness")

    until = f"{today() + timedelta(days=365):%d %b %Y}"
    told = f"With both newest keysets applied: Until {until} it gets no worse."
    assert section.one("p", id="forecast").text == told


def test_what_an_unknown_secondary_would_run_is_not_guessed(client: Client, units: Units) -> None:
    section = page_of(client, f"/products/{units[0].unit.serial}/").section("readiness")

    assert section.one("header").one("span", class_="tag none").text == "Unknown"
    assert not list(section.all("table"))


def test_a_unit_alone_and_a_spare_have_no_readiness(client: Client, member: Membership) -> None:
    _, _, seat = pair(member.account, by=member.user)
    spare, alone = registrations(member.account, 2)
    add_spares(seat, [spare])

    pages = [page_of(client, f"/products/{unit.unit.serial}/") for unit in (spare, alone)]

    assert [list(page.root.all(id="readiness")) for page in pages] == [[], []]


def test_the_page_of_spares_only_leads_to_make_standby(client: Client, member: Membership) -> None:
    primary, _, seat = pair(member.account, by=member.user)
    add_spares(seat, registrations(member.account, 1))
    type(seat).objects.filter(pk=seat.pk).update(ended_at="2026-11-01T00:00:00Z")

    section = page_of(client, f"/products/{primary.unit.serial}/").section("readiness")

    assert findings(section) == ["no-standby"]
    assert section.one("a").attrs["href"] == f"/products/{primary.unit.serial}/associated/hf/"


# My Products


def test_my_products_marks_the_units_of_pairs(client: Client, member: Membership, units: Units) -> None:
    apply(units, member)
    _, _, seat = pair(member.account, by=member.user)
    add_spares(seat, registrations(member.account, 1))
    RegistrationFactory(account=member.account)

    page = page_of(client, "/products/")

    table = page.root.one("div", id="registered").one("table").one("tbody")
    tags = [[tag.text for tag in row.all("span", class_="tag ok")] for row in table.all("tr")]
    unknown = [[tag.text for tag in row.all("span", class_="tag none")] for row in table.all("tr")]
    assert sorted(tags) == [[], [], [], [], ["Ready"], ["Ready"]]
    assert sorted(unknown) == [[], [], [], [], ["Unknown"], ["Unknown"]]


# Main page


def test_the_main_page_lists_pairs_that_are_not_ready_the_worst_first(
    client: Client, member: Membership, units: Units
) -> None:
    apply(units, member)
    grant(units[0])
    ready = pair(member.account, by=member.user)[:2]
    apply(ready, member)
    unknown, _, _ = pair(member.account, by=member.user)

    section = page_of(client, "/").section("not-ready")

    rows = section.one("table").rows()
    assert [(row[0], row[2]) for row in rows] == [
        (units[0].friendly_name, "Not ready"),
        (unknown.friendly_name, "Unknown"),
    ]
    assert findings(section) == ["service-not-covered", "keyset-unknown"]
    assert section.one("header").one("a").attrs["href"] == "/readiness/"


def test_the_main_page_lists_ten_pairs_at_most(client: Client, member: Membership) -> None:
    pairs(member.account, 12)

    section = page_of(client, "/").section("not-ready")

    assert len(section.one("table").rows()) == 10
    assert "2 more" in section.text


def test_the_main_page_says_that_all_are_ready(client: Client, member: Membership, units: Units) -> None:
    apply(units, member)

    section = page_of(client, "/").section("not-ready")

    assert not list(section.all("table"))


def test_the_main_page_of_an_account_without_pairs_is_silent(client: Client, member: Membership) -> None:
    registrations(member.account, 2)

    page = page_of(client, "/")

    assert not list(page.root.all(id="not-ready"))


# The page Failover readiness


def test_all_pairs_stand_on_the_page_50_at_a_time(client: Client, member: Membership) -> None:
    pairs(member.account, 60)

    first = page_of(client, "/readiness/")
    (following,) = [a.attrs["href"] for a in first.root.one("nav", aria_label="Pages").all("a")]
    second = page_of(client, f"/readiness/{following.removeprefix('/readiness/')}")

    rows = [page.section("pairs").one("table").rows() for page in (first, second)]
    assert first.root.one("h1").text == "Failover readiness"
    assert [len(page) for page in rows] == [50, 10]
    assert len({row[0] for page in rows for row in page}) == 60
    assert {row[2] for page in rows for row in page} == {"Unknown"}


def test_the_list_and_its_file_name_the_day(client: Client, member: Membership, units: Units) -> None:
    last = today() + timedelta(days=100)
    give(units[0], 9, count=15, expires_on=last)
    apply(units, member)
    primary, _, seat = pair(member.account, by=member.user)
    type(seat).objects.filter(pk=seat.pk).update(ended_at="2026-11-01T00:00:00Z", shares=False)

    page, response = page_of(client, "/readiness/"), client.get("/readiness.csv")

    day = last + timedelta(days=1)
    spares, told = sorted(
        csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))), key=lambda line: line["Secondary"]
    )
    listed = [row[4] for row in page.section("pairs").one("table").rows()]
    assert sorted(listed) == ["", told["Forecast"]]
    assert (told["Readiness"], told["Why"], told["Runs Less From"]) == ("Ready", "", str(day))
    assert told["Forecast"].endswith("the pair runs less: Global VPN Client for 5 instead of 15.")
    assert (spares["Readiness"], spares["Runs Less From"], spares["Forecast"]) == ("Not ready", "", "")
    assert spares["Serial Number of the Primary"] == primary.unit.serial


def test_another_accounts_pairs_are_not_in_the_file(client: Client, member: Membership, units: Units) -> None:
    log_in(client)

    response = client.get("/readiness.csv")

    assert len(response.content.decode().splitlines()) == 1


@pytest.mark.parametrize("after", ["nonsense", "7706d090-72f0-47e8-b2aa-8083e4d63e24"])
def test_a_cursor_that_leads_nowhere_begins_at_the_beginning(
    client: Client, units: Units, after: str
) -> None:
    response = client.get("/readiness/", {"after": after})

    assert len(Page(response).section("pairs").one("table").rows()) == 1


def test_the_last_pair_of_the_list_is_followed_by_none(client: Client, units: Units) -> None:
    after = units[0].seats.get().uuid

    response = client.get("/readiness/", {"after": str(after)})

    assert response.status_code == 200
    assert not list(Page(response).section("pairs").all("table"))


def test_an_account_without_pairs_reads_how_to_make_one(client: Client, member: Membership) -> None:
    page = page_of(client, "/readiness/")

    assert [a.attrs["href"] for a in page.section("pairs").all("a")] == ["/products/"]


def test_another_accounts_pairs_are_not_listed(client: Client, member: Membership, units: Units) -> None:
    log_in(client)

    page = page_of(client, "/readiness/")

    assert not list(page.section("pairs").all("table"))


def test_a_viewer_is_offered_no_change_of_parent(client: Client) -> None:
    viewer = log_in(client, Membership.Role.VIEWER)
    _, secondary, _ = pair(viewer.account, by=viewer.user)
    other = RegistrationFactory(unit__model_name="PRO 4060").unit.model
    type(secondary.unit).objects.filter(pk=secondary.unit_id).update(model=other)

    page = page_of(client, "/readiness/")

    assert "different-model" in findings(page.section("pairs"))
    assert not [a for a in page.root.all("a") if a.attrs["href"].endswith("/parent/")]


# As much for many pairs as for few


@pytest.mark.parametrize("count", [10, 1000])
@pytest.mark.parametrize("path", ["/readiness/", "/readiness.csv", "/"])
def test_pages_of_pairs_ask_as_much_for_many_pairs(
    client: Client,
    member: Membership,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
    path: str,
) -> None:
    pairs(member.account, count)

    with django_assert_num_queries({"/readiness/": 14, "/readiness.csv": 14, "/": 17}[path]):
        client.get(path)


def test_nothing_is_issued_where_readiness_is_only_asked(client: Client, units: Units) -> None:
    for path in ("/", "/products/", "/readiness/", f"/products/{units[0].unit.serial}/"):
        client.get(path)

    assert not Keyset.objects.exists()
