"""The bytes, held against cbor2 and bare cryptography."""

import datetime
import hashlib
from dataclasses import replace

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given

from licensing.keyset import Ed25519Signer, Kind, Payload, Service, decode, encode, key_id, read, sign
from licensing.keyset.text import MAX_CHARACTERS
from tests.licensing.keyset.support import (
    FOLLOWED,
    ISSUED,
    PAYLOAD,
    SECONDARY,
    SIGNER,
    TODAY,
    as_data,
    payloads,
    signed_text,
    unhurried,
)

ISSUE_DAY = TODAY - datetime.timedelta(1)

# What was signed before rows could repeat: the source's table for both units of a pair, and PAYLOAD.
PRIMARYS_TABLE = (
    "0oRNogEnBEi+XeL0vNw4OqBYQ6YBRgAGsRJEFgIBAxpq6SQABAUFIAaJhAIBAxkxw4QDAfYZMSCEBQH2GTGyhAYB9hkxsoII"
    "AYMJAQWCDAGCDQGCDgFYQF6U9qYV2xZdFEqv4jcEoQtKscuIJ6QBZIjA9zV5jCpmOI6vld6IDgSznltz5yTug3JMYjf0QSgx"
    "LOvGACt9Dww="
)
SECONDARYS_TABLE = (
    "0oRNogEnBEi+XeL0vNw4OqBYS6cBRgAGsRJEHAIBAxpq6SQABAUFIAaJhAIBAxkxw4QDAfYZMSCEBQH2GTGyhAYB9hkxsoII"
    "AYMJAQWCDAGCDQGCDgEHRgAGsRJEFlhAQgS3d+8RfMDjmeuAaswLmiAg1KwLy3ZWCdHQzjasBIwk+CpF1cChU8Rq4O3CcAI+"
    "iDIDGc5pmJxcCCdQEMzSDw=="
)
BEFORE = (
    "0oRNogEnBEi+XeL0vNw4OqBYOaYBRgAGsRJEFgIHAxprAhqgBAUFIAaGhAIBAxkxw4QDAfYZUSuEBAL2GVE0gggBgwkBBYMZ"
    "ASwCIFhAmIyZryHq01cfMFBrs4/JUrKtOcbkBEPSp7dNkkn1qBhF9AkW4t/s2csyYSHnyZu2yWEaiVG2drOpcGyeM4JgAw=="
)


@unhurried
@given(payloads)
def test_encoding_is_cbor2s_canonical_one(payload: Payload) -> None:
    assert encode(payload) == cbor2.dumps(as_data(payload), canonical=True)


@unhurried
@given(payloads)
def test_cbor2_reads_what_is_encoded(payload: Payload) -> None:
    assert cbor2.loads(encode(payload)) == as_data(payload)


@unhurried
@given(payloads)
def test_decoding_reads_what_cbor2_wrote(payload: Payload) -> None:
    assert decode(cbor2.dumps(as_data(payload), canonical=True)) == payload


@unhurried
@given(payloads)
def test_text_is_the_one_built_without_our_code(payload: Payload) -> None:
    text = sign(payload, SIGNER)

    assert text == signed_text(cbor2.dumps(as_data(payload), canonical=True))
    assert read(text) == payload


def test_same_state_gives_the_same_text() -> None:
    again = replace(PAYLOAD, services=tuple(replace(service) for service in PAYLOAD.services))

    assert sign(again, Ed25519Signer.from_pem(SIGNER.to_pem())) == sign(PAYLOAD, SIGNER)


def test_what_nothing_follows_is_byte_for_byte_what_it_was() -> None:
    assert sign(PAYLOAD, SIGNER) == BEFORE
    for text, length in ((PRIMARYS_TABLE, 204), (SECONDARYS_TABLE, 216)):
        assert sign(read(text), SIGNER) == text
        assert len(text) == length


def test_signing_is_rfc_8032s() -> None:
    # RFC 8032, 7.1, test 2.
    secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    signer = Ed25519Signer(Ed25519PrivateKey.from_private_bytes(secret))

    assert signer.sign(b"\x72").hex() == signature


