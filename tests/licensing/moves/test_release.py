"""X7: a unit is released to a named account or to stock, never to nobody."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from associations.services import remove_association
from licensing.entitlements.on_a_day import entitlements_on
from licensing.errors import LicencesChanged, PartsElsewhere, StillAssociated, UnitInOpenCase
from licensing.grants.trials import start_trial
from licensing.keysets.applied import confirm_applied
from licensing.keysets.issuing import read_keyset
from licensing.ledger.verification import verify
from licensing.models import LedgerEntry, Licence, PoolPart, RmaCase
from licensing.moves.release import plan_release, release_to_account, release_to_stock, take_back
from licensing.readiness.pairs import with_applied
from portal.clock import today
from portal.errors import ReasonNeeded
from portal.models import Account, AuditEntry, Membership, User
from products.errors import (
    InAnotherAccount,
    InvalidCode,
    InvalidFriendlyName,
    NoMatch,
    NotRetired,
    RegistrationEnded,
    SameAccount,
    SameCode,
    UnitRetired,
)
from products.models import Registration, Unit
from tests.factories import (
    CODE,
    AccountFactory,
    MembershipFactory,
    RegistrationFactory,
    UserFactory,
    hf,
    pair,
    registered,
)
from tests.licensing.history import divide, grant
from tests.licensing.offers import given
from tests.licensing.oracle import derived, shown
from tests.licensing.support import (
    CLIENT_AV,
    CONTENT_FILTER,
    ENHANCED,
    GATEWAY_AV,
    TODAY,
    give,
    held,
    refuses,
    service,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

NEW_CODE = "WXYZ-9876"


@pytest.fixture
def owner() -> Membership:
    return MembershipFactory()


@pytest.fixture
def unit(owner: Membership) -> Registration:
    return RegistrationFactory(account=owner.account, friendly_name="San Jose")


@pytest.fixture
def target() -> Account:
    return AccountFactory()


@pytest.fixture
def lead() -> User:
    return UserFactory(is_staff=True)


def release(registration: Registration, account: Account, by: User, **facts: object) -> Registration:
    """An owner offers it and the other account accepts; Support moves it at once."""
    if not by.is_staff:
        return given(registration, account, by, **facts)
    terms = {"today": TODAY, "now": timezone.now(), **facts}
    return release_to_account(registration=registration, account=account, by=by, **terms)


def to_stock(registration: Registration, by: User, code: str = NEW_CODE, **facts: object) -> None:
    given = {"today": TODAY, "now": timezone.now(), "reason": "bought back", **facts}
    release_to_stock(registration=registration, authentication_code=code, by=by, **given)


def ways_out(target: Account, lead: User) -> list[Callable[[Registration], object]]:
    """Both ways in which a unit leaves its account, by a lead."""
    return [partial(release, account=target, by=lead, reason="sold"), partial(to_stock, by=lead)]


def agrees() -> None:
    """The ledger, replayed, says what the rows say."""
    verify(progress=lambda done: None)


def rights(registration: Registration) -> dict[int, str]:
    """Of a registration's services those that it had today, by which right."""
    rows = entitlements_on(registration, today())
    return {row.entitlement.service.code: row.right for row in rows if row.right}


def test_an_owner_releases_a_unit_with_its_licences(
    unit: Registration, owner: Membership, target: Account
) -> None:
    licence = grant(unit, CLIENT_AV, count=7)

    new = release(unit, target, owner.user)

    unit.refresh_from_db()
    assert unit.ended_at
    assert (new.account, new.unit, new.friendly_name) == (target, unit.unit, "San Jose")
    assert new.code != unit.code
    assert Licence.objects.get() == licence
    assert Licence.objects.get().registration == new
    entry = AuditEntry.objects.get(code="unit-released")
    assert (entry.account, entry.actor, entry.data["to"]) == (owner.account, owner.user, str(target.uuid))
    assert AuditEntry.objects.get(code="registered").account == target
    agrees()


def test_what_is_taken_from_one_account_is_given_to_the_other(
    unit: Registration, lead: User, target: Account
) -> None:
    grant(unit, CLIENT_AV, count=7)

    release(unit, target, lead, reason="sold")

    taken, come = LedgerEntry.objects.filter(unit=unit.unit, right="move").order_by("pk")
    assert (taken.before, taken.after) == (come.after, None)
    assert (come.before, come.reason, come.actor) == (None, "sold", lead)


def test_moving_at_once_takes_a_reason(unit: Registration, lead: User, target: Account) -> None:
    refuses(ReasonNeeded, lambda: release(unit, target, lead, reason=" "))


