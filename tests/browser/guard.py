"""What no page of the portal may do, and how a test hears of it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Request

if TYPE_CHECKING:
    from portal.models import User

DESKTOP, PHONE = 1180, 390
HEIGHT = 900
PATIENCE = 10_000
"""Milliseconds for anything that the browser is to do or to show."""
# Reported by the page itself: the console says nothing of what a policy refuses to a form or a frame.
REPORT_VIOLATIONS = """
    addEventListener("securitypolicyviolation",
        (event) => reportViolation(`${event.violatedDirective} refused ${event.blockedURI}`), true);
"""


class GuardTripped(AssertionError):
    """A page did what no page of the portal may do."""


class Guard:
    """Opens pages and watches them for as long as the test runs.

    A problem is a violation of the Content-Security-Policy, an error in the console or in a script, and a
    request to any other host than the portal's.
    """

    def __init__(self, browser: Browser, origin: str) -> None:
        self.origin = origin
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._problems: list[str] = []
        self._errors: list[tuple[str, str]] = []
        self._refused: list[tuple[str, str]] = []

    def open(
        self,
        path: str = "/",
        *,
        user: "User | None" = None,
        javascript: bool = True,
        width: int = DESKTOP,
        scheme: Literal["light", "dark"] = "light",
        origin: str = "",
    ) -> Page:
        """Open a page in a browser context of its own, logged in as `user` where one is given."""
        origin = origin or self.origin
        context = self._browser.new_context(
            base_url=origin,
            java_script_enabled=javascript,
            viewport={"width": width, "height": HEIGHT},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.expose_binding("reportViolation", lambda source, text: self._problems.append(text))
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self._problems.append(f"page error: {error.error}"))
        context.on("request", self._on_request)
        if user:
            log_in(context, user, origin)
        page = context.new_page()
        page.goto(path)
        return page

    @contextmanager
    def refusal(self, page: Page, status: int) -> Iterator[None]:
        """Expect that what happens within loads a document with this status.

        Chromium writes such an answer to the console as an error ("Failed to load resource"), though a page
        that refuses is a page like any other. Exactly that line, for exactly this document, is no problem.
        """
        with page.expect_response(
            lambda response: response.request.is_navigation_request() and response.status == status
        ) as answer:
            yield
        start = f"Failed to load resource: the server responded with a status of {status} "
        self._refused.append((answer.value.url, start))
        page.wait_for_load_state()

    def check(self) -> None:
        """Raise GuardTripped where a page did what none may do."""
        for page in [page for context in self._contexts for page in context.pages]:
            with suppress(Error):  # a page that is just leaving has nothing more to say
                page.evaluate("0")  # whatever the page sent before this answer has arrived with it
        for url, text in self._errors:
            refused = next((r for r in self._refused if r[0] == url and text.startswith(r[1])), None)
            if refused:
                self._refused.remove(refused)
            else:
                self._problems.append(f"console: {text} ({url})")
        if self._problems:
            raise GuardTripped("\n".join(self._problems))

    def close(self) -> None:
        """Close every page."""
        for context in self._contexts:
            context.close()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._errors.append((message.location["url"], message.text))

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        own = {urlsplit(self.origin).port}
        if address.netloc and not (address.hostname in {"localhost", "portal.test"} and address.port in own):
            self._problems.append(f"request to another host: {request.url}")


def log_in(context: BrowserContext, user: "User", origin: str) -> None:
    """Give a browser context the session of a user who has logged in."""
    client = Client()
    client.force_login(user)
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": origin}])
