"""The list of registered products: pages by seeking, row numbers, filter and capped count."""

import datetime

import pytest
from django.test import Client

from portal.models import Account
from products import selectors
from products.models import Registration
from products.selectors import SORTS, Cursor, ProductPage, product_page
from tests.factories import AccountFactory, MembershipFactory, RegistrationFactory, UnitFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

MODELS = ["PRO 5060", "PRO 2040", "TZ 170"]


@pytest.fixture
def account() -> AccountFactory:
    return AccountFactory()


def fill(account: Account, rows: int) -> None:
    """Units whose names are equal to each other's, or are but for their case."""
    for number in range(rows):
        RegistrationFactory(
            account=account,
            friendly_name=["berlin", "Berlin", "BERLIN", "Aachen", "zürich", "Ärzte"][number % 6],
            unit__model_name=MODELS[number % 3],
            unit__serial=f"AA{(number * 7919) % 4096:010X}",
        )


def after(page: ProductPage) -> Cursor:
    return Cursor(page.rows[-1].unit.serial, page.last_number, is_backward=False)


def before(page: ProductPage) -> Cursor:
    return Cursor(page.rows[0].unit.serial, page.first_number, is_backward=True)


def forward(account: Account, sort: str) -> list[ProductPage]:
    pages = [product_page(account, query="", sort=sort, cursor=None)]
    while pages[-1].has_next:
        pages.append(product_page(account, query="", sort=sort, cursor=after(pages[-1])))
    return pages


def backward(account: Account, sort: str, last: ProductPage) -> list[ProductPage]:
    pages = [last]
    while pages[0].has_previous:
        pages.insert(0, product_page(account, query="", sort=sort, cursor=before(pages[0])))
    return pages


def serials(*pages: ProductPage) -> list[str]:
    return [row.unit.serial for page in pages for row in page.rows]


@pytest.mark.parametrize("sort", SORTS)
def test_pages_forward_have_every_row_once(account, sort: str) -> None:
    fill(account, 130)
    stranger = RegistrationFactory()

    pages = forward(account, sort)

    assert [len(page.rows) for page in pages] == [50, 50, 30]
    assert sorted(serials(*pages)) == sorted(account.registrations.values_list("unit__serial", flat=True))
    assert stranger.unit.serial not in serials(*pages)
    assert [(page.first_number, page.last_number) for page in pages] == [(1, 50), (51, 100), (101, 130)]


@pytest.mark.parametrize("sort", SORTS)
def test_pages_backward_are_those_of_the_way_forward(account, sort: str) -> None:
    fill(account, 130)
    pages = forward(account, sort)

    back = backward(account, sort, pages[-1])

    assert [serials(page) for page in back] == [serials(page) for page in pages]
    assert [page.first_number for page in back] == [1, 51, 101]
    assert [(page.has_previous, page.has_next) for page in back] == [
        (False, True),
        (True, True),
        (True, False),
    ]


@pytest.mark.parametrize("sort", ["name", "serial", "line"])
def test_a_minus_turns_the_order_round(account, sort: str) -> None:
    fill(account, 60)

    up, down = forward(account, sort), forward(account, f"-{sort}")

    assert serials(*down) == serials(*up)[::-1]


@pytest.mark.parametrize(
    ("sort", "value"),
    [("serial", lambda row: row.unit.serial), ("line", lambda row: row.unit.model.line)],
)
def test_rows_are_in_the_order_that_is_asked_for(account, sort: str, value) -> None:
    fill(account, 60)

    values = [value(row) for page in forward(account, sort) for row in page.rows]

    assert values == sorted(values)


def test_names_are_sorted_without_regard_to_case(account) -> None:
    for name in ("beta", "Alpha", "GAMMA", "alpha 2", "Delta"):
        RegistrationFactory(account=account, friendly_name=name)

    page = product_page(account, query="", sort="name", cursor=None)

    assert [row.friendly_name for row in page.rows] == ["Alpha", "alpha 2", "beta", "Delta", "GAMMA"]


def test_a_page_asks_as_little_far_back_as_at_the_start(account, django_assert_num_queries) -> None:
    fill(account, 110)
    second = forward(account, "name")[1]

    with django_assert_num_queries(3):
        page = product_page(account, query="", sort="name", cursor=after(second))
        models = {row.unit.model.name for row in page.rows}

    assert models


def test_a_cursor_whose_row_is_gone_leads_to_the_first_page(account) -> None:
    fill(account, 60)
    first = product_page(account, query="", sort="name", cursor=None)
    gone = first.rows[-1]
    Registration.objects.filter(pk=gone.pk).update(ended_at=datetime.datetime.now(datetime.UTC))

    page = product_page(account, query="", sort="name", cursor=after(first))

    assert page.first_number == 1
    assert not page.has_previous
    assert gone.unit.serial not in serials(page)