def test_a_lead_moves_a_unit_with_a_reason_and_another_name(
    unit: Registration, lead: User, target: Account
) -> None:
    new = release(unit, target, lead, reason="a merger", friendly_name=" Oakland ")

    assert new.friendly_name == "Oakland"
    assert AuditEntry.objects.get(code="unit-released").reason == "a merger"


def test_a_unit_stays_where_it_is(unit: Registration, owner: Membership) -> None:
    refuses(SameAccount, lambda: release(unit, owner.account, owner.user))


def test_a_name_that_is_none_is_refused(unit: Registration, owner: Membership, target: Account) -> None:
    refuses(InvalidFriendlyName, lambda: release(unit, target, owner.user, friendly_name="n" * 31))


def test_a_unit_that_has_left_is_not_released_again(
    unit: Registration, owner: Membership, target: Account, lead: User
) -> None:
    release(unit, target, owner.user)

    for leave in ways_out(AccountFactory(), lead):
        refuses(RegistrationEnded, partial(leave, unit))


@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("slug", ["hf", "sonicpoint"])
def test_an_associated_unit_stays(lead: User, target: Account, way: int, side: int, slug: str) -> None:
    models = ("TZ 170", "SonicPoint") if slug == "sonicpoint" else ("PRO 5060", "PRO 5060")
    account = AccountFactory()
    ends = [RegistrationFactory(account=account, unit__model_name=name) for name in models]
    hf(*ends, by=lead, slug=slug)
    leave = ways_out(target, lead)[way]

    refuses(StillAssociated, partial(leave, ends[side]))

    with pytest.raises(StillAssociated) as caught:
        leave(ends[side])
    assert ends[1 - side].unit.serial in str(caught.value)


def test_of_many_children_some_are_named(lead: User, target: Account) -> None:
    primary, *children = RegistrationFactory.create_batch(6, account=AccountFactory())
    for child in children:
        hf(primary, child, by=lead)

    with pytest.raises(StillAssociated) as caught:
        release(primary, target, lead, reason="sold")

    assert "2 more" in str(caught.value)


@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize("part", ["failed", "replacement"])
@pytest.mark.parametrize("state", RmaCase.OPEN)
def test_what_an_open_case_rests_on_stays(
    unit: Registration, lead: User, target: Account, way: int, part: str, state: str
) -> None:
    facts = {"failed": unit} if part == "failed" else {"failed": RegistrationFactory()}
    replacement = unit.unit if part == "replacement" else None
    case = RmaCase.objects.create(
        account=unit.account, **facts, replacement=replacement, state=state, symptom="dead", asked_by=lead
    )
    leave = partial(ways_out(target, lead)[way], unit)

    refuses(UnitInOpenCase, leave)

    RmaCase.objects.filter(pk=case.pk).update(state=RmaCase.State.CANCELLED)
    leave()
    assert not Registration.objects.live().filter(pk=unit.pk).exists()


@pytest.mark.parametrize("way", [0, 1])
def test_a_retired_unit_is_not_released(unit: Registration, lead: User, target: Account, way: int) -> None:
    Unit.objects.filter(pk=unit.unit_id).update(retired_at=timezone.now())

    refuses(UnitRetired, partial(ways_out(target, lead)[way], unit))


def test_parts_of_others_return_and_parts_of_its_own_come_back(
    unit: Registration, owner: Membership, target: Account
) -> None:
    other, third = RegistrationFactory.create_batch(2, account=owner.account)
    own, theirs = grant(unit, CLIENT_AV, count=10), grant(other, CLIENT_AV, count=20)
    divide(own, third, 4, by=owner.user)
    divide(theirs, unit, 5, by=owner.user)
    for registration in (unit, other, third):
        read_keyset(registration=registration, today=today())

    new = release(unit, target, owner.user)

    assert not PoolPart.objects.exists()
    assert [held(r, CLIENT_AV, today()).count for r in (new, other, third)] == [10, 20, None]
    for registration in (new, other, third):
        assert shown(registration, today()) == derived(registration, today())
    serials = set(AuditEntry.objects.filter(code="unit-released").values_list("serial", flat=True))
    assert serials == {r.unit.serial for r in (unit, other, third)}
    agrees()


