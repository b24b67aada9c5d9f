"""The errors that the rules of licences and the catalogue (L1 to L7) raise when they refuse."""

from portal.errors import RuleViolation


class NotRegistered(RuleViolation):
    """Registrations hold licences, so a unit that nobody registered can't be granted one."""

    code = "not-registered"
    field = "serial_number"
    message = "{serial} isn't registered in any account: its administrator registers it first."


class CountNeeded(RuleViolation):
    """The service is licensed by number, and none was given."""

    code = "count-needed"
    field = "count"
    message = "{service} is licensed by number: give one, or Unlimited."


class CountNotAllowed(RuleViolation):
    """The service isn't licensed by number, and one was given."""

    code = "count-not-allowed"
    field = "count"
    message = "{service} isn't licensed by number: leave it empty."


class CountOutOfRange(RuleViolation):
    """A count that a keyset has no room for."""

    code = "count-out-of-range"
    field = "count"
    message = "A count is Unlimited or a number from 1 to 4,294,967,295."


class GrantAlreadyOver(RuleViolation):
    """A grant whose last day has passed would license nothing."""

    code = "grant-already-over"
    field = "expires_on"
    message = (
        "{day:%d %b %Y} is past: the license would be expired at once. Give a day from today on, or none."
    )


class GrantAddsNothing(RuleViolation):
    """One licence of the unit is for as much on each day of what is to be granted."""

    code = "grant-adds-nothing"
    field = "service"
    message = "This unit has {service} already, {what}: another license for these days would add nothing."


class GrantNeverRuns(RuleViolation):
    """As much runs on each day of what is to be granted, which may be wanted all the same."""

    code = "grant-never-runs"
    field = "service"
    message = (
        "This unit runs at least as much on each of these days: {what}. What you grant would never run "
        "unless that goes."
    )


class NodesForEver(RuleViolation):
    """L2: Nodes/Users is licensed without days: it is a keyset's node count, which has none."""

    code = "nodes-for-ever"
    field = "expires_on"
    message = "{service} is licensed for ever: it takes no last day, no term and no trial."


class PermanentServiceCode(RuleViolation):
    """Keysets contain a service's code, so it never changes."""

    code = "permanent-service-code"
    field = "code"
    message = "Issued keysets contain this code, so it can't be changed. Add another service instead."


class CatalogueFull(RuleViolation):
    """The catalogue takes 64 services beside Nodes/Users: a keyset has room for each and what follows it."""

    code = "catalogue-full"
    message = "There are {count} services already, and the catalogue takes no more."


class InvalidKey(RuleViolation):
    """An activation key that was never made: its length, its characters or its check character are wrong."""

    code = "invalid-key"
    field = "activation_key"
    message = "An activation key has 16 letters and digits. {problem}"


class UnknownKey(RuleViolation):
    """There is no such activation key; this counts as a failed attempt (R3)."""

    code = "unknown-key"
    field = "activation_key"
    message = "There is no such activation key. Compare it with what you were sent, character by character."


class KeyAttemptsClosed(RuleViolation):
    """R3: after too many wrong keys a unit, or the whole account, is closed for a while."""

    code = "key-attempts-closed"
    field = "activation_key"
    message = (
        "After too many wrong activation keys, no more are accepted {where} until "
        "{until:%d %b %Y, %H:%M} UTC. Ask Support if you need it sooner."
    )


class KeyUsed(RuleViolation):
    """L4: an activation key works once."""

    code = "key-used"
    field = "activation_key"
    message = "This key was redeemed on {day:%d %b %Y}{where}. A key works once."


class KeyRevoked(RuleViolation):
    """The activation key was revoked by staff."""

    code = "key-revoked"
    field = "activation_key"
    message = "This key was revoked on {day:%d %b %Y}. Ask its seller, or Support."


class KeyForOtherModel(RuleViolation):
    """The activation key is for another model."""

    code = "key-for-other-model"
    field = "activation_key"
    message = "This key is for a {wanted}; this unit is a {present}."


class NothingToAdd(RuleViolation):
    """L4: with the key the unit would run nothing on any day that it doesn't run anyway."""

    code = "nothing-to-add"
    field = "activation_key"
    message = "This unit has {service} already, {what}: the key would add nothing. Keep it for another unit."


class KeyNeedsLicence(RuleViolation):
    """L4: a key without a term raises the count of a running licence, and none runs today."""

    code = "key-needs-licence"
    field = "activation_key"
    message = (
        "This key raises the count of a running license, and no license of this unit's own runs for "
        "{service}: {what}. Redeem the key once one does."
    )


class TermTooLong(RuleViolation):
    """L4: a key can't be redeemed if its term would end after 9998."""

    code = "term-too-long"
    field = "activation_key"
    message = (
        "The last possible day is {last:%d %b %Y}, and this key's term would end later. "
        "Keep it for another unit."
    )


class LicencesChanged(RuleViolation):
    """A unit's licences are no longer what a page showed."""

    code = "licences-changed"
    message = "The licenses of this unit were changed meanwhile. Nothing was done: look at it again."


