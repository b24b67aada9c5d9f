"""The bytes of a keyset: COSE_Sign1 (RFC 9052, 4.2) over deterministic CBOR (RFC 8949, 4.2.1).

Written for this one shape (`keyset.cddl`) and read strictly: general CBOR loaders accept longer integers,
repeated keys and trailing bytes. Every payload has exactly one encoding, and the reader accepts no other.
"""

import datetime
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from licensing.keyset.payload import UNLIMITED, Kind, Payload, Service

MAX_ROWS = 255
KID_SIZE, SIGNATURE_SIZE = 8, 64
U16, U32, U40 = 0xFFFF, 0xFFFF_FFFF, 0xFF_FFFF_FFFF

# RFC 8949, 3.1: the major types, already shifted to the high three bits of a head's first byte.
_UINT, _BSTR, _ARRAY = 0x00, 0x40, 0x80
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
_KIND_BYTES = {kind: _BYTE[kind] for kind in Kind}
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_date = datetime.date.fromordinal
_LONGER = "an integer that isn't in its shortest form"
_NO_ROW = Service(-1)  # comes before every row
_DISORDER = "not in order of code, begin and expiry"
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
    """The payload's one encoding. Raises ValueError for what the format has no room for."""
    services, primary = payload.services, payload.primary
    if len(services) > MAX_ROWS:
        raise ValueError(f"{len(services)} rows; a keyset holds at most {MAX_ROWS}")
    parts = [
        b"\xa6\x01" if primary is None else b"\xa7\x01",
        _serial(payload.serial),
        b"\x02",
        _uint(payload.generation, U32, "generation"),
        b"\x03",
        _uint(payload.issued, U40, "issued"),
        b"\x04",
        _uint(payload.model, U16, "model"),
        b"\x05",
        _amount(payload.nodes, "nodes"),
        b"\x06",
        _head(_ARRAY, len(services)),
    ]
    try:
        _add_rows(parts, services, payload.issued)
    except KeyError as error:
        raise ValueError(f"kind {error} is neither licensed nor trial") from None
    if primary is not None:
        parts += (b"\x07", _serial(primary))
    return b"".join(parts)


def _add_rows(parts: list[bytes], services: tuple[Service, ...], issued: int) -> None:
    before = _NO_ROW
    for service in services:
        code, count, expiry = service.code, service.count, service.expiry
        begin = service.begin
        if code <= before.code and service.place <= before.place:
            raise ValueError(f"service {code}: {_DISORDER}")
        before = service
        start = _BYTE[code] if code < 24 else _uint(code, U16, "code")
        kind = _KIND_BYTES[service.kind]
        if begin is not None:
            if fault := _begin_fault(begin, expiry, issued):
                raise ValueError(f"service {code}: {fault}")
            middle = b"\xf6" if count is None else _amount(count, "count")
            end = b"\xf6" if expiry is None else _day(expiry)
            parts += (b"\x85", start, kind, middle, end, _day(begin))
        elif expiry is not None:
            middle = b"\xf6" if count is None else _amount(count, "count")
            parts += (b"\x84", start, kind, middle, _day(expiry))
        elif count is not None:
            parts += (b"\x83", start, kind, _amount(count, "count"))
        else:
            parts += (b"\x82", start, kind)


def _begin_fault(begin: datetime.date, expiry: datetime.date | None, issued: int) -> str:
    """Why a row of a keyset issued at that moment can't begin on that day; empty where it can."""
    if begin.toordinal() - _EPOCH <= issued // 86400:
        return "a begin no later than the day of issue"
    return "a begin after the expiry" if expiry is not None and expiry < begin else ""


def _head(major: int, n: int) -> bytes:
    """A head in its shortest form (RFC 8949, 3 and 4.2.1)."""
    if n < 24:
        return _BYTE[major | n]
    if n < 0x100:
        return _BYTE[major | 24] + _BYTE[n]
    if n < 0x1_0000:
        return _pack16(major | 25, n)
    return _pack32(major | 26, n) if n < 0x1_0000_0000 else _pack64(major | 27, n)


