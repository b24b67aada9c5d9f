"""What is written about accounts, their members and the people who log in."""

from django.db import transaction

from portal import audit
from portal.models import Account, Membership, User


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
def save_user(*, user: User, by: User, reason: str = "") -> User:
    """Create a login, or change who it is and whether it may log in."""
    user.save()
    audit.record("user-saved", by=by, reason=reason, data={"user": user.username, "active": user.is_active})
    return user
