"""A correction is done together with the mails that tell the customer."""

from typing import Any

from desk.corrections.base import Correction
from licensing.telling import telling_owners
from portal.clock import today
from products.models import Registration


def perform_and_tell(correction: Correction, given: dict[str, Any]) -> str:
    """Do what a correction's form asks for, mail the owners of its accounts, and return what was done."""
    mine = [correction.registration] if correction.registration else []
    others = [value for value in given.values() if isinstance(value, Registration)]
    with telling_owners(
        accounts=correction.accounts(given),
        serial=correction.serial,
        did=correction.did,
        reason=given["reason"],
        today=today(),
        watched=[*mine, *others],
        renewed=mine if correction.renews else [],
    ) as said:
        said.append(correction.perform(given))
    return said[0]
