"""Mails about a case, to the account's owners and the requester (X2). None contains a keyset or a code."""

from collections.abc import Callable, Collection

from django.conf import settings
from django.db import transaction

from licensing.models import RmaCase
from licensing.rma.comparison import Comparison
from licensing.rma.record import record_of
from licensing.rma.snapshot import named
from licensing.rma.steps import read_registrations, shown_case
from licensing.rma.words import kept_in_words
from portal import audit, outbox
from portal.audit_codes import AuditCode
from portal.letters import Letter, Step, address_of, owners_of, post_letter
from portal.models import Membership, User
from products.models import Registration

MAIL_OF_STATE = {"received": "completed"}
"""Which mail to send again for a state, if it isn't the one named like the state."""


def post_mails(
    case: RmaCase, what: str, units: list[Registration] | None = None, *, but: Collection[str] = ()
) -> int:
    """Put mails into the outbox, in the caller's transaction; return how many.

    `units` are those whose keysets are to be applied now. The addresses in `but` get none.
    """
    people = owners_of(case.account)
    if Membership.objects.filter(account=case.account, user=case.asked_by).exists():
        people.append(case.asked_by)
    letter = _letter(case, what, units or [])
    to = [user for user in people if user.email not in but]
    return post_letter(letter, to=to, account=case.account, about=case.number)


def post_cancelled(case: RmaCase, *, by: User, is_unanswered: bool) -> None:
    """Tell that a case was cancelled.

    If a member cancels a request that Support hasn't answered, the mails about the request that are still
    waiting are withdrawn: who would have got one hears nothing, and neither does who cancels.
    """
    but: set[str] = set()
    if is_unanswered and not by.is_staff:
        but = {by.email, *outbox.withdraw(about=case.number)}
    post_mails(case, "cancelled", but=but)


@transaction.atomic
def resend_mails(*, case: RmaCase, by: User) -> int:
    """Send the last mail about a case again, to the present owners; return how many."""
    sent = post_mails(case, MAIL_OF_STATE.get(case.state, case.state), _units_to_apply(case))
    serials = [case.failed.unit.serial] if sent else []
    audit.record(
        AuditCode.MAIL_RESENT, by=by, account=case.account, serials=serials, data={"case": case.number}
    )
    return sent


def _units_to_apply(case: RmaCase) -> list[Registration]:
    """The units that need their keyset applied, as recorded by completing or undoing."""
    record = record_of(case)
    if record and case.state == RmaCase.State.UNDONE:
        return read_registrations(record.undone)
    shown = shown_case(case) if case.state in RmaCase.DONE else None
    return shown.keysets if shown else []


def _letter(case: RmaCase, what: str, units: list[Registration]) -> Letter:
    happened: dict[str, Callable[[RmaCase], list[str]]] = {
        "requested": _requested,
        "approved": _approved,
        "declined": _declined,
        "cancelled": _cancelled,
        "completed": _completed,
        "undone": _undone,
    }
    apply = f": apply the new keyset{'s' if units[1:] else ''}" if units else ""
    stays = " An appliance that never gets its new keyset keeps the old one." if units else ""
    *told, last = happened[what](case)
    return Letter(
        subject=f"{case.number} {what}{apply}",
        told=[*told, last + stays],
        reason=case.decision,
        facts=_facts(case),
        steps=_steps(case, what, units),
        page=Step(f"The case {case.number}", address_of("rma_case", case.uuid)),
        why=f"You get this mail as an owner of {case.account}, or because you asked for the case.",
    )


def _facts(case: RmaCase) -> list[tuple[str, str]]:
    """What identifies a case, for those who have several."""
    goes_to = "Licenses go to" if case.kind == RmaCase.Kind.TRANSFER else "Replacement"
    facts = [
        ("Failed unit", named(case.failed)),
        (goes_to, case.replacement.serial if case.replacement and not case.closed_at else ""),
        ("Sent with tracking number", case.sent_tracking),
        ("Your ticket", case.ticket),
    ]
    return [(label, value) for label, value in facts if value]


def _steps(case: RmaCase, what: str, units: list[Registration]) -> list[Step]:
    """What to do now. The page has the steps on the appliances, which come before the keysets."""
    steps = []
    if what == "completed":
        page = address_of("rma_case", case.uuid)
        steps.append(Step("Follow the steps on the appliances, which the case's page lists", page))
    for unit in units:
        page = address_of("license_keyset", unit.unit.serial)
        steps.append(Step(f"Apply the new keyset of {named(unit)} on that appliance", page))
    if what == "completed" and case.kind == RmaCase.Kind.REPLACEMENT and not case.received_at:
        address = ", ".join(settings.RMA_RETURN_ADDRESS.splitlines())
        where = f" to: {address}" if address else ". Support tells you where to."
        steps.append(Step(f"Send {named(case.failed)} back{where}"))
    if what == "declined" and case.kind == RmaCase.Kind.REPLACEMENT:
        page = address_of("replace_appliance", case.failed.unit.serial)
        steps.append(Step("If it still doesn't work, ask again, and say what has changed", page))
    return steps


def _requested(case: RmaCase) -> list[str]:
    wish = "to replace" if case.kind == RmaCase.Kind.REPLACEMENT else "to move the licenses of"
    whose = "Support has a request" if case.asked_by.is_staff else f"{case.asked_by} has asked Support"
    return [
        f"{whose} {wish} {named(case.failed)}. You get a mail when it is approved or declined.",
        *kept_in_words(case),
    ]


def _approved(case: RmaCase) -> list[str]:
    done = "replaces" if case.kind == RmaCase.Kind.REPLACEMENT else "moves the licenses of"
    return [
        f"Approved: Support {done} {named(case.failed)}. You get a mail that says what to do once that is "
        "done.",
        *kept_in_words(case),
    ]


def _declined(case: RmaCase) -> list[str]:
    return [f"Support has declined {_wish(case)}. No license was moved.{_ended_grace(case)}"]


def _cancelled(case: RmaCase) -> list[str]:
    return [f"The request for {_wish(case)} was cancelled. No license was moved.{_ended_grace(case)}"]


def _completed(case: RmaCase) -> list[str]:
    what = f"{named(case.failed)} is replaced, and out of use."
    if case.kind == RmaCase.Kind.TRANSFER:
        what = f"The licenses of {named(case.failed)} are transferred, and it is out of use."
    record = record_of(case)
    return [what, *_told(record.comparison if record else None)]


def _undone(case: RmaCase) -> list[str]:
    record = record_of(case)
    compared = record.undone_comparison if record else None
    return [f"Support has undone {_wish(case)}.", *_told(compared)]


def _told(compared: Comparison | None) -> list[str]:
    """What moved, what was lost and who is what now, as the desk read it."""
    return [" ".join(compared.told)] if compared else []


def _wish(case: RmaCase) -> str:
    what = "replacement" if case.kind == RmaCase.Kind.REPLACEMENT else "move of the licenses"
    return f"the {what} of {named(case.failed)}"


def _ended_grace(case: RmaCase) -> str:
    """Say what ends with a case that isn't completed (X3)."""
    if case.secondary is None:
        return ""
    name = case.secondary.friendly_name
    return f" What {name} kept of it only while the case was open ends now."
