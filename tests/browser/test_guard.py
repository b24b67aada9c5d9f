"""The guard itself: what must trip it does. Every test here is expected to fail, and to fail by the guard."""

from pathlib import Path

import pytest
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from portal.models import User
from tests.browser.guard import Guard, GuardTripped

IMAGE = "document.body.append(Object.assign(new Image(), {src: 'http://elsewhere.test/x.png', alt: ''}))"
VIEWS_AT_WORK = """
    SELECT query FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend' AND state <> 'idle'
"""
trips = pytest.mark.xfail(raises=GuardTripped, strict=True, reason="the guard must fail this test")


@trips
@pytest.mark.parametrize(
    "script",
    [
        "document.body.append(Object.assign(document.createElement('script'), {text: '0'}))",
        "document.body.setAttribute('style', 'color: red')",
        IMAGE,
        "console.error('oh')",
    ],
    ids=["inline script", "inline style", "image of another host", "console error"],
)
def test_what_a_script_does_trips(guard: Guard, script: str) -> None:
    guard.open("/login/").evaluate(script)


@trips
def test_request_to_another_host_trips(guard: Guard) -> None:
    page = guard.open("/login/")

    with page.expect_event("requestfailed"):
        page.evaluate("location.href = 'http://elsewhere.test/'")


@trips
def test_page_error_trips(guard: Guard) -> None:
    page = guard.open("/login/")

    with page.expect_event("pageerror"):
        page.evaluate("setTimeout(() => { throw new Error('oh') })")


@trips
def test_unexpected_refusal_trips(guard: Guard) -> None:
    guard.open("/nowhere/")


@trips
def test_refusal_is_allowed_once(guard: Guard, owner: User) -> None:
    page = guard.open(user=owner)

    with guard.refusal(page, 404):
        page.goto("/nowhere/")
    page.goto("/nowhere/")


@trips
def test_policy_holds_without_scripts(guard: Guard) -> None:
    guard.open("/login/", javascript=False).evaluate(IMAGE)


def test_expected_refusal_is_no_problem(guard: Guard, owner: User) -> None:
    page = guard.open(user=owner)

    with guard.refusal(page, 404):
        page.goto("/nowhere/")

    assert page.locator("h1").is_visible()


def test_an_ended_test_leaves_no_view_at_work(guard: Guard, lead: User, live_server: LiveServer) -> None:
    page = guard.open("/support/", user=lead)
    page.evaluate("for (let i = 0; i < 9; i++) fetch(`/support/search/?q=PRO+${i}`).catch(() => 0)")

    guard.close()
    live_server.thread.httpd.drain()

    with connection.cursor() as cursor:
        cursor.execute(VIEWS_AT_WORK)
        assert cursor.fetchall() == []


def test_pages_come_from_the_guard_alone() -> None:
    own = {"guard.py", "conftest.py", Path(__file__).name}

    texts = {path: path.read_text() for path in Path(__file__).parent.glob("*.py") if path.name not in own}

    assert not [path.name for path, text in texts.items() if "new_context" in text or "new_page" in text]
