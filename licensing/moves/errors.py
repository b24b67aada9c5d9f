"""The errors that offering a product to another account raises when it refuses (X7)."""

from portal.errors import RuleViolation


class AlreadyOffered(RuleViolation):
    """X7: a product is offered to one account at a time."""

    code = "already-offered"
    message = (
        "{offer.registration.unit} is offered to {offer.account} already, until {offer.ends_on:%d %b %Y}. "
        "Withdraw that offer before you make another."
    )


class OfferEnded(RuleViolation):
    """X7: an offer was accepted, declined or withdrawn, or its last day has passed."""

    code = "offer-ended"
    message = "The offer of {offer.registration.unit} is over. Nothing was changed."


class OfferBlocked(RuleViolation):
    """X7: something that is the giving account's business keeps the product there for now."""

    code = "offer-blocked"
    message = (
        "{offer.registration.unit} can't leave {offer.registration.account} as things are. Ask its owners: "
        "their page of the product says what they must do first. You can accept it then, until "
        "{offer.ends_on:%d %b %Y}."
    )


class OfferChanged(RuleViolation):
    """X7: what goes with the product isn't what its owner offered any more."""

    code = "offer-changed"
    message = (
        "The licenses of {offer.registration.unit} have changed since {offer.registration.account} offered "
        "it. Ask its owners to withdraw the offer and make a new one."
    )
