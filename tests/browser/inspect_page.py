"""What every page must be like, however it is looked at: accessible, no wider than a phone, easy to hit."""

from collections.abc import Sequence
from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.browser.guard import DESKTOP, HEIGHT, PHONE

type Look = tuple[int, Literal["light", "dark"]]
# No style depends on width and scheme together, so two looks see all; the flow's pages are seen in all four.
LOOKS: list[Look] = [(DESKTOP, "light"), (PHONE, "dark")]
EVERY_LOOK: list[Look] = [*LOOKS, (DESKTOP, "dark"), (PHONE, "light")]
LAYOUT = """
    () => {
        const root = document.documentElement;
        const wrong = root.scrollWidth > root.clientWidth ? [`the page is ${root.scrollWidth} wide`] : [];
        for (const box of document.querySelectorAll(".scroll, .card, table")) {
            if (box.scrollWidth > box.clientWidth + 1) wrong.push(`${box.className} scrolls sideways`);
        }
        if (innerWidth > 768) return wrong;
        const links = "nav a, th a, td > a, a.help, a.button";
        const fields = "button, select, textarea, input:not([type=hidden])";
        for (const target of document.querySelectorAll(`${links}, ${fields}`)) {
            const hit = target.matches("[type=radio], [type=checkbox]") ? target.closest("label") : target;
            const { height, width } = hit.getBoundingClientRect();
            if (width && height < 44) wrong.push(`${target.outerHTML.slice(0, 90)} is ${height} high`);
        }
        return wrong;
    }
"""


def has_scripts(page: Page) -> bool:
    """Whether scripts run in a page: without them no timer ends, and axe would wait for its own for ever."""
    return page.evaluate("matchMedia('(scripting: enabled)').matches")


def inspect_page(page: Page, looks: Sequence[Look] = LOOKS) -> None:
    """Look at a page in light and dark, on a desk and on a phone; axe runs with every rule."""
    assert has_scripts(page), "open the page with scripts: axe needs timers"
    found = []
    for width, scheme in looks:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=scheme)
        problems = page.evaluate(LAYOUT) + violations(page)
        found += [f"{width} {scheme}: {problem}" for problem in problems]
    page.set_viewport_size({"width": DESKTOP, "height": HEIGHT})
    page.emulate_media(color_scheme="light")
    assert not found, "\n".join([page.url, *found])


def violations(page: Page) -> list[str]:
    """What axe finds, by every rule that it has."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [f"{rule['id']} {[node['target'] for node in rule['nodes']]} {rule['help']}" for rule in found]
