"""The inspection itself: what it is there to find, it finds."""

import pytest

from tests.browser.guard import Guard
from tests.browser.inspect_page import inspect_page

WRONG = {
    "image-alt": "document.querySelector('main').append(new Image())",
    "color-contrast": "document.querySelector('h1').style.color = 'rgb(200 200 200)'",
    "the page is": "document.querySelector('main').style.minWidth = '2000px'",
    "high": "document.querySelector('main button').style.minHeight = '30px'",
}


@pytest.mark.parametrize("problem", WRONG)
def test_what_is_wrong_is_found(guard: Guard, problem: str) -> None:
    page = guard.open("/login/")
    page.evaluate(WRONG[problem])

    with pytest.raises(AssertionError, match=problem):
        inspect_page(page)


def test_page_without_scripts_is_refused_at_once(guard: Guard) -> None:
    page = guard.open("/login/", javascript=False)

    with pytest.raises(AssertionError, match="with scripts"):
        inspect_page(page)
