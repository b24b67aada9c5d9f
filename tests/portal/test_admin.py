import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone

from portal.admin_base import OWN_APPS
from portal.models import Account, AuditEntry, Membership, User
from products.attempts import closed_until
from products.models import Attempt
from tests.factories import AccountFactory, MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_the_desk_has_the_portals_own_tables_only() -> None:
    assert {model._meta.app_label for model in admin.site._registry} == OWN_APPS


def test_no_table_has_a_bulk_action_or_an_inline() -> None:
    for model_admin in admin.site._registry.values():
        assert model_admin.actions is None
        assert not model_admin.inlines
        assert not model_admin.list_editable


def test_an_account_is_opened_with_its_reason(desk: Client) -> None:
    desk.post("/support/portal/account/add/", {"name": "Acme", "reason": "a new customer"})

    assert AuditEntry.objects.get(code="account-saved").account == Account.objects.get(name="Acme")


@pytest.mark.parametrize(("sent", "is_closed"), [({"open_again": "on"}, False), ({}, True)])
def test_an_account_that_failed_attempts_have_closed_is_opened_again(
    desk: Client, sent: dict[str, str], is_closed: bool
) -> None:
    account = AccountFactory()
    Attempt.objects.bulk_create(
        Attempt(kind=Attempt.Kind.CODE, account=account, subject="0" * 12, at=timezone.now())
        for _ in range(20)
    )

    desk.post(f"/support/portal/account/{account.pk}/change/", {"name": "Acme", "reason": "asked", **sent})

    assert bool(closed_until(account, now=timezone.now())) is is_closed


def test_a_login_is_created_and_becomes_a_member(desk: Client) -> None:
    account = AccountFactory()

    desk.post("/support/portal/user/add/", {"username": "ann", "email": "ann@a.example", "reason": "new"})
    user = User.objects.get(username="ann")
    form = {"account": account.pk, "user": user.pk, "role": "viewer", "reason": "asked by the owner"}
    desk.post("/support/portal/membership/add/", form)

    assert Membership.objects.get(user=user).role == "viewer"
    assert {"user-saved", "member-saved"} <= set(AuditEntry.objects.values_list("code", flat=True))


def test_a_user_name_is_unique_in_any_case(desk: Client) -> None:
    UserFactory(username="Ann")
    form = {"username": "aNN", "email": "ann@a.example", "reason": "new"}

    response = desk.post("/support/portal/user/add/", form)

    assert response.context["adminform"].form.errors
    assert User.objects.filter(username__iexact="ann").count() == 1


def test_a_member_is_taken_out_with_a_reason(desk: Client) -> None:
    member = MembershipFactory()

    desk.post(f"/support/portal/membership/{member.pk}/delete/", {"post": "yes", "reason": "left"})

    assert not Membership.objects.filter(pk=member.pk).exists()
    assert AuditEntry.objects.get(code="member-removed").reason == "left"


@pytest.mark.parametrize("page", ["add", "change"])
def test_nobody_of_the_staff_becomes_a_member(desk: Client, page: str) -> None:
    member, staff = MembershipFactory(), UserFactory(is_staff=True)
    path = "add/" if page == "add" else f"{member.pk}/change/"
    form = {"account": member.account.pk, "user": staff.pk, "role": "owner", "reason": "to look at it"}

    response = desk.post(f"/support/portal/membership/{path}", form)

    errors = response.context["adminform"].form.errors.as_data()
    assert (response.status_code, [error.code for error in errors["user"]]) == (422, ["staff-is-no-member"])
    assert not Membership.objects.filter(user=staff).exists()
