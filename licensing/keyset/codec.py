"""The bytes of a keyset: COSE_Sign1 (RFC 9052, 4.2) over deterministic CBOR (RFC 8949, 4.2.1).

Written for this one shape (`keyset.cddl`) and strict in reading it: general CBOR loaders let longer integers,
repeated keys and trailing bytes pass. Every state has exactly one encoding, and the reader takes no other.
"""

import datetime
import struct
from collections.abc import Callable
from typing import NamedTuple

from licensing.keyset.payload import UNLIMITED, Kind, Payload, Service

MAX_SERVICES = 64
KID_SIZE, SIGNATURE_SIZE = 8, 64
U16, U32, U40 = 0xFFFF, 0xFFFF_FFFF, 0xFF_FFFF_FFFF

# RFC 8949, 3.1: the major types, already shifted to the high three bits of a head's first byte.
_UINT, _BSTR, _ARRAY, _MAP = 0x00, 0x40, 0x80, 0xA0
_MINUS_ONE, _NIL = 0x20, 0xF6
_BYTE = [bytes((n,)) for n in range(256)]
_pack16, _pack32, _pack64 = struct.Struct(">BH").pack, struct.Struct(">BI").pack, struct.Struct(">BQ").pack
_LEAST = (
    24,
    0x100,
    0x1_0000,
    0x1_0000_0000,
)  # what an argument of 1, 2, 4, 8 bytes must reach to be shortest
_KINDS = {kind.value: kind for kind in Kind}
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_LAST_DAY = datetime.date.max.toordinal() - _EPOCH

# Tag 18, an array of four, then the protected header up to the kid: {1: -8, 4: h'...'}. The algorithm is
# pinned, so these bytes begin every keyset.
_OPENING = bytes.fromhex("d284")
_PROTECTED = bytes.fromhex("4da201270448")
PREFIX = _OPENING + _PROTECTED
_UNPROTECTED = b"\xa0"
_SIGNATURE_HEAD = bytes((0x58, SIGNATURE_SIZE))
_BODY_AT = len(PREFIX) + KID_SIZE + len(_UNPROTECTED)
# Sig_structure (RFC 9052, 4.4): ["Signature1", protected, h'', body].
_SIG_CONTEXT = b"\x84\x6aSignature1"
_NO_AAD = b"\x40"


class Frame(NamedTuple):
    """A COSE_Sign1 message taken apart; `signed` are the bytes that `signature` is over."""

    kid: bytes
    signed: bytes
    body: bytes
    signature: bytes


def encode(payload: Payload) -> bytes:
    """The payload's one encoding. Raises ValueError for whatever the format has no room for."""
    services = payload.services
    if len(services) > MAX_SERVICES:
        raise ValueError(f"{len(services)} services; a keyset holds at most {MAX_SERVICES}")
    parts = [
        b"\xa6\x01" if payload.primary is None else b"\xa7\x01",
        _serial_bytes(payload.serial),
        b"\x02" + _uint(payload.generation, U32, "generation"),
        b"\x03" + _uint(payload.issued, U40, "issued"),
        b"\x04" + _uint(payload.model, U16, "model"),
        b"\x05" + _amount(payload.nodes, "nodes"),
        b"\x06" + _head(_ARRAY, len(services)),
    ]
    last = -1
    for service in services:
        if service.code <= last:
            raise ValueError(f"service {service.code} doesn't come after {last}: codes ascend strictly")
        last = service.code
        parts.append(_row(service))
    if payload.primary is not None:
        parts.append(b"\x07" + _serial_bytes(payload.primary))
    return b"".join(parts)


def _row(service: Service) -> bytes:
    count, expiry = service.count, service.expiry
    if service.kind not in _KINDS:
        raise ValueError(f"kind {service.kind} is neither licensed nor trial")
    start = _uint(service.code, U16, "code") + _BYTE[service.kind]
    if expiry is None:
        return b"\x82" + start if count is None else b"\x83" + start + _amount(count, "count")
    middle = b"\xf6" if count is None else _amount(count, "count")
    return b"\x84" + start + middle + _uint(expiry.toordinal() - _EPOCH, U32, "expiry")


def _head(major: int, n: int) -> bytes:
    if n < 24:
        return _BYTE[major | n]
    if n < 0x100:
        return _BYTE[major | 24] + _BYTE[n]
    if n < 0x1_0000:
        return _pack16(major | 25, n)
    return _pack32(major | 26, n) if n < 0x1_0000_0000 else _pack64(major | 27, n)


def _uint(n: int, limit: int, name: str) -> bytes:
    if not 0 <= n <= limit:
        raise ValueError(f"{name} {n} is not between 0 and {limit}")
    return _head(_UINT, n)


def _amount(n: int, name: str) -> bytes:
    return b"\x20" if n == UNLIMITED else _uint(n, U32, name)


def _serial_bytes(serial: str) -> bytes:
    raw = bytes.fromhex(serial)
    if len(raw) != 6 or raw.hex().upper() != serial:
        raise ValueError(f"serial {serial!r} is not 12 capital hexadecimal digits")
    return b"\x46" + raw


