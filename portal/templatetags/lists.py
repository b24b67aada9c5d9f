"""Cells of the desk's lists with the names of their columns, which a phone shows beside them."""

from collections.abc import Iterable, Mapping

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

register = template.Library()


@register.filter
def labelled(cells: Iterable[SafeString], headers: Iterable[Mapping[str, str]]) -> list[SafeString]:
    """Add `data-label` to each cell that Django rendered, as the desk's own tables have it."""
    pairs = zip(cells, headers, strict=True)
    return [
        # Django rendered and escaped the cell; what is put in is escaped here.
        mark_safe(cell.replace(" class=", f' data-label="{escape(capfirst(header["text"]))}" class=', 1))  # noqa: S308
        for cell, header in pairs
    ]
