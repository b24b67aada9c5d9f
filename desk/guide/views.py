"""The desk's guide, `docs/support.md`, as a page with its pictures."""

from functools import cache
from itertools import pairwise

from django.conf import settings
from django.http import Http404, HttpResponse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt

from desk.access import LOOK, DeskRequest, desk_page, render_desk

FOLDER = settings.BASE_DIR / "docs"


@desk_page(LOOK)
@require_safe
def guide(request: DeskRequest) -> HttpResponse:
    title, text = _page()
    return render_desk(request, "desk/guide.html", {"title": title, "text": text})


@desk_page(LOOK)
@require_safe
def guide_picture(request: DeskRequest, name: str) -> HttpResponse:
    path = FOLDER / "pictures" / f"{name}.png"
    if not path.is_file():
        raise Http404
    return HttpResponse(path.read_bytes(), content_type="image/png")


@cache
def _page() -> tuple[str, SafeString]:
    """The title, and the rest as HTML. It is the repository's, and no HTML in it is passed on."""
    heading, _, text = (FOLDER / "support.md").read_text(encoding="utf-8").partition("\n")
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    for opening, inside in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", slugify(inside.content))  # as the links in the text name it
    html = reader.renderer.render(tokens, reader.options, {})
    return heading.removeprefix("# "), mark_safe(html)  # noqa: S308  (no input of anybody)
