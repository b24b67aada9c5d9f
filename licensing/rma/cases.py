"""A case from request to end, except what completing and undoing move (rules X2, X3, X4, X6)."""

import datetime
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from associations.errors import PairChanged
from licensing.audit_codes import AuditCode
from licensing.models import Proposal, RmaCase
from licensing.rma import mails
from licensing.rma.checks import check_open_elsewhere, check_pairs, check_replacement, check_warranty
from licensing.rma.errors import (
    CaseNotOpen,
    ModelWaiverIncomplete,
    NotReplaceable,
    SecondLeadNeeded,
    SymptomNeeded,
    TooManyRequests,
    UnknownReplacement,
)
from licensing.rma.history import enter, stop_waiting
from licensing.rma.selectors import GRACE, keeper_of, partners_of
from portal import audit
from portal.models import Account, User
from portal.services import save_address
from products.errors import UnitRetired
from products.models import ProductModel, Registration, Unit
from products.serials import normalize_serial

MOST_REQUESTS, REQUESTS_IN = 20, datetime.timedelta(days=1)
"""How many cases the members of an account may ask for within which time; Support may open more."""


@transaction.atomic
def ask_for_case(
    *,
    registration: Registration,
    kind: RmaCase.Kind,
    symptom: str,
    contact: str,
    address: str,
    by: User,
    now: datetime.datetime,
    replacement: Unit | None = None,
    ticket: str = "",
    keep_address: bool = False,
) -> RmaCase:
    """Ask Support to replace a unit or, with `kind` TRANSFER, to move its licences to `replacement` (X4).

    `ticket` is the customer's own number for it. `keep_address`: the account keeps the address of delivery,
    for the next time.

    Raises SymptomNeeded, UnitRetired, NotReplaceable, CaseOpen, PairChanged and TooManyRequests, and what
    `check_replacement` raises.
    """
    also = replacement.serial if replacement else ""
    said = Said(symptom, contact, address, ticket)
    case = begin_case(registration, kind, said, also=also, by=by, now=now)
    _check_requests(case.account, now)
    if keep_address:
        save_address(account=case.account, address=case.address, by=by)
    if replacement is not None:
        case.replacement = _find(replacement.serial)
        check_open_elsewhere([case.replacement], exclude=case)
        check_replacement(case)
        case.save()
    record_case(AuditCode.RMA_REQUESTED, case, by=by, reason=symptom)
    mails.post_mails(case, "requested")
    return case


@transaction.atomic
def open_case(
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
    warranty_waiver: str = "",
    waived_model: ProductModel | None = None,
    model_waiver: str = "",
) -> RmaCase:
    """Open a case at the desk, which approves it at once. The replacement may be named later.

    Raises what `ask_for_case`, `waive` and `approve_case` raise.
    """
    also = normalize_serial(replacement) if replacement.strip() else ""
    said = Said(symptom, contact, address, ticket)
    case = begin_case(registration, kind, said, also=also, by=by, now=now)
    RmaCase.objects.filter(pk=case.pk).update(assignee=by)  # whoever opens it has it
    record_case(AuditCode.RMA_OPENED, case, by=by, reason=symptom)
    waive(
        case=case,
        warranty_waiver=warranty_waiver,
        waived_model=waived_model,
        model_waiver=model_waiver,
        by=by,
    )
    return approve_case(case=case, replacement=replacement, by=by)


@transaction.atomic
def waive(
    *,
    case: RmaCase,
    warranty_waiver: str,
    waived_model: ProductModel | None,
    model_waiver: str,
    by: User,
    proposal: Proposal | None = None,
) -> RmaCase:
    """Set what a lead accepts in an open case, each with a reason: an ended warranty, another model (X6).

    An empty reason withdraws the waiver, and the case can't be completed if it needs it. With FOUR_EYES,
    letting more pass takes a `proposal` of another lead that `by` has confirmed. Raises CaseNotOpen,
    ModelWaiverIncomplete and SecondLeadNeeded.
    """
    case = locked(case)
    before = waivers_of(case)
    case.warranty_waiver, case.model_waiver = warranty_waiver.strip(), model_waiver.strip()
    case.waived_model = waived_model
    if bool(case.model_waiver) != bool(waived_model):
        raise ModelWaiverIncomplete
    is_second = proposal is not None and proposal.confirmed_by == by
    if settings.FOUR_EYES and not is_second and not waivers_of(case).items() <= before.items():
        raise SecondLeadNeeded
    if waivers_of(case) != before:
        case.save()
        record_case(AuditCode.RMA_WAIVED, case, by=by, before=before)
    return case


