"""What befalls a text between the portal's box and the appliance's, and which reason is given for it."""

import base64

import cbor2
import pytest

from licensing.keyset import Malformed, Reason, encode, read, sign
from tests.licensing.keyset.support import PAYLOAD, SECONDARY, SIGNER, as_data, as_text, signed_text

TEXT = sign(PAYLOAD, SIGNER)
RAW = base64.b64decode(TEXT)
WRAPPED = "\r\n".join(TEXT[at : at + 64] for at in range(0, len(TEXT), 64))


def refused(text: str) -> Malformed:
    with pytest.raises(Malformed) as caught:
        read(text)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        WRAPPED,
        f"\ufeff{TEXT}\n",
        f"  {TEXT[:50]}\u00a0{TEXT[50:]}",
        "\u200b".join(TEXT),
        f"{TEXT[:9]}\u2028\u200c\u200d\u2060\t\v\f\x85\u3000{TEXT[9:]}",
    ],
)
def test_blanks_and_invisible_characters_do_not_matter(text: str) -> None:
    assert read(text) == PAYLOAD


@pytest.mark.parametrize(
    "text", ["", " \n", "Or enter keyset:", "YTAzwv+pduKMxVchpvQ2hsSdWHizLK5L", TEXT[1:]]
)
def test_what_does_not_begin_as_a_keyset_is_none(text: str) -> None:
    assert refused(text).reason is Reason.NOT_A_KEYSET


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (f"{TEXT[:56]}!{TEXT[57:]}", "57, blanks not counted, is '!'"),
        (f"{WRAPPED[:70]}\ud800{WRAPPED[70:]}", "69, blanks not counted, is U+D800"),
        (f"{TEXT[:20]}\u200e{TEXT[20:]}", "21, blanks not counted, is U+200E"),
        (f'"{TEXT}"', "1, blanks not counted, is '\"'"),
        (f"{TEXT}Submit", f"{len(TEXT) + 1}, blanks not counted, is 'S'"),
        (TEXT.replace("+", "-").replace("/", "_"), "blanks not counted"),
    ],
)
def test_a_stray_character_is_named_with_its_place(text: str, detail: str) -> None:
    error = refused(text)

    assert error.reason is Reason.STRAY_CHARACTER
    assert detail in error.detail


@pytest.mark.parametrize("have", range(28, len(TEXT)))
def test_an_incomplete_text_is_counted(have: int) -> None:
    error = refused(TEXT[:have])

    assert (error.reason, error.detail) == (Reason.INCOMPLETE, f"({have} of {len(TEXT)} characters.)")


@pytest.mark.parametrize("have", range(1, 28))
def test_a_text_without_its_length_is_incomplete_too(have: int) -> None:
    assert refused(TEXT[:have]).reason is Reason.INCOMPLETE


@pytest.mark.parametrize(
    "text", [TEXT * 2, f"{TEXT}\n{TEXT}", TEXT[:100] + TEXT, TEXT + TEXT[:50], TEXT + sign(SECONDARY, SIGNER)]
)
def test_more_than_one_keyset_is_pasted_twice(text: str) -> None:
    assert refused(text).reason is Reason.PASTED_TWICE


def test_8193_characters_are_too_long() -> None:
    assert refused(TEXT + " " * (8193 - len(TEXT))).reason is Reason.TOO_LONG
    assert read(TEXT + " " * (8192 - len(TEXT))) == PAYLOAD


def with_byte(at: int, value: int) -> str:
    return as_text(RAW[:at] + bytes((value,)) + RAW[at + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        with_byte(4, 0x02),  # the header's key 1
        with_byte(5, 0x26),  # alg -7
        with_byte(16, 0xA1),  # something unprotected
        with_byte(17, 0x5B),  # a body beyond any length
        with_byte(19, 0xA5),
        with_byte(len(RAW) - 65, 0x41),  # a longer signature
        signed_text(encode(PAYLOAD), protected=cbor2.dumps({1: -19, 4: SIGNER.kid})),
        signed_text(encode(PAYLOAD) + b"\x00"),
        signed_text(cbor2.dumps({**as_data(PAYLOAD), 8: 1})),
        TEXT[:30] + "=" + TEXT[31:],
    ],
)
def test_wrong_bytes_in_a_text_of_the_right_length_are_damage(text: str) -> None:
    assert refused(text).reason is Reason.DAMAGED


def test_bits_left_over_in_the_last_character_are_damage() -> None:
    payload = next(p for p in (PAYLOAD, SECONDARY) if sign(p, SIGNER).endswith("="))
    text = sign(payload, SIGNER)
    last = len(text.rstrip("=")) - 1
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = alphabet[alphabet.index(text[last]) + 1]

    same_bytes = text[:last] + other + text[last + 1 :]

    assert base64.b64decode(same_bytes) == base64.b64decode(text)
    assert refused(same_bytes).reason is Reason.DAMAGED


def test_every_reason_has_a_text_of_its_own() -> None:
    assert len({reason.text for reason in Reason}) == len(Reason)
