"""What is written about accounts, their members and the people who log in."""

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.db import transaction

from portal import audit
from portal.models import Account, Membership, User
from portal.roles import MAY, roles_of


@transaction.atomic
def save_account(*, account: Account, by: User | None, reason: str) -> Account:
    """Open an account, or rename one."""
    account.save()
    audit.record("account-saved", by=by, account=account, reason=reason, data={"name": account.name})
    return account


@transaction.atomic
def save_membership(*, membership: Membership, by: User | None, reason: str) -> Membership:
    """Make a user a member of an account, or change the role."""
    membership.save()
    data: dict[str, object] = {"user": membership.user.username, "role": membership.role}
    audit.record("member-saved", by=by, account=membership.account, reason=reason, data=data)
    return membership


@transaction.atomic
def remove_membership(*, membership: Membership, by: User, reason: str) -> None:
    """Take a user out of an account; what it did stays in the audit trail under its name."""
    data: dict[str, object] = {"user": membership.user.username, "role": membership.role}
    audit.record("member-removed", by=by, account=membership.account, reason=reason, data=data)
    membership.delete()


@transaction.atomic
def save_user(*, user: User, by: User, reason: str = "", roles: Iterable[str] | None = None) -> User:
    """Create a login, or change who it is, whether it may log in, and which roles it has at the desk.

    `roles` are names of portal.roles; none said leaves those that it has, and groups that are no role stay.
    """
    user.save()
    before = roles_of(user)
    after = before if roles is None else sorted(set(roles) & set(MAY))
    user.groups.remove(*Group.objects.filter(name__in=set(before) - set(after)))
    user.groups.add(*Group.objects.filter(name__in=set(after) - set(before)))
    data: dict[str, object] = {"user": user.username, "active": user.is_active, "staff": user.is_staff}
    data |= {"superuser": user.is_superuser, "roles": after, "roles_before": before}
    audit.record("user-saved", by=by, reason=reason, data=data)
    return user
