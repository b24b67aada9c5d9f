"""The errors that the rules of association (A1 to A4, A9) raise when they refuse."""

from portal.errors import RuleViolation


class NotOneAccount(RuleViolation):
    """A1: the two units aren't live registrations in one account."""

    code = "not-one-account"
    message = "Both units must be registered in the same account."


class TypeDoesNotFit(RuleViolation):
    """A1: a unit's model can't take its side in the type."""

    code = "type-does-not-fit"
    message = "{product} can't be {label}."


class DifferentModels(RuleViolation):
    """A1: the type asks for two units of one model."""

    code = "different-models"
    message = "{parent} and {child} must be of the same model to be {parent_label} and {child_label}."


class WithItself(RuleViolation):
    """A2: a unit can't be associated with itself."""

    code = "with-itself"
    message = "A unit can't be associated with itself."


class AlreadyChild(RuleViolation):
    """A2: the child has a parent already."""

    code = "already-child"
    message = (
        "“{child}” ({serial}) is {child_label} of “{parent}” already. "
        "A unit has one {parent_label} at a time."
    )


class AlreadyParent(RuleViolation):
    """A2: a unit that has children can't become a child itself."""

    code = "already-parent"
    message = "“{child}” ({serial}) is {parent_label} itself: it can't become {child_label} of another unit."


class ParentIsChild(RuleViolation):
    """A2: a child can't be a parent in the same type."""

    code = "parent-is-child"
    message = "“{parent}” ({serial}) is {child_label} of another unit: it can't be {parent_label}."


class UnitNotActive(RuleViolation):
    """A1: a retired unit takes no part in an association."""

    code = "unit-not-active"
    message = "{serial} was retired: it can't be associated."


class AssociationGone(RuleViolation):
    """The association that a page meant has ended meanwhile; no other one is touched."""

    code = "association-gone"
    message = "This association ended on {at:%d %b %Y at %H:%M} UTC{who}. Nothing was changed."


class PairChanged(RuleViolation):
    """The pair is no longer what a page showed."""

    code = "pair-changed"
    message = "The pair was changed meanwhile, by somebody else or in another window. Look at it again."


class NoSpare(RuleViolation):
    """A9: only a spare can be made standby."""

    code = "no-spare"
    message = "“{child}” isn't a spare: it shares its parent's licenses already."


class NotSharing(RuleViolation):
    """A8: only the child that shares its parent's licences can change places with it."""

    code = "not-sharing"
    message = "“{child}” is a spare: only the unit that shares its parent's licenses can swap roles with it."


class TooManySharers(RuleViolation):
    """A9: a primary may share its licences with few different units in 90 days; Support may go beyond."""

    code = "too-many-sharers"
    message = (
        "“{parent}” has shared its licenses with {most} different units in the last {days} days. "
        "Ask Support to associate another one."
    )


class ChoiceGone(RuleViolation):
    """What was chosen on a page is no longer there."""

    code = "choice-gone"
    field = "choice"
    message = "The unit that you chose isn't registered in your account any more. Choose again."


class TypeInUse(RuleViolation):
    """Catalogue: what live associations of a type depend on can't change."""

    code = "type-in-use"
    message = "Live associations depend on this: {what} can't change now."
