"""Whatever the reader may answer it is made to answer: each outcome, each reason, each place that refuses."""

import ast
import base64
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cbor2
import pytest

from licensing.keyset import Malformed, Outcome, Reason, encode, read, sign, verify
from licensing.keyset import codec as codec_module
from tests.licensing.keyset.support import (
    ISSUED,
    PAYLOAD,
    RING,
    SECONDARY,
    SIGNER,
    STRANGER,
    TODAY,
    as_data,
    as_text,
    signed_text,
)

CODEC = Path(codec_module.__file__)
READERS = ("unseal", "decode", "_read_")
TEXT, BODY, DATA = sign(PAYLOAD, SIGNER), encode(PAYLOAD), as_data(PAYLOAD)
RAW = base64.b64decode(TEXT)
ISSUE_DAY = ISSUED // 86400


def with_rows(*rows: list[int | None]) -> str:
    return signed_text(cbor2.dumps({**DATA, 6: list(rows)}))


REFUSED = {
    "nothing": ("", Reason.NOT_A_KEYSET),
    "another beginning": (TEXT[1:], Reason.NOT_A_KEYSET),
    "a quote": (f'"{TEXT}', Reason.STRAY_CHARACTER),
    "more behind it": (f"{TEXT}A", Reason.STRAY_CHARACTER),
    "the first half": (TEXT[:100], Reason.INCOMPLETE),
    "less than its length": (TEXT[:24], Reason.INCOMPLETE),
    "two": (TEXT * 2, Reason.PASTED_TWICE),
    "blanks without end": (TEXT + " " * 8192, Reason.TOO_LONG),
    "padding within": (f"{TEXT[:30]}={TEXT[31:]}", Reason.DAMAGED),
    "another algorithm": (TEXT.replace("0oRNog", "0oRNow"), Reason.DAMAGED),
    "a text as body": (as_text(RAW[:17] + b"\x78" + RAW[18:]), Reason.DAMAGED),
    "a longer signature": (as_text(RAW[:-65] + b"\x41" + RAW[-64:]), Reason.DAMAGED),
    "no body": (signed_text(b""), Reason.DAMAGED),
    "half a body": (signed_text(BODY[:30]), Reason.DAMAGED),
    "half a number": (signed_text(BODY[:13] + b"\x1a\x00"), Reason.DAMAGED),
    "a longer body": (signed_text(BODY + b"\x00"), Reason.DAMAGED),
    "another key than 1": (signed_text(b"\xa6\x00" + BODY[2:]), Reason.DAMAGED),
    "an entry too many": (signed_text(cbor2.dumps({**DATA, 8: 1})), Reason.DAMAGED),
    "five entries": (signed_text(b"\xa5" + BODY[1:]), Reason.DAMAGED),
    "a short serial number": (signed_text(cbor2.dumps({**DATA, 1: b"\x00"})), Reason.DAMAGED),
    "a model of 17 bits": (signed_text(cbor2.dumps({**DATA, 4: 2**16})), Reason.DAMAGED),
    "a model in words": (signed_text(cbor2.dumps({**DATA, 4: "five"})), Reason.DAMAGED),
    "7 in two bytes": (signed_text(BODY.replace(b"\x02\x07", b"\x02\x18\x07")), Reason.DAMAGED),
    "7 in three bytes": (signed_text(BODY.replace(b"\x02\x07", b"\x02\x19\x00\x07")), Reason.DAMAGED),
    "256 rows": (with_rows(*([code, 1] for code in range(256))), Reason.DAMAGED),
    "a third kind": (with_rows([1, 3]), Reason.DAMAGED),
    "six values in a row": (with_rows([1, 1, 1, 30000, 30000, 1]), Reason.DAMAGED),
    "a last value that is nil": (with_rows([1, 1, 5, 30000, None]), Reason.DAMAGED),
    "wrong order": (with_rows([2, 1], [1, 1]), Reason.DAMAGED),
    "one code, begin and expiry twice": (with_rows([1, 1, 5], [1, 1, 6]), Reason.DAMAGED),
    "a begin on the day of issue": (with_rows([1, 1, None, None, ISSUE_DAY]), Reason.DAMAGED),
    "a begin after its expiry": (with_rows([1, 1, None, ISSUE_DAY + 1, ISSUE_DAY + 2]), Reason.DAMAGED),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_the_strict_reader_refuses(text: str, reason: Reason) -> None:
    result = verify(text, serial=PAYLOAD.serial, keys=RING, today=TODAY)

    assert (result.outcome, result.reason, result.payload) == (Outcome.MALFORMED, reason, None)


def test_each_reason_is_given() -> None:
    assert {reason for _, reason in REFUSED.values()} == set(Reason)


def test_each_place_that_refuses_is_reached() -> None:
    reached = {line for text, _ in REFUSED.values() for line in lines_raised(text)}

    assert set(refusing_lines()) - reached == set()


def refusing_lines() -> Iterator[int]:
    """The line of each `raise` in the functions of the codec that read."""
    for function in ast.parse(CODEC.read_text()).body:
        if isinstance(function, ast.FunctionDef) and function.name.startswith(READERS):
            yield from (node.lineno for node in ast.walk(function) if isinstance(node, ast.Raise))


def lines_raised(text: str) -> Iterator[int]:
    """The lines of the codec at which the refusal of the text, and what led to it, was raised."""
    with pytest.raises(Malformed) as caught:
        read(text)
    error: BaseException | None = caught.value
    while error:
        frames = traceback.extract_tb(error.__traceback__)
        yield from (frame.lineno for frame in frames if frame.filename == str(CODEC) and frame.lineno)
        error = error.__context__


def test_each_outcome_is_answered() -> None:
    other = sign(replace(PAYLOAD, model=6), SIGNER)
    newer = sign(replace(PAYLOAD, generation=8), SIGNER)
    asked = [
        (TEXT[:-1], None),
        (sign(PAYLOAD, STRANGER), None),
        (f"{TEXT[:-8]}AAAAAA==", None),
        (sign(SECONDARY, SIGNER), None),
        (other, None),
        (TEXT, newer),
        (TEXT, TEXT),
        (TEXT, other),
        (TEXT, None),
    ]

    answers = [
        verify(text, serial=PAYLOAD.serial, keys=RING, model=5, installed=installed, today=TODAY).outcome
        for text, installed in asked
    ]

    assert answers == list(Outcome)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([[2, 1], [1, 1]], "not in order of code, begin and expiry"),
        ([[1, 1, 5], [1, 1, 6]], "not in order of code, begin and expiry"),
        ([[1, 1, None, None, ISSUE_DAY]], "a begin no later than the day of issue"),
        ([[1, 1, None, ISSUE_DAY + 1, ISSUE_DAY + 2]], "a begin after the expiry"),
    ],
)
def test_what_is_wrong_with_a_row_is_named(rows: list[list[int | None]], fault: str) -> None:
    with pytest.raises(Malformed) as caught:
        read(with_rows(*rows))

    assert fault in caught.value.detail
