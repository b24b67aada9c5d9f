"""What the rules of licences and the catalogue (L1 to L7) answer when they refuse."""

from portal.errors import RuleViolation


class NotRegistered(RuleViolation):
    """Licences are held by registrations: a unit that nobody registered can't be granted one."""

    code = "not-registered"
    field = "serial_number"
    message = "{serial} isn't registered in any account: its administrator registers it first."


class CountNeeded(RuleViolation):
    """The service is licensed for a number, and none was given."""

    code = "count-needed"
    field = "count"
    message = "{service} is licensed for a number: give one, or Unlimited."


class CountNotAllowed(RuleViolation):
    """The service isn't licensed for a number, and one was given."""

    code = "count-not-allowed"
    field = "count"
    message = "{service} isn't licensed for a number: leave it empty."


class CountOutOfRange(RuleViolation):
    """A count that a keyset has no room for."""

    code = "count-out-of-range"
    field = "count"
    message = "A count is Unlimited or a number from 1 to 4,294,967,295."


class GrantAlreadyOver(RuleViolation):
    """A grant whose last day is past would license nothing."""

    code = "grant-already-over"
    field = "expires_on"
    message = "{day} is past: the license would be expired at once. Give a day from today on, or none."


class PermanentServiceCode(RuleViolation):
    """Keysets carry a service's code: it never changes."""

    code = "permanent-service-code"
    field = "code"
    message = "The code stands in keysets that were issued: it can't be changed. Add another service instead."


class CatalogueFull(RuleViolation):
    """A keyset has room for 64 services beside Nodes/Users."""

    code = "catalogue-full"
    message = "There are {count} services already: a keyset has no room for another."