def test_a_plan_tells_what_goes_what_returns_and_what_comes_back(
    unit: Registration, owner: Membership
) -> None:
    other = RegistrationFactory(account=owner.account)
    own, theirs = give(unit, CLIENT_AV, count=10), give(other, CLIENT_AV, count=20)
    lent = PoolPart.objects.create(licence=own, registration=other, count=4)
    borrowed = PoolPart.objects.create(licence=theirs, registration=unit, count=5)
    trial = give(unit, CONTENT_FILTER, kind="trial", expires_on=TODAY)

    plan = plan_release(unit)

    assert (plan.licences, plan.borrowed, plan.lent) == ([own, trial], [borrowed], [lent])


@pytest.mark.parametrize(
    "change",
    [
        lambda unit, other: give(unit, CONTENT_FILTER),
        lambda unit, other: Licence.objects.filter(registration=unit).update(expires_on=TODAY),
        lambda unit, other: PoolPart.objects.filter(registration=other).update(count=5),
        lambda unit, other: PoolPart.objects.filter(registration=other).delete(),
    ],
)
def test_what_is_not_as_a_page_showed_it_is_shown_again(
    unit: Registration, owner: Membership, target: Account, change: Callable
) -> None:
    other = RegistrationFactory(account=owner.account)
    PoolPart.objects.create(licence=give(unit, CLIENT_AV, count=10), registration=other, count=4)
    seen = plan_release(unit).fingerprint
    change(unit, other)

    refuses(LicencesChanged, lambda: release(unit, target, owner.user, seen=seen))
    release(unit, target, owner.user, seen=plan_release(unit).fingerprint)

    assert not Registration.objects.live().filter(pk=unit.pk).exists()


def test_a_trial_goes_with_its_unit_and_is_over_for_ever(
    unit: Registration, owner: Membership, target: Account
) -> None:
    start_trial(registration=unit, service=service(CONTENT_FILTER), by=owner.user, today=TODAY)

    new = release(unit, target, owner.user)

    assert held(new, CONTENT_FILTER).kind == "trial"
    assert unit.unit.trial_starts.count() == 1
    agrees()


def test_the_new_owner_reads_a_true_keyset_of_no_lower_generation(
    unit: Registration, owner: Membership, target: Account
) -> None:
    give(unit, ENHANCED)
    before = read_keyset(registration=unit, today=TODAY)

    new = release(unit, target, owner.user)

    assert shown(new, TODAY) == derived(new, TODAY)
    assert read_keyset(registration=new, today=TODAY).generation >= before.generation


def test_what_the_former_owner_confirmed_is_none_of_the_new_owners(
    unit: Registration, owner: Membership, target: Account
) -> None:
    keyset = read_keyset(registration=unit, today=TODAY)
    confirm_applied(registration=unit, generation=keyset.generation, by=owner.user)
    assert with_applied([(unit, "", keyset)])[0][3]

    new = release(unit, target, owner.user)

    assert with_applied([(new, "", keyset)])[0][3] is None


def test_each_account_sees_its_own_time(unit: Registration, owner: Membership, target: Account) -> None:
    grant(unit, CONTENT_FILTER)

    new = release(unit, target, owner.user)
    grant(new, GATEWAY_AV)

    unit.refresh_from_db()
    former, present = rights(unit), rights(new)
    assert former[CONTENT_FILTER] == "own, granted by Support"
    assert present[CONTENT_FILTER] == "own, moved with the unit"
    assert GATEWAY_AV not in former
    assert GATEWAY_AV in present


def test_a_unit_comes_back_to_its_former_account(
    unit: Registration, owner: Membership, target: Account, lead: User
) -> None:
    grant(unit, CLIENT_AV, count=7)
    there = release(unit, target, owner.user)

    back = release(there, owner.account, lead, reason="the sale was off")

    assert Licence.objects.get().registration == back
    assert unit.unit.registrations.count() == 3
    agrees()


