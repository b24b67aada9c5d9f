import datetime

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from portal.models import Membership
from portal.name_search import MOST_CHARACTERS
from products.models import Registration, Survey
from products.selectors import PAGE_ROWS
from tests.factories import CODE, RegistrationFactory, UnitFactory, log_in, pair, pairs, registrations
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

HTMX = {"HX-Request": "true"}


def names(page: Page) -> list[str]:
    """The friendly names of the list, without their ordinal numbers."""
    return [link.text for link in page.root.one(id="registered").all("a", class_="name")]


def typed(page: Page) -> dict[str, str]:
    """What stands in the fields of Add New Product."""
    fields = ["serial_number", "friendly_name", "authentication_code"]
    return {name: page.field(name).one("input").attrs.get("value", "") for name in fields}


# My Products


@pytest.mark.parametrize("count", [10, 1000])
@pytest.mark.parametrize(("headers", "queries"), [({}, 22), (HTMX, 19)], ids=["page", "fragment"])
def test_my_products_asks_as_much_for_many_pairs(
    client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
    headers: dict[str, str],
    queries: int,
) -> None:
    pairs(log_in(client).account, count)

    with django_assert_num_queries(queries):
        client.get("/products/", headers=headers)


def test_my_products_shows_role_and_partner(client: Client) -> None:
    member = log_in(client)
    primary, secondary, _ = pair(member.account, by=member.user)

    rows = Page(client.get("/products/")).root.one("table").rows()

    assert [row[5] for row in rows] == [
        f"HF Primary, {secondary.friendly_name} Unknown",
        f"HF Secondary, {primary.friendly_name} Unknown",
    ]


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"role": "hf:parent"}, 1),
        ({"role": "hf:child"}, 1),
        ({"role": "none"}, 1),
        ({"role": "none", "model": "PRO 5060"}, 0),
        ({"model": "PRO 5060"}, 2),
        ({"model": "TZ 170"}, 1),
        ({"model": "nothing"}, 0),
        ({"role": "nothing"}, 3),
    ],
)
def test_my_products_is_filtered_by_role_and_model(client: Client, asked: dict[str, str], count: int) -> None:
    member = log_in(client)
    pair(member.account, by=member.user)
    RegistrationFactory(account=member.account, unit__model_name="TZ 170")

    page = Page(client.get("/products/", asked))

    assert len([row for table in page.root.all("table") for row in table.rows()]) == count


def test_my_products_lists_the_accounts_units_alone(client: Client) -> None:
    mine = RegistrationFactory(account=log_in(client).account, friendly_name="San Jose")
    RegistrationFactory(friendly_name="Somebody else's")
    RegistrationFactory(account=mine.account, ended_at=timezone.now())

    page = Page(client.get("/products/"))

    head = [cell.text for cell in page.root.one("thead").all("th")]
    assert head == ["Name", "Serial Number", "Product Line", "Firmware", "Reg. Code", "Role"]
    assert page.root.one("table").rows() == [
        ["1. San Jose", mine.unit.serial, "PRO 5060", "2.5.0.0e", mine.code, ""],
    ]


def test_my_products_leads_from_name_and_serial_number_to_the_unit(client: Client) -> None:
    mine = RegistrationFactory(account=log_in(client).account)

    page = Page(client.get("/products/"))

    links = [link.attrs["href"] for link in page.root.one("tbody").all("a")]
    assert links == [f"/products/{mine.unit.serial}/"] * 2


def test_my_products_says_what_to_do_where_there_is_none(client: Client) -> None:
    log_in(client)

    page = Page(client.get("/products/"))

    assert not list(page.root.all("table"))
    assert page.root.one("div", class_="empty").text


def test_my_products_answers_htmx_with_the_list_alone(client: Client) -> None:
    RegistrationFactory(account=log_in(client).account, friendly_name="San Jose")

    response = client.get("/products/", headers=HTMX)

    page = Page(response)
    assert response.content.lstrip().startswith(b'<div id="registered"')
    assert names(page) == ["San Jose"]
    assert not list(page.root.all("h1"))


@pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
def test_my_products_answers_boosted_and_restored_requests_with_the_page(client: Client, header: str) -> None:
    log_in(client)

    response = client.get("/products/", headers=HTMX | {header: "true"})

    assert Page(response).root.one("h1").text == "My Products"


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_my_products_varies_on_the_header_of_htmx(client: Client, headers: dict[str, str]) -> None:
    log_in(client)

    response = client.get("/products/", headers=headers)

    assert "HX-Request" in response["Vary"]


def test_my_products_takes_the_serial_number_from_quick_register_unchecked(client: Client) -> None:
    log_in(client)

    page = Page(client.get("/products/", {"serial_number": "not a serial <b>"}))

    assert typed(page)["serial_number"] == "not a serial <b>"
    assert page.codes() == []


@pytest.mark.parametrize("typed_as", ["0006B1124416", "00:06:b1:12:44:16"])
def test_my_products_says_that_quick_registers_unit_is_registered_already(
    client: Client, typed_as: str
) -> None:
    RegistrationFactory(account=log_in(client).account, unit__serial="0006B1124416")

    page = Page(client.get("/products/", {"serial_number": typed_as}))

    (note,) = page.section("add").all("div", data_code="already-in-account")
    assert note.one("a").attrs["href"] == "/products/0006B1124416/"
    assert "autofocus" not in page.field("friendly_name").one("input").attrs


def test_my_products_tells_nothing_of_another_accounts_unit(client: Client) -> None:
    foreign = RegistrationFactory()
    log_in(client)

    page = Page(client.get("/products/", {"serial_number": foreign.unit.serial}))

    assert page.codes() == []


@pytest.mark.parametrize(("query", "is_there"), [({"serial_number": "0006B1124422"}, True), ({}, False)])
def test_the_cursor_waits_in_the_friendly_name_where_the_serial_number_came_along(
    client: Client, query: dict[str, str], is_there: bool
) -> None:
    log_in(client)

    page = Page(client.get("/products/", query))

    assert ("autofocus" in page.field("friendly_name").one("input").attrs) is is_there


def test_my_products_shows_a_viewer_no_form(client: Client) -> None:
    RegistrationFactory(account=log_in(client, Membership.Role.VIEWER).account)

    page = Page(client.get("/products/"))

    assert [form.attrs["action"] for form in page.root.all("form")] == ["/logout/", "/products/"]
    assert len(names(page)) == 1


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["alpha", "Beta", "gamma"]),
        ("-name", ["gamma", "Beta", "alpha"]),
        ("serial", ["gamma", "alpha", "Beta"]),
        ("-serial", ["Beta", "alpha", "gamma"]),
        ("line", ["Beta", "gamma", "alpha"]),
        ("-line", ["alpha", "gamma", "Beta"]),
        ("unit__code_mac", ["alpha", "Beta", "gamma"]),
    ],
)
def test_my_products_sorts(client: Client, sort: str, expected: list[str]) -> None:
    account = log_in(client).account
    for name, serial, model in [
        ("alpha", "00000000B002", "TZ 170"),
        ("Beta", "00000000B003", "CSM 2100"),
        ("gamma", "00000000B001", "PRO 2040"),
    ]:
        RegistrationFactory(account=account, friendly_name=name, unit__serial=serial, unit__model_name=model)

    page = Page(client.get("/products/", {"sort": sort}))

    assert names(page) == expected


def test_my_products_marks_the_sorted_column_and_offers_the_other_direction(client: Client) -> None:
    RegistrationFactory(account=log_in(client).account)

    page = Page(client.get("/products/", {"sort": "serial", "q": "0"}))

    marked = page.root.one("th", aria_sort="ascending")
    assert marked.text == "Serial Number"
    assert marked.one("a").attrs["href"] == "/products/?q=0&sort=-serial"
    assert len([head for head in page.root.all("th") if "aria-sort" in head.attrs]) == 1


