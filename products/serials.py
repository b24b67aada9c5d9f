"""Serial numbers and authentication codes as people and spreadsheets write them (rules R1 and R2)."""

import re
import unicodedata

from products.errors import InvalidCode, InvalidSerial

SERIAL_DIGITS = 12
CODE_CHARACTERS = 8
_CANONICAL_SERIAL = re.compile(r"[0-9A-F]{12}")
_USUAL_CODE = re.compile(r"([0-9A-Z]{4})-?([0-9A-Z]{4})")
_SEPARATORS = re.compile(r"[\s:\-\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202e\u2066-\u2069\u2212\ufeff]+")
_FLOAT = re.compile(r"\d+([.,]\d*)?E[+-]?\d+|\d+[.,]\d+", re.IGNORECASE)


def strip_separators(text: str) -> str:
    """Remove spaces, hyphens and invisible marks from a typed text, and raise its letters."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()


def normalize_serial(text: str) -> str:
    """Return a serial number as its 12 hexadecimal digits, upper case. Raises InvalidSerial (R1)."""
    if _CANONICAL_SERIAL.fullmatch(text):  # most are, and the rest takes ten times longer
        return text
    serial = strip_separators(text)
    if _CANONICAL_SERIAL.fullmatch(serial):
        return serial
    if _FLOAT.fullmatch(unicodedata.normalize("NFKC", text).strip()):
        raise InvalidSerial(
            problem="A spreadsheet has read this one as a number: set the column's format to text "
            "and type the serial number from the unit's label."
        )
    if stray := re.search(r"[^0-9A-F]", serial):
        hint = " (the letter O is never used: it is a zero)" if stray[0] == "O" else ""
        raise InvalidSerial(problem=f"“{stray[0]}” is none of them{hint}. Compare it with the unit's label.")
    if len(serial) < SERIAL_DIGITS:
        zeros = " Spreadsheets drop leading zeros: put them back." if serial else ""
        raise InvalidSerial(problem=f"This one has {len(serial)}.{zeros}")
    raise InvalidSerial(problem=f"This one has {len(serial)}. Was more pasted than the serial number?")


def normalize_code(text: str) -> str:
    """Return an authentication code as its 8 letters and digits, upper case. Raises InvalidCode (R2)."""
    if usual := _USUAL_CODE.fullmatch(text):
        return usual[1] + usual[2]
    code = strip_separators(text)
    if not re.fullmatch(rf"[0-9A-Z]{{{CODE_CHARACTERS}}}", code):
        raise InvalidCode
    return code


class SerialConverter:
    """A serial number in an address: 12 hexadecimal digits, in either case."""

    regex = "[0-9A-Fa-f]{12}"

    def to_python(self, value: str) -> str:
        """Return the stored form: upper case."""
        return value.upper()

    def to_url(self, value: str) -> str:
        """Serial numbers are stored as addresses show them."""
        return value
