"""Keysets: the signed text that carries what one unit may run. Plain Python; `cryptography` is all it needs.

The portal signs what a unit's rows come to (`shorten`, `sign`), the appliance's software reads (`verify`) and
asks what runs today and what follows (`Result.states`). The format is in `keyset.cddl`.
"""

from licensing.keyset.codec import decode, encode
from licensing.keyset.days import Run, State, states_on
from licensing.keyset.keys import KeyRing, jwk, key_id
from licensing.keyset.outcomes import Malformed, Outcome, Reason
from licensing.keyset.payload import UNLIMITED, Kind, Payload, Service, Status
from licensing.keyset.serials import read_serial
from licensing.keyset.shorten import Shortened, shorten
from licensing.keyset.sign import Ed25519Signer, Signer, sign
from licensing.keyset.text import read
from licensing.keyset.verify import Result, verify

__all__ = [
    "UNLIMITED",
    "Ed25519Signer",
    "KeyRing",
    "Kind",
    "Malformed",
    "Outcome",
    "Payload",
    "Reason",
    "Result",
    "Run",
    "Service",
    "Shortened",
    "Signer",
    "State",
    "Status",
    "decode",
    "encode",
    "jwk",
    "key_id",
    "read",
    "read_serial",
    "shorten",
    "sign",
    "states_on",
    "verify",
]
