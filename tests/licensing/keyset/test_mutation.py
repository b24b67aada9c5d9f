"""Ten thousand mutated texts and as many payloads signed anew give documented outcomes, no false success."""

from collections import Counter
from typing import Any

import cbor2

from licensing.keyset import Outcome, Reason, encode, read, sign, verify
from licensing.keyset.text import strip
from tests.licensing.keyset import mutate
from tests.licensing.keyset.support import (
    FOLLOWED,
    PAYLOAD,
    RING,
    SECONDARY,
    SIGNER,
    STRANGER,
    TODAY,
    as_data,
    signed_text,
)

ROUNDS = 10_000
LAST_DAY = 2_932_896  # 9999-12-31
TEXT = sign(PAYLOAD, SIGNER)
OTHERS = (sign(SECONDARY, SIGNER), sign(PAYLOAD, STRANGER))
BODIES, OTHER_BODY = (encode(PAYLOAD), encode(FOLLOWED)), encode(SECONDARY)


def test_mutated_texts() -> None:
    rng = mutate.seeded(9052)
    seen: Counter[Outcome | Reason] = Counter()

    for _ in range(ROUNDS):
        text = mutate.text(rng, TEXT, rng.choice(OTHERS))
        result = verify(text, serial=PAYLOAD.serial, keys=RING, today=TODAY)
        seen[result.reason or result.outcome] += 1
        assert not result.outcome.is_success or strip(text) == TEXT

    assert set(seen) >= set(Reason) - {Reason.TOO_LONG}
    assert set(seen) >= {Outcome.INSTALLED, Outcome.BAD_SIGNATURE, Outcome.WRONG_SERIAL}


def test_mutated_bytes_under_the_signature() -> None:
    rng = mutate.seeded(8949)

    for _ in range(ROUNDS // 2):
        check_as_cbor2_would(mutate.octets(rng, rng.choice(BODIES), OTHER_BODY))


def test_mutated_cbor_under_the_signature() -> None:
    rng = mutate.seeded(8032)
    taken = 0

    for _ in range(ROUNDS // 2):
        data = as_data(rng.choice((PAYLOAD, SECONDARY, FOLLOWED)))
        if rng.random() < 0.7:
            data = mutate.values(rng, data)
        taken += check_as_cbor2_would(mutate.encoded(rng, data, fault=0.01))

    assert ROUNDS * 0.1 < taken < ROUNDS * 0.4


def check_as_cbor2_would(body: bytes) -> bool:
    """Signs the body and holds the answer against an independent judgement of it; whether it was taken."""
    text = signed_text(body)
    result = verify(text, serial=PAYLOAD.serial, keys=RING, today=TODAY)

    assert isinstance(result.outcome, Outcome)
    taken = result.outcome is not Outcome.MALFORMED
    assert taken == (is_canonical(body) and fits(cbor2.loads(body))), body.hex()
    assert not taken or encode(read(text)) == body
    return taken


def is_canonical(body: bytes) -> bool:
    try:
        return cbor2.dumps(cbor2.loads(body), canonical=True) == body
    except Exception:
        return False


def fits(data: Any) -> bool:
    """Whether the values are the CDDL's, with rows in order and days that have a date."""
    if not isinstance(data, dict) or list(data) not in ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7]):
        return False
    serials = all(isinstance(data[key], bytes) and len(data[key]) == 6 for key in (1, 7) if key in data)
    numbers = between(data[2], 0, 2**32) and between(data[3], 0, 2**40) and between(data[4], 0, 2**16)
    rows = data[6]
    if not (
        serials and numbers and between(data[5], -1, 2**32) and isinstance(rows, list) and len(rows) <= 255
    ):
        return False
    if not all(fits_row(row, data[3] // 86400) for row in rows):
        return False
    places = [place(*row) for row in rows]
    return places == sorted(set(places))


def place(code: int, kind: int, count: Any = None, expiry: Any = None, begin: Any = None) -> tuple[int, ...]:
    return code, -1 if begin is None else begin, LAST_DAY + 1 if expiry is None else expiry


def fits_row(row: Any, issue_day: int) -> bool:
    if not isinstance(row, list) or not 2 <= len(row) <= 5 or (len(row) > 2 and row[-1] is None):
        return False
    code, kind, count, expiry, begin = row + [None] * (5 - len(row))
    count_fits = count is None or between(count, -1, 2**32)
    expiry_fits = expiry is None or between(expiry, 0, LAST_DAY + 1)
    end = LAST_DAY if expiry is None or not expiry_fits else expiry
    begin_fits = begin is None or between(begin, issue_day + 1, end + 1)
    return between(code, 0, 2**16) and between(kind, 1, 3) and count_fits and expiry_fits and begin_fits


def between(value: Any, least: int, end: int) -> bool:
    return type(value) is int and least <= value < end


def test_any_string_gives_a_reason() -> None:
    rng = mutate.seeded(4648)

    for _ in range(2_000):
        limits = rng.choices((128, 0x110000), k=rng.randrange(40))
        text = "".join(chr(rng.randrange(limit)) for limit in limits)
        result = verify(rng.choice(("", TEXT[:4])) + text, serial=PAYLOAD.serial, keys=RING, today=TODAY)
        assert result.reason in Reason
