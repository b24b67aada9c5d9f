"""What a keyset says about one unit: plain values, checked when they are encoded."""

import datetime
import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum

UNLIMITED = -1
"""The count, or number of nodes, that means no limit."""

_SERIAL = re.compile("[0-9A-F]{12}")


class Kind(IntEnum):
    """The kind of licence by which a service runs. Expired is no kind: it follows from the expiry."""

    LICENSED = 1
    TRIAL = 2


class Status(StrEnum):
    """The status of a service on a given day. One that the keyset doesn't name is NOT_LICENSED."""

    LICENSED = "licensed"
    FREE_TRIAL = "free-trial"
    EXPIRED = "expired"
    NOT_LICENSED = "not-licensed"

    @property
    def label(self) -> str:
        """The status as people read it: Free Trial."""
        return self.value.replace("-", " ").title()


@dataclass(frozen=True, slots=True)
class Service:
    """One service that the unit may run.

    `code` is the catalogue's (16 bits). `count` is None where the service isn't counted, UNLIMITED, or a
    number of 32 bits. `expiry` is the last day on which it runs (a UTC day, from 1970-01-01 on); None is for
    ever.
    """

    code: int
    kind: Kind = Kind.LICENSED
    count: int | None = None
    expiry: datetime.date | None = None

    def status(self, today: datetime.date) -> Status:
        """The status on the UTC day `today`: expired once the expiry has passed."""
        if self.expiry is not None and self.expiry < today:
            return Status.EXPIRED
        return Status.LICENSED if self.kind == Kind.LICENSED else Status.FREE_TRIAL


@dataclass(frozen=True, slots=True)
class Payload:
    """Everything that a keyset says about one unit.

    `serial` is 12 hexadecimal digits in capitals. `generation` (32 bits) counts the unit's issues and never
    repeats. `issued` is a moment in Unix seconds (40 bits). `model` is the catalogue's code (16 bits).
    `nodes` is UNLIMITED or a number of 32 bits. `services` ascend strictly by code, at most 64. `primary` is
    the serial of the HF Primary whose licences the unit shares, None if it shares none.
    """

    serial: str
    generation: int
    issued: int
    model: int
    nodes: int
    services: tuple[Service, ...] = ()
    primary: str | None = None


def normal_serial(text: str) -> str:
    """The serial number as 12 upper-case hexadecimal digits; `text` may contain spaces, `-` and `:`.

    Raises ValueError for anything else.
    """
    if _SERIAL.fullmatch(text):
        return text
    serial = "".join(text.split()).replace("-", "").replace(":", "").upper()
    if not _SERIAL.fullmatch(serial):
        raise ValueError("a serial number is 12 hexadecimal digits")
    return serial
