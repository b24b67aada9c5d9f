"""The appliance's side: whether a pasted keyset takes effect, and what each service is today."""

import datetime
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature

from licensing.keyset.codec import Frame
from licensing.keyset.days import State, states_on
from licensing.keyset.keys import KeyRing
from licensing.keyset.outcomes import Malformed, Outcome, Reason
from licensing.keyset.payload import Payload, Status
from licensing.keyset.serials import read_serial
from licensing.keyset.text import parse

_LAST_DAY = datetime.date.max.toordinal()
_EPOCH = datetime.date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Result:
    """What the reader returns.

    `reason` is set if the outcome is malformed. `payload` is set only if the signature is genuine, so that
    nothing unsigned can be taken for a licence. `today` is the UTC day that was used; an appliance stores it
    for the next time.
    """

    outcome: Outcome
    today: datetime.date
    reason: Reason | None = None
    detail: str = ""
    payload: Payload | None = None

    @property
    def text(self) -> str:
        """The meaning and what to do, for an administrator."""
        return f"{(self.reason or self.outcome).text} {self.detail}".rstrip()

    @property
    def states(self) -> dict[int, State]:
        """What runs as of `today` and what follows, by code. A code that isn't there is Not Licensed."""
        return states_on(self.today, self.payload.services if self.payload else ())

    @property
    def statuses(self) -> dict[int, Status]:
        """Each service's status as of `today`, by code. A code that is missing is Not Licensed."""
        return {code: state.status for code, state in self.states.items()}


def issue_day(payload: Payload) -> datetime.date:
    """The UTC day of issue, or the last day that a date can represent."""
    return datetime.date.fromordinal(min(_EPOCH + payload.issued // 86400, _LAST_DAY))


def verify(
    text: str,
    *,
    serial: str,
    keys: KeyRing,
    model: int | None = None,
    installed: str | None = None,
    today: datetime.date | None = None,
) -> Result:
    """Returns whether the keyset `text` takes effect on the appliance `serial` (of `model`, if given).

    `installed` is the text of the keyset that the appliance runs now; it was verified when it was installed,
    so its signature isn't checked again. `today` is the later of the clock's UTC day and the highest day that
    the appliance has stored; None takes the clock. The days on which genuine keysets were issued count as
    well, so that setting the clock back revives nothing.

    No `text` raises. ValueError is for the caller's own mistakes: an invalid `serial`, or an `installed` that
    can't be read (Malformed) or is another appliance's.
    """
    serial = read_serial(serial)
    today = today or datetime.datetime.now(datetime.UTC).date()
    held = None if installed is None else parse(installed)
    if held:
        if held[1].serial != serial:
            raise ValueError(f"the installed keyset is for {held[1].serial}")
        today = max(today, issue_day(held[1]))
    try:
        frame, payload = parse(text)
    except Malformed as error:
        return Result(Outcome.MALFORMED, today, error.reason, error.detail)
    key = keys.get(frame.kid)
    if key is None:
        return Result(Outcome.UNKNOWN_KEY, today, detail=f"(Key {frame.kid.hex()}.)")
    try:
        key.verify(frame.signature, frame.signed)
    except InvalidSignature:
        return Result(Outcome.BAD_SIGNATURE, today)
    outcome, detail = _judge(frame, payload, serial, model, held)
    return Result(outcome, max(today, issue_day(payload)), None, detail, payload)


def _judge(
    frame: Frame, payload: Payload, serial: str, model: int | None, held: tuple[Frame, Payload] | None
) -> tuple[Outcome, str]:
    """How a genuine keyset relates to this appliance, in KEYSET.md's order."""
    if payload.serial != serial:
        return Outcome.WRONG_SERIAL, f"(The keyset is for {payload.serial}, this appliance is {serial}.)"
    if model is not None and payload.model != model:
        return (
            Outcome.WRONG_MODEL,
            f"(The keyset is for model {payload.model}, this appliance is model {model}.)",
        )
    if held is None or payload.generation > held[1].generation:
        return Outcome.INSTALLED, ""
    if payload.generation < held[1].generation:
        return (
            Outcome.OLDER_GENERATION,
            f"(Generation {payload.generation}; {held[1].generation} is installed.)",
        )
    # The bytes of a frame determine the text, so equal frames are the same keyset however it was wrapped.
    same = frame == held[0]
    return (
        Outcome.ALREADY_INSTALLED if same else Outcome.GENERATION_CONFLICT
    ), f"(Generation {payload.generation}.)"
