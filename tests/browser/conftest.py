"""What the browser's tests stand on: one Chromium, the portal with the demo's data, and pages under guard.

Models are imported late: named on the command line, this file is read before Django is set up.
"""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser.drained_server import DrainedServer
from tests.browser.guard import PATIENCE, Guard

if TYPE_CHECKING:
    from portal.models import User

NO_BROWSER = (
    "Browser tests need Chromium: `uv run playwright install chromium`, or your system's package "
    "`chromium-headless-shell` or `chromium`."
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name but the portal's own leads anywhere; `portal.test` is the portal on an origin that isn't secure.
    "--host-resolver-rules=MAP portal.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost",
]


def find_chromium(playwrights_own: str) -> str | None:
    """Playwright's own browser where it is installed, else the system's."""
    if Path(playwrights_own).exists():
        return playwrights_own
    found = (
        shutil.which(name)
        for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    )
    return next(filter(None, found), None)


def pytest_itemcollected(item: pytest.Item) -> None:
    """A live server and its test need a database that two connections can use at once."""
    item.add_marker("postgres")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Every test ends with its guard's verdict."""
    result = yield
    pyfuncitem.funcargs["guard"].check()
    return result


@pytest.fixture(scope="session")
def live_server(django_db_setup: None) -> Iterator[LiveServer]:
    """The portal as it is deployed: whitenoise serves the collected files under their hashed names.

    Without this, Django's own finder of static files would stand in front, which knows no hashed names.
    """
    from django.conf import settings

    settings.WHITENOISE_AUTOREFRESH = False
    server = LiveServer("localhost", start=False)
    server.thread.static_handler = lambda application: application
    server.thread.server_class = DrainedServer
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser(live_server: LiveServer) -> Iterator[Browser]:
    """One Chromium for the whole run."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        executable = find_chromium(playwright.chromium.executable_path)
        if executable is None:
            (pytest.fail if os.environ.get("REQUIRE_BROWSER") == "1" else pytest.skip)(NO_BROWSER)
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def guard(browser: Browser, live_server: LiveServer, transactional_db: None) -> Iterator[Guard]:
    """The only way to a page: what it opens, it watches, and the test fails with it."""
    guard = Guard(browser, live_server.url)
    yield guard
    guard.close()
    live_server.thread.httpd.drain()


@pytest.fixture(params=[True, False], ids=["js", "no-js"])
def javascript(request: pytest.FixtureRequest) -> bool:
    """Whether the browser runs scripts."""
    return bool(request.param)


@pytest.fixture
def demo(catalogue: None, keys: None, settings: Settings) -> None:
    """The demo's data, as a newcomer finds it; its logins have the password PASSWORD."""
    from portal.clock import today
    from portal.demo import load_demo
    from tests.factories import PASSWORD

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    load_demo(password=PASSWORD, today=today())


@pytest.fixture
def owner(demo: None) -> "User":
    from portal.demo import OWNER
    from portal.models import User

    return User.objects.get(username=OWNER)


@pytest.fixture
def support(demo: None) -> "User":
    from portal.demo import SUPPORT
    from portal.models import User

    return User.objects.get(username=SUPPORT)


@pytest.fixture
def agent(demo: None) -> "User":
    """Somebody at the desk who may look up and replace, and nothing else."""
    from portal.roles import AGENT
    from tests.factories import staff

    return staff(AGENT, username="agent")


@pytest.fixture
def lead(demo: None) -> "User":
    """Somebody at the desk who may correct, too."""
    from portal.roles import LEAD
    from tests.factories import staff

    return staff(LEAD, username="lead")


@pytest.fixture
def page(guard: Guard, owner: "User", javascript: bool) -> Page:
    """The main page, with the demo's owner logged in; once with scripts and once without."""
    return guard.open(user=owner, javascript=javascript)