@transaction.atomic
def approve_case(*, case: RmaCase, replacement: str, by: User) -> RmaCase:
    """Approve a case and name its replacement, or none if that is empty; can be repeated while it is open.

    Raises CaseNotOpen, InvalidSerial, UnknownReplacement, CaseOpen, OutOfWarranty and what
    `check_replacement` raises.
    """
    case = locked(case)
    was = case.state
    name_replacement(case, replacement)
    if was == RmaCase.State.REQUESTED:
        enter(case, RmaCase.State.APPROVED, by=by, now=timezone.now())
    stop_waiting(case)
    case.save()
    code = AuditCode.RMA_APPROVED if was == RmaCase.State.REQUESTED else AuditCode.RMA_REPLACEMENT_SET
    record_case(code, case, by=by)
    if was == RmaCase.State.REQUESTED:
        mails.post_mails(case, "approved")
    return case


@transaction.atomic
def decline_case(*, case: RmaCase, reason: str, by: User) -> RmaCase:
    """Decline a case, which ends what the secondary kept (X3). Raises ReasonNeeded and CaseNotOpen."""
    audit.require_reason(reason)
    return _close(case, RmaCase.State.DECLINED, AuditCode.RMA_DECLINED, reason=reason, by=by)


@transaction.atomic
def cancel_case(*, case: RmaCase, by: User, reason: str = "") -> RmaCase:
    """Cancel a case; its requester may do so. Raises CaseNotOpen."""
    return _close(case, RmaCase.State.CANCELLED, AuditCode.RMA_CANCELLED, reason=reason, by=by)


@transaction.atomic
def receive_case(*, case: RmaCase, by: User) -> RmaCase:
    """Record that the failed unit has come back. Raises CaseNotOpen."""
    case = RmaCase.objects.select_for_update(no_key=True).get(pk=case.pk)
    if case.state != RmaCase.State.COMPLETED:
        raise CaseNotOpen(number=case.number, state=case.get_state_display())
    case.received_at = timezone.now()
    enter(case, RmaCase.State.RECEIVED, by=by, now=case.received_at)
    case.save()
    record_case(AuditCode.RMA_RECEIVED, case, by=by)
    return case


@dataclass(frozen=True, slots=True)
class Said:
    """What the customer said about a failed unit; `ticket` is their own number for it."""

    symptom: str
    contact: str = ""
    address: str = ""
    ticket: str = ""


def begin_case(
    registration: Registration,
    kind: RmaCase.Kind,
    said: Said,
    *,
    also: str,
    by: User,
    now: datetime.datetime,
) -> RmaCase:
    """Open a case. `also` is the serial number of a unit to lock with the others, in one order."""
    if not said.symptom.strip():
        raise SymptomNeeded
    Account.objects.select_for_update(no_key=True).get(pk=registration.account_id)
    keeper = keeper_of(registration, now=now)
    wanted = {registration.unit_id, *([keeper.unit_id] if keeper else [])}
    named = Unit.objects.filter(serial=also).values_list("pk", flat=True)
    failed = {unit.pk: unit for unit in Unit.objects.locked(wanted | set(named))}[registration.unit_id]
    if failed.retired_at:
        raise UnitRetired(failed)
    live = Registration.objects.live().select_related("account", "unit__model")
    present = live.filter(pk=registration.pk).first()
    if present is None:
        raise NotReplaceable(serial=failed.serial)
    check_open_elsewhere([failed])
    if keeper_of(present, now=now) != keeper:
        raise PairChanged  # the pair changed before the locks were held
    case = RmaCase(
        kind=kind,
        account=present.account,
        failed=present,
        secondary=keeper,
        grace_ends_on=now.date() + GRACE if keeper else None,
        symptom=said.symptom.strip(),
        contact=said.contact.strip(),
        address=said.address.strip(),
        ticket=said.ticket.strip(),
        asked_by=by,
    )
    case.save()
    enter(case, RmaCase.State.REQUESTED, by=by, now=case.asked_at)
    raise_grace_version(case)
    return case


