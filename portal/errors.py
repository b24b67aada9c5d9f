"""What a rule answers when it refuses: one class for each rule, in each app's `errors.py`."""

from typing import ClassVar


class RuleViolation(Exception):
    """A rule of docs/rules.md refused an action, and nothing was written.

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
