"""A serial number as people, spreadsheets and labels write it (rule R1).

`products/notation.py` and `licensing/keyset/serials.py` are the same text: the keyset's reader stands alone.
A test compares both, and reads one table of cases with either.
"""

import re
import unicodedata

SERIAL_DIGITS = 12
_CANONICAL = re.compile(r"[0-9A-F]{12}")
_LABEL = re.compile(
    r"(?:(?:serial\s*(?:number|num\.?|no\.?)?|s\s*/\s*n|sn|no\b)[\s:.=]*)?#?\s*(?:0x)?", re.IGNORECASE
)
_QUOTES = " \t\r\n=\"'`\u00ab\u00bb\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a"
# With an exponent or a decimal, as spreadsheets and programs write a number.
_NUMBER = re.compile(r"\d[.,]\d*E[+-]?\d+|\d+([.,]\d*)?E\+\d+|\d+[.,]\d{1,2}", re.IGNORECASE)
_SHORT_NUMBER = re.compile(r"\d+([.,]\d*)?E[+-]?\d+|\d+([.,]\d+)+", re.IGNORECASE)
_WANTED = "A serial number has 12 hexadecimal digits (0 to 9, A to F). "
_SPREADSHEET = (
    f"{_WANTED}A spreadsheet has read this one as a number: set the column's format to text "
    "and type the serial number from the unit's label."
)
_SEPARATORS = frozenset(":.\u2043\u2212\u02d7")
# Marks and fillers that nobody sees though Unicode doesn't call them formats.
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(c) for c in range(0xFE00, 0xFE10)
}
_SEPARATING = {"Cf", "Pd", "Zl", "Zp", "Zs"}


def strip_separators(text: str) -> str:
    """Remove blanks, hyphens, dots, colons and invisible marks; narrow what is wide, raise a to z."""
    narrow = unicodedata.normalize("NFKC", text)
    return "".join(_raised(character) for character in narrow if not _separates(character))


def bare_serial(text: str) -> str:
    """What is typed for a serial number or its beginning, without a label, quotes and separators."""
    return strip_separators(_written(text))


def read_serial(text: str) -> str:
    """Return a serial number as its 12 hexadecimal digits, upper case. Raises ValueError, which says why."""
    if _CANONICAL.fullmatch(text):  # most are, and the rest takes ten times longer
        return text
    written = _written(text)
    serial = strip_separators(written)
    if _NUMBER.fullmatch(written):
        raise ValueError(_SPREADSHEET)
    if _CANONICAL.fullmatch(serial):
        return serial
    if _SHORT_NUMBER.fullmatch(written):
        raise ValueError(_SPREADSHEET)
    if stray := re.search(r"[^0-9A-F]", serial):
        raise ValueError(_named(stray[0]))
    if len(serial) < SERIAL_DIGITS:
        zeros = " Spreadsheets drop leading zeros: put them back." if serial else ""
        raise ValueError(f"{_WANTED}This one has {len(serial)}.{zeros}")
    raise ValueError(f"{_WANTED}This one has {len(serial)}. Was more pasted than the serial number?")


def _written(text: str) -> str:
    """A text without invisible marks, quotes and label; a spreadsheet's `="…"` and `'` are quotes too."""
    seen = "".join(c for c in text if c not in _UNSEEN and unicodedata.category(c) != "Cf")
    inside = unicodedata.normalize("NFKC", seen).strip(_QUOTES)
    label = _LABEL.match(inside)
    return inside[label.end() if label else 0 :].strip(_QUOTES)


def _separates(character: str) -> bool:
    is_mark = character in _SEPARATORS or character in _UNSEEN or character.isspace()
    return is_mark or unicodedata.category(character) in _SEPARATING


def _raised(character: str) -> str:
    return character.upper() if character.isascii() else character


def _named(stray: str) -> str:
    """Say which character isn't a digit, and how it got there where that is known."""
    code = f"U+{ord(stray):04X}"
    if stray == "O":
        what = "“O” is none of them (the letter O is never used: it is a zero)"
    elif unicodedata.category(stray)[0] in "CMZ":
        what = f"It contains a character that can't be seen ({code}): delete it"
    elif not stray.isascii() and stray.isalnum():
        what = f"“{stray}” ({code}) belongs to another alphabet, whatever it looks like"
    else:
        what = f"“{stray}” is none of them"
    return f"{_WANTED}{what}. Compare it with the unit's label."