def _check_requests(account: Account, now: datetime.datetime) -> None:
    """Raise TooManyRequests if there is one too many now; the account is locked."""
    recent = RmaCase.objects.filter(account=account, asked_at__gt=now - REQUESTS_IN, asked_by__is_staff=False)
    if recent.count() > MOST_REQUESTS:
        raise TooManyRequests(most=MOST_REQUESTS)


def replaceable(registration: Registration | None, unit: Unit) -> Registration:
    """Return a unit's live or last registration. Raises NotReplaceable if it was never registered."""
    if registration is None:
        raise NotReplaceable(serial=unit.serial)
    return registration


def locked(case: RmaCase) -> RmaCase:
    """Lock an open case and return it as it is now. Raises CaseNotOpen."""
    case = (
        RmaCase.objects.select_related(
            "account", "failed__unit__model", "replacement__model", "waived_model", "asked_by"
        )
        .select_for_update(of=("self",), no_key=True)
        .get(pk=case.pk)
    )
    if not case.is_open:
        raise CaseNotOpen(number=case.number, state=case.get_state_display())
    return case


def name_replacement(case: RmaCase, replacement: str) -> None:
    """Name an open case's replacement, or none if that is empty; the caller saves the case.

    Raises InvalidSerial, UnknownReplacement, CaseOpen, OutOfWarranty, ReplacementPaired and
    what `check_replacement` raises.
    """
    case.replacement = _find(normalize_serial(replacement)) if replacement.strip() else None
    if case.replacement:
        check_open_elsewhere([case.replacement], exclude=case)
    check_warranty(case)
    check_replacement(case)
    if case.replacement and case.kind == RmaCase.Kind.REPLACEMENT:
        check_pairs(case.replacement, {case.failed_id, *(unit.pk for unit in partners_of(case).units)})


def _find(serial: str) -> Unit:
    """Lock and return a unit, so that two cases naming it wait for each other."""
    found = Unit.objects.select_related("model").select_for_update(of=("self",), no_key=True)
    unit = found.filter(serial=serial).first()
    if unit is None:
        raise UnknownReplacement(serial=serial)
    return unit


def raise_grace_version(case: RmaCase) -> None:
    """Note that what a secondary keeps changes with the case."""
    if case.secondary_id:
        Unit.objects.filter(registrations=case.secondary_id).raise_version()


def _close(case: RmaCase, state: RmaCase.State, code: AuditCode, *, reason: str, by: User) -> RmaCase:
    case = locked(case)
    is_unanswered = case.state == RmaCase.State.REQUESTED
    case.decision, case.closed_at = reason.strip(), timezone.now()
    enter(case, state, by=by, now=case.closed_at, reason=reason)
    case.save()
    raise_grace_version(case)
    record_case(code, case, by=by, reason=reason)
    if state == RmaCase.State.CANCELLED:
        mails.post_cancelled(case, by=by, is_unanswered=is_unanswered)
    else:
        mails.post_mails(case, str(state))
    return case


def waivers_of(case: RmaCase) -> dict[str, str]:
    """What a lead lets pass in a case, with the reasons; empty if nothing."""
    waivers = {"warranty_waiver": case.warranty_waiver, "model_waiver": case.model_waiver}
    if case.waived_model:
        waivers["waived_model"] = case.waived_model.name
    return {name: text for name, text in waivers.items() if text}


def record_case(code: AuditCode, case: RmaCase, *, by: User, reason: str = "", **facts: object) -> None:
    """Write what was done to a case into the audit trail, for both units; the account reads it."""
    serials = [case.failed.unit.serial, *([case.replacement.serial] if case.replacement else [])]
    data: dict[str, object] = {"case": case.number, "failed": serials[0], "kind": str(case.kind)}
    if case.kind == RmaCase.Kind.REPLACEMENT and case.replacement:
        data["replacement"] = case.replacement.serial
    data |= waivers_of(case) | facts  # the account can read reasons, but not data
    audit.record(code, by=by, account=case.account, serials=serials, reason=reason[:200], data=data)
