"""Seeded mutations of texts, of bytes and of CBOR, thousands of which the tests throw at the reader."""

import struct
from random import Random
from typing import Any

ODD_CHARACTERS = "AQ9+/=-_ \n\t\u00a0\u200b\ufeff\u0000\u00e9\u2028\ud800\U0001f600"


def seeded(seed: int) -> Random:
    """The same mutations in every run."""
    return Random(seed)  # noqa: S311 (nothing here is a secret)


def text(rng: Random, original: str, other: str) -> str:
    """The text with one to four changes of the kinds that pasting, typing and transport make."""
    for _ in range(rng.randint(1, 4)):
        at, to = sorted((rng.randint(0, len(original)), rng.randint(0, len(original))))
        near = min(at + rng.randint(0, 3), len(original))
        piece = "".join(rng.choices(ODD_CHARACTERS, k=rng.randint(1, 3)))
        original = rng.choice(
            (
                original[:at] + piece + original[near:],
                original[:at] + original[near:],
                original[:at] + original[to:],
                original[:to] + original[at:],
                original[:at],
                original[at:],
                original[:at] + other[at:],
                original + other,
                original.swapcase() if rng.random() < 0.1 else original[::-1],
                "\n".join((original[:at], original[at:to], original[to:])),
            )
        )
    return original


def octets(rng: Random, original: bytes, other: bytes) -> bytes:
    """The bytes with one to three flips, deletions, insertions, repetitions and splices."""
    data = bytearray(original)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data) or 1)
        end = at + rng.randint(1, 8)
        kind = rng.randrange(6)
        if kind == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at:end]
        elif kind == 2:
            data[at:at] = rng.randbytes(rng.randint(1, 4))
        elif kind == 3:
            data[at:at] = data[at:end]
        elif kind == 4:
            data[at:] = other[rng.randrange(len(other)) :]
        else:
            data[at : at + 1] = rng.choice(
                (b"\x1b" + bytes(7) + b"\x01", b"\xff", b"\x9f", b"\xf6", b"\xc1\x01")
            )
    return bytes(data)


def values(rng: Random, data: dict[int, Any]) -> dict[int, Any]:
    """The payload's plain values with one of them changed, into the format's range or out of it."""
    changed = {key: [list(row) for row in value] if key == 6 else value for key, value in data.items()}
    number = rng.choice((-2, -1, 0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**40 - 1, 2**40))
    day = data[3] // 86400 + rng.randint(-1, 3)
    rows = changed[6]
    kind = rng.randrange(9)
    if kind == 0:
        changed[rng.randint(2, 5)] = number
    elif kind == 1:
        changed[rng.choice((1, 7))] = rng.randbytes(rng.randint(5, 7))
    elif kind == 2:
        changed[rng.choice((0, 6, 8, -1))] = rng.choice((number, None, [], [[]], "text", 1.5, True))
    elif kind == 3:
        rng.shuffle(rows)
    elif kind == 4:
        rows.insert(rng.randint(0, len(rows)), list(rng.choice(rows)))
    elif kind == 5:
        changed[6] = [[code, 1] for code in range(rng.choice((60, 255, 256)))]
    elif kind == 6:
        at = rng.randrange(len(rows))
        rows.insert(
            at + rng.randint(0, 1), [rows[at][0], rng.randint(1, 2), None, rng.choice((None, day)), day]
        )
    else:
        row = rng.choice(rows)
        row[rng.randrange(len(row)) :] = rng.choices((number, day, day, None, 1, 2, 3), k=rng.randint(0, 4))
    return changed


def encoded(rng: Random, value: Any, fault: float) -> bytes:
    """CBOR of the value, each item with the chance `fault` of a form that deterministic encoding forbids."""
    wrong = rng.random() < fault
    if wrong and rng.random() < 0.2:
        return rng.choice((b"\xc1", b"\xd8\x20", b"\xf6", b"\xa0")) + encoded(rng, value, fault)
    if isinstance(value, int) and not isinstance(value, bool):
        if wrong and rng.random() < 0.3:
            return b"\xfb" + struct.pack(">d", value)
        return head(rng, 0x20, -1 - value, wrong) if value < 0 else head(rng, 0x00, value, wrong)
    if isinstance(value, bytes):
        return b"\x5f" + b"\x46" + value + b"\xff" if wrong else head(rng, 0x40, len(value), wrong) + value
    if isinstance(value, list):
        return gathered(rng, 0x80, [encoded(rng, item, fault) for item in value], wrong)
    if isinstance(value, dict):
        pairs = [encoded(rng, key, 0) + encoded(rng, item, fault) for key, item in value.items()]
        return gathered(rng, 0xA0, pairs, wrong)
    return {None: b"\xf6", True: b"\xf5"}.get(value, b"\xf9\x3e\x00" if value == 1.5 else b"\x64text")


def gathered(rng: Random, major: int, items: list[bytes], wrong: bool) -> bytes:
    if not wrong:
        return head(rng, major, len(items), wrong) + b"".join(items)
    if rng.random() < 0.3:
        return bytes((major | 31,)) + b"".join(items) + b"\xff"
    if rng.random() < 0.5 and items:
        items = [*items, rng.choice(items)]
        rng.shuffle(items)
    return head(rng, major, len(items), rng.random() < 0.5) + b"".join(items)


def head(rng: Random, major: int, n: int, wrong: bool) -> bytes:
    """A head, in a longer form than needed where `wrong`."""
    forms = [bytes((major | n,))] if n < 24 else []
    for bits, code in ((8, "B"), (16, "H"), (32, "I"), (64, "Q")):
        if n < 1 << bits:
            forms.append(bytes((major | 24 + "BHIQ".index(code),)) + struct.pack(">" + code, n))
    return rng.choice(forms[1:] or forms) if wrong else forms[0]
