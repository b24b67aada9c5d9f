"""Keys, payloads and CBOR by `cbor2`, the oracle, that the keyset tests share."""

import base64
import datetime
from dataclasses import replace

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from licensing.keyset import UNLIMITED, Ed25519Signer, KeyRing, Kind, Payload, Service

EPOCH = datetime.date(1970, 1, 1)
TODAY = datetime.date(2026, 11, 22)
ISSUED = 1_795_300_000  # 2026-11-21

SIGNER = Ed25519Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STRANGER = Ed25519Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
RING = KeyRing([SIGNER.public_key])

PAYLOAD = Payload(
    serial="0006B1124416",
    generation=7,
    issued=ISSUED,
    model=5,
    nodes=UNLIMITED,
    services=(
        Service(2, count=3, expiry=datetime.date(2004, 11, 17)),
        Service(3, expiry=TODAY),
        Service(4, Kind.TRIAL, expiry=datetime.date(2026, 12, 1)),
        Service(8),
        Service(9, count=5),
        Service(300, Kind.TRIAL, UNLIMITED),
    ),
)
SECONDARY = replace(PAYLOAD, serial="0006B112441C", primary=PAYLOAD.serial)
# The same appliance, with rows that follow one another: after a gap, the day after, by a larger count, alone.
FOLLOWED = replace(
    PAYLOAD,
    services=(
        Service(2, count=3, expiry=datetime.date(2004, 11, 17)),
        Service(2, count=3, begin=datetime.date(2026, 12, 1), expiry=datetime.date(2027, 11, 30)),
        Service(4, Kind.TRIAL, expiry=datetime.date(2026, 12, 1)),
        Service(4, begin=datetime.date(2026, 12, 2)),
        Service(9, count=5),
        Service(9, count=50, begin=datetime.date(2027, 1, 1), expiry=datetime.date(2027, 3, 31)),
        Service(9, count=UNLIMITED, begin=datetime.date(2027, 1, 1)),
        Service(300, begin=TODAY, expiry=TODAY),
    ),
)

# A busy machine is no failure.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def as_data(payload: Payload) -> dict[int, object]:
    """The payload as the plain values that the CDDL names."""
    data: dict[int, object] = {
        1: bytes.fromhex(payload.serial),
        2: payload.generation,
        3: payload.issued,
        4: payload.model,
        5: payload.nodes,
        6: [_row(service) for service in payload.services],
    }
    if payload.primary is not None:
        data[7] = bytes.fromhex(payload.primary)
    return data


def _row(service: Service) -> list[int | None]:
    days = [None if day is None else (day - EPOCH).days for day in (service.expiry, service.begin)]
    row = [service.code, int(service.kind), service.count, *days]
    while row[-1] is None:
        row.pop()
    return row


def signed_text(body: bytes, signer: Ed25519Signer = SIGNER, protected: bytes | None = None) -> str:
    """A keyset around any `body`, built and signed without the code under test."""
    protected = protected or cbor2.dumps({1: -8, 4: signer.kid}, canonical=True)
    signature = signer.sign(cbor2.dumps(["Signature1", protected, b"", body]))
    return as_text(cbor2.dumps(cbor2.CBORTag(18, [protected, {}, body, signature])))


def as_text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


_u32 = st.integers(0, 2**32 - 1)
_amounts = st.just(UNLIMITED) | _u32
_serials = st.binary(min_size=6, max_size=6).map(lambda raw: raw.hex().upper())
_codes = st.integers(0, 2**16 - 1) | st.integers(0, 30) | st.integers(0, 3)


@st.composite
def _rows(draw: st.DrawFn, issued: int) -> Service:
    """A row that a keyset of that moment of issue has room for."""
    first = EPOCH.toordinal() + issued // 86400 + 1
    begin = None
    if first <= datetime.date.max.toordinal():
        begin = draw(st.none() | st.dates(datetime.date.fromordinal(first)))
    expiry = draw(st.none() | st.dates(begin or EPOCH))
    return Service(draw(_codes), draw(st.sampled_from(Kind)), draw(st.none() | _amounts), expiry, begin)


def _place(row: Service) -> tuple[object, ...]:
    return row.code, row.begin or EPOCH, row.expiry is None, row.expiry or EPOCH


@st.composite
def _payloads(draw: st.DrawFn) -> Payload:
    issued = draw(st.integers(0, 2**40 - 1) | st.integers(0, 2**32 - 1))
    return Payload(
        serial=draw(_serials),
        generation=draw(_u32),
        issued=issued,
        model=draw(st.integers(0, 2**16 - 1)),
        nodes=draw(_amounts),
        services=tuple(sorted(draw(st.lists(_rows(issued), max_size=64, unique_by=_place)), key=_place)),
        primary=draw(st.none() | _serials),
    )


payloads = _payloads()
