"""The refusals of rule W3."""

from portal.errors import RuleViolation


class ProposalWaits(RuleViolation):
    """W3: about one unit or case, one thing of a kind is proposed at a time."""

    code = "proposal-waits"
    message = "{who} has proposed this already. Have that confirmed, refused or withdrawn first."


class ProposalDecided(RuleViolation):
    """W3: a proposal is decided once."""

    code = "proposal-decided"
    message = "This is {state} by now. Nothing was changed."


class SecondLeadIsFirst(RuleViolation):
    """W3: nobody confirms or refuses what they proposed themselves."""

    code = "second-lead-is-first"
    message = "You proposed this: another support lead has to confirm or refuse it. You can withdraw it."


class NotYourProposal(RuleViolation):
    """W3: only the one who proposed it withdraws a proposal; other leads refuse it."""

    code = "not-your-proposal"
    message = "{who} proposed this. Refuse it instead."


class ProposalOutdated(RuleViolation):
    """W3: what was proposed is confirmed exactly as it was, or not at all."""

    code = "proposal-outdated"
    message = "The case's waivers have changed since. Refuse this, and have it proposed again."
