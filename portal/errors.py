"""What a rule answers when it refuses: one class for each rule, in each app's `errors.py`."""

from typing import ClassVar


class RuleViolation(Exception):
    """A rule of the design refused an action, and nothing was written.

    `code` is stable: programs and tests match it. `field` names the form field that the message stands
    beside, where there is one. The message is for people and says what to do.
    """

    code: ClassVar[str]
    field: ClassVar[str | None] = None
    message: ClassVar[str] = ""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(self.message.format(**facts))


class ReasonNeeded(RuleViolation):
    """L6: who changes a customer's things, or the catalogue, says why."""

    code = "reason-needed"
    field = "reason"
    message = "Say why: it is kept with the change."


class DayTooLate(RuleViolation):
    """L4: days reach to the last one of 9998, so that every day has a next."""

    code = "day-too-late"
    field = "expires_on"
    message = "Days go up to {last:%d %b %Y}. Give an earlier one, or none where there is no end."


class SearchTooLong(RuleViolation):
    """A search asks for a few words: each more makes the database compare every row once more."""

    code = "search-too-long"
    field = "q"
    message = "Search for at most {characters} characters and {words} words. Leave some out."
