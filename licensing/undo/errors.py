"""The errors that undoing what a member did raises when it refuses (L8)."""

from portal.errors import RuleViolation


class UndoTooLate(RuleViolation):
    """L8: what a member did can be undone for 14 days."""

    code = "undo-too-late"
    message = "This was done on {day:%d %b %Y}, more than {days} days ago: Undo is over. Ask Support."


class UndoneAlready(RuleViolation):
    """L8: an act is undone once."""

    code = "undone-already"
    message = "This was undone already, on {at:%d %b %Y at %H:%M} UTC by {who}."


class UndoBlocked(RuleViolation):
    """L8: something was built on the act since; the message names each such thing."""

    code = "undo-blocked"
    message = "This can't be undone as things are: {what}"


class KeysetReadSince(RuleViolation):
    """L8: a keyset that was read can't be called back, so Support decides."""

    code = "keyset-read-since"
    message = (
        "The keyset of {units} has been read since, and an appliance may run what it says: it can't be "
        "called back. Do the opposite yourself where a page offers that, or ask Support, who decides."
    )
