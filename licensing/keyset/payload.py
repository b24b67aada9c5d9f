"""What a keyset says about one unit: plain values, checked when they are encoded."""

import datetime
from dataclasses import dataclass
from enum import IntEnum, StrEnum

UNLIMITED = -1
"""The count, or number of nodes, that means no limit."""

_NEVER = datetime.date.max.toordinal() + 1


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
    """One row: from when to when the unit may run a service, and for how many. A code may have several rows.

    `code` is the catalogue's (16 bits). `count` is None where the service isn't counted, UNLIMITED, or a
    number of 32 bits. `expiry` is the last day on which it runs (a UTC day, from 1970-01-01 on); None is for
    ever. `begin` is the first, where that comes after the day of issue; None has begun by then.
    """

    code: int
    kind: Kind = Kind.LICENSED
    count: int | None = None
    expiry: datetime.date | None = None
    begin: datetime.date | None = None

    def runs_on(self, day: datetime.date) -> bool:
        """Whether the UTC day is one of the row's; of several such rows of a code the best runs."""
        return (self.begin is None or self.begin <= day) and (self.expiry is None or day <= self.expiry)

    def status(self, today: datetime.date) -> Status:
        """The row's own status on the UTC day `today`; `days.states_on` weighs all rows of a code."""
        if self.begin is not None and today < self.begin:
            return Status.NOT_LICENSED
        if self.expiry is not None and self.expiry < today:
            return Status.EXPIRED
        return Status.LICENSED if self.kind == Kind.LICENSED else Status.FREE_TRIAL

    @property
    def place(self) -> tuple[int, int, int]:
        """By what rows ascend: code, begin (none first), expiry (none last). No two rows have one place."""
        begin = 0 if self.begin is None else self.begin.toordinal()
        return self.code, begin, _NEVER if self.expiry is None else self.expiry.toordinal()


@dataclass(frozen=True, slots=True)
class Payload:
    """Everything that a keyset says about one unit.

    `serial` is 12 hexadecimal digits in capitals. `generation` (32 bits) counts the unit's issues and never
    repeats. `issued` is a moment in Unix seconds (40 bits). `model` is the catalogue's code (16 bits).
    `nodes` is UNLIMITED or a number of 32 bits. `services` ascend strictly by `place`, at most 255 rows.
    `primary` is the serial of the HF Primary whose licences the unit shares, None if it shares none.
    """

    serial: str
    generation: int
    issued: int
    model: int
    nodes: int
    services: tuple[Service, ...] = ()
    primary: str | None = None
