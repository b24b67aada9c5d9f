"""Cases as the account's members read them, on pages and in mails."""

from django import template

from licensing.entitlements.today import keeps
from licensing.models import RmaCase

register = template.Library()

STATES = {
    RmaCase.State.REQUESTED: ("Support has your request", "Support has your request"),
    RmaCase.State.APPROVED: ("Approved", "Approved"),
    RmaCase.State.COMPLETED: ("Replaced", "Licenses moved"),
    RmaCase.State.RECEIVED: ("Replaced, the failed unit came back", "Licenses moved"),
    RmaCase.State.DECLINED: ("Declined by Support", "Declined by Support"),
    RmaCase.State.CANCELLED: ("Cancelled", "Cancelled"),
    RmaCase.State.UNDONE: ("Undone by Support", "Undone by Support"),
}
"""What each state of a replacement and of a transfer is called."""


@register.filter
def state_in_words(case: RmaCase) -> str:
    """A case's state: Support has your request; Approved: a replacement is on its way."""
    is_transfer = case.kind == RmaCase.Kind.TRANSFER
    if case.state == RmaCase.State.APPROVED:
        return f"Approved: {_on_its_way(case)}"
    return STATES[RmaCase.State(case.state)][is_transfer]


@register.filter
def already_in_words(case: RmaCase, serial: str) -> str:
    """Why a unit needs no other case than its open one: A replacement is on its way already."""
    if case.failed.unit.serial != serial:
        return f"{serial} is to take the place of {case.failed.friendly_name} ({case.failed.unit.serial})"
    if case.state == RmaCase.State.REQUESTED:
        return "Support has a request for this unit already"
    way = _on_its_way(case)
    return f"{way[0].upper()}{way[1:]} already"


def _on_its_way(case: RmaCase) -> str:
    if case.kind == RmaCase.Kind.TRANSFER:
        return "Support moves the licenses"
    return "a replacement is on its way" if case.replacement_id else "Support chooses the replacement"


def kept_in_words(case: RmaCase) -> list[str]:
    """What the failed unit and its secondary keep while a case is open, and until when (X3)."""
    if not case.is_open:
        return []
    failed = case.failed
    kept = [
        f"{failed.friendly_name} keeps its licenses, associations and keyset until the case is completed."
    ]
    if case.secondary and RmaCase.objects.filter(keeps(), pk=case.pk).exists():
        kept.append(
            f"{case.secondary.friendly_name} keeps what it shares of {failed.friendly_name}, even if the "
            f"association is removed, while the case is open and until {case.grace_ends_on:%d %b %Y} at the "
            "latest. As a primary it would keep nothing."
        )
    return kept
