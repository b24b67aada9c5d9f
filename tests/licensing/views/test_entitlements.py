import csv
import io
from datetime import timedelta

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from licensing.entitlements.on_a_day import MOST_CHANGES
from licensing.models import LedgerEntry, Service
from portal.clock import today
from portal.models import Membership
from products.models import Registration
from tests.factories import RegistrationFactory, log_in, pair
from tests.licensing.history import divide, grant
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

GATEWAY_AV = "Gateway Anti-Virus, Anti-Spyware & Intrusion Prevention Service"


@pytest.fixture
def member(client: Client) -> Membership:
    return log_in(client)


@pytest.fixture
def mine(member: Membership) -> Registration:
    return RegistrationFactory(account=member.account, friendly_name="San Jose")


def url(unit: Registration, end: str = "/") -> str:
    return f"/products/{unit.unit.serial}/entitlements{end}"


def services(page: Page) -> dict[str, list[str]]:
    return {name: cells for name, *cells in page.section("services").rows()}


def lines(response: HttpResponse) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


def test_the_page_tells_today_where_no_day_is_asked_for(client: Client, mine: Registration) -> None:
    day = today() + timedelta(days=30)
    grant(mine, 3, expires_on=day)

    page = Page(client.get(url(mine)))

    assert page.root.one("title").text == "Entitlements - San Jose - MySonicWALL"
    assert services(page)[GATEWAY_AV] == ["Licensed", "", f"{day:%d %b %Y}", "own, granted by Support"]
    assert services(page)["Global VPN Client"] == ["Licensed", "5", "", "comes with the model"]
    assert services(page)["Content Filter"] == ["Not Licensed", "", "", ""]


def test_the_page_tells_what_followed(client: Client, mine: Registration) -> None:
    day = today() + timedelta(days=30)
    grant(mine, 9, count=15, expires_on=day)

    page = Page(client.get(url(mine)))

    told = f"{day:%d %b %Y} then for 5 for ever"
    assert services(page)["Global VPN Client"] == ["Licensed", "15", told, "own, granted by Support"]


def test_the_page_tells_an_earlier_day(client: Client, mine: Registration) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=False):
        log_in(client, account=mine.account)  # the session of two days ago is over
        grant(mine, 3)
        day = today() - timedelta(days=1)

        page = Page(client.get(url(mine), {"on": str(day)}))

    assert page.field("on").one("input").attrs["value"] == str(day)
    assert services(page)[GATEWAY_AV] == ["Not Licensed", "", "", ""]
    assert not list(page.section("changes").all("table"))


@pytest.mark.parametrize("end", ["/", ".csv"])
@pytest.mark.parametrize(
    ("later", "code"), [(1, "future-day"), (-1, "outside-registration")], ids=["to come", "before"]
)
def test_a_day_that_cannot_be_shown_is_refused_beside_the_field(
    client: Client, mine: Registration, end: str, later: int, code: str
) -> None:
    response = client.get(url(mine, end), {"on": str(today() + timedelta(days=later))})

    page = Page(response)
    assert response.status_code == 422
    assert page.codes(page.field("on")) == [code]


@pytest.mark.parametrize("end", ["/", ".csv"])
@pytest.mark.parametrize("typed", ["17 Nov 2004", "2004-02-30", "' OR 1", "9" * 5000, "10000-01-01"])
def test_what_is_no_day_is_refused_and_kept(client: Client, mine: Registration, end: str, typed: str) -> None:
    response = client.get(url(mine, end), {"on": typed})

    page = Page(response)
    assert response.status_code == 422
    assert page.codes(page.field("on")) == ["invalid"]
    assert page.field("on").one("input").attrs["value"] == typed


def test_changes_say_who_when_why_from_and_to(client: Client, mine: Registration, member: Membership) -> None:
    other = RegistrationFactory(account=member.account)
    divide(grant(mine, 2, count=10), other, 3, by=member.user)

    shared_out, granted = Page(client.get(url(mine))).section("changes").rows()

    at = LedgerEntry.objects.filter(unit=mine.unit).latest("pk").at
    assert granted[2:] == ["the portal", "granted by Support: bought", "nothing", "licensed for 10 for ever"]
    assert shared_out == [
        "Client AV Enforcement",
        f"{at:%d %b %Y, %H:%M}",
        member.user.username,
        "shared out",
        "licensed for 10 for ever",
        "licensed for 10 for ever, 3 of them shared out",
    ]


