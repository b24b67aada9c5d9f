"""What needs a second lead: one proposes it exactly as it is to be done, another confirms just that (W3).

A proposal is tried when it is made: everything is done and rolled back, so that nobody is asked to confirm
what a rule refuses anyway. Confirming does it through the same service, as the second lead.
"""

import datetime
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from licensing.audit_codes import AuditCode
from licensing.four_eyes.errors import (
    NotYourProposal,
    ProposalDecided,
    ProposalOutdated,
    ProposalWaits,
    SecondLeadIsFirst,
)
from licensing.models import Proposal, RmaCase
from licensing.moves.release import release_to_account
from licensing.rma.cases import waive, waivers_of
from licensing.rma.undoing import undo_case
from licensing.telling import telling_owners
from portal import audit
from portal.models import Account, User
from products.models import ProductModel, Registration


@transaction.atomic
def propose(
    *,
    kind: Proposal.Kind,
    about: RmaCase | Registration,
    data: Mapping[str, object],
    seen: str = "",
    by: User,
    now: datetime.datetime,
) -> Proposal:
    """Propose what another lead is to confirm. `data` and `seen` are what the service of the kind takes.

    A WAIVER takes `warranty_waiver`, `waived_model` (its primary key) and `model_waiver`, an UNDO `reason`,
    a MOVE `account` (its UUID), `friendly_name` and `reason`. Raises what that service raises, and
    ProposalWaits.
    """
    case, registration = (about, None) if isinstance(about, RmaCase) else (None, about)
    proposal = Proposal(
        kind=kind,
        case=case,
        registration=registration,
        data=dict(data),
        seen=seen,
        proposed_by=by,
        proposed_at=now,
    )
    if case and kind == Proposal.Kind.WAIVER:
        proposal.seen = _seen_waivers(case)
    with transaction.atomic():
        proposal.state, proposal.decided_by = Proposal.State.CONFIRMED, by  # as if, to try it
        _ACTIONS[kind](_Confirmed(proposal, by, now))
        transaction.set_rollback(True)
    proposal.state, proposal.decided_by = Proposal.State.OPEN, None
    try:
        with transaction.atomic():
            proposal.save()
    except IntegrityError:
        waiting = Proposal.objects.get(kind=kind, case=case, registration=registration, state="open")
        raise ProposalWaits(who=waiting.proposed_by) from None
    _record(AuditCode.PROPOSAL_MADE, proposal, by=by)
    return proposal


@transaction.atomic
def confirm_proposal(*, proposal: Proposal, by: User, now: datetime.datetime) -> str:
    """Do exactly what another lead proposed, as the second lead; return what was done, in a sentence.

    Raises ProposalDecided, SecondLeadIsFirst, ProposalOutdated and what the service of its kind raises.
    """
    proposal = _locked(proposal)
    if proposal.proposed_by == by:
        raise SecondLeadIsFirst
    _decide(proposal, Proposal.State.CONFIRMED, by=by, now=now)
    done = _ACTIONS[Proposal.Kind(proposal.kind)](_Confirmed(proposal, by, now))
    _record(AuditCode.PROPOSAL_CONFIRMED, proposal, by=by)
    return done


@transaction.atomic
def refuse_proposal(*, proposal: Proposal, reason: str, by: User, now: datetime.datetime) -> Proposal:
    """Refuse what another lead proposed. Raises ReasonNeeded, ProposalDecided and SecondLeadIsFirst."""
    audit.require_reason(reason)
    proposal = _locked(proposal)
    if proposal.proposed_by == by:
        raise SecondLeadIsFirst
    _decide(proposal, Proposal.State.REFUSED, by=by, now=now, reason=reason)
    _record(AuditCode.PROPOSAL_REFUSED, proposal, by=by, reason=reason)
    return proposal


@transaction.atomic
def withdraw_proposal(*, proposal: Proposal, by: User, now: datetime.datetime) -> Proposal:
    """Withdraw one's own proposal. Raises ProposalDecided and NotYourProposal."""
    proposal = _locked(proposal)
    if proposal.proposed_by != by:
        raise NotYourProposal(who=proposal.proposed_by)
    _decide(proposal, Proposal.State.WITHDRAWN, by=by, now=now)
    _record(AuditCode.PROPOSAL_WITHDRAWN, proposal, by=by)
    return proposal


def open_proposals() -> QuerySet[Proposal]:
    """What waits for a second lead, the oldest first."""
    units = ("case__failed__unit", "case__account", "registration__unit", "registration__account")
    found = Proposal.objects.filter(state=Proposal.State.OPEN).select_related(*units, "proposed_by")
    return found.order_by("pk")


