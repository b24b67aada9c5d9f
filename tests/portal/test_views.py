import datetime

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.urls import path
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from licensing.models import Licence, Service
from licensing.selectors import MOST_SHOWN
from portal.clock import today
from portal.models import Account, Membership
from portal.urls import urlpatterns as portals_own
from portal.views import HELP_TOPICS
from products.models import Registration
from tests.factories import (
    CODE,
    PASSWORD,
    LicenceFactory,
    RegistrationFactory,
    UserFactory,
    log_in,
    pair,
    pairs,
    registrations,
)
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def license_all(account: Account, days: int, code: int = 3) -> None:
    """A licence of one service on every unit of the account, ending in some days."""
    service, day = Service.objects.get(code=code), today() + datetime.timedelta(days=days)
    Licence.objects.bulk_create(
        LicenceFactory.build(registration=unit, service=service, expires_on=day)
        for unit in Registration.objects.filter(account=account)
    )


# Main page


def test_main_page_shows_who_is_logged_in(client: Client) -> None:
    member = log_in(client)

    page = Page(client.get("/"))

    assert page.root.one("span", class_="who").text == f"Logged in: {member.user.username}"
    assert page.root.one("form", action="/logout/").one("button").text == "LOGOUT"


def test_main_page_shows_the_ten_newest_first(client: Client) -> None:
    account = log_in(client).account
    names = [f"number {n:02d}" for n in range(12)]
    for name in names:
        RegistrationFactory(account=account, friendly_name=name)
    RegistrationFactory(friendly_name="another account's")

    section = Page(client.get("/")).section("recent")

    assert section.one("h2").text == "Most Recently Registered Products"
    assert [row[0] for row in section.one("table").rows()] == names[:1:-1]


def test_main_page_shows_no_registration_that_has_ended(client: Client) -> None:
    RegistrationFactory(account=log_in(client).account, ended_at=timezone.now())

    section = Page(client.get("/")).section("recent")

    assert not list(section.all("table"))


def test_main_page_leads_to_units_and_to_all_of_them(client: Client) -> None:
    mine = RegistrationFactory(account=log_in(client).account)

    section = Page(client.get("/")).section("recent")

    unit = f"/products/{mine.unit.serial}/"
    assert [(a.text, a.attrs["href"]) for a in section.all("a")] == [
        ("View all registered products", "/products/"),
        (mine.friendly_name, unit),
        (mine.unit.serial, unit),
    ]


def test_main_page_shows_what_ends_within_30_days(client: Client) -> None:
    account = log_in(client).account
    mine = RegistrationFactory(account=account, friendly_name="San Jose")
    for code, days in [(3, 30), (4, 0), (5, 31), (6, -31), (2, -1)]:
        license_all(account, days, code)

    rows = Page(client.get("/")).section("expiring").one("table").rows()

    yesterday = today() - datetime.timedelta(days=1)
    assert rows == [
        ["Server Anti-Virus", "San Jose", mine.unit.serial, f"{today():%d %b %Y}"],
        [
            "Gateway Anti-Virus, Anti-Spyware & Intrusion Prevention Service",
            "San Jose",
            mine.unit.serial,
            f"{today() + datetime.timedelta(days=30):%d %b %Y}",
        ],
        ["Client AV Enforcement", "San Jose", mine.unit.serial, f"Expired {yesterday:%d %b %Y}"],
    ]


def test_main_page_shows_nobody_elses_licences(client: Client) -> None:
    log_in(client)
    license_all(RegistrationFactory().account, 1)

    section = Page(client.get("/")).section("expiring")

    assert not list(section.all("table"))


def test_main_page_shows_twenty_ends_at_most(client: Client) -> None:
    account = log_in(client).account
    registrations(account, MOST_SHOWN + 5)
    license_all(account, 1)

    section = Page(client.get("/")).section("expiring")

    assert len(section.one("table").rows()) == MOST_SHOWN
    assert "And 5 more." in section.text


