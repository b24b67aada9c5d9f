"""docs/rules.md and the code say the same: codes, errors, where each rule is written, and its tests."""

import re
import tokenize
from collections.abc import Iterator
from functools import cache
from io import StringIO
from pathlib import Path
from pkgutil import resolve_name

import pytest

from portal.errors import RuleViolation
from tests.test_architecture import FILES, refusals

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/rules.md").read_text()
CODE = re.compile(r"\b[A-Z][1-9][0-9]?\b")
TEXTS = {tokenize.COMMENT, tokenize.STRING, tokenize.FSTRING_MIDDLE}
SEARCH = "`portal.errors.SearchTooLong`"


def read(page: str) -> dict[str, dict[str, list[str]]]:
    """The names in each section, by its heading and the word before them."""
    parts = [part.partition("\n") for part in re.split("^### ", page, flags=re.MULTILINE)[1:]]
    lines = re.compile(r"^- (\w+): (.*(?:\n  .*)*)", re.MULTILINE)
    return {title: {w: re.findall("`(.+?)`", n) for w, n in lines.findall(text)} for title, _, text in parts}


@cache
def cited() -> set[str]:
    files = (StringIO(path.read_text()) for path in FILES)
    tokens = (token for file in files for token in tokenize.generate_tokens(file.readline))
    return {code for token in tokens if token.type in TEXTS for code in CODE.findall(token.string)}


def found(name: str) -> object:
    try:
        return resolve_name(name)
    except (ImportError, AttributeError):
        return None


def is_test(name: str) -> bool:
    path, _, function = name.partition("::")
    return (ROOT / path).is_file() and f"\ndef {function}(" in (ROOT / path).read_text()


def is_error(name: str) -> bool:
    return isinstance(error := found(name), type) and issubclass(error, RuleViolation)


def problems(page: str) -> Iterator[str]:
    rules = read(page)
    codes = {title.split()[0]: names for title, names in rules.items() if CODE.match(title)}
    yield from (f"{code} is cited and not listed" for code in cited() - set(codes))
    yield from (f"{code} is listed and not cited" for code in set(codes) - cited())
    for refusal in refusals():
        name = f"{refusal.__module__}.{refusal.__name__}"
        if not any(name in names.get("Refuses", []) for names in rules.values()):
            yield f"{name} is no rule's"
        of = [code for code in CODE.findall(refusal.__doc__ or "") if code in codes]
        yield from (f"{name} isn't {code}'s" for code in of if name not in codes[code].get("Refuses", []))
    for title, names in rules.items():
        yield from (
            f"{title}: {word} nothing" for word in {"Written", "Tested", *names} if not names.get(word)
        )
        for word, is_there in {"Refuses": is_error, "Written": found, "Tested": is_test}.items():
            yield from (f"{name} isn't there" for name in names.get(word, []) if not is_there(name))


def test_the_page_and_the_code_say_the_same() -> None:
    assert not list(problems(PAGE))


@pytest.mark.parametrize(
    ("part", "instead", "problem"),
    [
        ("### R1 ", "### ", "R1 is cited and not listed"),
        ("### R1 ", "### R99 ", "R99 is listed and not cited"),
        (SEARCH, "`portal.keys.KeyMissing`", "portal.errors.SearchTooLong is no rule's"),
        ("- Refuses: `products.errors.UnitRetired`\n", "", "products.errors.UnitRetired isn't K3's"),
        (SEARCH, "nobody", "Searching: Refuses nothing"),
        (SEARCH, "`portal.outbox.MailGone`", "portal.outbox.MailGone isn't there"),
        (SEARCH, "`portal.outbox.Round`", "portal.outbox.Round isn't there"),
        ("- Written: `portal.name_search.words_of`", "", "Searching: Written nothing"),
        ("`portal.outbox.resend`", "`portal.outbox.gone`", "portal.outbox.gone isn't there"),
        ("- Tested: `tests/portal/test_outbox.py", "- `tests", "Mail: Tested nothing"),
        ("::test_a_refused_wish", "::test_a_granted_wish", "::test_a_granted_wish_to_send_again_"),
        ("tests/portal/test_outbox.py::", "tests/test_gone.py::", "tests/test_gone.py::"),
    ],
)
def test_what_the_page_says_wrongly_is_found(part: str, instead: str, problem: str) -> None:
    assert PAGE.count(part) == 1

    assert any(problem in said for said in problems(PAGE.replace(part, instead)))