def test_kid_is_the_thumbprint_of_the_cose_key() -> None:
    # RFC 9679, 3: SHA-256 of the deterministic encoding of the required members, here of RFC 9053's OKP key.
    x = SIGNER.public_key.public_bytes_raw()
    cose_key = cbor2.dumps({1: 1, -1: 6, -2: x}, canonical=True)

    assert key_id(SIGNER.public_key) == SIGNER.kid == hashlib.sha256(cose_key).digest()[:8]


@pytest.mark.parametrize(
    "change",
    [
        {"serial": "0006b1124416"},
        {"serial": "0006B112441"},
        {"serial": "0006B1 12441"},
        {"serial": "0006B112441G"},
        {"primary": "000"},
        {"generation": -1},
        {"generation": 2**32},
        {"issued": -1},
        {"issued": 2**40},
        {"model": 2**16},
        {"nodes": -2},
        {"nodes": 2**32},
        {"services": (Service(2**16),)},
        {"services": (Service(-1),)},
        {"services": (Service(1, kind=3),)},
        {"services": (Service(1, count=-2),)},
        {"services": (Service(1, count=2**32),)},
        {"services": (Service(1, expiry=datetime.date(1969, 12, 31)),)},
        {"services": (Service(1), Service(1))},
        {"services": (Service(2), Service(1))},
        {"services": (Service(1, begin=TODAY, expiry=TODAY), Service(1, begin=TODAY, expiry=TODAY))},
        {"services": (Service(1, begin=TODAY), Service(1, begin=TODAY, expiry=TODAY))},
        {"services": (Service(1, begin=TODAY), Service(1))},
        {"services": (Service(1, count=1), Service(1, count=2))},
        {"services": (Service(2), Service(1, begin=TODAY))},
        {"services": (Service(1, begin=ISSUE_DAY),)},
        {"services": (Service(1, begin=TODAY, expiry=ISSUE_DAY),)},
        {"services": tuple(Service(code) for code in range(256))},
    ],
)
def test_encoding_refuses_what_the_format_has_no_room_for(change: dict) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        encode(replace(SECONDARY, **change))


@pytest.mark.parametrize("issued", [0, ISSUED, 2**37])
def test_255_rows_of_the_greatest_size_fit_into_a_text(issued: int) -> None:
    last = datetime.date.max
    begins = (last - datetime.timedelta(254 - n) for n in range(255))
    rows = (Service(2**16 - 1, Kind.TRIAL, 2**32 - 1, last, begin) for begin in begins)
    greatest = replace(SECONDARY, generation=2**32 - 1, model=2**16 - 1, nodes=2**32 - 1, issued=issued)
    payload = replace(greatest, services=tuple(rows))

    text = sign(payload, SIGNER)

    assert read(text) == payload
    assert len(text) < MAX_CHARACTERS


def test_signing_refuses_a_signer_with_wrong_sizes() -> None:
    class Odd:
        def __init__(self, kid: bytes, signature: bytes) -> None:
            self.kid, self.signature = kid, signature

        def sign(self, data: bytes, /) -> bytes:
            return self.signature

    for signer in (Odd(bytes(8), bytes(63)), Odd(bytes(7), bytes(64))):
        with pytest.raises(ValueError, match="64"):
            sign(PAYLOAD, signer)


BODY = encode(PAYLOAD)
FOLLOWED_BODY = encode(FOLLOWED)
DATA = as_data(PAYLOAD)


@pytest.mark.parametrize("end", range(len(FOLLOWED_BODY)))
def test_decoding_refuses_every_shorter_body(end: int) -> None:
    for body in (BODY, FOLLOWED_BODY):
        with pytest.raises(ValueError, match="byte"):
            decode(body[: min(end, len(body) - 1)])


def with_rows(*rows: list[int | None]) -> bytes:
    return cbor2.dumps({**DATA, 6: list(rows)})


TOMORROW = ISSUED // 86400 + 1


@pytest.mark.parametrize(
    "rows",
    [
        ([1, 1, None, None, TOMORROW],),
        ([1, 1, None, TOMORROW, TOMORROW],),
        ([1, 1, -1], [1, 2, None, None, TOMORROW]),
        ([1, 1, None, TOMORROW], [1, 1]),
        ([1, 1, None, TOMORROW, TOMORROW], [1, 1, None, None, TOMORROW]),
        ([1, 1, None, None, TOMORROW], [1, 1, None, None, TOMORROW + 1]),
    ],
)
def test_decoding_takes_rows_that_follow(rows: tuple[list[int | None], ...]) -> None:
    assert encode(decode(with_rows(*rows))) == with_rows(*rows)