class ActivationNotOffered(RuleViolation):
    """The catalogue offers no activation of a service."""

    code = "activation-not-offered"
    field = "service"
    message = "{service} isn't activated by keys."


class TermOutOfRange(RuleViolation):
    """No licence has such a term."""

    code = "term-out-of-range"
    field = "months"
    message = "A term has 1 to 120 months; leave it empty for a license without an end."


class NumberOutOfRange(RuleViolation):
    """Too many keys, or none, in one batch."""

    code = "number-out-of-range"
    field = "number"
    message = "A batch has 1 to 10,000 keys."


class BatchMade(RuleViolation):
    """A form makes one batch: sent again, or from another tab, it makes no second one."""

    code = "batch-made"
    message = (
        "This form made its batch of keys already, and keys are shown once. If you have lost them, revoke "
        "the batch and make another one."
    )


class BatchEnded(RuleViolation):
    """A batch without an open key can't be revoked."""

    code = "batch-ended"
    message = "No key of this batch is open any more: there is nothing to revoke."


class KeyEnded(RuleViolation):
    """A key that was redeemed or revoked can't be revoked."""

    code = "key-ended"
    message = "This key was redeemed or revoked already."


class TrialNotOffered(RuleViolation):
    """L5: the catalogue offers no free trial of a service."""

    code = "trial-not-offered"
    message = "There is no free trial of {service}."


class TrialOver(RuleViolation):
    """L5: a free trial runs once per unit and service, for ever."""

    code = "trial-over"
    message = "This unit has had its free trial of {service}: it runs once."


class PrimaryFirst(RuleViolation):
    """L3, L5: a trial on the primary runs on both units, one on the secondary only there."""

    code = "primary-first"
    message = "{primary} can have this free trial, and then both units run it: start it there, or here alone."


class LicensedAlready(RuleViolation):
    """L5: a unit that has or had a service needs no trial of it."""

    code = "licensed-already"
    message = "This unit has {service} already: a trial would add nothing."


class NotDivisible(RuleViolation):
    """Only a licensed number of a divisible service can be shared out."""

    code = "not-divisible"
    message = "There is no number of {service} licenses here to share out."


class NotEnough(RuleViolation):
    """More counts were to be moved than there are."""

    code = "not-enough"
    field = "count"
    message = "{unit} has {available} to give."


class SameUnit(RuleViolation):
    """Counts move from one unit to another."""

    code = "same-unit"
    field = "to"
    message = "Choose a unit other than the one that the licenses come from."


class KeysetUnknown(RuleViolation):
    """Only a keyset that was issued can be applied."""

    code = "keyset-unknown"
    message = "There is no keyset of generation {generation} of this unit."


class NotYourUnit(RuleViolation):
    """The unit isn't registered in the account."""

    code = "not-your-unit"
    field = "to"
    message = "{serial} isn't registered in your account."


class PartsElsewhere(RuleViolation):
    """A licence can't be taken away while other units hold parts of its count."""

    code = "parts-elsewhere"
    message = "{given:,} of the {service} licenses are shared out to other units. Move them back first."


class NoLicence(RuleViolation):
    """Only a unit's own licence can be extended, moved or revoked, and this one is no longer there."""

    code = "no-licence"
    field = "choice"
    message = "{serial} no longer has this license for {service}. Nothing was changed: look at it again."


class NotTransferable(RuleViolation):
    """A licence of a service that isn't transferable stays with its unit."""

    code = "not-transferable"
    field = "choice"
    message = "{service} stays with its unit: the catalogue doesn't let it be transferred."


class TrialNotExtended(RuleViolation):
    """L5: a free trial runs 30 days and can't be extended."""

    code = "trial-not-extended"
    field = "service"
    message = "A free trial of {service} runs 30 days. Grant a license instead."


class NotLater(RuleViolation):
    """A licence can be extended, but not shortened."""

    code = "not-later"
    field = "expires_on"
    message = "{service} runs {until} already. Give a later day, or none for ever."


class StillAssociated(RuleViolation):
    """X7: a unit in an association can't leave its account."""

    code = "still-associated"
    message = "{serial} is associated with {others}. Remove that first."


class UnitInOpenCase(RuleViolation):
    """X7: a unit in an open RMA case can't leave its account."""

    code = "unit-in-open-case"
    message = "{serial} is part of the open case {case}. It stays where it is until that is closed."


class FutureDay(RuleViolation):
    """L6: future entitlements aren't known yet."""

    code = "future-day"
    field = "on"
    message = "{day:%d %b %Y} is in the future. Give today or an earlier day; days are UTC days."


class OutsideRegistration(RuleViolation):
    """L6: an account sees a unit's entitlements only for the time in which it had the unit registered."""

    code = "outside-registration"
    field = "on"
    message = "Choose a day from {first:%d %b %Y} to {last:%d %b %Y}: before and after {serial} wasn't yours."


class KeysetOlder(RuleViolation):
    """An appliance installs no older keyset than its own, so a stale page can't confirm an older one."""

    code = "keyset-older"
    message = (
        "Generation {present} was confirmed meanwhile, and an appliance accepts no older one. "
        "Nothing was changed."
    )
