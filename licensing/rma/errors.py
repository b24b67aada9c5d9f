"""The errors that the rules of replacement (X2 to X6) raise when they refuse."""

from portal.errors import RuleViolation


class SymptomNeeded(RuleViolation):
    """X2: a request for a replacement must say what is wrong with the unit."""

    code = "symptom-needed"
    field = "symptom"
    message = "Say what the unit does, or no longer does."


class CaseOpen(RuleViolation):
    """X6: a unit can be in only one open case at a time."""

    code = "case-open"
    message = "{serial} is in an open case already: {number}. Complete, decline or cancel that one first."


class TooManyRequests(RuleViolation):
    """X6: the members of an account ask for a limited number of cases a day, each of which sends mails."""

    code = "too-many-requests"
    message = (
        "Your account has asked for {most} replacements within a day. Ask Support directly: it can open more."
    )


class CaseNotOpen(RuleViolation):
    """The case's state no longer allows the action: somebody was quicker."""

    code = "case-not-open"
    message = "{number} is {state} by now. Nothing was changed."


class NotReplaceable(RuleViolation):
    """X6: the failed unit isn't registered, or never was."""

    code = "not-replaceable"
    field = "serial_number"
    message = "{serial} isn't registered in an account: there is nothing to replace."


class ReplacementNeeded(RuleViolation):
    """X2: a case can't be completed without a replacement."""

    code = "replacement-needed"
    field = "replacement"
    message = "Name the replacement's serial number first."


class UnknownReplacement(RuleViolation):
    """X6: the factory's record has no such unit."""

    code = "unknown-replacement"
    field = "replacement"
    message = "The factory's record has no unit {serial}. Compare it with the label, or import it first."


class SameAsFailed(RuleViolation):
    """X6: a unit can't replace itself."""

    code = "same-as-failed"
    field = "replacement"
    message = "{serial} is the failed unit itself. Type the serial number of the other one."


class ReplacementRetired(RuleViolation):
    """X6: the replacement itself was replaced and returned."""

    code = "replacement-retired"
    field = "replacement"
    message = "{serial} was retired on {day:%d %b %Y}. Take it back into stock first, or choose another unit."


class ReplacementElsewhere(RuleViolation):
    """X6: the replacement is registered in another account."""

    code = "replacement-elsewhere"
    field = "replacement"
    message = "{serial} is registered in another account. Choose another unit, or release it there first."


class ReplacementPaired(RuleViolation):
    """X6: the replacement is associated with units unrelated to the failed one."""

    code = "replacement-paired"
    field = "replacement"
    message = "{serial} is associated with {other} already. Remove that association first, or choose another."


class WrongModel(RuleViolation):
    """X6: the replacement's model is neither the failed unit's nor the one that a lead accepted."""

    code = "wrong-model"
    field = "replacement"
    message = (
        "{serial} is a {present}, the failed unit a {wanted}. A support lead may accept that model, with a "
        "reason."
    )


class ModelWaiverIncomplete(RuleViolation):
    """X6: accepting another model takes both the model and a reason."""

    code = "model-waiver-incomplete"
    field = "model_waiver"
    message = "Choose the model and say why it is accepted, or leave both empty."


class OutOfWarranty(RuleViolation):
    """X6: the failed unit's warranty had ended when the case was requested; a lead may waive that."""

    code = "out-of-warranty"
    field = "warranty_waiver"
    message = (
        "The warranty of {serial} ended on {day:%d %b %Y}. A support lead may waive that, with a reason."
    )


class NotInAccount(RuleViolation):
    """X4: licences are transferred between two units of one account."""

    code = "not-in-account"
    field = "replacement"
    message = "{serial} isn't registered in the failed unit's account: licenses can't go to another account."


class GoesToSecondary(RuleViolation):
    """X4: licences can't go to a secondary, which shares its primary's."""

    code = "goes-to-secondary"
    field = "replacement"
    message = "{serial} is {label} of {primary}, and the licenses of a pair are its primary's: name that one."


class PairStands(RuleViolation):
    """X4: a transfer only moves licences: the failed unit must be in no association by then."""

    code = "pair-stands"
    message = (
        "{serial} is still associated with {other}. Remove that first, or open a case that replaces the "
        "unit: it does the rest as well."
    )


class PlanChanged(RuleViolation):
    """X2: what would happen now isn't what was shown, so it is shown again."""

    code = "plan-changed"
    message = "Something changed since this was shown, and nothing was done. Look at it again."


class WrongPartner(RuleViolation):
    """X2: the chosen unit can't make the pair."""

    code = "wrong-partner"
    field = "partner"
    message = "The unit that was chosen isn't, and wasn't, in a pair with {serial}. Choose again."


class PrimaryStays(RuleViolation):
    """X2: a failed secondary's primary stays, with the replacement as its secondary."""

    code = "primary-stays"
    field = "partner"
    message = (
        "{serial} is a secondary: its primary, {primary}, stays primary. Remove the association first if the "
        "replacement is to stand alone."
    )


class UndoNotPossible(RuleViolation):
    """X5: something has happened since that undoing would destroy; the message names each such thing."""

    code = "undo-not-possible"
    message = "This can't be undone now: {what}"


class UndoForLead(RuleViolation):
    """X5: only a lead can undo a case after 14 days, or once a keyset of a unit that gained was read."""

    code = "undo-for-lead"
    message = "Only a support lead may undo this: {why}."


class AssignedMeanwhile(RuleViolation):
    """W1: a case is taken or given away as its page showed it: of two who take it, the second is told."""

    code = "assigned-meanwhile"
    field = "assignee"
    message = "{number} is {whose} by now. Nothing was changed. Look again before you take it."


class NotAtTheDesk(RuleViolation):
    """W1: a case is given only to somebody who may work on it."""

    code = "not-at-the-desk"
    field = "assignee"
    message = "{name} doesn't work on cases. Choose a support agent or a support lead."


class NoteNeeded(RuleViolation):
    """W1: a note on a case says something."""

    code = "note-needed"
    field = "text"
    message = "Write what the others should know."


class NothingForLead(RuleViolation):
    """W2: a case goes to a lead only if an agent can't approve it."""

    code = "nothing-for-lead"
    message = "Nothing here needs a lead: the warranty runs, and the model is right. Go on yourself."


class SecondLeadNeeded(RuleViolation):
    """W3: with FOUR_EYES, a waiver is proposed by one lead and confirmed by another."""

    code = "second-lead-needed"
    field = "warranty_waiver"
    message = "A waiver needs a second lead here. Open the case without it, then propose it on its page."
