"""Identifies a pasted keyset: its unit, its generation, and whether the portal signed it."""

from dataclasses import dataclass

from licensing.keyset import Malformed, Outcome, Payload, read, verify
from licensing.keyset.text import pick, strip
from licensing.keysets.issuing import current_heads
from licensing.keysets.signing import key_ring
from licensing.models import Keyset
from portal.clock import today
from products.models import Unit

LONGEST_NAME = 254
"""A longer text is no name (even an e-mail address is shorter), so it can only be meant as a keyset."""
MOST_KEYSETS = 4
"""A pair's file has two."""


@dataclass(frozen=True, slots=True)
class CheckedKeyset:
    """A pasted keyset, and what the portal knows about it.

    `issued` is the row of that generation, with the same text or another; `newest` is the unit's last
    generation so far (0: none). `is_current`: the newest one says what is true today.
    """

    payload: Payload
    outcome: Outcome
    unit: Unit | None
    issued: Keyset | None
    is_as_issued: bool
    newest: int
    is_current: bool

    @property
    def is_genuine(self) -> bool:
        """Whether one of the portal's present keys signed exactly this."""
        return self.outcome not in {Outcome.UNKNOWN_KEY, Outcome.BAD_SIGNATURE}

    @property
    def is_newest(self) -> bool:
        """Whether no later generation was issued."""
        return self.is_as_issued and self.payload.generation == self.newest

    @property
    def sentences(self) -> list[str]:
        """What it is, in words."""
        texts = [f"This is generation {self.payload.generation:,} of the keyset of {self.payload.serial}."]
        if self.outcome == Outcome.UNKNOWN_KEY:
            texts.append(
                "None of the portal's valid keys has signed it: its key is unknown here, or revoked."
            )
        elif self.outcome == Outcome.BAD_SIGNATURE:
            texts.append("Its signature doesn't fit: it was changed after it was signed.")
        else:
            texts.append("Its signature is genuine.")
        return [*texts, self._place()]

    def _place(self) -> str:
        """Its place among the issued keysets."""
        if self.unit is None:
            return "The factory's record has no such unit."
        if not self.is_as_issued:
            return "The portal has no record of having issued it."
        if not self.is_newest:
            return f"It is not the unit's newest: that is generation {self.newest:,}."
        if not self.is_current:
            return (
                "It is the newest that was issued, but entitlements have changed since: a newer one is due."
            )
        return "It is the unit's newest."


def looks_like_keyset(text: str) -> bool:
    """Whether a text is a keyset, or is meant to be one."""
    return bool(pick(text)) or len(strip(text)) > LONGEST_NAME


def check_keysets(text: str) -> list[CheckedKeyset | Malformed]:
    """Tell what each keyset in a text is, or why it can't be read. Raises Malformed if the only one can't."""
    picked = pick(text)[:MOST_KEYSETS]
    if len(picked) < 2:
        return [check_keyset("".join(picked) or text)]
    checked: list[CheckedKeyset | Malformed] = []
    for one in picked:
        try:
            checked.append(check_keyset(one))
        except Malformed as problem:
            checked.append(problem)
    return checked


def check_keyset(text: str) -> CheckedKeyset:
    """Read a keyset and compare it with what was issued. Raises Malformed."""
    payload = read(text)
    unit = Unit.objects.filter(serial=payload.serial).first()
    outcome = verify(text, serial=payload.serial, keys=key_ring()).outcome
    rows = Keyset.objects.filter(unit=unit) if unit else Keyset.objects.none()
    issued = rows.filter(generation=payload.generation).first()
    newest = rows.order_by("-generation").values_list("generation", flat=True).first()
    return CheckedKeyset(
        payload,
        outcome,
        unit,
        issued,
        is_as_issued=issued is not None and issued.text == strip(text),
        newest=newest or 0,
        is_current=unit is not None and current_heads(today()).filter(unit=unit).exists(),
    )