def test_main_page_says_what_to_do_where_there_is_nothing(client: Client) -> None:
    log_in(client)

    page = Page(client.get("/"))

    assert "Quick Register" in page.section("recent").one("div", class_="empty").text
    assert page.section("expiring").one("p").text


def test_quick_register_stands_in_the_pane_and_leads_to_my_products(client: Client) -> None:
    log_in(client)

    form = Page(client.get("/")).section("quick-register").one("form")

    assert (form.attrs["action"], form.attrs.get("method", "get")) == ("/products/", "get")
    assert form.one("input").attrs["name"] == "serial_number"
    assert form.one("button").attrs["aria-label"]


def test_quick_register_is_not_there_for_a_viewer(client: Client) -> None:
    log_in(client, Membership.Role.VIEWER)

    page = Page(client.get("/"))

    assert not list(page.root.all(id="quick-register"))
    assert "Quick Register" not in page.section("recent").text


@pytest.mark.parametrize("count", [10, 1000])
def test_main_page_asks_as_much_for_many_pairs(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    account = log_in(client).account
    pairs(account, count)
    license_all(account, 1)

    with django_assert_num_queries(17):
        client.get("/")


# Who may enter


def test_somebody_without_an_account_reads_so(client: Client) -> None:
    client.force_login(UserFactory())

    response = client.get("/")

    assert response.status_code == 403
    assert Page(response).root.one("h1").text == "Not allowed"


def test_a_login_that_was_switched_off_enters_no_more(client: Client) -> None:
    member = log_in(client)
    member.user.is_active = False
    member.user.save()

    response = client.get("/products/")

    assert response["Location"] == "/login/?next=/products/"


# Help


@pytest.mark.parametrize("topic", sorted(HELP_TOPICS))
def test_help_explains_to_everybody(
    client: Client, topic: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        response = client.get(f"/help/{topic}/")

    assert response.status_code == 200
    assert "Help" in Page(response).root.one("h1").text


def test_help_lists_every_topic(client: Client) -> None:
    page = Page(client.get("/help/index/"))

    topics = [a.attrs["href"] for a in page.root.one("nav", aria_label="Help topics").all("a")]
    assert sorted(topics) == [f"/help/{topic}/" for topic in sorted(HELP_TOPICS - {"index"})]


@pytest.mark.parametrize("topic", ["nothing", "Index", "base", "..%2Fbase"])
def test_help_knows_no_other_topic(client: Client, topic: str) -> None:
    assert client.get(f"/help/{topic}/").status_code == 404


# Where one is


@pytest.mark.parametrize(
    ("address", "marked"),
    [
        ("/", "Main page"),
        ("/products/", "My Products"),
        ("/products/{0}/", "My Products"),
        ("/products/{0}/associated/hf/", "My Products"),
        ("/products/{0}/associations/{1}/parent/", "My Products"),
        ("/help/", "Help"),
        ("/help/login/", "Help"),
    ],
)
def test_the_pane_marks_where_one_is(client: Client, address: str, marked: str) -> None:
    member = log_in(client)
    _, secondary, seat = pair(member.account, by=member.user)

    page = Page(client.get(address.format(secondary.unit.serial, seat.uuid)))

    links = page.root.one("nav", aria_label="Main").all("a")
    assert [link.text for link in links if "aria-current" in link.attrs] == [marked]


# Errors


def broken(request: object) -> None:
    raise ZeroDivisionError


def slow(request: HttpRequest) -> None:
    """Ask PostgreSQL something that takes longer than it may."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 100")
        cursor.execute("SELECT pg_sleep(20)")


def locked(request: HttpRequest) -> None:
    """Wait for what the test's own transaction has locked."""
    other = connection.copy()
    if other.vendor == "sqlite":
        other.settings_dict["OPTIONS"] |= {"timeout": 0.1}
    try:
        with other.cursor() as cursor:
            if other.vendor == "postgresql":
                cursor.execute("SET lock_timeout = 100")
                cursor.execute("ALTER TABLE portal_membership RENAME TO other")
            else:
                cursor.execute("BEGIN IMMEDIATE")
    finally:
        other.close()


urlpatterns = [*portals_own, path("broken/", broken), path("slow/", slow), path("locked/", locked)]
handler500 = "portal.views.server_error"


@pytest.mark.parametrize("address", ["/nowhere/", "/products/0006B1124416/", "/products/0006B1124416"])
def test_what_is_not_there_gets_a_page_that_leads_on(client: Client, address: str) -> None:
    log_in(client)

    response = client.get(address, follow=True)

    page = Page(response)
    assert response.status_code == 404
    assert page.root.one("h1").text == "Not found"
    assert "/products/" in [a.attrs["href"] for a in page.root.one("main").all("a")]


def test_an_unknown_address_is_not_found_before_login(client: Client) -> None:
    assert Page(client.get("/nowhere/")).root.one("p", class_="stage").text == "404"


def test_a_viewer_who_changes_something_gets_a_page_that_leads_on(client: Client) -> None:
    mine = RegistrationFactory(account=log_in(client, Membership.Role.VIEWER).account)

    response = client.post(f"/products/{mine.unit.serial}/survey/", {})

    page = Page(response)
    assert response.status_code == 403
    assert page.root.one("p", class_="stage").text == "403"
    assert "/" in [a.attrs["href"] for a in page.root.one("main").all("a")]


def test_the_desk_tells_a_customer_that_it_is_for_staff(client: Client) -> None:
    log_in(client)

    response = client.get("/support/", follow=True)

    assert response.status_code == 403
    assert Page(response).codes() == ["desk-only"]


def test_the_desk_tells_staff_what_their_login_may_not_do(client: Client) -> None:
    client.force_login(UserFactory(is_staff=True))

    response = client.get("/support/products/unit/")

    assert response.status_code == 403
    assert Page(response).codes() == ["desk-right"]
    assert [a.attrs["href"] for a in Page(response).root.one("main").all("a", class_="button")] == [
        "/support/"
    ]


def test_a_form_without_its_token_is_refused_with_a_page_of_its_own() -> None:
    client = Client(enforce_csrf_checks=True)
    account = log_in(client).account

    response = client.post(
        "/products/register/", {"serial_number": "0006B1124416", "authentication_code": CODE}
    )

    assert response.status_code == 403
    assert Page(response).root.one("h1").text == "Please send the form again"
    assert not Registration.objects.visible_to(account).exists()


def test_the_login_form_works_with_its_token() -> None:
    client, user = Client(enforce_csrf_checks=True), UserFactory()
    token = Page(client.get("/login/")).root.one("input", name="csrfmiddlewaretoken").attrs["value"]

    response = client.post(
        "/login/", {"login": user.username, "password": PASSWORD, "csrfmiddlewaretoken": token}
    )

    assert response["Location"] == "/"


def test_a_fault_of_the_portal_gets_a_page_without_the_database(
    client: Client, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.ROOT_URLCONF = "tests.portal.test_views"
    log_in(client)
    client.raise_request_exception = False

    with django_assert_num_queries(2):  # who asks: the session and the user
        response = client.get("/broken/")

    page = Page(response)
    assert response.status_code == 500
    assert page.root.one("h1").text == "Something went wrong"
    assert [a.attrs["href"] for a in page.root.one("main").all("a")] == ["/"]
    assert "ZeroDivisionError" not in response.content.decode()


@pytest.mark.parametrize("address", [pytest.param("/slow/", marks=pytest.mark.postgres), "/locked/"])
def test_a_busy_database_is_reported_as_busy(client: Client, settings: Settings, address: str) -> None:
    settings.ROOT_URLCONF = "tests.portal.test_views"
    log_in(client)
    client.raise_request_exception = False

    response = client.get(address)

    page = Page(response)
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert page.root.one("p", class_="stage").text == "503"
    assert [a.attrs["href"] for a in page.root.one("main").all("a")] == ["/"]
