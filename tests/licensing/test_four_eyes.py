"""FOUR_EYES: one lead proposes, another confirms exactly that (W3)."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone
from pytest_django import Settings

from licensing.errors import LicencesChanged
from licensing.four_eyes.errors import (
    NotYourProposal,
    ProposalDecided,
    ProposalOutdated,
    ProposalWaits,
    SecondLeadIsFirst,
)
from licensing.four_eyes.proposals import confirm_proposal, propose, refuse_proposal, withdraw_proposal
from licensing.models import Proposal, RmaCase
from licensing.moves.release import plan_release
from licensing.rma.cases import waive
from licensing.rma.errors import OutOfWarranty, PlanChanged, SecondLeadNeeded
from licensing.rma.undoing import rehearse_undo
from portal.clock import today
from portal.errors import ReasonNeeded
from portal.models import AuditEntry, User
from portal.roles import LEAD
from products.errors import SameAccount
from products.models import Registration, Unit
from tests.factories import AccountFactory, MembershipFactory, RegistrationFactory, UnitFactory, staff
from tests.licensing.history import grant
from tests.licensing.rma.support import ask, complete, open_for, opening
from tests.licensing.support import CONTENT_FILTER, refuses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

WAIVER = {"warranty_waiver": "goodwill", "waived_model": None, "model_waiver": ""}


@pytest.fixture(autouse=True)
def _four_eyes(settings: Settings) -> None:
    settings.FOUR_EYES = True


@pytest.fixture
def first() -> User:
    return staff(LEAD)


@pytest.fixture
def second() -> User:
    return staff(LEAD)


@pytest.fixture
def failed() -> Registration:
    unit = RegistrationFactory(account=MembershipFactory().account)
    Unit.objects.filter(pk=unit.unit_id).update(warranty_ends_on=today() - timedelta(days=1))
    return unit


@pytest.fixture
def case(failed: Registration) -> RmaCase:
    return ask(failed, by=failed.account.memberships.get().user)


def waiver_of(case: RmaCase, by: User, **facts: object) -> Proposal:
    data = WAIVER | facts
    return propose(kind=Proposal.Kind.WAIVER, about=case, data=data, by=by, now=timezone.now())


def move_of(unit: Registration, to: object, by: User, seen: str | None = None) -> Proposal:
    data = {"account": str(to), "friendly_name": "", "reason": "sold"}
    seen = plan_release(unit).fingerprint if seen is None else seen
    return propose(kind=Proposal.Kind.MOVE, about=unit, data=data, seen=seen, by=by, now=timezone.now())


def confirm(proposal: Proposal, by: User) -> str:
    return confirm_proposal(proposal=proposal, by=by, now=timezone.now())


def confirming(proposal: Proposal, by: User) -> Callable[[], str]:
    return partial(confirm, proposal, by)


def test_one_lead_alone_lets_nothing_pass(case: RmaCase, first: User) -> None:
    refuses(SecondLeadNeeded, partial(waive, case=case, by=first, **WAIVER))


def test_no_case_is_opened_with_a_waiver(failed: Registration) -> None:
    refuses(SecondLeadNeeded, opening(failed, None, warranty_waiver="goodwill"))
    refuses(OutOfWarranty, opening(failed, None))


def test_one_lead_alone_takes_a_waiver_back(case: RmaCase, first: User, second: User) -> None:
    confirm(waiver_of(case, first), second)

    waived = waive(case=case, by=first, **WAIVER | {"warranty_waiver": ""})

    assert waived.warranty_waiver == ""


def test_a_proposal_changes_nothing_but_is_there(case: RmaCase, first: User) -> None:
    proposal = waiver_of(case, first)

    case.refresh_from_db()
    assert (case.warranty_waiver, proposal.state, proposal.data) == ("", "open", WAIVER)
    assert not AuditEntry.objects.filter(code="rma-waived").exists()


def test_a_second_lead_confirms_exactly_that_and_both_are_named(
    case: RmaCase, first: User, second: User
) -> None:
    proposal = waiver_of(case, first)

    confirm(proposal, second)

    case.refresh_from_db()
    assert case.warranty_waiver == "goodwill"
    entry = AuditEntry.objects.get(code="proposal-confirmed")
    assert (entry.actor, entry.data["proposed_by"], entry.account) == (second, str(first), None)
    assert AuditEntry.objects.filter(code="rma-waived").latest("pk").actor == second


def test_nobody_decides_on_their_own_proposal(case: RmaCase, first: User, second: User) -> None:
    proposal = waiver_of(case, first)
    refuse = partial(refuse_proposal, proposal=proposal, reason="no", now=timezone.now())

    refuses(SecondLeadIsFirst, confirming(proposal, first))
    refuses(SecondLeadIsFirst, partial(refuse, by=first))
    refuses(NotYourProposal, partial(withdraw_proposal, proposal=proposal, by=second, now=timezone.now()))


def test_what_was_decided_is_decided(case: RmaCase, first: User, second: User) -> None:
    withdrawn = waiver_of(case, first)
    withdraw_proposal(proposal=withdrawn, by=first, now=timezone.now())
    refused = waiver_of(case, first)
    refuses(
        ReasonNeeded, partial(refuse_proposal, proposal=refused, reason=" ", by=second, now=timezone.now())
    )
    refuse_proposal(proposal=refused, reason="no", by=second, now=timezone.now())

    refuses(ProposalDecided, confirming(withdrawn, second))
    refuses(ProposalDecided, confirming(refused, second))


def test_one_thing_is_proposed_once(case: RmaCase, first: User, second: User) -> None:
    waiver_of(case, first)

    refuses(ProposalWaits, partial(waiver_of, case, second))


def test_what_changed_since_is_not_confirmed(case: RmaCase, first: User, second: User) -> None:
    model = UnitFactory(model_name="PRO 4060").model
    outdated = waiver_of(case, first)
    RmaCase.objects.filter(pk=case.pk).update(model_waiver="none is left", waived_model=model)

    refuses(ProposalOutdated, confirming(outdated, second))


def test_a_late_undo_is_confirmed_as_it_was_shown(first: User, second: User) -> None:
    case = open_for(RegistrationFactory(account=MembershipFactory().account), UnitFactory())
    complete(case)
    RmaCase.objects.filter(pk=case.pk).update(completed_at=timezone.now() - timedelta(days=15))
    case.refresh_from_db()
    seen = rehearse_undo(case=case, as_lead=True, by=first, today=today()).seen
    facts = {"kind": Proposal.Kind.UNDO, "about": case, "data": {"reason": "wrong unit"}, "by": first}
    refuses(PlanChanged, partial(propose, seen="another", now=timezone.now(), **facts))
    proposal = propose(seen=seen, now=timezone.now(), **facts)

    confirm(proposal, second)

    case.refresh_from_db()
    assert (case.state, case.decision, case.steps.latest("pk").by) == ("undone", "wrong unit", second)


def test_a_move_is_confirmed_as_it_was_shown(failed: Registration, first: User, second: User) -> None:
    account = AccountFactory()

    confirm(move_of(failed, account.uuid, first), second)

    assert Registration.objects.live().get(unit=failed.unit).account == account


def test_a_move_that_a_rule_refuses_is_not_proposed(failed: Registration, first: User) -> None:
    refuses(SameAccount, partial(move_of, failed, failed.account.uuid, first))
    refuses(LicencesChanged, partial(move_of, failed, AccountFactory().uuid, first, seen="another"))


def test_a_move_of_what_came_since_is_not_confirmed(failed: Registration, first: User, second: User) -> None:
    proposal = move_of(failed, AccountFactory().uuid, first)
    grant(failed, CONTENT_FILTER)

    refuses(LicencesChanged, confirming(proposal, second))
