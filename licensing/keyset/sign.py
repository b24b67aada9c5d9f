"""Signing keysets. The private key stays behind `Signer`, the seam for an HSM or a cloud KMS."""

from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from licensing.keyset import codec
from licensing.keyset.keys import key_id
from licensing.keyset.payload import Payload
from licensing.keyset.text import to_text


class Signer(Protocol):
    """The holder of a private key. `kid` is the 8 bytes of `key_id` of its public key."""

    @property
    def kid(self) -> bytes: ...

    def sign(self, data: bytes, /) -> bytes:
        """The 64 bytes of the Ed25519 signature of `data` (RFC 8032, 5.1.6)."""


class Ed25519Signer:
    """A signer whose private key is in memory, from a PKCS#8 file."""

    __slots__ = ("_key", "kid")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.kid = key_id(key.public_key())

    @classmethod
    def generate(cls) -> "Ed25519Signer":
        """A signer with a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> "Ed25519Signer":
        """Reads an unencrypted PKCS#8 private key (RFC 8410, 7). Raises ValueError for anything else."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError("not an unencrypted private key in PEM") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("not an Ed25519 key")
        return cls(key)

    def to_pem(self) -> bytes:
        """The private key as an unencrypted PKCS#8 file (RFC 8410, 7); keep it with mode 0600."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def public_key(self) -> Ed25519PublicKey:
        """The public half, for a key ring."""
        return self._key.public_key()

    def sign(self, data: bytes, /) -> bytes:
        """The 64 bytes of the signature of `data` (RFC 8032, 5.1.6)."""
        return self._key.sign(data)


def sign(payload: Payload, signer: Signer) -> str:
    """The keyset's text. The same payload and key give the same text always (RFC 8032 and 8949, 4.2.1).

    Raises ValueError for a payload that the format has no room for.
    """
    return to_text(codec.seal(signer.kid, codec.encode(payload), signer.sign))
