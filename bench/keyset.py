"""How fast keysets are signed and verified against bare Ed25519, and how long they are.

    uv run python bench/keyset.py

Bare and own turns alternate in one run on one core, so that other load on the machine affects both; each
ratio is the median over the rounds.
"""

import datetime
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from licensing.keyset import (
    UNLIMITED,
    Ed25519Signer,
    KeyRing,
    Kind,
    Outcome,
    Payload,
    Service,
    sign,
    verify,
)
from licensing.keyset.text import parse

ROUNDS, SIGNS, VERIFIES = 300, 60, 20
DAY = datetime.date(2026, 11, 1)

# The source's table of services: four expired, three without an end; then SonicOS Enhanced and Support.
SOURCE_TABLE = (
    Service(2, count=3, expiry=datetime.date(2004, 11, 17)),
    Service(3, expiry=datetime.date(2004, 6, 7)),
    Service(5, expiry=datetime.date(2004, 10, 31)),
    Service(6, expiry=datetime.date(2004, 10, 31)),
    Service(8),
    Service(9, count=5),
    Service(12),
    Service(13),
    Service(14),
)
PRIMARY = Payload("0006B1124416", 1, 1_793_664_000, 5, UNLIMITED, SOURCE_TABLE)
SECONDARY = replace(PRIMARY, serial="0006B112441C", primary=PRIMARY.serial)

# The same table with as much licensed as possible: twelve services, six with an end, four counted.
TWELVE = (
    Service(2, count=50, expiry=DAY),
    Service(3, expiry=DAY + datetime.timedelta(30)),
    Service(4, Kind.TRIAL, expiry=DAY + datetime.timedelta(60)),
    Service(5, expiry=DAY + datetime.timedelta(90)),
    Service(6, expiry=DAY + datetime.timedelta(365)),
    Service(7, Kind.TRIAL, expiry=DAY + datetime.timedelta(730)),
    Service(8),
    Service(9, count=5),
    Service(10, count=1000),
    Service(11, count=UNLIMITED),
    Service(12),
    Service(13),
)


def seconds(work: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        work()
    return time.perf_counter() - start


def compare(name: str, goal: float, bare: Callable[[], object], own: Callable[[], object], times: int) -> str:
    """One line: the median of bare time divided by own time, and both rates per second."""
    pairs = [(seconds(bare, times), seconds(own, times)) for _ in range(ROUNDS)]
    ratio = statistics.median(b / o for b, o in pairs)
    bare_rate, own_rate = (times / statistics.median(column) for column in zip(*pairs, strict=True))
    return (
        f"{name:<8}{ratio:.2f} of bare Ed25519 (goal: at least {goal:.2f})"
        f"   {own_rate:,.0f} a second against {bare_rate:,.0f}\n"
    )


def main() -> None:
    private = Ed25519PrivateKey.generate()
    public, signer = private.public_key(), Ed25519Signer(private)
    ring = KeyRing([public])
    payload = replace(PRIMARY, services=TWELVE)
    text = sign(payload, signer)
    frame, _ = parse(text)

    def own_verify() -> None:
        outcome = verify(text, serial=payload.serial, keys=ring, today=DAY).outcome
        if outcome is not Outcome.INSTALLED:
            raise SystemExit(f"verify answered {outcome}")

    write = sys.stdout.write
    write(compare("sign", 0.80, lambda: private.sign(frame.signed), lambda: sign(payload, signer), SIGNS))
    write(compare("verify", 0.75, lambda: public.verify(frame.signature, frame.signed), own_verify, VERIFIES))
    for name, state in (("primary", PRIMARY), ("secondary", SECONDARY)):
        write(f"length  {len(sign(state, signer))} characters for a {name} (goal: at most 225)\n")


if __name__ == "__main__":
    main()