@pytest.mark.parametrize("query", ["jose", "SAN  jose", "0006b1-12:44 16", "b1124416", "pro 5060", "4C7TNX"])
def test_my_products_filters_by_name_serial_line_and_code(client: Client, query: str) -> None:
    account = log_in(client).account
    RegistrationFactory(
        account=account, friendly_name="San Jose", unit__serial="0006B1124416", code="4C7TNXMU"
    )
    RegistrationFactory(account=account, friendly_name="Other", unit__model_name="TZ 170")

    page = Page(client.get("/products/", {"q": query}))

    assert names(page) == ["San Jose"]
    assert page.root.one("input", id="filter").attrs["value"] == query


def test_my_products_says_that_nothing_matches(client: Client) -> None:
    RegistrationFactory(account=log_in(client).account)

    page = Page(client.get("/products/", {"q": "<nowhere>"}))

    empty = page.root.one("div", class_="empty")
    assert "<nowhere>" in empty.text
    assert empty.one("a").attrs["href"] == "/products/"


def test_my_products_goes_through_all_pages_and_back(client: Client) -> None:
    registrations(log_in(client).account, 2 * PAGE_ROWS + 1)

    there, url = [], "/products/?sort=serial"
    while url:
        page = Page(client.get(url))
        there.append((page.root.one("nav", aria_label="Pages").one("span").text, names(page)))
        url = next((link.attrs["href"] for link in page.root.all("a", rel="next")), "")
    back = Page(client.get(page.root.one("a", rel="prev").attrs["href"]))

    assert [spans for spans, _ in there] == ["1 to 50 of 101", "51 to 100 of 101", "101 to 101 of 101"]
    assert len({name for _, shown in there for name in shown}) == 2 * PAGE_ROWS + 1
    assert names(back) == there[1][1]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize("name", ["q", "sort", "after", "before", "number", "serial_number"])
@pytest.mark.parametrize("value", ["\ud800".encode("utf-8", "surrogatepass"), "٣", "9" * 400, "%_\\'"])
def test_my_products_takes_any_parameter(
    client: Client, headers: dict[str, str], name: str, value: str | bytes
) -> None:
    mine = RegistrationFactory(account=log_in(client).account)
    parameters = {"after": mine.unit.serial, "number": "1"} | {name: value}

    response = client.get("/products/", parameters, headers=headers)

    assert response.status_code == (422 if name == "q" and len(value) > MOST_CHARACTERS else 200)


# Registering


def test_register_leads_to_the_survey(client: Client) -> None:
    account, unit = log_in(client).account, UnitFactory()

    response = client.post(
        "/products/register/",
        {"serial_number": unit.serial, "friendly_name": "San Jose", "authentication_code": CODE},
    )

    assert Registration.objects.visible_to(account).get().friendly_name == "San Jose"
    assert response.status_code == 302
    assert response["Location"] == f"/products/{unit.serial}/survey/"


@pytest.mark.parametrize(
    ("serial", "name", "code", "field", "refusal"),
    [
        ("0006B112441", "", CODE, "serial_number", "invalid-serial"),
        ("6.0E+11", "", CODE, "serial_number", "invalid-serial"),
        ("", "", CODE, "serial_number", "required"),
        ("0006\x00B1124416", "", CODE, "serial_number", "null_characters_not_allowed"),
        ("0006B1124416", "", "ABCD", "authentication_code", "invalid-code"),
        ("0006B1124416", "", "", "authentication_code", "required"),
        ("0006B1124416", "", "ABCD-9999", "authentication_code", "no-match"),
        ("0006B1124499", "", CODE, "authentication_code", "no-match"),
        ("0006B1124416", "n" * 31, CODE, "friendly_name", "invalid-friendly-name"),
        ("0006B1124416", "two\nlines", CODE, "friendly_name", "invalid-friendly-name"),
        ("0006B1124417", "", CODE, "serial_number", "in-another-account"),
        ("0006B1124418", "", CODE, "serial_number", "unit-retired"),
    ],
)
def test_register_refuses_beside_the_field_and_keeps_what_was_typed(
    client: Client, serial: str, name: str, code: str, field: str, refusal: str
) -> None:
    account = log_in(client).account
    UnitFactory(serial="0006B1124416")
    RegistrationFactory(unit__serial="0006B1124417")
    UnitFactory(serial="0006B1124418", retired_at=timezone.now())
    form = {"serial_number": serial, "friendly_name": name, "authentication_code": code}

    response = client.post("/products/register/", form)

    page = Page(response)
    assert response.status_code == 422
    assert page.codes() == [refusal]
    assert page.codes(page.field(field)) == [refusal]
    assert typed(page) == form
    assert not Registration.objects.visible_to(account).exists()


