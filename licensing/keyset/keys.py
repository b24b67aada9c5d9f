"""Public keys: their names (RFC 9679) and the ring as a JSON Web Key Set (RFC 7517 and 8037)."""

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALGORITHM = "EdDSA"
# The COSE_Key {1: 1 (OKP), -1: 6 (Ed25519), -2: x} in deterministic CBOR, up to x.
_THUMBPRINT_START = bytes.fromhex("a3010120062158 20")


def key_id(key: Ed25519PublicKey) -> bytes:
    """The kid of a public key: the first 8 bytes of the SHA-256 thumbprint of its COSE_Key (RFC 9679, 3)."""
    return hashlib.sha256(_THUMBPRINT_START + key.public_bytes_raw()).digest()[:8]


class KeyRing:
    """The public keys that an appliance trusts, each pinned to Ed25519. A revoked key is left out."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[Ed25519PublicKey]) -> None:
        self._keys = {key_id(key): key for key in keys}

    def get(self, kid: bytes) -> Ed25519PublicKey | None:
        """The key with this kid (8 bytes), or None."""
        return self._keys.get(kid)

    @classmethod
    def from_jwks(cls, document: str | bytes) -> "KeyRing":
        """Reads a JSON Web Key Set (RFC 7517, 5), skipping other types and curves as the RFC asks.

        Raises ValueError for anything but a key set, for an Ed25519 key with an algorithm other than EdDSA,
        for a kid that doesn't match its key, and for a private key.
        """
        try:
            keys = json.loads(document)["keys"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ValueError("not a JSON Web Key Set") from None
        if not isinstance(keys, list) or not all(isinstance(jwk, dict) for jwk in keys):
            raise ValueError("not a JSON Web Key Set")
        return cls(_public_key(jwk) for jwk in keys if (jwk.get("kty"), jwk.get("crv")) == ("OKP", "Ed25519"))

    def to_jwks(self) -> dict[str, list[dict[str, str]]]:
        """The ring as a JSON Web Key Set, ready for json.dumps, in order of kid."""
        return {"keys": [jwk(self._keys[kid]) for kid in sorted(self._keys)]}


def jwk(key: Ed25519PublicKey) -> dict[str, str]:
    """One public key as a JWK (RFC 8037, 2). Its `kid` is `key_id` as 16 lower-case hexadecimal digits."""
    x = base64.urlsafe_b64encode(key.public_bytes_raw()).rstrip(b"=").decode("ascii")
    return {"kty": "OKP", "crv": "Ed25519", "alg": ALGORITHM, "use": "sig", "kid": key_id(key).hex(), "x": x}


def _public_key(given: dict[str, Any]) -> Ed25519PublicKey:
    if "d" in given:
        raise ValueError("the key set holds a private key")
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(given["x"] + "="))
    except (KeyError, TypeError, ValueError):
        raise ValueError("an Ed25519 key in the key set has no usable x") from None
    given = {"use": "sig"} | given  # the one member that a key set may leave out
    for name, value in jwk(key).items():
        if given.get(name) != value:
            raise ValueError(
                f"an Ed25519 key in the key set has {name} {given.get(name)!r} instead of {value!r}"
            )
    return key
