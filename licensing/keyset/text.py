"""The text of a keyset: one line of Base64 with padding (RFC 4648, 4), and how copying can damage it."""

import binascii
import re

from licensing.keyset import codec
from licensing.keyset.codec import Frame
from licensing.keyset.outcomes import Malformed, Reason
from licensing.keyset.payload import Payload

MAX_CHARACTERS = 8192
"""A longer text isn't read. There is room for a post-quantum signature later."""

_BEGINNING = "0oRN"  # the first three bytes of every keyset
_STRAY = re.compile("[^A-Za-z0-9+/=]")
# Zero-width spaces and joiners, word joiner, BOM. str.split() removes other blanks, NBSP among them.
_HEAD = 40  # characters that hold the head, which says how long the keyset is
_QUOTED = dict.fromkeys(map(ord, ">|"))  # how mail programs mark each line of what is quoted
_CLOSING = "\"'`)].,;…\u00bb\u2018\u2019\u201c\u201d"
_INVISIBLE = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))


def to_text(raw: bytes) -> str:
    """The bytes of a COSE_Sign1 message as one line for people to copy."""
    return binascii.b2a_base64(raw, newline=False).decode("ascii")


def strip(text: str) -> str:
    """The text without line wraps, blanks of any kind and invisible characters."""
    return "".join((text if text.isascii() else text.translate(_INVISIBLE)).split())


def parse(text: str) -> tuple[Frame, Payload]:
    """Takes a keyset's text apart, verifying nothing. Raises Malformed, with its reason, for other texts."""
    if len(text) > MAX_CHARACTERS:
        raise Malformed(Reason.TOO_LONG, f"({len(text):,} characters; at most {MAX_CHARACTERS:,} are read.)")
    clean = strip(text)
    try:
        frame = codec.unseal(_from_base64(clean))
        return frame, codec.decode(frame.body)
    except ValueError as error:
        raise _explain(clean, error) from error


def pick(text: str) -> list[str]:
    """The keysets in what people paste: quoted with `> `, in quotes, after a label, or a pair's file.

    Each is taken from its beginning to its end, or to where the next begins if it has none; the same one is
    taken once. Without any beginning there is none. Whether they can be read is `parse`'s to say.
    """
    found: dict[str, None] = {}
    for part in text.translate(_INVISIBLE | _QUOTED).split(_BEGINNING)[1:]:
        clean = strip(_BEGINNING + part)
        size = codec.needed_size(_whole_groups(clean[:_HEAD])) if not _STRAY.search(clean[:_HEAD]) else None
        needed = (size + 2) // 3 * 4 if size else len(clean)
        whole = clean[:needed]
        is_whole = len(whole) == needed and not _STRAY.search(whole)
        found[whole if is_whole else clean.rstrip(_CLOSING)] = None
    return list(found)


def read(text: str) -> Payload:
    """The payload of a keyset, its signature NOT verified. Raises Malformed, with its reason."""
    return parse(text)[1]


def _from_base64(clean: str) -> bytes:
    encoded = clean.encode("ascii")
    raw = binascii.a2b_base64(encoded)
    # Encoding it again must give the same text: this refuses junk, wrong padding and leftover bits.
    if binascii.b2a_base64(raw, newline=False) != encoded:
        raise ValueError("not canonical Base64")
    return raw


def _explain(clean: str, error: ValueError) -> Malformed:
    """The reason that tells an administrator most; called only after the strict reader refused the text."""
    if clean.count(_BEGINNING) > 1:
        return Malformed(Reason.PASTED_TWICE)
    if clean[:4] != _BEGINNING[: len(clean)] or not clean:
        return _stray(clean, 0) if _BEGINNING in clean else Malformed(Reason.NOT_A_KEYSET)
    if found := _STRAY.search(clean):
        return _stray(clean, found.start())
    size = codec.needed_size(_whole_groups(clean))
    if size is None:
        known = len(clean) > 28  # long enough for the head with the length, which must be wrong
        return (
            _damaged(error)
            if known
            else Malformed(Reason.INCOMPLETE, f"(It ends after character {len(clean)}.)")
        )
    needed = (size + 2) // 3 * 4
    if needed > MAX_CHARACTERS or len(clean) == needed:
        return _damaged(error)
    if len(clean) > needed:
        return _stray(clean, needed)
    return Malformed(Reason.INCOMPLETE, f"({len(clean)} of {needed} characters.)")


def _whole_groups(clean: str) -> bytes:
    start = clean.partition("=")[0]
    return binascii.a2b_base64(start[: len(start) // 4 * 4])


def _stray(clean: str, at: int) -> Malformed:
    character = clean[at]
    shown = f"'{character}'" if "!" <= character <= "~" else f"U+{ord(character):04X}"
    return Malformed(Reason.STRAY_CHARACTER, f"(Character {at + 1}, blanks not counted, is {shown}.)")


def _damaged(error: ValueError) -> Malformed:
    return Malformed(Reason.DAMAGED, f"({error}.)")
