"""The errors that rules raise when they refuse: one class for each rule, in each app's `errors.py`."""

from typing import ClassVar


class RuleViolation(Exception):
    """A rule of docs/rules.md refused an action, and nothing was written.

    `code` is stable: programs and tests match it. `field` names the form field that the message belongs
    to, if any; a fact `field` names another one. The message is for people and says what to do.
    """

    code: ClassVar[str]
    field: str | None = None
    message: ClassVar[str] = ""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        if "field" in facts:
            self.field = str(facts["field"])
        super().__init__(self.message.format(**facts))


class NoMailAddress(RuleViolation):
    """Only the owner of a login sets its password, by a mailed link: without an address there is none."""

    code = "no-mail-address"
    field = "email"
    message = "There is no mail address to send a link to. A superuser can enter one."


class LoginSwitchedOff(RuleViolation):
    """A login that is switched off gets no link to set a password."""

    code = "login-switched-off"
    field = "email"
    message = "This login is switched off. Check Active first."


class LinkUsed(RuleViolation):
    """A link sets one password, even if it is opened several times at once."""

    code = "link-used"
    message = "This link was used meanwhile. Log in, or ask Support for another."


class UserNameTaken(RuleViolation):
    """A user name belongs to one login, in whatever case it is written."""

    code = "user-name-taken"
    field = "username"
    message = "There is a login with the user name {user} already. Choose another."


class AddressTaken(RuleViolation):
    """A new customer's owner gets a login of their own: nobody else's mail address."""

    code = "address-taken"
    field = "email"
    message = "The login {user} has this mail address already. Look it up, or give another address."


class EmptyNote(RuleViolation):
    """A note says something."""

    code = "empty-note"
    field = "text"
    message = "Write what the others at the desk should know."


class StaffIsNoMember(RuleViolation):
    """Staff work at the desk for every account, so they can't be members of one."""

    code = "staff-is-no-member"
    field = "user"
    message = "{user} works at the support desk and can't be a member of an account. Use another login."


class ReasonNeeded(RuleViolation):
    """L6: a change to a customer's data or to the catalogue needs a reason."""

    code = "reason-needed"
    field = "reason"
    message = "Say why: it is kept with the change."


class DayTooLate(RuleViolation):
    """L4: the last day that anything may run to is in 9998, so that every such day has a next one."""

    code = "day-too-late"
    field = "expires_on"
    message = "The last possible day is {last:%d %b %Y}. Give an earlier one, or none if there is no end."


class SearchTooLong(RuleViolation):
    """A search takes a few words: each further one is compared with every row."""

    code = "search-too-long"
    field = "q"
    message = "Search for at most {characters} characters and {words} words. Leave some out."