def test_a_cursor_of_another_account_leads_to_the_first_page(account) -> None:
    fill(account, 3)

    page = product_page(
        account, query="", sort="name", cursor=Cursor(RegistrationFactory().unit.serial, 7, is_backward=False)
    )

    assert (page.first_number, len(page.rows)) == (1, 3)


@pytest.mark.parametrize("is_backward", [True, False])
def test_a_cursor_beside_which_nothing_is_left_leads_to_the_first_page(account, is_backward: bool) -> None:
    fill(account, 3)
    ordered = serials(product_page(account, query="", sort="name", cursor=None))
    at = ordered[0] if is_backward else ordered[-1]

    page = product_page(account, query="", sort="name", cursor=Cursor(at, 2, is_backward))

    assert serials(page) == ordered
    assert (page.first_number, page.has_previous, page.has_next) == (1, False, False)


@pytest.mark.parametrize("way", ["before", "after"])
def test_an_old_address_of_a_page_that_is_empty_now_still_opens(client: Client, way: str) -> None:
    registration = RegistrationFactory(account=(member := MembershipFactory()).account)
    client.force_login(member.user)

    answer = client.get("/products/", {way: registration.unit.serial, "number": "51"})

    assert answer.status_code == 200
    assert serials(answer.context["page"]) == [registration.unit.serial]


@pytest.mark.parametrize(
    "query",
    ["san", "SAN JOSE", "jose san", "0006b112", "441c", "pro 5060", "jose 441c", "K3YU89HX", "k3yu jose"],
)
def test_every_word_is_looked_for_in_name_serial_line_and_code(account, query: str) -> None:
    unit = UnitFactory(serial="0006B112441C")
    found = RegistrationFactory(account=account, unit=unit, friendly_name="San Jose", code="K3YU89HX")
    RegistrationFactory(account=account, unit__model_name="TZ 170", friendly_name="Berlin", code="AAAAAAAA")

    assert list(Registration.objects.visible_to(account).matching(query)) == [found]


@pytest.mark.parametrize("query", ["berlin jose", "%", "_", "\\", "' or 1=1", "BE-EF"])
def test_what_no_row_has_finds_nothing(account, query: str) -> None:
    RegistrationFactory(account=account, friendly_name="San Jose", unit__serial="0006B112441C")
    RegistrationFactory(account=account, friendly_name="Berlin", unit__serial="0006B1124416")

    assert not Registration.objects.visible_to(account).matching(query)


@pytest.mark.parametrize(
    "query", ["00:06:B1:12:44:1C", "0006-b112-441c", " 0006b112 441c ", "0006\u00a0B112\u00a0441C"]
)
def test_a_serial_number_is_found_in_any_notation(account, query: str) -> None:
    found = RegistrationFactory(account=account, unit__serial="0006B112441C")
    RegistrationFactory(account=account)

    assert list(Registration.objects.visible_to(account).matching(query)) == [found]


def test_only_live_products_of_the_account_are_found(account) -> None:
    RegistrationFactory(friendly_name="Berlin")
    RegistrationFactory(account=account, friendly_name="Berlin", ended_at=datetime.datetime.now(datetime.UTC))

    assert not Registration.objects.visible_to(account).matching("berlin")


def test_pages_of_a_filtered_list_stay_filtered(account) -> None:
    fill(account, 130)
    first = product_page(account, query="5060", sort="serial", cursor=None)

    pages = [first]
    while pages[-1].has_next:
        pages.append(product_page(account, query="5060", sort="serial", cursor=after(pages[-1])))

    assert {row.unit.model.name for page in pages for row in page.rows} == {"PRO 5060"}
    assert (pages[-1].last_number, pages[-1].total) == (44, 44)


@pytest.mark.parametrize(("rows", "text"), [(0, "0"), (4, "4"), (5, "5"), (6, "5+"), (9, "5+")])
def test_the_count_is_capped(account, monkeypatch, rows: int, text: str) -> None:
    monkeypatch.setattr(selectors, "MOST_COUNTED", 5)
    fill(account, rows)

    page = product_page(account, query="", sort="name", cursor=None)

    assert page.total_text == text
    assert page.total == min(rows, 6)


def test_a_large_count_is_written_with_a_comma() -> None:
    page = ProductPage([], 1, has_previous=False, has_next=False, total=10_001)

    assert page.total_text == "10,000+"
