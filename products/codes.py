"""Authentication codes are kept as a keyed hash: who reads the database learns none (R2)."""

import hashlib
import hmac

from portal.keys import active_key, read_secret
from portal.models import Key


def active_kid() -> str:
    """Return the id of the key that new codes are hashed with."""
    return active_key(Key.Purpose.CODES).kid


def code_mac(serial: str, code: str, *, kid: str) -> str:
    """Hash a normalized code under the key `kid`, bound to its serial number. Raises KeyMissing."""
    key = read_secret(Key.Purpose.CODES, kid)
    return hmac.new(key, f"{serial}:{code}".encode(), hashlib.sha256).hexdigest()


def code_matches(serial: str, code: str, *, mac: str, kid: str) -> bool:
    """Compare a normalized code with the factory's record, in constant time."""
    return hmac.compare_digest(code_mac(serial, code, kid=kid), mac)
