"""Activation keys as text: 16 characters, the last of which checks the others (rule L4).

The check character follows ISO 7064: it tells a mistyped key from an unknown one, and detects all but one in
500 swaps of neighbouring characters.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_37_36

from licensing.errors import InvalidKey
from portal.keys import active_key, read_hash_key
from portal.models import Key
from products.notation import strip_separators
from products.services import REGISTRATION_CODE_ALPHABET as ALPHABET

CHARACTERS = 16


def draw_key() -> str:
    """Return a new random key, without separators."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(CHARACTERS - 1))
    return body + mod_37_36.calc_check_digit(body, ALPHABET)


def show_key(key: str) -> str:
    """A key in the form that people read: XXXX-XXXX-XXXX-XXXX."""
    return "-".join(key[start : start + 4] for start in range(0, CHARACTERS, 4))


def normalize_key(text: str) -> str:
    """Return a key as its 16 characters, upper case. Raises InvalidKey."""
    key = strip_separators(text)
    if stray := re.search(f"[^{ALPHABET}]", key):
        raise InvalidKey(problem=f"“{stray[0]}” is never one of them: I, O, 0 and 1 aren't used.")
    if len(key) != CHARACTERS:
        raise InvalidKey(problem=f"This one has {len(key)}.")
    try:
        mod_37_36.validate(key, ALPHABET)
    except ValidationError:
        raise InvalidKey(
            problem="A character of this one is wrong: the last one, which checks the others, doesn't fit."
        ) from None
    return key


def active_macs(keys: Iterable[str]) -> tuple[list[str], str]:
    """Hash normalized keys under the active key for codes; return the hashes and that key's id."""
    kid = active_key(Key.Purpose.CODES).kid
    return [_mac(key, kid) for key in keys], kid


def known_macs(key: str) -> list[str]:
    """The hashes under which a normalized key may be stored. Raises KeyMissing and KeyFileUnknown."""
    kids = Key.objects.filter(purpose=Key.Purpose.CODES).exclude(state=Key.State.STAGED)
    return [_mac(key, kid) for kid in kids.values_list("kid", flat=True)]


def _mac(key: str, kid: str) -> str:
    return hmac.new(read_hash_key(kid), f"activation key:{key}".encode(), hashlib.sha256).hexdigest()
