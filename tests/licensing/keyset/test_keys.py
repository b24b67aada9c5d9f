"""The key ring as a JSON Web Key Set, and private keys as files."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from licensing.keyset import Ed25519Signer, KeyRing, jwk
from tests.licensing.keyset.support import RING, SIGNER, STRANGER

JWK = jwk(SIGNER.public_key)


def as_json(**changes: object) -> str:
    return json.dumps({"keys": [{k: v for k, v in (JWK | changes).items() if v is not None}]})


def test_a_ring_survives_its_key_set() -> None:
    ring = KeyRing([STRANGER.public_key, SIGNER.public_key])

    read = KeyRing.from_jwks(json.dumps(ring.to_jwks()))

    assert read.to_jwks() == ring.to_jwks()
    assert read.get(SIGNER.kid) == SIGNER.public_key
    assert read.get(bytes(8)) is None


def test_a_jwk_names_its_kid_and_pins_its_algorithm() -> None:
    assert (JWK["kid"], JWK["alg"], JWK["crv"]) == (SIGNER.kid.hex(), "EdDSA", "Ed25519")


def test_a_key_set_may_leave_out_the_use() -> None:
    assert KeyRing.from_jwks(as_json(use=None)).to_jwks() == RING.to_jwks()


def test_keys_of_other_types_are_passed_over() -> None:
    others = [{"kty": "RSA", "n": "AQ", "e": "AQAB"}, {"kty": "OKP", "crv": "X25519", "x": "AA"}]

    assert KeyRing.from_jwks(json.dumps({"keys": [*others, JWK]})).to_jwks() == RING.to_jwks()


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{}",
        '{"keys": 1}',
        '{"keys": [1]}',
        "[" * 100_000,
        b"\xff\xfe",
        as_json(d="AA"),
        as_json(x=None),
        as_json(x=1),
        as_json(x="AA"),
        as_json(x=JWK["x"] + "!"),
        as_json(x="\u00e9" * 43),
        as_json(alg=None),
        as_json(alg="ES256"),
        as_json(use="enc"),
        as_json(kid=STRANGER.kid.hex()),
    ],
)
def test_a_key_set_that_is_none_or_lies_is_refused(document: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"(?i)key set"):
        KeyRing.from_jwks(document)


def test_a_signer_survives_its_file() -> None:
    signer = Ed25519Signer.generate()

    assert Ed25519Signer.from_pem(signer.to_pem()).sign(b"x") == signer.sign(b"x")


def pem(key: object, password: bytes | None) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN PRIVATE KEY-----\n", pem(generate_private_key(SECP256R1()), None)]
)
def test_a_file_without_an_ed25519_key_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not an"):
        Ed25519Signer.from_pem(content)


def test_an_encrypted_key_is_refused() -> None:
    with pytest.raises(ValueError, match="unencrypted"):
        Ed25519Signer.from_pem(pem(generate_private_key(SECP256R1()), b"secret"))