def seal(kid: bytes, body: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """The COSE_Sign1 message of `body`, signed by `sign` with the key that `kid` names (RFC 9052, 4.4).

    Raises ValueError where kid or signature have not their size.
    """
    protected = _PROTECTED + kid
    wrapped = _head(_BSTR, len(body)) + body
    signature = sign(_SIG_CONTEXT + protected + _NO_AAD + wrapped)
    if len(kid) != KID_SIZE or len(signature) != SIGNATURE_SIZE:
        raise ValueError(f"a kid has {KID_SIZE} bytes and a signature {SIGNATURE_SIZE}")
    return _OPENING + protected + _UNPROTECTED + wrapped + _SIGNATURE_HEAD + signature


def unseal(raw: bytes) -> Frame:
    """Takes a COSE_Sign1 message apart, verifying nothing. Raises ValueError where it isn't the format's."""
    if not raw.startswith(PREFIX) or raw[_BODY_AT - 1 : _BODY_AT] != _UNPROTECTED:
        raise ValueError("headers are not {1: -8, 4: kid}, {}")
    reader = _Reader(raw, _BODY_AT)
    body = reader.bstr()
    end = reader.at
    if raw[end : end + 2] != _SIGNATURE_HEAD or len(raw) != end + 2 + SIGNATURE_SIZE:
        raise ValueError(f"byte {end}: not the end of the body and a signature of {SIGNATURE_SIZE} bytes")
    protected = raw[len(_OPENING) : _BODY_AT - 1]
    signed = _SIG_CONTEXT + protected + _NO_AAD + raw[_BODY_AT:end]
    return Frame(protected[-KID_SIZE:], signed, body, raw[end + 2 :])


def needed_size(start: bytes) -> int | None:
    """How many bytes the message that begins with `start` has; None where that isn't known from so little."""
    reader = _Reader(start, _BODY_AT)
    try:
        size = reader.head(_BSTR)
    except ValueError:
        return None
    if not start.startswith(PREFIX) or reader.at > len(start):
        return None
    return reader.at + size + len(_SIGNATURE_HEAD) + SIGNATURE_SIZE


def decode(body: bytes) -> Payload:
    """The payload that `body` encodes. Raises ValueError, naming the byte, for what `encode` wouldn't write.

    Days after 9999-12-31 have no date in Python and are refused too; `encode` never makes one.
    """
    reader = _Reader(body, 0)
    payload = _read_payload(reader)
    # A value that was cut short leaves the reader past the end, so this one check sees that as well.
    if reader.at != len(body):
        raise reader.error("trailing bytes" if reader.at < len(body) else "ends too early")
    return payload


def _read_payload(reader: "_Reader") -> Payload:
    size = reader.head(_MAP)
    if size not in (6, 7):
        raise reader.error("a payload has 6 or 7 entries")
    reader.key(1)
    serial = reader.serial()
    reader.key(2)
    generation = reader.uint(U32)
    reader.key(3)
    issued = reader.uint(U40)
    reader.key(4)
    model = reader.uint(U16)
    reader.key(5)
    nodes = reader.amount()
    reader.key(6)
    services = _read_services(reader)
    if size == 6:
        return Payload(serial, generation, issued, model, nodes, services)
    reader.key(7)
    return Payload(serial, generation, issued, model, nodes, services, reader.serial())


def _read_services(reader: "_Reader") -> tuple[Service, ...]:
    rows = reader.head(_ARRAY)
    if rows > MAX_SERVICES:
        raise reader.error(f"more than {MAX_SERVICES} services")
    services: list[Service] = []
    last = -1
    for _ in range(rows):
        size = reader.head(_ARRAY)
        code = reader.uint(U16)
        if code <= last:
            raise reader.error("service codes don't ascend")
        last = code
        kind = _KINDS.get(reader.head(_UINT))
        if kind is None or not 2 <= size <= 4:
            raise reader.error("not a row of code, kind, count and expiry")
        count = None if size == 2 or (size == 4 and reader.nil()) else reader.amount()
        services.append(Service(code, kind, count, reader.day() if size == 4 else None))
    return tuple(services)


class _Reader:
    """A cursor over CBOR bytes that takes only shortest forms and definite lengths."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def error(self, what: str) -> ValueError:
        return ValueError(f"byte {self.at}: {what}")

    def peek(self) -> int:
        if self.at >= len(self.data):
            raise self.error("ends too early")
        return self.data[self.at]

    def head(self, major: int) -> int:
        """The argument of the next head, which must be of this major type (RFC 8949, 3)."""
        n = self.peek() - major
        if 0 <= n < 24:
            self.at += 1
            return n
        if not 24 <= n <= 27:
            raise self.error("another type than the format has here")
        width = 1 << (n - 24)
        value = int.from_bytes(self.data[self.at + 1 : self.at + 1 + width])
        if value < _LEAST[n - 24]:
            raise self.error("not the shortest form, or ends too early")
        self.at += 1 + width
        return value

    def uint(self, limit: int) -> int:
        value = self.head(_UINT)
        if value > limit:
            raise self.error(f"more than {limit}")
        return value

    def key(self, number: int) -> None:
        if self.head(_UINT) != number:
            raise self.error(f"not the entry {number}")

    def amount(self) -> int:
        if self.peek() == _MINUS_ONE:
            self.at += 1
            return UNLIMITED
        return self.uint(U32)

    def nil(self) -> bool:
        found = self.peek() == _NIL
        self.at += found
        return found

    def day(self) -> datetime.date:
        return datetime.date.fromordinal(_EPOCH + self.uint(_LAST_DAY))

    def bstr(self) -> bytes:
        size = self.head(_BSTR)
        start = self.at
        self.at += size
        return self.data[start : self.at]

    def serial(self) -> str:
        raw = self.bstr()
        if len(raw) != 6:
            raise self.error("a serial number has 6 bytes")
        return raw.hex().upper()
