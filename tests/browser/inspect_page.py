"""What every page must be like, however it is looked at: accessible, no wider than a phone, easy to hit."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.browser.guard import DESKTOP, HEIGHT, PHONE

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


def inspect_page(page: Page) -> None:
    """Look at a page in light and dark, on a desk and on a phone; axe runs with every rule."""
    page.evaluate(AXE_SCRIPT)
    found = []
    for width in (DESKTOP, PHONE):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        found += [f"{width}: {problem}" for problem in page.evaluate(LAYOUT)]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for violation in page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]:
                targets = [node["target"] for node in violation["nodes"]]
                found.append(f"{width} {scheme}: {violation['id']} {targets} {violation['help']}")
    page.set_viewport_size({"width": DESKTOP, "height": HEIGHT})
    page.emulate_media(color_scheme="light")
    assert not found, "\n".join([page.url, *found])
