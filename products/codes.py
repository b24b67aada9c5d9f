"""Authentication codes are stored as a keyed hash, so that a reader of the database learns none (R2)."""

import hashlib
import hmac
from collections.abc import Callable

from portal.keys import active_key, read_hash_key
from portal.models import Key


def active_kid() -> str:
    """Return the id of the key that new codes are hashed with."""
    return active_key(Key.Purpose.CODES).kid


def code_hasher(kid: str) -> Callable[[str, str], str]:
    """Return the function that hashes a serial number's normalized code under the key `kid`.

    Fetch it once for many codes: half of the work is preparing the key. Raises KeyMissing and
    KeyFileUnknown.
    """
    keyed = hmac.new(read_hash_key(kid), digestmod=hashlib.sha256)

    def hash_code(serial: str, code: str) -> str:
        bound = keyed.copy()
        bound.update(f"{serial}:{code}".encode())
        return bound.hexdigest()

    return hash_code


def code_mac(serial: str, code: str, *, kid: str) -> str:
    """Hash a normalized code under the key `kid`, bound to its serial number, as `code_hasher` does."""
    return code_hasher(kid)(serial, code)


def code_matches(serial: str, code: str, *, mac: str, kid: str) -> bool:
    """Compare a normalized code with the factory's record, in constant time."""
    return hmac.compare_digest(code_mac(serial, code, kid=kid), mac)
