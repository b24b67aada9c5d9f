"""What the portal's own tables refuse, whoever writes them."""

import pytest
from django.db import IntegrityError, transaction

from portal.models import Key, Membership
from tests.factories import AccountFactory, MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["HFChanges", "hfchanges", "HFCHANGES"])
def test_a_user_name_exists_once_in_any_case(name: str) -> None:
    UserFactory(username="HFChanges")

    with pytest.raises(IntegrityError), transaction.atomic():
        UserFactory(username=name)


@pytest.mark.parametrize("is_another_account", [True, False])
def test_a_user_is_a_member_once(is_another_account: bool) -> None:
    member = MembershipFactory()
    account = AccountFactory() if is_another_account else member.account

    with pytest.raises(IntegrityError), transaction.atomic():
        MembershipFactory(account=account, user=member.user)


def test_an_account_can_have_many_members() -> None:
    account = AccountFactory()

    MembershipFactory.create_batch(3, account=account)

    assert account.memberships.count() == 3


@pytest.mark.parametrize("role", ["", "root", "Owner"])
def test_a_role_is_a_known_one(role: str) -> None:
    member = MembershipFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.filter(pk=member.pk).update(role=role)


@pytest.mark.parametrize(("role", "may_change"), [("owner", True), ("admin", True), ("viewer", False)])
def test_owners_and_admins_may_change_things(role: str, may_change: bool) -> None:
    assert MembershipFactory.build(user=None, account=None, role=role).may_change is may_change


def key(kid: str, purpose: str = "codes", state: str = "active") -> Key:
    return Key.objects.create(kid=kid, purpose=purpose, state=state)


def test_a_purpose_has_one_active_key() -> None:
    key("a")

    with pytest.raises(IntegrityError), transaction.atomic():
        key("b")


def test_a_purpose_can_have_many_other_keys() -> None:
    for number, state in enumerate(
        ["staged", "staged", "retired", "retired", "revoked", "revoked", "active"]
    ):
        key(str(number), state=state)
    key("x", purpose="keysets")

    assert Key.objects.filter(purpose="codes").count() == 7


def test_a_kid_exists_once_among_all_purposes() -> None:
    key("a", state="retired")

    with pytest.raises(IntegrityError), transaction.atomic():
        key("a", purpose="keysets")


@pytest.mark.parametrize("state", ["", "lost", "Active"])
def test_a_keys_state_is_a_known_one(state: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        key("a", state=state)


def test_an_account_is_known_by_a_uuid_of_its_own() -> None:
    accounts = AccountFactory.create_batch(2)

    assert accounts[0].uuid != accounts[1].uuid
