"""The work around a case: who has it, what staff note, what is sent, and when a lead is asked (W1, W2)."""

import datetime

from django.db import transaction

from licensing.audit_codes import AuditCode
from licensing.models import CaseNote, RmaCase
from licensing.rma.cases import Said, begin_case, locked, name_replacement, record_case
from licensing.rma.errors import (
    AssignedMeanwhile,
    CaseNotOpen,
    NotAtTheDesk,
    NoteNeeded,
    NothingForLead,
    OutOfWarranty,
    WrongModel,
)
from portal import audit
from portal.models import User
from products.models import Registration
from products.serials import normalize_serial


@transaction.atomic
def assign_case(*, case: RmaCase, to: User | None, was: User | None, by: User) -> RmaCase:
    """Give a case to somebody at the desk, or to nobody. `was` is who had it as the page showed it.

    Raises CaseNotOpen once the failed unit has come back or the case has ended, NotAtTheDesk and
    AssignedMeanwhile.
    """
    if to is not None and not (to.is_active and to.has_perm("portal.support")):
        raise NotAtTheDesk(name=to)
    case = _live(case)
    if case.assignee_id != (was.pk if was else None):
        raise AssignedMeanwhile(
            number=case.number, whose=f"{case.assignee}'s" if case.assignee else "nobody's"
        )
    if to == was:
        return case
    case.assignee = to
    case.save(update_fields=["assignee"])
    _record_inside(AuditCode.RMA_ASSIGNED, case, by=by, **({"to": str(to)} if to else {}))
    return case


@transaction.atomic
def add_note(*, case: RmaCase, text: str, by: User, now: datetime.datetime) -> CaseNote:
    """Add a note that only staff read, to a case in any state. Raises NoteNeeded."""
    if not text.strip():
        raise NoteNeeded
    note = CaseNote.objects.create(case=case, at=now, author=by, text=text.strip())
    _record_inside(AuditCode.RMA_NOTED, case, by=by)
    return note


@transaction.atomic
def note_shipping(
    *, case: RmaCase, ticket: str, sent_tracking: str, return_tracking: str, by: User
) -> RmaCase:
    """Note the customer's own ticket number, and the tracking numbers out and back; the customer reads them.

    Raises CaseNotOpen once the failed unit has come back or the case has ended.
    """
    case = _live(case)
    given = {"ticket": ticket, "sent_tracking": sent_tracking, "return_tracking": return_tracking}
    changed = {name: text.strip() for name, text in given.items() if text.strip() != getattr(case, name)}
    if not changed:
        return case
    for name, text in changed.items():
        setattr(case, name, text)
    case.save(update_fields=list(changed))
    record_case(AuditCode.RMA_SHIPPING_NOTED, case, by=by, **changed)
    return case


@transaction.atomic
def open_for_lead(
    *,
    registration: Registration,
    kind: RmaCase.Kind,
    symptom: str,
    contact: str,
    address: str,
    replacement: str,
    by: User,
    now: datetime.datetime,
    ticket: str = "",
) -> RmaCase:
    """Open a case that the agent can't approve: it is requested, and waits for a lead (W2).

    Raises what `open_case` raises except OutOfWarranty and WrongModel; if neither would have refused it,
    NothingForLead.
    """
    also = normalize_serial(replacement) if replacement.strip() else ""
    said = Said(symptom, contact, address, ticket)
    case = begin_case(registration, kind, said, also=also, by=by, now=now)
    record_case(AuditCode.RMA_OPENED, case, by=by, reason=symptom)
    return hand_to_lead(case=case, replacement=replacement, by=by, now=now)


@transaction.atomic
def hand_to_lead(*, case: RmaCase, replacement: str, by: User, now: datetime.datetime) -> RmaCase:
    """Put an open case that the agent can't approve with this replacement into the leads' queue (W2).

    What was typed is kept, and nobody has the case any more. Raises CaseNotOpen, NothingForLead and what
    `approve_case` raises except OutOfWarranty and WrongModel.
    """
    case = locked(case)
    reason = _why_a_lead(case, replacement)
    case.waits_for_lead_since, case.lead_reason = case.waits_for_lead_since or now, reason
    case.wanted_replacement = normalize_serial(replacement) if replacement.strip() else ""
    case.assignee = None
    kept = ["waits_for_lead_since", "lead_reason", "wanted_replacement", "assignee"]
    case.save(update_fields=kept)  # the replacement stays as it was
    _record_inside(AuditCode.RMA_HANDED_TO_LEAD, case, by=by, why=str(reason))
    return case


def _why_a_lead(case: RmaCase, replacement: str) -> RmaCase.LeadReason:
    """The rule that keeps an agent from approving a case with a replacement."""
    try:
        name_replacement(case, replacement)
    except OutOfWarranty:
        return RmaCase.LeadReason.OUT_OF_WARRANTY
    except WrongModel:
        return RmaCase.LeadReason.WRONG_MODEL
    raise NothingForLead


def _live(case: RmaCase) -> RmaCase:
    """Lock a case with which the desk isn't done, and return it as it is now. Raises CaseNotOpen."""
    related = RmaCase.objects.select_related(
        "account", "failed__unit", "replacement", "waived_model", "assignee"
    )
    case = related.select_for_update(of=("self",), no_key=True).get(pk=case.pk)
    if not case.is_live:
        raise CaseNotOpen(number=case.number, state=case.get_state_display())
    return case


def _record_inside(code: AuditCode, case: RmaCase, *, by: User, **facts: object) -> None:
    """An entry that only staff read: the account isn't named."""
    data: dict[str, object] = {"case": case.number, **facts}
    audit.record(code, by=by, serials=[case.failed.unit.serial], data=data)
