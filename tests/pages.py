"""A page as the tests read it: a tree of elements, built with the standard library's parser."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.http import HttpResponse

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Element:
    """An element with its attributes; `parts` are its texts and children in order."""

    tag: str
    attrs: dict[str, str] = field(default_factory=dict)
    parts: "list[str | Element]" = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text inside, with white space collapsed."""
        texts = [part if isinstance(part, str) else f" {part.text} " for part in self.parts]
        return " ".join("".join(texts).split())

    def all(self, tag: str = "", **attrs: str) -> "Iterator[Element]":
        """The elements inside with this tag and these attributes (`data_code` is data-code)."""
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attrs.items()}
        for child in self.parts:
            if isinstance(child, Element):
                if tag in {"", child.tag} and wanted.items() <= child.attrs.items():
                    yield child
                yield from child.all(tag, **attrs)

    def one(self, tag: str = "", **attrs: str) -> "Element":
        """The only such element."""
        (found,) = self.all(tag, **attrs)
        return found

    def rows(self) -> list[list[str]]:
        """The texts of the table's cells, without its head."""
        body = self.one("tbody")
        return [[cell.text for cell in row.all("td")] for row in body.all("tr")]


class Page(HTMLParser):
    """Reads a response's HTML. `problems` are tags that don't close the one opened last."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.root = Element("")
        self.problems: list[str] = []
        self._open = [self.root]
        self.feed(response.content.decode())
        self.close()
        self.problems += [f"<{element.tag}> is never closed" for element in self._open[1:]]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.problems += [f"<{tag}> has {name} twice" for name in set(names) if names.count(name) > 1]
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].parts.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].parts.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self._open[-1].tag == tag:
            self._open.pop()
        else:
            self.problems.append(f"</{tag}> closes <{self._open[-1].tag}>")

    def handle_data(self, data: str) -> None:
        self._open[-1].parts.append(data)

    def section(self, heading: str) -> Element:
        """The section whose heading has this id."""
        return self.root.one("section", aria_labelledby=heading)

    def field(self, name: str) -> Element:
        """The form's field with this name: label, input, help and errors."""
        (found,) = [
            element
            for element in self.root.all("div", class_="field")
            if any(child.attrs.get("name") == name for child in element.all())
        ]
        return found

    def codes(self, within: Element | None = None) -> list[str]:
        """The codes of the refusals shown."""
        return [e.attrs["data-code"] for e in (within or self.root).all() if "data-code" in e.attrs]
