"""What the rules of replacement (X2 to X6) answer when they refuse."""

from portal.errors import RuleViolation


class SymptomNeeded(RuleViolation):
    """X2: who asks for a replacement says what the unit does."""

    code = "symptom-needed"
    field = "symptom"
    message = "Say what the unit does, or doesn't do any more."


class CaseOpen(RuleViolation):
    """X6: a unit is in one open case at a time."""

    code = "case-open"
    message = "{serial} is in an open case already: {number}. Complete, decline or cancel that one first."


class CaseNotOpen(RuleViolation):
    """The case isn't in the state any more that the action asks for: somebody was quicker."""

    code = "case-not-open"
    message = "{number} is {state} by now. Nothing was changed."


class NotReplaceable(RuleViolation):
    """X6: the failed unit isn't registered to anybody (any more)."""

    code = "not-replaceable"
    field = "serial_number"
    message = "{serial} isn't registered in an account: there is nothing to replace."


class ReplacementNeeded(RuleViolation):
    """X2: completing needs to know the replacement."""

    code = "replacement-needed"
    field = "replacement"
    message = "Name the replacement's serial number first."


class UnknownReplacement(RuleViolation):
    """X6: the factory's record has no such unit."""

    code = "unknown-replacement"
    field = "replacement"
    message = "The factory's record has no unit {serial}. Compare it with the label, or import it first."


class SameAsFailed(RuleViolation):
    """X6: a unit doesn't replace itself."""

    code = "same-as-failed"
    field = "replacement"
    message = "{serial} is the failed unit itself. Type the serial number of the other one."


class ReplacementRetired(RuleViolation):
    """X6: the replacement was itself replaced and returned."""

    code = "replacement-retired"
    field = "replacement"
    message = "{serial} was retired on {day:%d %b %Y}. Take it back into stock first, or choose another unit."


class ReplacementElsewhere(RuleViolation):
    """X6: the replacement is registered in another account."""

    code = "replacement-elsewhere"
    field = "replacement"
    message = "{serial} is registered in another account. Choose another unit, or release it there first."


class ReplacementPaired(RuleViolation):
    """X6: the replacement is associated with units that have nothing to do with the failed one."""

    code = "replacement-paired"
    field = "replacement"
    message = "{serial} is associated with {other} already. Remove that association first, or choose another."


class WrongModel(RuleViolation):
    """X6: the replacement is of another model than the failed unit and the one that a lead let in."""

    code = "wrong-model"
    field = "replacement"
    message = (
        "{serial} is a {present}, the failed unit a {wanted}. A support lead may let in that model, with a "
        "reason."
    )


class ModelWaiverIncomplete(RuleViolation):
    """X6: who lets in another model says which, and why."""

    code = "model-waiver-incomplete"
    field = "model_waiver"
    message = "Choose the model and say why it is let in, or leave both empty."


class OutOfWarranty(RuleViolation):
    """X6: the failed unit's warranty had ended when the case was asked for; a lead may let it pass."""

    code = "out-of-warranty"
    field = "warranty_waiver"
    message = (
        "The warranty of {serial} ended on {day:%d %b %Y}. A support lead may let it pass, with a reason."
    )


class NotInAccount(RuleViolation):
    """X4: licences are transferred between two units of one account."""

    code = "not-in-account"
    field = "replacement"
    message = "{serial} isn't registered in the account of the failed unit: only there licenses can go to it."


class GoesToSecondary(RuleViolation):
    """X4: licences are the primary's: a secondary shares them."""

    code = "goes-to-secondary"
    field = "replacement"
    message = "{serial} is {label} of {primary}, and the licenses of a pair are its primary's: name that one."


class PairStands(RuleViolation):
    """X4: a transfer of licences only is for who has done the rest: the failed unit is in no association."""

    code = "pair-stands"
    message = (
        "{serial} is still associated with {other}. Remove that first, or open a case that replaces the "
        "unit: it does the rest as well."
    )


class PlanChanged(RuleViolation):
    """X2: what was shown isn't what would happen now: it is shown anew."""

    code = "plan-changed"
    message = "Something changed since this was shown, and nothing was done. Look at it again."


class WrongPartner(RuleViolation):
    """X2: the unit that was chosen can't make the pair."""

    code = "wrong-partner"
    field = "partner"
    message = "The unit that was chosen isn't, and wasn't, in a pair with {serial}. Choose again."


class PrimaryStays(RuleViolation):
    """X2: a failed secondary's primary stays, with the replacement as its secondary."""

    code = "primary-stays"
    field = "partner"
    message = (
        "{serial} is a secondary: its primary, {primary}, stays that. Remove the association first where the "
        "replacement is to stand alone."
    )


class UndoNotPossible(RuleViolation):
    """X5: something happened since that undoing would trample on; each is named."""

    code = "undo-not-possible"
    message = "This can't be undone as it is: {what}"


class UndoForLead(RuleViolation):
    """X5: after 14 days, or once a keyset of a unit that gained was read, only a lead undoes a case."""

    code = "undo-for-lead"
    message = "Only a support lead may undo this: {why}."
