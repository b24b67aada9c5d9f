"""Every search takes a few words: a longer one is refused beside its box and runs no query."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.errors import SearchTooLong
from portal.name_search import MOST_CHARACTERS, MOST_WORDS, words_of
from tests.factories import RegistrationFactory, log_in, pair
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

TOO_LONG = {
    "3,000 words": "ab " * 3000,
    "a word too many": " ".join("abcdefghi"),
    "a character too many": "a" * (MOST_CHARACTERS + 1),
}
JUST_FITS = ["a" * MOST_CHARACTERS, " ".join("abcdefgh")]
BOXES = {
    "products/my_products.html",
    "associations/create_association.html",
    "associations/associated_products.html",
    "associations/change_parent.html",
    "desk/_search.html",  # the desk's box, which takes a whole keyset
}
FIND = "associations/_find.html"
"""The box that two of them share."""
SEARCHED = [desk.opts.label_lower for desk in admin.site._registry.values() if desk.search_fields]

too_long = pytest.mark.parametrize("text", TOO_LONG.values(), ids=TOO_LONG)


@pytest.fixture
def pages(client: Client) -> list[str]:
    """The pages of a pair that have a search box, each with something that is found without a search."""
    member = log_in(client)
    primary, secondary, seat = pair(member.account, member.user)
    alone, _ = RegistrationFactory.create_batch(2, account=member.account)
    return [
        "/products/",
        f"/products/{alone.unit.serial}/association/",
        f"/products/{alone.unit.serial}/association/child/",
        f"/products/{primary.unit.serial}/associated/hf/",
        f"/products/{secondary.unit.serial}/associations/{seat.uuid}/parent/",
    ]


def ask(get: Callable[[], object]) -> tuple[object, list[str]]:
    with CaptureQueriesContext(connection) as captured:
        response = get()
    return response, [query["sql"] for query in captured]


def found_in(page: Page) -> list[list[str]]:
    return [row for body in page.root.all("tbody") for row in body.all("tr")]


def test_every_box_is_walked() -> None:
    folder = Path(settings.BASE_DIR / "templates")
    texts = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.html")}
    boxes = {name for name, text in texts.items() if 'type="search"' in text}
    shared = f'{{% include "{FIND}" %}}'

    assert {name for name, text in texts.items() if shared in text} | boxes - {FIND} == BOXES
    assert {"products.unit", "portal.user", "licensing.activationkey"} < set(SEARCHED)


@too_long
def test_pages_refuse_a_long_search_and_ask_nothing(client: Client, pages: list[str], text: str) -> None:
    for address in pages:
        answer, asked = ask(lambda at=address: client.get(at, {"q": text}))

        page = Page(answer)
        assert (address, answer.status_code) == (address, 422)
        assert SearchTooLong.code in page.codes()
        assert page.root.one("input", type="search", name="q").attrs["value"] == text.strip()
        assert found_in(page) == []
        assert not [sql for sql in asked if "LIKE" in sql]


@pytest.mark.parametrize("text", JUST_FITS)
def test_pages_look_for_what_just_fits(client: Client, pages: list[str], text: str) -> None:
    for address in pages:
        answer, asked = ask(lambda at=address: client.get(at, {"q": text}))

        assert (address, answer.status_code) == (address, 200)
        assert [sql for sql in asked if "LIKE" in sql]


@too_long
def test_the_list_that_filters_itself_says_it_in_its_place(
    client: Client, pages: list[str], text: str
) -> None:
    answer = client.get("/products/", {"q": text}, headers={"HX-Request": "true"})

    assert answer.status_code == 422
    assert Page(answer).codes() == [SearchTooLong.code]


@too_long
@pytest.mark.parametrize("model", SEARCHED)
def test_the_desks_lists_refuse_a_long_search_and_ask_nothing(desk: Client, model: str, text: str) -> None:
    answer, asked = ask(lambda: desk.get(f"/support/{model.replace('.', '/')}/", {"q": text}))

    page = Page(answer)
    assert answer.status_code == 422
    assert page.codes(page.root.one("form", id="changelist-search")) == [SearchTooLong.code]
    assert page.root.one("input", id="searchbar").attrs["value"] == text
    assert list(answer.context["cl"].result_list) == []
    assert not [sql for sql in asked if "LIKE" in sql or "COUNT(" in sql]


@pytest.mark.parametrize("model", SEARCHED)
def test_the_desks_lists_look_for_what_just_fits(desk: Client, model: str) -> None:
    def get(text: str) -> Callable[[], object]:
        return lambda: desk.get(f"/support/{model.replace('.', '/')}/", {"q": text})

    _, refused = ask(get(TOO_LONG["3,000 words"]))
    for text in JUST_FITS:
        answer, asked = ask(get(text))

        assert answer.status_code == 200
        assert len(asked) > len(refused)


@too_long
def test_fields_that_complete_themselves_refuse_it_where_they_would_list(desk: Client, text: str) -> None:
    completed = [
        (kind.opts.app_label, kind.opts.model_name, name)
        for kind in admin.site._registry.values()
        for name in kind.autocomplete_fields
    ]

    assert completed
    for app, model, name in completed:
        field = {"app_label": app, "model_name": model, "field_name": name}
        answer, asked = ask(lambda f=field: desk.get("/support/autocomplete/", {"term": text, **f}))
        (row,) = answer.json()["results"]
        assert row["disabled"]
        assert str(MOST_WORDS) in row["text"]
        assert not [sql for sql in asked if "LIKE" in sql]


@pytest.mark.parametrize("text", ["x" * 8193, "ab " * 2700])
def test_the_desks_box_looks_a_long_text_up_by_no_name(desk: Client, text: str) -> None:
    answer, asked = ask(lambda: desk.post("/support/search/", {"q": text}))

    assert answer.status_code == 422
    assert not [sql for sql in asked if "LIKE" in sql]


def test_words_are_counted_without_the_blanks_around_them() -> None:
    assert words_of(" " * 10 + "a\tb\nc") == ["a", "b", "c"]
    with pytest.raises(SearchTooLong):
        words_of("a" + " " * MOST_CHARACTERS)