def in_words(proposals: list[Proposal]) -> dict[UUID, list[tuple[str, str]]]:
    """What each proposal would do: names of what was typed, and the texts."""
    names = {str(one.data.get("account")) for one in proposals} - {"None"}
    accounts = {str(row.uuid): row for row in Account.objects.filter(uuid__in=names)}
    models = ProductModel.objects.in_bulk([one.data.get("waived_model") or 0 for one in proposals])
    labels = {
        "warranty_waiver": "Let the ended warranty pass, because",
        "waived_model": "Let in a replacement of the model",
        "model_waiver": "Let in that model, because",
        "account": "To the account",
        "friendly_name": "Friendly name there",
        "reason": "Reason",
    }
    return {
        one.uuid: [
            (label, str(accounts.get(typed) or models.get(typed) or typed))
            for name, label in labels.items()
            if (typed := one.data.get(name))
        ]
        for one in proposals
    }


@dataclass(frozen=True, slots=True)
class _Confirmed:
    """A proposal that is being done, by the second lead and at a moment."""

    proposal: Proposal
    by: User
    now: datetime.datetime

    @property
    def case(self) -> RmaCase:
        return cast("RmaCase", self.proposal.case)  # it has one: the constraint proposal_subject


def _waive(confirmed: _Confirmed) -> str:
    case, data = confirmed.case, confirmed.proposal.data
    if (
        _seen_waivers(RmaCase.objects.select_related("waived_model").get(pk=case.pk))
        != confirmed.proposal.seen
    ):
        raise ProposalOutdated
    waive(
        case=case,
        warranty_waiver=data["warranty_waiver"],
        waived_model=ProductModel.objects.filter(pk=data["waived_model"]).first(),
        model_waiver=data["model_waiver"],
        by=confirmed.by,
        proposal=confirmed.proposal,
    )
    return f"{case.number} lets pass what was proposed."


def _undo(confirmed: _Confirmed) -> str:
    case, proposal = confirmed.case, confirmed.proposal
    day = confirmed.now.date()
    reason = proposal.data["reason"]
    undo_case(case=case, as_lead=True, seen=proposal.seen, reason=reason, by=confirmed.by, today=day)
    return f"{case.number} is undone: each license is back where it was."


def _move(confirmed: _Confirmed) -> str:
    proposal, data = confirmed.proposal, confirmed.proposal.data
    registration = cast("Registration", proposal.registration)
    account, day = Account.objects.get(uuid=data["account"]), confirmed.now.date()
    with telling_owners(
        accounts=[registration.account, account],
        serial=registration.unit.serial,
        did="moved a unit to another account",
        reason=data["reason"],
        today=day,
        watched=[registration],
    ) as said:
        release_to_account(
            registration=registration,
            account=account,
            friendly_name=data["friendly_name"],
            reason=data["reason"],
            seen=proposal.seen,
            by=confirmed.by,
            today=day,
            now=confirmed.now,
        )
        said.append(f"Moved: {registration.unit} is registered in {account} now.")
    return said[0]


_ACTIONS: dict[Proposal.Kind, Callable[[_Confirmed], str]] = {
    Proposal.Kind.WAIVER: _waive,
    Proposal.Kind.UNDO: _undo,
    Proposal.Kind.MOVE: _move,
}


def _seen_waivers(case: RmaCase) -> str:
    return hashlib.sha256(repr(sorted(waivers_of(case).items())).encode()).hexdigest()[:32]


def _locked(proposal: Proposal) -> Proposal:
    """Lock an open proposal and return it as it is now. Raises ProposalDecided."""
    units = ("case__failed__unit", "case__account", "registration__unit", "registration__account")
    found = Proposal.objects.select_related(*units, "proposed_by")
    proposal = found.select_for_update(of=("self",)).get(pk=proposal.pk)
    if proposal.state != Proposal.State.OPEN:
        raise ProposalDecided(state=proposal.get_state_display().lower())
    return proposal


def _decide(
    proposal: Proposal, state: Proposal.State, *, by: User, now: datetime.datetime, reason: str = ""
) -> None:
    proposal.state, proposal.decided_by, proposal.decided_at = state, by, now
    proposal.decision = reason.strip()
    proposal.save()


def _record(code: AuditCode, proposal: Proposal, *, by: User, reason: str = "") -> None:
    """An entry that only staff read, and that names both leads."""
    registration = proposal.registration or (proposal.case and proposal.case.failed)
    what = proposal.get_kind_display() + (f" {proposal.case}" if proposal.case else "")
    data: dict[str, object] = {"what": what, "proposed_by": str(proposal.proposed_by)}
    serials = [registration.unit.serial] if registration else []
    audit.record(code, by=by, serials=serials, reason=reason[:200], data=data)