def test_the_latest_50_changes_are_listed(client: Client, mine: Registration) -> None:
    many_entries(mine, MOST_CHANGES + 1)

    assert len(Page(client.get(url(mine))).section("changes").rows()) == MOST_CHANGES


def test_a_unit_without_changes_says_so(client: Client, mine: Registration) -> None:
    section = Page(client.get(url(mine))).section("changes")

    assert not list(section.all("table"))
    assert section.one("p")


def test_the_file_is_named_after_unit_and_day(client: Client, mine: Registration) -> None:
    response = client.get(url(mine, ".csv"), {"on": str(today())})

    name = f"entitlements-{mine.unit.serial}-{today()}.csv"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response["Content-Type"] == "text/csv; charset=utf-8"


def test_the_file_says_what_the_page_says(client: Client, member: Membership) -> None:
    primary, secondary, _ = pair(member.account, by=member.user)
    grant(primary, 3, expires_on=today())

    found = {line["Security Service"]: line for line in lines(client.get(url(secondary, ".csv")))}

    assert found[GATEWAY_AV] == {
        "Serial Number": secondary.unit.serial,
        "Friendly Name": secondary.friendly_name,
        "Day (UTC)": str(today()),
        "Security Service": GATEWAY_AV,
        "Status": "Licensed",
        "Count": "",
        "First Day": str(today()),
        "Expiration": str(today()),
        "What Follows": "",
        "Right": f"shared from {primary.unit.serial}: own, granted by Support",
    }
    assert found["Nodes/Users"]["Count"] == "Unlimited"


def test_the_file_says_what_follows(client: Client, mine: Registration) -> None:
    day = today() + timedelta(days=30)
    grant(mine, 9, count=15, expires_on=day)

    found = {line["Security Service"]: line for line in lines(client.get(url(mine, ".csv")))}

    told = found["Global VPN Client"]
    assert (told["First Day"], told["What Follows"]) == (str(today()), "then for 5 for ever")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_spreadsheet_takes_a_name_for_a_formula(client: Client, member: Membership, name: str) -> None:
    unit = RegistrationFactory(account=member.account, friendly_name=name)

    found = lines(client.get(url(unit, ".csv")))

    assert {line["Friendly Name"] for line in found} == {f"'{name}"}


@pytest.mark.parametrize("character", ["\t=1", '"=1', "a,b"])
def test_a_name_stays_in_its_cell(client: Client, member: Membership, character: str) -> None:
    unit = RegistrationFactory(account=member.account, friendly_name=character)

    found = lines(client.get(url(unit, ".csv")))

    assert {line["Friendly Name"].lstrip("'") for line in found} == {character}
    assert len(found) == Service.objects.count()


@pytest.mark.parametrize("end", ["/", ".csv"])
def test_a_viewer_may_look(client: Client, end: str) -> None:
    unit = RegistrationFactory(account=log_in(client, Membership.Role.VIEWER).account)

    assert client.get(url(unit, end)).status_code == 200


@pytest.mark.parametrize("end", ["/", ".csv"])
def test_another_accounts_unit_is_as_if_it_were_not_there(
    client: Client, member: Membership, end: str
) -> None:
    assert client.get(url(RegistrationFactory(), end)).status_code == 404


@pytest.mark.parametrize("entries", [1, 1000], ids=["few entries", "many entries"])
@pytest.mark.parametrize(("end", "queries"), [("/", 11), (".csv", 10)])
def test_as_much_is_asked_for_many_entries_as_for_few(
    client: Client,
    member: Membership,
    django_assert_num_queries: DjangoAssertNumQueries,
    entries: int,
    end: str,
    queries: int,
) -> None:
    primary, secondary, _ = pair(member.account, by=member.user)
    many_entries(primary, entries)
    many_entries(secondary, entries)

    with django_assert_num_queries(queries):
        response = client.get(url(secondary, end))

    assert response.status_code == 200


def test_the_units_page_leads_here(client: Client, mine: Registration) -> None:
    page = Page(client.get(f"/products/{mine.unit.serial}/"))

    assert page.root.one("a", href=url(mine)).text == "Entitlements"


def many_entries(registration: Registration, count: int) -> None:
    """So many changes of one licence."""
    service = Service.objects.get(code=3)
    value = {"kind": "licensed", "count": None, "expires_on": str(today())}
    LedgerEntry.objects.bulk_create(
        LedgerEntry(unit=registration.unit, service=service, right="grant", after=value) for _ in range(count)
    )
