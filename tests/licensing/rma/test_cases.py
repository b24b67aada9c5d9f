"""A case from asking to its end: what is refused, and what each step writes (X2, X3, X4, X6)."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from licensing.keysets.issuing import read_keyset
from licensing.models import RmaCase
from licensing.rma.cases import approve_case, ask_for_case, cancel_case, decline_case, receive_case, waive
from licensing.rma.errors import (
    CaseNotOpen,
    CaseOpen,
    GoesToSecondary,
    ModelWaiverIncomplete,
    NotInAccount,
    NotReplaceable,
    OutOfWarranty,
    ReplacementElsewhere,
    ReplacementRetired,
    SameAsFailed,
    SymptomNeeded,
    UnknownReplacement,
    WrongModel,
)
from licensing.rma.selectors import GRACE
from portal.clock import today
from portal.errors import ReasonNeeded
from portal.models import AuditEntry, Mail, Membership
from products.errors import InvalidSerial, UnitRetired
from products.models import ProductModel, Registration, Unit
from tests.factories import CODE, MembershipFactory, RegistrationFactory, UnitFactory, UserFactory, pair
from tests.licensing.rma.support import TRANSFER, ask, complete, of, open_for, opening, undo
from tests.licensing.support import refuses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def owner() -> Membership:
    return MembershipFactory(user__email="owner@example.com")


@pytest.fixture
def failed(owner: Membership) -> Registration:
    return RegistrationFactory(account=owner.account)


def approve(case: RmaCase, replacement: str = "") -> RmaCase:
    return approve_case(case=case, replacement=replacement, by=case.asked_by)


def let_pass(
    case: RmaCase, *, warranty: str = "", model: ProductModel | None = None, because: str = ""
) -> RmaCase:
    return waive(
        case=case, warranty_waiver=warranty, waived_model=model, model_waiver=because, by=case.asked_by
    )


def decline(case: RmaCase, reason: str = "not broken") -> RmaCase:
    return decline_case(case=case, reason=reason, by=case.asked_by)


def cancel(case: RmaCase) -> RmaCase:
    return cancel_case(case=case, by=case.asked_by)


def receive(case: RmaCase) -> RmaCase:
    return receive_case(case=case, by=case.asked_by)


def end_warranty(failed: Registration) -> None:
    Unit.objects.filter(pk=failed.unit_id).update(warranty_ends_on=today() - timedelta(days=1))


def _retire(unit: Unit) -> None:
    Unit.objects.filter(pk=unit.pk).update(retired_at=timezone.now())
    unit.refresh_from_db()


def test_a_request_needs_a_symptom(owner: Membership, failed: Registration) -> None:
    refuses(SymptomNeeded, partial(ask, failed, by=owner.user, symptom="  "))


def test_a_retired_unit_needs_no_replacement(owner: Membership, failed: Registration) -> None:
    _retire(failed.unit)

    refuses(UnitRetired, partial(ask, failed, by=owner.user))


def test_a_unit_that_belongs_to_nobody_any_more_is_not_replaced(
    owner: Membership, failed: Registration
) -> None:
    Registration.objects.filter(pk=failed.pk).update(ended_at=timezone.now())

    refuses(NotReplaceable, partial(ask, failed, by=owner.user))


def test_a_unit_that_another_account_has_by_now_is_not_replaced(failed: Registration) -> None:
    Registration.objects.filter(pk=failed.pk).update(ended_at=timezone.now())
    RegistrationFactory(unit=failed.unit)

    refuses(NotReplaceable, opening(failed, None))


def test_a_unit_is_in_one_open_case(owner: Membership, failed: Registration) -> None:
    ask(failed, by=owner.user)

    refuses(CaseOpen, opening(failed, None))


def test_a_unit_that_is_to_replace_another_fails_in_no_other_case(
    owner: Membership, failed: Registration
) -> None:
    replacement = RegistrationFactory(account=owner.account)
    open_for(failed, replacement.unit)

    refuses(CaseOpen, partial(ask, replacement, by=owner.user))


def test_two_open_cases_never_name_one_replacement(owner: Membership, failed: Registration) -> None:
    new, other = UnitFactory(), RegistrationFactory(account=owner.account)
    open_for(failed, new)

    refuses(CaseOpen, opening(other, new))


def test_a_unit_that_failed_itself_replaces_no_other(owner: Membership, failed: Registration) -> None:
    other = RegistrationFactory(account=owner.account)
    ask(other, by=owner.user)

    refuses(CaseOpen, opening(failed, other.unit))


@pytest.mark.parametrize("end", [decline, cancel])
def test_a_case_that_ended_stands_in_no_ones_way(
    owner: Membership, failed: Registration, end: Callable[[RmaCase], RmaCase]
) -> None:
    new = UnitFactory()
    end(open_for(failed, new))

    again = open_for(failed, new)

    assert (again.state, again.replacement) == ("approved", new)


def test_a_replacement_that_nobody_made_is_unknown(failed: Registration) -> None:
    refuses(UnknownReplacement, opening(failed, Unit(serial="0006B1FFFFFF")))


def test_a_replacement_is_named_by_a_serial_number(owner: Membership, failed: Registration) -> None:
    case = ask(failed, by=owner.user)

    refuses(InvalidSerial, partial(approve, case, "6.0E+11"))


def test_a_replacement_is_found_in_any_notation(owner: Membership, failed: Registration) -> None:
    new = UnitFactory(serial="0006B1AAAAAA")

    case = approve(ask(failed, by=owner.user), " 00:06:b1:aa:aa:aa ")

    assert case.replacement == new


def test_a_unit_does_not_replace_itself(failed: Registration) -> None:
    refuses(SameAsFailed, opening(failed, failed.unit))


def test_a_retired_unit_replaces_nothing(failed: Registration) -> None:
    new = UnitFactory(retired_at=timezone.now())

    refuses(ReplacementRetired, opening(failed, new))


def test_another_accounts_unit_replaces_nothing(failed: Registration) -> None:
    refuses(ReplacementElsewhere, opening(failed, RegistrationFactory().unit))


def test_another_model_replaces_nothing(failed: Registration) -> None:
    refuses(WrongModel, opening(failed, UnitFactory(model_name="PRO 4060")))


def test_a_lead_lets_in_another_model(failed: Registration) -> None:
    new = UnitFactory(model_name="PRO 4060")

    case = open_for(failed, new, model_waiver="the 5060 isn't made any more")

    assert (case.replacement, case.state) == (new, "approved")


def test_a_lead_lets_in_the_model_that_it_names_and_no_other(failed: Registration) -> None:
    successor, point = UnitFactory(model_name="PRO 4060"), UnitFactory(model_name="SonicPoint")
    case = open_for(failed, successor, model_waiver="the 5060 isn't made any more")

    refuses(WrongModel, partial(approve, case, point.serial))

    assert approve(case, UnitFactory(model=successor.model).serial).state == "approved"
    assert approve(case, UnitFactory().serial).state == "approved"


def test_who_waives_the_warranty_lets_in_no_other_model(failed: Registration) -> None:
    end_warranty(failed)
    case = open_for(failed, None, warranty_waiver="a good customer")

    refuses(WrongModel, partial(approve, case, UnitFactory(model_name="SonicPoint").serial))


def test_who_lets_in_another_model_waives_no_warranty(owner: Membership, failed: Registration) -> None:
    end_warranty(failed)
    new = UnitFactory(model_name="PRO 4060")
    case = let_pass(ask(failed, by=owner.user), model=new.model, because="the 5060 isn't made any more")

    refuses(OutOfWarranty, partial(approve, case, new.serial))


@pytest.mark.parametrize("facts", [{"because": "a successor"}, {"has_model": True}])
def test_a_model_is_let_in_by_its_name_and_with_a_reason(failed: Registration, facts: dict) -> None:
    model = UnitFactory(model_name="PRO 4060").model if facts.pop("has_model", False) else None
    case = open_for(failed, None)

    refuses(ModelWaiverIncomplete, partial(let_pass, case, model=model, **facts))


def test_a_waived_warranty_stands_in_the_way_again_once_that_is_taken_back(failed: Registration) -> None:
    end_warranty(failed)
    case = open_for(failed, UnitFactory(), warranty_waiver="a good customer")
    let_pass(case)

    refuses(OutOfWarranty, partial(complete, case))

    let_pass(case, warranty="a good customer after all")
    assert complete(case).replacement.unit == case.replacement


def test_a_model_stands_in_the_way_again_once_it_is_not_let_in_any_more(failed: Registration) -> None:
    new = UnitFactory(model_name="PRO 4060")
    case = open_for(failed, new, model_waiver="the 5060 isn't made any more")
    let_pass(case)

    refuses(WrongModel, partial(complete, case))

    let_pass(case, model=new.model, because="there is none, really")
    assert complete(case).replacement.unit == new


def test_each_waiver_is_in_the_trail_and_no_account_reads_it(failed: Registration) -> None:
    model = UnitFactory(model_name="PRO 4060").model
    case = open_for(failed, None)
    let_pass(case, warranty="a good customer", model=model, because="a successor")
    let_pass(case, warranty="a good customer")
    let_pass(case, warranty="a good customer")

    given, taken = AuditEntry.objects.filter(code="rma-waived").order_by("pk")
    both = {"warranty_waiver": "a good customer", "waived_model": "PRO 4060", "model_waiver": "a successor"}
    assert given.data.items() >= both.items()
    assert (taken.data["before"], "waived_model" in taken.data) == (both, False)
    assert {given.reason, taken.reason} == {""}


def test_what_is_over_is_waived_no_more(failed: Registration) -> None:
    case = open_for(failed, UnitFactory())
    complete(case)

    refuses(CaseNotOpen, partial(let_pass, case, warranty="a good customer"))


def test_out_of_warranty_is_not_replaced(owner: Membership, failed: Registration) -> None:
    end_warranty(failed)
    case = ask(failed, by=owner.user)

    refuses(OutOfWarranty, partial(approve, case))


def test_on_the_last_day_of_the_warranty_it_is(owner: Membership, failed: Registration) -> None:
    Unit.objects.filter(pk=failed.unit_id).update(warranty_ends_on=today())

    assert approve(ask(failed, by=owner.user)).state == "approved"


def test_a_lead_lets_an_ended_warranty_pass(owner: Membership, failed: Registration) -> None:
    end_warranty(failed)
    case = ask(failed, by=owner.user)

    assert approve(let_pass(case, warranty="a good customer")).state == "approved"


def test_licences_move_whatever_the_warranty(owner: Membership, failed: Registration) -> None:
    end_warranty(failed)
    other = RegistrationFactory(account=owner.account)

    assert open_for(failed, other.unit, kind=TRANSFER).state == "approved"


def test_licences_go_only_to_a_unit_of_the_account(failed: Registration) -> None:
    refuses(NotInAccount, opening(failed, UnitFactory(), kind=TRANSFER))


def test_a_member_asks_for_the_transfer_to_a_unit_of_its_own(owner: Membership, failed: Registration) -> None:
    other = RegistrationFactory()
    facts = {"symptom": "dead", "contact": "", "address": "", "by": owner.user, "now": timezone.now()}
    asked = partial(ask_for_case, registration=failed, kind=TRANSFER, **facts)

    refuses(ReplacementElsewhere, partial(asked, replacement=other.unit))


def test_declining_needs_a_reason(owner: Membership, failed: Registration) -> None:
    case = ask(failed, by=owner.user)

    refuses(ReasonNeeded, partial(decline, case, " "))


@pytest.mark.parametrize("action", [approve, decline, cancel])
@pytest.mark.parametrize("end", [decline, cancel, complete])
def test_what_has_ended_is_neither_approved_nor_ended_again(
    failed: Registration, end: Callable, action: Callable
) -> None:
    case = open_for(failed, UnitFactory())
    end(case)

    refuses(CaseNotOpen, partial(action, case))


@pytest.mark.parametrize("before", [open_for, lambda *facts: decline(open_for(*facts))])
def test_only_what_was_replaced_comes_back(failed: Registration, before: Callable) -> None:
    case = before(failed, UnitFactory())

    refuses(CaseNotOpen, partial(receive, case))


def test_a_failed_unit_comes_back_once(failed: Registration) -> None:
    case = open_for(failed, UnitFactory())
    complete(case)

    received = receive(case)

    assert (received.state, received.received_at.date()) == ("received", today())
    refuses(CaseNotOpen, partial(receive, case))


def test_an_undone_case_is_over(failed: Registration) -> None:
    case = open_for(failed, UnitFactory())
    complete(case)
    undo(case)

    for action in (approve, decline, cancel, receive):
        refuses(CaseNotOpen, partial(action, case))


def test_a_case_is_known_by_the_year_and_a_number(owner: Membership, failed: Registration) -> None:
    case = ask(failed, by=owner.user)

    assert case.number == f"RMA-{today().year}-{case.pk:06d}"


def test_who_asks_waits_for_support_and_support_does_not(owner: Membership, failed: Registration) -> None:
    other = RegistrationFactory(account=owner.account)

    assert ask(failed, by=owner.user).state == "requested"
    assert open_for(other, None).state == "approved"


def test_the_replacement_may_be_named_later_and_again(failed: Registration) -> None:
    first, second = UnitFactory.create_batch(2)
    case = open_for(failed, None)

    approve(case, first.serial)

    assert approve(case, second.serial).replacement == second
    assert approve(case).replacement is None


def test_a_secondary_gets_a_grace_of_thirty_days(owner: Membership) -> None:
    primary, secondary, _ = pair(owner.account, owner.user)

    case = ask(primary, by=owner.user)

    assert (case.secondary, case.grace_ends_on) == (secondary, today() + GRACE)


def test_a_failed_secondary_leaves_nobody_without_rights(owner: Membership) -> None:
    _, secondary, _ = pair(owner.account, owner.user)

    case = ask(secondary, by=owner.user)

    assert (case.secondary, case.grace_ends_on) == (None, None)


def test_each_step_is_in_the_trail_of_both_units(owner: Membership, failed: Registration) -> None:
    new = UnitFactory()
    case = approve(ask(failed, by=owner.user), new.serial)
    approve(case, new.serial)
    complete(case)
    receive(case)
    undo(case)

    entries = AuditEntry.objects.filter(code__startswith="rma-").order_by("pk")
    steps = ["rma-approved", "rma-replacement-set", "rma-completed", "rma-received", "rma-undone"]
    both = [(step, unit.serial) for step in steps for unit in (failed.unit, new)]
    assert list(entries.values_list("code", "serial")) == [("rma-requested", failed.unit.serial), *both]
    assert {(entry.account, entry.data["case"]) for entry in entries} == {(owner.account, case.number)}


@pytest.mark.parametrize(("end", "code"), [(decline, "rma-declined"), (cancel, "rma-cancelled")])
def test_how_a_case_ended_is_in_the_trail(failed: Registration, end: Callable, code: str) -> None:
    case = end(open_for(failed, None))

    entry = AuditEntry.objects.get(code=code)
    assert (entry.actor, entry.serial, entry.reason) == (case.asked_by, failed.unit.serial, case.decision)
    assert case.closed_at


def _addresses(case: RmaCase) -> list[str]:
    return sorted(Mail.objects.filter(about=case.number).values_list("to", flat=True))


def test_the_owners_and_the_requester_get_a_mail(owner: Membership, failed: Registration) -> None:
    MembershipFactory(account=owner.account)  # has no address
    MembershipFactory(account=owner.account, role="viewer", user__email="viewer@example.com")
    MembershipFactory(account=owner.account, user__email="gone@example.com", user__is_active=False)
    admin = MembershipFactory(account=owner.account, role="admin", user__email="admin@example.com")

    case = ask(failed, by=admin.user)

    assert _addresses(case) == ["admin@example.com", "owner@example.com"]


def test_an_owner_who_asked_gets_one_mail(owner: Membership, failed: Registration) -> None:
    assert _addresses(ask(failed, by=owner.user)) == ["owner@example.com"]


def test_support_tells_the_account_and_not_itself(owner: Membership, failed: Registration) -> None:
    case = open_for(failed, None, by=UserFactory(is_staff=True, email="agent@example.com"))

    assert set(_addresses(case)) == {"owner@example.com"}


def test_each_step_sends_a_mail(owner: Membership, failed: Registration) -> None:
    case = approve(ask(failed, by=owner.user), UnitFactory().serial)
    complete(case)
    undo(case)

    assert Mail.objects.filter(about=case.number, account=owner.account).count() == 4
    ended = decline(ask(failed, by=owner.user))
    assert Mail.objects.filter(about=ended.number).count() == 2


def test_no_mail_carries_a_keyset_or_a_code(owner: Membership) -> None:
    primary, secondary, _ = pair(owner.account, owner.user)
    for unit, code in ((primary, "5JQHYENA"), (secondary, "K3YU89HX")):
        Registration.objects.filter(pk=unit.pk).update(code=code)
    new = UnitFactory()
    case = approve(ask(primary, by=owner.user), new.serial)
    complete(case)
    units = [of(new), *Registration.objects.filter(pk__in=[primary.pk, secondary.pk]).order_by("-pk")]
    texts = [read_keyset(registration=unit, today=today()).text for unit in units[:2]]
    undo(case)

    for mail in Mail.objects.all():
        for secret in (CODE, CODE.replace("-", ""), *(unit.code for unit in units), *texts):
            assert secret not in mail.subject + mail.body + mail.html
        assert not any(line in mail.body + mail.html for text in texts for line in text.splitlines())


def test_licences_alone_never_go_to_a_secondary() -> None:
    member = MembershipFactory()
    failed = RegistrationFactory(account=member.account)
    _, secondary, _ = pair(member.account, member.user)

    refuses(GoesToSecondary, partial(open_for, failed, secondary.unit, by=member.user, kind=TRANSFER))
