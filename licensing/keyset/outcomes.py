"""The results of reading a keyset: stable values for programs, texts for people."""

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a keyset, in the order of the checks. The values never change."""

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown-key"
    BAD_SIGNATURE = "bad-signature"
    WRONG_SERIAL = "wrong-serial"
    WRONG_MODEL = "wrong-model"
    OLDER_GENERATION = "older-generation"
    ALREADY_INSTALLED = "already-installed"
    GENERATION_CONFLICT = "generation-conflict"
    INSTALLED = "installed"

    @property
    def is_success(self) -> bool:
        """Whether the appliance runs by this keyset now. If not, the installed one is untouched."""
        return self in (Outcome.ALREADY_INSTALLED, Outcome.INSTALLED)

    @property
    def text(self) -> str:
        """The meaning and what to do, for an administrator."""
        return _OUTCOME_TEXTS[self]


class Reason(StrEnum):
    """Why a text is malformed. The values never change."""

    NOT_A_KEYSET = "not-a-keyset"
    STRAY_CHARACTER = "stray-character"
    INCOMPLETE = "incomplete"
    PASTED_TWICE = "pasted-twice"
    TOO_LONG = "too-long"
    DAMAGED = "damaged"

    @property
    def text(self) -> str:
        """What is wrong with the text and what to do, for an administrator."""
        return _REASON_TEXTS[self]


class Malformed(ValueError):
    """The text isn't a keyset in the format. `detail` says what was found where, and may be empty."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.text} {detail}".rstrip())
        self.reason = reason
        self.detail = detail


_OUTCOME_TEXTS = {
    Outcome.MALFORMED: (
        "This text is not a whole, undamaged keyset. Copy it again from the License Keyset page."
    ),
    Outcome.UNKNOWN_KEY: (
        "The keyset is signed with a key that this appliance doesn't trust: the key is newer than the "
        "appliance's list, was revoked, or belongs to another portal. Copy this appliance's keyset from the "
        "portal again; if that one is refused too, update the appliance's list of keys."
    ),
    Outcome.BAD_SIGNATURE: (
        "The signature doesn't fit: something in the keyset was changed after it was signed. Copy it again "
        "from the License Keyset page, and only from there."
    ),
    Outcome.WRONG_SERIAL: (
        "This keyset is another appliance's; in a failover pair each appliance has its own. Look up this "
        "appliance's serial number in the portal and copy the keyset from its page."
    ),
    Outcome.WRONG_MODEL: (
        "The keyset has this appliance's serial number but another model. The portal's record of this unit "
        "is wrong: ask Support to correct it, then copy the keyset again."
    ),
    Outcome.OLDER_GENERATION: (
        "A newer keyset is installed already, and stays. Copy the present one from the License Keyset page."
    ),
    Outcome.ALREADY_INSTALLED: "This very keyset is installed already. There is nothing to do.",
    Outcome.GENERATION_CONFLICT: (
        "A different keyset with the same generation is installed, and stays. That doesn't happen by "
        "itself: ask Support to raise this appliance's generation, then copy the keyset again."
    ),
    Outcome.INSTALLED: "The keyset is genuine and this appliance's own, and takes effect.",
}

_REASON_TEXTS = {
    Reason.NOT_A_KEYSET: (
        "This is not a keyset. A keyset begins with 0oRN: copy all of the text in the box of the License "
        "Keyset page, from its first character on."
    ),
    Reason.STRAY_CHARACTER: (
        "There is a character that doesn't belong to a keyset. Copy the text in the box of the License "
        "Keyset page again, and nothing around it."
    ),
    Reason.INCOMPLETE: (
        "A part of the keyset is missing. Copy all of the text in the box of the License Keyset page, to "
        "its last character."
    ),
    Reason.PASTED_TWICE: "More than one keyset was pasted. Empty the box and paste the keyset once.",
    Reason.TOO_LONG: (
        "This is far longer than any keyset. Copy only the text in the box of the License Keyset page."
    ),
    Reason.DAMAGED: (
        "Some characters of the keyset are wrong. Copy it again from the License Keyset page; don't type it "
        "off."
    ),
}