def test_the_moment_of_moving_may_be_one_for_all(
    unit: Registration, owner: Membership, target: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that stands still, as after a step back, leaves the ledger whole."""
    grant(unit, CLIENT_AV, count=7)
    moment = timezone.now() + timedelta(minutes=1)
    monkeypatch.setattr(timezone, "now", lambda: moment)

    new = release(unit, target, owner.user)

    assert Licence.objects.get().registration == new
    agrees()


# To stock


def test_a_unit_goes_to_stock_under_a_new_code(unit: Registration, lead: User, target: Account) -> None:
    to_stock(unit, lead)

    taker = MembershipFactory(account=target)
    with pytest.raises(NoMatch):
        registered(taker, unit.unit.serial)
    assert registered(taker, unit.unit.serial, code=NEW_CODE).account == target
    entry = AuditEntry.objects.get(code="unit-released")
    assert (entry.account, entry.data["to"], entry.reason) == (unit.account, "stock", "bought back")


def test_nobody_has_the_licences_of_what_went_to_stock(
    unit: Registration, lead: User, target: Account
) -> None:
    grant(unit, CONTENT_FILTER)
    before = read_keyset(registration=unit, today=TODAY)

    to_stock(unit, lead)

    new = registered(MembershipFactory(account=target), unit.unit.serial, code=NEW_CODE)
    assert Licence.objects.get().registration == unit
    assert held(new, CONTENT_FILTER).right is None
    assert shown(new, TODAY) == derived(new, TODAY)
    assert read_keyset(registration=new, today=TODAY).generation > before.generation
    unit.refresh_from_db()
    assert rights(unit)[CONTENT_FILTER] == "own, granted by Support"
    assert CONTENT_FILTER not in rights(new)
    agrees()


def test_parts_given_out_stand_in_the_way_to_stock(unit: Registration, lead: User) -> None:
    other = RegistrationFactory(account=unit.account)
    PoolPart.objects.create(licence=give(unit, CLIENT_AV, count=10), registration=other, count=4)

    refuses(PartsElsewhere, lambda: to_stock(unit, lead))


def test_parts_that_went_to_stock_are_their_pools_again(unit: Registration, lead: User) -> None:
    other = RegistrationFactory(account=unit.account)
    divide(grant(other, CLIENT_AV, count=10), unit, 4, by=lead)
    read_keyset(registration=other, today=today())

    to_stock(unit, lead)

    assert held(other, CLIENT_AV, today()).count == 10
    assert shown(other, today()) == derived(other, today())
    agrees()


@pytest.mark.parametrize(("code", "refusal"), [("1", InvalidCode), (CODE, SameCode), ("abcd 1234", SameCode)])
def test_stock_needs_a_new_code(unit: Registration, lead: User, code: str, refusal: type[Exception]) -> None:
    refuses(refusal, lambda: to_stock(unit, lead, code))


def test_stock_needs_a_reason_even_of_the_owner(unit: Registration, owner: Membership) -> None:
    refuses(ReasonNeeded, lambda: to_stock(unit, owner.user, reason=""))


def test_a_page_from_before_sends_nothing_to_stock(unit: Registration, lead: User) -> None:
    seen = plan_release(unit).fingerprint
    give(unit, CONTENT_FILTER)

    refuses(LicencesChanged, lambda: to_stock(unit, lead, seen=seen))


# Back from the dead


def back(unit: Unit, by: User, code: str = NEW_CODE, reason: str = "repaired") -> None:
    take_back(unit=unit, authentication_code=code, reason=reason, by=by)


@pytest.fixture
def retired() -> Unit:
    former = RegistrationFactory(ended_at=timezone.now())
    Unit.objects.filter(pk=former.unit_id).update(retired_at=timezone.now())
    return former.unit


def test_a_retired_unit_is_taken_back_and_registered_again(retired: Unit, lead: User) -> None:
    back(retired, lead)

    new = registered(MembershipFactory(), retired.serial, code=NEW_CODE)
    assert shown(new, TODAY) == derived(new, TODAY)
    entry = AuditEntry.objects.get(code="unit-taken-back")
    assert (entry.serial, entry.reason, entry.account) == (retired.serial, "repaired", None)


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [({"reason": " "}, ReasonNeeded), ({"code": CODE}, SameCode), ({"code": "?"}, InvalidCode)],
)
def test_taking_back_needs_a_reason_and_a_new_code(
    retired: Unit, lead: User, facts: dict[str, str], refusal: type[Exception]
) -> None:
    refuses(refusal, lambda: back(retired, lead, **facts))


def test_only_a_retired_unit_is_taken_back(unit: Registration, lead: User) -> None:
    refuses(NotRetired, lambda: back(unit.unit, lead))


def test_a_retired_unit_that_somebody_has_is_not_taken_back(unit: Registration, lead: User) -> None:
    Unit.objects.filter(pk=unit.unit_id).update(retired_at=timezone.now())

    refuses(InAnotherAccount, lambda: back(unit.unit, lead))


def test_a_pair_is_released_after_it_was_taken_apart(lead: User, target: Account) -> None:
    primary, secondary, seat = pair(AccountFactory(), lead)
    grant(primary, CONTENT_FILTER)
    read_keyset(registration=secondary, today=TODAY)
    remove_association(seat=seat, by=lead)

    new = release(secondary, target, lead, reason="sold")

    assert held(new, CONTENT_FILTER).right is None
    assert shown(new, TODAY) == derived(new, TODAY)
    agrees()
