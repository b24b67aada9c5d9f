"""The keys that sign keysets, and the public keys by which appliances check them."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from licensing.keyset import Ed25519Signer, KeyRing, Signer
from portal.keys import Described, active_key, read_secret
from portal.models import Key


def make_signing_key() -> bytes:
    """Return a new Ed25519 key, as the content of a PKCS#8 file."""
    return Ed25519Signer.generate().to_pem()


def describe_signing_key(secret: bytes) -> Described:
    """Describe a signing key by its kid and its public half."""
    signer = Ed25519Signer.from_pem(secret)
    return Described(kid=signer.kid.hex(), public=signer.public_key.public_bytes_raw().hex())


def active_signer() -> Signer:
    """Return the signer of new keysets.

    Raises NoActiveKey, and KeyMissing or KeyFileUnknown on a node without the key's file.
    """
    key = active_key(Key.Purpose.KEYSETS)
    return _signer(Described(key.kid, key.public))


@cache
def _signer(key: Described) -> Signer:
    return Ed25519Signer.from_pem(read_secret(Key.Purpose.KEYSETS, key, describe_signing_key))


def key_ring() -> KeyRing:
    """Return the public keys that may have signed keysets: all but the revoked ones."""
    keys = Key.objects.filter(purpose=Key.Purpose.KEYSETS).exclude(state=Key.State.REVOKED)
    return KeyRing(
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        for public in keys.values_list("public", flat=True)
    )