@pytest.mark.parametrize(
    "body",
    [
        BODY + b"\x00",
        BODY.replace(b"\x02\x07", b"\x02\x18\x07"),  # 7 in two bytes
        BODY.replace(b"\x02\x07", b"\x02\x19\x00\x07"),
        BODY.replace(b"\x02\x07", b"\x02\x1a\x00\x00\x00\x07"),
        BODY.replace(b"\x02\x07", b"\x02\x1b" + bytes(7) + b"\x07"),
        BODY.replace(b"\x02\x07", b"\x02\x20"),  # -1
        BODY.replace(b"\x02\x07", b"\x02\xc1\x07"),  # a tag
        BODY.replace(b"\x02\x07", b"\x02\xf9\x47\x00"),  # 7.0
        BODY.replace(b"\x02\x07", b"\x02\x1c"),  # reserved
        BODY.replace(b"\x02\x07", b""),
        b"\xbf" + BODY[1:] + b"\xff",  # a map without a length
        BODY.replace(b"\x06\x86", b"\x06\x9f") + b"\xff",
        BODY.replace(b"\x06\x86", b"\x06\x98\x06"),
        cbor2.dumps(dict(reversed(DATA.items()))),
        cbor2.dumps({**DATA, 8: 1}),
        cbor2.dumps({**DATA, 7: None}),
        cbor2.dumps({**DATA, 1: DATA[1].hex()}),
        cbor2.dumps({**DATA, 1: DATA[1] + b"\x00"}),
        cbor2.dumps({**DATA, 3: 2**40}),
        cbor2.dumps({**DATA, 4: 2**16}),
        cbor2.dumps({**DATA, 5: -2}),
        cbor2.dumps({**DATA, 5: 2**32}),
        with_rows(*([code, 1] for code in range(256))),
        with_rows([1, 1, None, None, None]),
        with_rows([1, 1, None, TOMORROW, None]),
        with_rows([1, 1, None, TOMORROW, TOMORROW, TOMORROW]),
        with_rows([1, 1, None, None, TOMORROW - 1]),  # begins on the day of issue
        with_rows([1, 1, None, TOMORROW, TOMORROW + 1]),  # begins after its expiry
        with_rows([1, 1, None, None, 2932897]),
        with_rows([1, 1], [1, 1, None, TOMORROW]),  # none is the last of expiries
        with_rows([1, 1, None, None, TOMORROW], [1, 1]),  # and the first of begins
        with_rows([1, 1, None, None, TOMORROW + 1], [1, 1, None, TOMORROW + 2, TOMORROW]),
        with_rows([1, 1, None, None, TOMORROW], [1, 2, 5, None, TOMORROW]),
        with_rows([1, 1, 5, TOMORROW], [1, 1, 6, TOMORROW]),
        cbor2.dumps({**DATA, 6: [[1, 1], [1, 1]]}),
        cbor2.dumps({**DATA, 6: [[2, 1], [1, 1]]}),
        cbor2.dumps({**DATA, 6: [[1]]}),
        cbor2.dumps({**DATA, 6: [[1, 3]]}),
        cbor2.dumps({**DATA, 6: [[1, 0]]}),
        cbor2.dumps({**DATA, 6: [[1, 1, None]]}),
        cbor2.dumps({**DATA, 6: [[1, 1, None, None]]}),
        cbor2.dumps({**DATA, 6: [[1, 1, 1, -1]]}),
        cbor2.dumps({**DATA, 6: [[1, 1, 1, 1, 1]]}),
        cbor2.dumps({**DATA, 6: [[2**16, 1]]}),
        cbor2.dumps({**DATA, 6: [[1, 1, None, 2932897]]}),  # 10000-01-01
        cbor2.dumps([DATA]),
        b"",
    ],
)
def test_decoding_refuses(body: bytes) -> None:
    with pytest.raises(ValueError, match="byte"):
        decode(body)
