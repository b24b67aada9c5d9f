"""Serial numbers and authentication codes as people and spreadsheets write them (R1, R2)."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licensing.keyset import read_serial, serials
from products import notation
from products.errors import InvalidCode, InvalidSerial
from products.serials import SerialConverter, normalize_code, normalize_serial

SERIAL = "0006B112441C"
FULL_WIDTH = "".join(chr(ord(character) + 0xFEE0) for character in "7KMD-P2QX")
SEPARATORS = st.text(
    st.sampled_from(" \t\r\n-:\u00a0\u00ad\u200b\u2009\u2010\u2011\u2013\u2212\ufeff\uff0d\uff1a")
)


READ = [
    SERIAL,
    "0006b112441c",
    "0006-B112-441C",
    "00:06:B1:12:44:1C",
    "00-06-b1-12-44-1c",
    "0006.b112.441c",
    "0006B1.12441C",
    "  0006 B112 441C\r\n",
    "0006\u00a0B112\u00a0441C",
    "0006\u2011B112\u2013441C",
    "0006\u2043B112\u2212441C",
    "0006\u05beB112\ufe63441C",
    "\ufeff0006B112441C\u200b",
    "\u200e0006B112\u2060441C\ufe0f\u3164\U000e0001",
    "\uff10\uff10\uff10\uff16\uff22\uff11\uff11\uff12\uff14\uff14\uff11\uff23",
    "00\uff1a06\uff1ab1\uff1a12\uff1a44\uff1a1c",
    "Serial Number: 0006B112441C",
    "serial number 0006-B112-441C",
    "Serial\u00a0No.: 0006B112441C",
    "Serial: 0006B112441C",
    "S/N 0006B112441C",
    "s/n:0006b112441c",
    "SN: 0006B112441C",
    "SN0006B112441C",
    "S/N #0006B112441C",
    "#0006B112441C",
    "No. 0006B112441C",
    "0x0006B112441C",
    '"0006B112441C"',
    "'0006B112441C",
    "'0006B112441C'",
    "\u201c0006B112441C\u201d",
    "\u00ab 0006B112441C \u00bb",
    '="0006B112441C"',
    '"=""0006B112441C"""',
    'S/N "0006B112441C"',
    '"S/N: 0006B112441C"',
]
"""One serial number in every notation."""

REFUSED = {
    "6.0E+11": "spreadsheet",
    "6,0E+11": "spreadsheet",
    "6E+11": "spreadsheet",
    "6.0e+11": "spreadsheet",
    " 6.00E+11 ": "spreadsheet",
    "6.0E11": "spreadsheet",
    "6.11244101E10": "spreadsheet",  # 12 hexadecimal digits, but for the dot
    "6.12441101E-10": "spreadsheet",
    '="6.0E+11"': "spreadsheet",
    "6112441.0": "spreadsheet",
    "61124410001.0": "spreadsheet",
    "611,5": "spreadsheet",
    "6,112,441": "spreadsheet",
    "6B112441C": "leading zeros",
    "6112441": "leading zeros",
    "#112441C": "leading zeros",
    "OOO6B112441C": "letter O",
    "0OO6B112441C": "letter O",
    "ooo6b112441c": "letter O",
    "0006\u0410112441C": "\u201c\u0410\u201d (U+0410)",
    "\u041e\u041e\u041e6B112441C": "U+041E",
    "0006B112441\u0661": "\u201c\u0661\u201d (U+0661)",
    "0006B112\x00441C": "(U+0000)",
    "0006B112\ue000441C": "(U+E000)",
    "0006B112\u0301441C": "(U+0301)",
    "0006B11244IC": "\u201cI\u201d",
    "0006B1124416;": "\u201c;\u201d",
    "not a serial": "\u201cN\u201d",
    SERIAL * 2: "more pasted",
    f"{SERIAL} {SERIAL}": "more pasted",
    f"{SERIAL}0": "more pasted",
    "": "This one has 0.",
    " \t ": "This one has 0.",
    "--:--": "This one has 0.",
    '=""': "This one has 0.",
    "S/N": "This one has 0.",
}
"""What is no serial number, each with a part of what is said of it."""


def read(text: str) -> str:
    """Read a text as the portal does, and see that the keyset's reader says the same."""
    try:
        serial = read_serial(text)
    except ValueError as error:
        with pytest.raises(InvalidSerial, match=re.escape(str(error))):
            normalize_serial(text)
        raise
    assert normalize_serial(text) == serial
    return serial


@pytest.mark.parametrize("text", READ, ids=ascii)
def test_a_serial_number_is_read_in_every_notation(text: str) -> None:
    assert read(text) == SERIAL


@pytest.mark.parametrize(("text", "problem"), REFUSED.items(), ids=map(ascii, REFUSED))
def test_what_is_no_serial_number_is_refused_with_what_happened(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        read(text)


def test_what_cannot_be_seen_is_not_shown() -> None:
    with pytest.raises(ValueError, match="delete it") as caught:
        read("0006B112\x00441C")

    assert "\x00" not in str(caught.value)


def test_only_a_letter_o_has_its_message() -> None:
    with pytest.raises(ValueError, match="none of them") as caught:
        read("0006B112441G")

    assert "letter O" not in str(caught.value)


def test_the_portal_and_the_keysets_reader_read_by_the_same_text() -> None:
    assert Path(notation.__file__).read_bytes() == Path(serials.__file__).read_bytes()


@settings(deadline=None)
@given(digits=st.from_regex(r"[0-9A-Fa-f]{12}", fullmatch=True), data=st.data())
def test_separators_anywhere_make_no_difference(digits: str, data: st.DataObject) -> None:
    written = "".join(data.draw(SEPARATORS) + digit for digit in digits) + data.draw(SEPARATORS)

    assert normalize_serial(written) == digits.upper()


@settings(deadline=None)
@given(st.text())
def test_any_text_is_twelve_digits_or_refused(text: str) -> None:
    try:
        serial = normalize_serial(text)
    except InvalidSerial:
        return

    assert re.fullmatch(r"[0-9A-F]{12}", serial)
    assert normalize_serial(serial) == serial


@pytest.mark.parametrize(
    "text",
    ["7KMD-P2QX", "7kmdp2qx", " 7kmd - p2qx ", "7KMD\u2013P2QX", "7KMD\u00a0P2QX", FULL_WIDTH],
)
def test_a_code_is_read_in_every_notation(text: str) -> None:
    assert normalize_code(text) == "7KMDP2QX"


@pytest.mark.parametrize("text", ["", "7KMD-P2Q", "7KMD-P2QXX", "7KMD_P2QX", "7KMD-P2QÄ", "7KMD-P2QX\0"])
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(InvalidCode):
        normalize_code(text)


def test_an_address_may_carry_a_serial_number_in_either_case() -> None:
    converter = SerialConverter()

    assert re.fullmatch(converter.regex, "0006b112441c")
    assert converter.to_python("0006b112441c") == converter.to_url(SERIAL) == SERIAL