def test_register_ties_the_refusal_to_its_field(client: Client) -> None:
    log_in(client)

    page = Page(client.post("/products/register/", {"serial_number": "1", "authentication_code": CODE}))

    serial = page.field("serial_number")
    error = serial.one("div", class_="field-error")
    assert serial.one("input").attrs["aria-invalid"] == "true"
    assert error.attrs["id"] in serial.one("input").attrs["aria-describedby"].split()


def test_register_links_to_the_unit_that_the_account_has_already(client: Client) -> None:
    mine = RegistrationFactory(account=log_in(client).account, friendly_name="<b>San Jose</b>")

    response = client.post(
        "/products/register/", {"serial_number": mine.unit.serial, "authentication_code": "ZZZZ-9999"}
    )

    error = Page(response).field("serial_number").one("p", data_code="already-in-account")
    assert response.status_code == 422
    assert error.one("a").attrs["href"] == f"/products/{mine.unit.serial}/"
    assert mine.friendly_name in error.text


def test_register_refused_shows_the_list_below(client: Client) -> None:
    RegistrationFactory(account=log_in(client).account, friendly_name="San Jose")

    page = Page(client.post("/products/register/", {}))

    assert names(page) == ["San Jose"]


# Product Survey


@pytest.mark.parametrize("count", [10, 1000])
def test_product_survey_asks_as_much_for_many_pairs(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    primary, _, _ = pairs(log_in(client).account, count)[0]

    with django_assert_num_queries(5):
        client.get(f"/products/{primary.unit.serial}/survey/")


@pytest.fixture
def mine(client: Client) -> Registration:
    """A unit of the account that the client is logged in to."""
    return RegistrationFactory(account=log_in(client).account)


def test_product_survey_asks_three_questions(client: Client, mine: Registration) -> None:
    page = Page(client.get(f"/products/{mine.unit.serial}/survey/"))

    main = page.root.one("main")
    asked = [
        e.attrs["name"]
        for e in main.all()
        if e.tag in {"input", "select"} and e.attrs.get("type") != "hidden"
    ]
    assert page.root.one("h1").text == "Product Survey"
    assert asked == ["protects", "users", "bought_at"]
    assert main.one("button").text == "Continue"


def test_product_survey_keeps_the_answers(client: Client, mine: Registration) -> None:
    answers = {"protects": "branch-office", "users": "11-50", "bought_at": "Springfield"}

    client.post(f"/products/{mine.unit.serial}/survey/", answers)

    kept = Survey.objects.get(registration=mine)
    assert {name: getattr(kept, name) for name in answers} == answers


def test_product_survey_may_be_left_unanswered(client: Client, mine: Registration) -> None:
    response = client.post(f"/products/{mine.unit.serial}/survey/", {})

    assert response["Location"] == f"/products/{mine.unit.serial}/association/"
    assert not Survey.objects.exists()


def test_product_survey_shows_what_was_answered_before(client: Client, mine: Registration) -> None:
    Survey.objects.create(registration=mine, bought_at="Springfield", users="1-10")

    page = Page(client.get(f"/products/{mine.unit.serial}/survey/"))

    assert page.field("bought_at").one("input").attrs["value"] == "Springfield"
    assert page.field("users").one("option", selected="").attrs["value"] == "1-10"


@pytest.mark.parametrize(
    ("name", "value"),
    [("protects", "a castle"), ("users", "-1"), ("bought_at", "s" * 81), ("bought_at", "a\0b")],
)
def test_product_survey_refuses_beside_the_field_and_keeps_what_was_typed(
    client: Client, mine: Registration, name: str, value: str
) -> None:
    response = client.post(
        f"/products/{mine.unit.serial}/survey/", {"bought_at": "Springfield"} | {name: value}
    )

    page = Page(response)
    assert response.status_code == 422
    assert len(page.codes(page.field(name))) == 1
    assert page.field("bought_at").one("input").attrs["value"] in {"Springfield", value}
    assert not Survey.objects.exists()


def test_product_survey_carries_the_unit_that_one_came_from_on(client: Client, mine: Registration) -> None:
    response = client.post(f"/products/{mine.unit.serial}/survey/?from=0006B1124416", {})

    assert response["Location"] == f"/products/{mine.unit.serial}/association/?from=0006B1124416"


def test_product_survey_carries_an_odd_origin_harmlessly(client: Client, mine: Registration) -> None:
    response = client.post(f"/products/{mine.unit.serial}/survey/?from=%26next%3D//x%0d%0aX: y", {})

    assert response.status_code == 302
    assert response["Location"].startswith(f"/products/{mine.unit.serial}/association/?from=%26next")
    assert "X" not in response.headers


def test_product_survey_leads_a_model_of_no_type_to_its_unit(client: Client, mine: Registration) -> None:
    mine.unit.model.type_models.all().delete()

    response = client.post(f"/products/{mine.unit.serial}/survey/", {})

    assert response["Location"] == f"/products/{mine.unit.serial}/"


def test_product_survey_leads_a_model_without_hf_to_its_child(client: Client) -> None:
    mine = RegistrationFactory(account=log_in(client).account, unit__model_name="TZ 170")

    response = client.post(f"/products/{mine.unit.serial}/survey/", {}, follow=True)

    assert response.redirect_chain == [
        (f"/products/{mine.unit.serial}/association/", 302),
        (f"/products/{mine.unit.serial}/association/child/", 302),
    ]


@pytest.mark.parametrize("serial", ["0006b112441", "0006B11244167", "0006B112441G"])
def test_an_address_without_a_serial_number_is_not_found(client: Client, serial: str) -> None:
    log_in(client)

    assert client.get(f"/products/{serial}/survey/").status_code == 404


def test_an_address_takes_a_serial_number_in_small_letters(client: Client) -> None:
    RegistrationFactory(account=log_in(client).account, unit__serial="0006B1ABCDEF")

    assert client.get("/products/0006b1abcdef/survey/").status_code == 200


def test_the_form_sent_twice_goes_on_like_once(client: Client) -> None:
    log_in(client)
    unit = UnitFactory()
    form = {"serial_number": unit.serial, "friendly_name": "", "authentication_code": CODE}

    first, second = client.post("/products/register/", form), client.post("/products/register/", form)

    assert first.url == second.url == f"/products/{unit.serial}/survey/"
    assert Registration.objects.filter(unit=unit).count() == 1


def test_the_form_sent_again_later_says_that_the_unit_is_registered(client: Client) -> None:
    log_in(client)
    unit = UnitFactory()
    form = {"serial_number": unit.serial, "friendly_name": "", "authentication_code": CODE}
    client.post("/products/register/", form)
    Registration.objects.update(registered_at=timezone.now() - datetime.timedelta(minutes=2))

    again = client.post("/products/register/", form)

    assert again.status_code == 422
    assert again.context["form"].errors.as_data()["serial_number"][0].code == "already-in-account"
