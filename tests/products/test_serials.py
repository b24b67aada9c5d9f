"""Serial numbers and authentication codes as people and spreadsheets write them (R1, R2)."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from products.errors import InvalidCode, InvalidSerial
from products.serials import SerialConverter, normalize_code, normalize_serial

SERIAL = "0006B112441C"
FULL_WIDTH = "".join(chr(ord(character) + 0xFEE0) for character in "7KMD-P2QX")
SEPARATORS = st.text(
    st.sampled_from(" \t\r\n-:\u00a0\u00ad\u200b\u2009\u2010\u2011\u2013\u2212\ufeff\uff0d\uff1a")
)


@pytest.mark.parametrize(
    "text",
    [
        "0006B112441C",
        "0006b112441c",
        "0006-B112-441C",
        "00:06:B1:12:44:1C",
        "00-06-b1-12-44-1c",
        "  0006 B112 441C\r\n",
        "0006\u00a0B112\u00a0441C",
        "0006\u2011B112\u2013441C",
        "\ufeff0006B112441C\u200b",
        "\uff10\uff10\uff10\uff16\uff22\uff11\uff11\uff12\uff14\uff14\uff11\uff23",
        "00\uff1a06\uff1ab1\uff1a12\uff1a44\uff1a1c",
    ],
    ids=ascii,
)
def test_a_serial_number_is_read_in_every_notation(text: str) -> None:
    assert normalize_serial(text) == SERIAL


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


def refusal_of(text: str) -> str:
    with pytest.raises(InvalidSerial) as caught:
        normalize_serial(text)
    return str(caught.value.facts["problem"])


@pytest.mark.parametrize(
    "text", ["6.0E+11", "6,0E+11", "6E+11", "6.0e+11", " 6.00E+11 ", "6112441.0", "611,5"]
)
def test_what_a_spreadsheet_made_a_number_is_refused_as_that(text: str) -> None:
    assert "spreadsheet" in refusal_of(text)


@pytest.mark.parametrize("text", ["6B112441C", "6112441", "112441C"])
def test_lost_leading_zeros_are_refused_as_that(text: str) -> None:
    assert "leading zeros" in refusal_of(text)


@pytest.mark.parametrize(
    "text", ["OOO6B112441C", "0006B11244IC", "0006B1124416;", "not a serial", "0006B112441\u0661"]
)
def test_a_stray_character_is_named(text: str) -> None:
    stray = re.search(r"[^0-9A-F]", text.upper())

    assert stray is not None
    assert f"“{stray[0]}”" in refusal_of(text)


def test_the_letter_o_has_its_own_message() -> None:
    assert "letter O" in refusal_of("0OO6B112441C")
    assert "letter O" not in refusal_of("0006B112441G")


@pytest.mark.parametrize("text", [SERIAL * 2, f"{SERIAL} {SERIAL}", f"{SERIAL}0"])
def test_what_is_too_long_may_have_been_pasted_twice(text: str) -> None:
    assert "more pasted" in refusal_of(text)


@pytest.mark.parametrize("text", ["", "   ", "--:--"])
def test_nothing_at_all_is_refused(text: str) -> None:
    assert "leading zeros" not in refusal_of(text)


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
