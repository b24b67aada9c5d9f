"""What the rules of registration (R1 to R7) answer when they refuse."""

from typing import TYPE_CHECKING

from portal.errors import RuleViolation

if TYPE_CHECKING:
    from products.models import Registration, Unit


class InvalidSerial(RuleViolation):
    """R1: not 12 hexadecimal digits."""

    code = "invalid-serial"
    field = "serial_number"
    message = "A serial number has 12 hexadecimal digits (0 to 9, A to F). {problem}"


class InvalidCode(RuleViolation):
    """R2: not of the form XXXX-XXXX."""

    code = "invalid-code"
    field = "authentication_code"
    message = (
        "An authentication code has 8 letters and digits, as in XXXX-XXXX. It stands on the unit's label."
    )


class CodeNeeded(RuleViolation):
    """R2, R4: no authentication code was typed, and the account has no unit with this serial number."""

    code = "code-needed"
    field = "authentication_code"
    message = (
        "{serial} isn't registered in your account. To register it, type its authentication code; "
        "if it should be there already, check the serial number."
    )


class NoMatch(RuleViolation):
    """R3: an unknown serial number or a wrong authentication code; which of them is not told."""

    code = "no-match"
    field = "authentication_code"
    message = (
        "This serial number and this authentication code don't belong together. "
        "Compare both with the unit's label: 8 and B, 0 and D are easily confused."
    )


class SerialClosed(RuleViolation):
    """R3: five wrong codes in 15 minutes close a serial number to an account for 15 minutes."""

    code = "serial-closed"
    field = "serial_number"
    message = (
        "After five wrong authentication codes {serial} is closed to your account until {until:%H:%M} UTC. "
        "Try again then, or ask Support to open it."
    )


class RegistrationClosed(RuleViolation):
    """R3: twenty wrong codes in a day close registration to an account until the next day."""

    code = "registration-closed"
    message = (
        "After twenty wrong authentication codes today registration is closed to your account "
        "until {until:%d %b %Y, %H:%M} UTC. Ask Support if you need it sooner."
    )


class AlreadyInAccount(RuleViolation):
    """R4: the unit is registered in this account already; `registration` is that one."""

    code = "already-in-account"
    field = "serial_number"
    message = "{serial} is registered in your account already, as “{name}”."

    def __init__(self, registration: "Registration") -> None:
        self.registration = registration
        super().__init__(serial=registration.unit.serial, name=registration.friendly_name)


class InAnotherAccount(RuleViolation):
    """R4: the unit belongs to another account (told only to who knows the authentication code)."""

    code = "in-another-account"
    field = "serial_number"
    message = "{serial} is registered in another account. Ask its owner to release it, or Support."


class UnitRetired(RuleViolation):
    """R4, K3: the unit was returned and is in use no more."""

    code = "unit-retired"
    field = "serial_number"
    message = (
        "{serial} was retired on {day:%d %b %Y}: it was replaced and returned. "
        "Ask Support if you hold it in your hands."
    )

    def __init__(self, unit: "Unit") -> None:
        super().__init__(serial=unit.serial, day=unit.retired_at)


class SameCode(RuleViolation):
    """X7: a unit in stock has another authentication code than the one that its last owner knows."""

    code = "same-code"
    field = "authentication_code"
    message = "{serial} has this authentication code already: whoever had the unit knows it. Give a new one."


class NotRetired(RuleViolation):
    """X7: only a retired unit is taken back into stock; one that is in use is released."""

    code = "not-retired"
    message = "{serial} isn't retired: there is nothing to take back."


class RegistrationEnded(RuleViolation):
    """The registration that a page meant has ended: the unit is another account's, or nobody's, by now."""

    code = "registration-ended"
    message = "{serial} has left its account meanwhile. Nothing was changed."


class UnknownAccount(RuleViolation):
    """X7: a unit is released to a named account, and no account is named like this."""

    code = "unknown-account"
    field = "account"
    message = "There is no such account. The Account ID stands on its members' pages, below My Products."


class SameAccount(RuleViolation):
    """X7: the unit is registered in this account already."""

    code = "same-account"
    field = "account"
    message = "{serial} is registered in this account already. Name the account that is to have it."


class InvalidFriendlyName(RuleViolation):
    """R5: longer than 30 characters, or with control characters."""

    code = "invalid-friendly-name"
    field = "friendly_name"
    message = (
        "A friendly name has at most 30 characters, stands on one line and has no invisible marks. "
        "This one has {length} characters."
    )


class PermanentField(RuleViolation):
    """The catalogue: keysets carry a model's code, lists are searched by its line; neither ever changes."""

    code = "permanent-field"
    message = "The {field} is permanent. Add another model instead."


class ImportRefused(RuleViolation):
    """A factory file has rows that can't be taken; nothing of it was written. `problems` counts them."""

    code = "import-refused"
    message = "Nothing was written. Problems found: {problems}, in {rows} rows."
