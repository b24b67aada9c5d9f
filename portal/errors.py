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


class NoMailAddress(RuleViolation):
    """A password is set by its owner alone, by a link: whoever has no mail address can be sent none."""

    code = "no-mail-address"
    field = "email"
    message = "There is no mail address to send a link to. A superuser enters one."


class LoginSwitchedOff(RuleViolation):
    """Nobody gets a link to a login that doesn't open."""

    code = "login-switched-off"
    field = "email"
    message = "This login is switched off. Switch it on first: it is Active then."


class LinkUsed(RuleViolation):
    """A link sets one password, however often it is opened at the same time."""

    code = "link-used"
    message = "This link was used meanwhile. Log in, or ask Support for another."


class StaffIsNoMember(RuleViolation):
    """Who works at the desk for every account reads none of them as its member."""

    code = "staff-is-no-member"
    field = "user"
    message = "{user} works at the support desk and can't be a member of an account. Take another login."


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
