"""The errors that the rules of registration (R1 to R7) raise when they refuse."""

from typing import TYPE_CHECKING

from portal.errors import RuleViolation

if TYPE_CHECKING:
    from products.models import Registration, Unit


class InvalidSerial(RuleViolation):
    """R1: not 12 hexadecimal digits; `problem` is what `products.notation` says of it."""

    code = "invalid-serial"
    field = "serial_number"
    message = "{problem}"


class InvalidCode(RuleViolation):
    """R2: not of the form XXXX-XXXX."""

    code = "invalid-code"
    field = "authentication_code"
    message = "An authentication code has 8 letters and digits, as in XXXX-XXXX. It is on the unit's label."


class CodeNeeded(RuleViolation):
    """R2, R4: no authentication code was typed, and the account has no unit with this serial number."""

    code = "code-needed"
    field = "authentication_code"
    message = (
        "{serial} isn't registered in your account. To register it, type its authentication code; "
        "if it should be there already, check the serial number."
    )


class NoMatch(RuleViolation):
    """R3: an unknown serial number or a wrong authentication code; the answer doesn't tell which."""

    code = "no-match"
    field = "authentication_code"
    message = (
        "This serial number and this authentication code don't match. "
        "Compare both with the unit's label: 8 and B, 0 and D are easily confused."
    )


class SerialClosed(RuleViolation):
    """R3: five wrong codes in 15 minutes close a serial number to an account for 15 minutes."""

    code = "serial-closed"
    field = "serial_number"
    message = (
        "After five wrong authentication codes, {serial} is closed to your account until {until:%H:%M} UTC. "
        "Try again then, or ask Support to open it."
    )


class RegistrationClosed(RuleViolation):
    """R3: twenty wrong codes in a day close registration to an account until the next day."""

    code = "registration-closed"
    message = (
        "After twenty wrong authentication codes today, registration is closed to your account "
        "until {until:%d %b %Y, %H:%M} UTC. Ask Support if you need it sooner."
    )


class AlreadyInAccount(RuleViolation):
    """R4: the unit is registered in this account already, by `registration`."""

    code = "already-in-account"
    field = "serial_number"
    message = "{serial} is registered in your account already, as “{name}”."

    def __init__(self, registration: "Registration") -> None:
        self.registration = registration
        super().__init__(serial=registration.unit.serial, name=registration.friendly_name)


class InAnotherAccount(RuleViolation):
    """R4: the unit belongs to another account (said only to those who know the authentication code)."""

    code = "in-another-account"
    field = "serial_number"
    message = "{serial} is registered in another account. Ask its owner to release it, or Support."


class UnitRetired(RuleViolation):
    """R4, K3: the unit was returned and is out of use."""

    code = "unit-retired"
    field = "serial_number"
    message = (
        "{serial} was retired on {day:%d %b %Y}: it was replaced and returned. "
        "Ask Support if you have it in front of you."
    )

    def __init__(self, unit: "Unit") -> None:
        super().__init__(serial=unit.serial, day=unit.retired_at)


class SameCode(RuleViolation):
    """X7: a unit in stock must have another authentication code than the one its last owner knows."""

    code = "same-code"
    field = "authentication_code"
    message = "{serial} has this authentication code already, and its last owner knows it. Give a new one."


class RecordUnchanged(RuleViolation):
    """A correction of the factory's record that would change nothing."""

    code = "record-unchanged"
    message = "The record of {serial} says all of this already. Change something, or leave it."


class FirmwareTooLong(RuleViolation):
    """A firmware that the record has no room for."""

    code = "firmware-too-long"
    field = "firmware"
    message = "A firmware has at most {most} characters, on one line."


class NotRetired(RuleViolation):
    """X7: only a retired unit is taken back into stock; a unit in use is released."""

    code = "not-retired"
    message = "{serial} isn't retired: there is nothing to take back."


class RegistrationEnded(RuleViolation):
    """The registration that a page meant has ended: the unit has left the account."""

    code = "registration-ended"
    message = "{serial} has left its account meanwhile. Nothing was changed."


class UnknownAccount(RuleViolation):
    """X7: no account has the ID to which a unit was to be released."""

    code = "unknown-account"
    field = "account"
    message = "There is no such account. Its members see the Account ID on their pages, below My Products."


class SameAccount(RuleViolation):
    """X7: the unit is registered in this account already."""

    code = "same-account"
    field = "account"
    message = "{serial} is registered in this account already. Name the account that is to have it."


class InvalidFriendlyName(RuleViolation):
    """R5: longer than 30 characters, or with control characters or marks that turn text round."""

    code = "invalid-friendly-name"
    field = "friendly_name"
    message = "A friendly name has at most 30 characters on one line, and no invisible marks. {problem}"


class PermanentField(RuleViolation):
    """The catalogue: keysets carry a model's code, and lists search its line, so neither ever changes."""

    code = "permanent-field"
    message = "The {field} is permanent. Add another model instead."


class ImportRefused(RuleViolation):
    """A factory file has rows that can't be imported, so nothing was written. `problems` counts them."""

    code = "import-refused"
    message = "Nothing was written. Problems found: {problems}, in {rows} rows."