def _uint(n: int, limit: int, name: str) -> bytes:
    if 0 <= n < 24:
        return _BYTE[n]
    if not 0 <= n <= limit:
        raise ValueError(f"{name} {n} is not between 0 and {limit}")
    return _head(_UINT, n)


def _amount(n: int, name: str) -> bytes:
    return b"\x20" if n == UNLIMITED else _uint(n, U32, name)


@lru_cache(maxsize=4096)  # licences begin and end on few different days: more than ten years of them fit
def _day(day: datetime.date) -> bytes:
    return _uint(day.toordinal() - _EPOCH, U32, "day")


def _serial(serial: str) -> bytes:
    raw = bytes.fromhex(serial)
    if len(raw) != 6 or raw.hex().upper() != serial:
        raise ValueError(f"serial {serial!r} is not 12 capital hexadecimal digits")
    return b"\x46" + raw


def seal(kid: bytes, body: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """The COSE_Sign1 message of `body`, signed by `sign` with the key that `kid` names (RFC 9052, 4.4).

    Raises ValueError if the kid or the signature has the wrong size.
    """
    protected = _PROTECTED + kid
    wrapped = _head(_BSTR, len(body)) + body
    signature = sign(_SIG_CONTEXT + protected + _NO_AAD + wrapped)
    if len(kid) != KID_SIZE or len(signature) != SIGNATURE_SIZE:
        raise ValueError(f"a kid has {KID_SIZE} bytes and a signature {SIGNATURE_SIZE}")
    return _OPENING + protected + _UNPROTECTED + wrapped + _SIGNATURE_HEAD + signature


def unseal(raw: bytes) -> Frame:
    """Takes a COSE_Sign1 message apart, verifying nothing. Raises ValueError if it isn't of the format."""
    if not raw.startswith(PREFIX) or raw[_BODY_AT - 1 : _BODY_AT] != _UNPROTECTED:
        raise ValueError("headers are not {1: -8, 4: kid}, {}")
    try:
        size, start = _read_head(raw, _BODY_AT, _BSTR)
    except IndexError:
        raise ValueError("ends before the body") from None
    end = start + size
    if raw[end : end + 2] != _SIGNATURE_HEAD or len(raw) != end + 2 + SIGNATURE_SIZE:
        raise _error(end, f"not the end of the body and a signature of {SIGNATURE_SIZE} bytes")
    protected = raw[len(_OPENING) : _BODY_AT - 1]
    signed = _SIG_CONTEXT + protected + _NO_AAD + raw[_BODY_AT:end]
    return Frame(protected[-KID_SIZE:], signed, raw[start:end], raw[end + 2 :])


def needed_size(start: bytes) -> int | None:
    """The length of the message that begins with `start`; None if `start` is too short to tell."""
    try:
        size, body_at = _read_head(start, _BODY_AT, _BSTR)
    except (IndexError, ValueError):
        return None
    return body_at + size + 2 + SIGNATURE_SIZE if start.startswith(PREFIX) else None


def decode(body: bytes) -> Payload:
    """The payload that `body` encodes. Raises ValueError, naming the byte, for what `encode` wouldn't write.

    Days after 9999-12-31 have no date in Python and are refused, too; `encode` never writes one.
    """
    try:
        payload, end = _read_payload(body)
    except IndexError:
        raise _error(len(body), "ends too early") from None
    if end != len(body):
        raise _error(end, "trailing bytes")
    return payload


def _read_payload(data: bytes) -> tuple[Payload, int]:
    if data[0] not in (0xA6, 0xA7):
        raise _error(0, "not a map of 6 or 7 entries")
    serial, at = _read_serial(data, _read_key(data, 1, 1))
    generation, at = _read_uint(data, _read_key(data, at, 2), U32)
    issued, at = _read_uint(data, _read_key(data, at, 3), U40)
    model, at = _read_uint(data, _read_key(data, at, 4), U16)
    nodes, at = _read_amount(data, _read_key(data, at, 5))
    services, at = _read_services(data, _read_key(data, at, 6), issued)
    primary = None
    if data[0] == 0xA7:
        primary, at = _read_serial(data, _read_key(data, at, 7))
    return Payload(serial, generation, issued, model, nodes, services, primary), at


def _read_services(data: bytes, at: int, issued: int) -> tuple[tuple[Service, ...], int]:
    rows, at = _read_head(data, at, _ARRAY)
    if rows > MAX_ROWS:
        raise _error(at, f"more than {MAX_ROWS} rows")
    services: list[Service] = []
    last = -1
    for _ in range(rows):
        size, code = data[at] - _ARRAY, data[at + 1]
        at += 2
        if code >= 24:
            code, at = _read_uint(data, at - 1, U16)
        kind = _KINDS.get(data[at])
        if kind is None or not 2 <= size <= 5:
            raise _error(at, "not a row of code, kind, count, expiry and begin")
        at += 1
        count = expiry = begin = None
        if size > 3:
            if data[at] == _NIL:
                at += 1
            else:
                count, at = _read_amount(data, at)
            if size == 4:
                day, at = _read_uint(data, at, _LAST_DAY)
                expiry = _date(_EPOCH + day)
            else:
                expiry, begin, at = _read_days(data, at, issued)
        elif size == 3:
            count, at = _read_amount(data, at)
        service = Service(code, kind, count, expiry, begin)
        if code <= last and service.place <= services[-1].place:
            raise _error(at, _DISORDER)
        last = code
        services.append(service)
    return tuple(services), at


# Each reader takes the bytes and a position, and returns the value there and the position after it. Reading
# past the end is an IndexError, which `decode` and `unseal` turn into theirs.


def _read_head(data: bytes, at: int, major: int) -> tuple[int, int]:
    """The argument of a head of this major type, in its shortest form (RFC 8949, 3 and 4.2.1)."""
    n = data[at] - major
    if 0 <= n < 24:
        return n, at + 1
    if not 24 <= n <= 27:
        raise _error(at, "another type than the format has here")
    end = at + 1 + (1 << (n - 24))
    value = int.from_bytes(data[at + 1 : end])
    if end > len(data):
        raise IndexError
    if value < _LEAST[n - 24]:
        raise _error(at, _LONGER)
    return value, end


def _read_uint(data: bytes, at: int, limit: int) -> tuple[int, int]:
    first = data[at]
    if first < 24:
        return first, at + 1
    if first == 0x19:  # a shortcut for the common case, a day
        value, end = data[at + 1] << 8 | data[at + 2], at + 3
        if value <= 0xFF:
            raise _error(at, _LONGER)
    else:
        value, end = _read_head(data, at, _UINT)
    if value > limit:
        raise _error(at, f"more than {limit}")
    return value, end


def _read_amount(data: bytes, at: int) -> tuple[int, int]:
    return (UNLIMITED, at + 1) if data[at] == _MINUS_ONE else _read_uint(data, at, U32)


def _read_day(data: bytes, at: int) -> tuple[datetime.date, int]:
    day, at = _read_uint(data, at, _LAST_DAY)
    return _date(_EPOCH + day), at


def _read_days(data: bytes, at: int, issued: int) -> tuple[datetime.date | None, datetime.date, int]:
    """The expiry, nil or not, and the begin of a row that has both."""
    expiry = None
    if data[at] == _NIL:
        at += 1
    else:
        expiry, at = _read_day(data, at)
    begin, at = _read_day(data, at)
    if fault := _begin_fault(begin, expiry, issued):
        raise _error(at, fault)
    return expiry, begin, at


def _read_key(data: bytes, at: int, number: int) -> int:
    if data[at] != number:
        raise _error(at, f"not the entry {number}")
    return at + 1


def _read_serial(data: bytes, at: int) -> tuple[str, int]:
    if data[at] != _BSTR + 6 or at + 7 > len(data):
        raise _error(at, "not a serial number of 6 bytes")
    return data[at + 1 : at + 7].hex().upper(), at + 7


def _error(at: int, what: str) -> ValueError:
    return ValueError(f"byte {at}: {what}")
