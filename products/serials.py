"""Serial numbers and authentication codes as people and spreadsheets write them (rules R1 and R2)."""

import re

from products.errors import InvalidCode, InvalidSerial
from products.notation import read_serial, strip_separators

CODE_CHARACTERS = 8
_USUAL_CODE = re.compile(r"([0-9A-Z]{4})-?([0-9A-Z]{4})")


def normalize_serial(text: str) -> str:
    """Return a serial number as its 12 hexadecimal digits, upper case. Raises InvalidSerial (R1)."""
    try:
        return read_serial(text)
    except ValueError as error:
        raise InvalidSerial(problem=error) from None


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
