"""Every write about accounts, their members and the people who log in."""

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from portal import audit, outbox
from portal.audit_codes import AuditCode
from portal.errors import (
    AddressTaken,
    EmptyNote,
    LinkUsed,
    LoginSwitchedOff,
    NoMailAddress,
    StaffIsNoMember,
    UserNameTaken,
)
from portal.letters import Letter, Step, post_letter
from portal.models import Account, AccountNote, Membership, User
from portal.roles import MAY, roles_of

CHANGED_AT_THE_DESK = [
    "username",
    "first_name",
    "last_name",
    "email",
    "is_active",
    "is_staff",
    "is_superuser",
    "search",
]


@transaction.atomic
def save_account(*, account: Account, by: User | None, reason: str) -> Account:
    """Open an account, or rename one."""
    account.save()
    audit.record(AuditCode.ACCOUNT_SAVED, by=by, account=account, reason=reason, data={"name": account.name})
    return account


@transaction.atomic
def save_address(*, account: Account, address: str, by: User) -> None:
    """Keep an account's address of delivery, which requests for replacements offer; empty: none is kept."""
    if Account.objects.filter(pk=account.pk).exclude(address=address).update(address=address):
        audit.record(AuditCode.ADDRESS_SAVED, by=by, account=account)


@transaction.atomic
def open_customer(*, account: Account, owner: User, by: User, reason: str) -> Account:
    """Open an account with its first owner, whom a mailed link lets set the password of the new login.

    Raises ReasonNeeded, UserNameTaken, AddressTaken and NoMailAddress; then nothing is written or mailed.
    """
    audit.require_reason(reason)
    if User.objects.filter(username__iexact=owner.username).exists():
        raise UserNameTaken(user=owner.username)
    if other := User.objects.filter(email__iexact=owner.email).exclude(email="").first():
        raise AddressTaken(user=other.username)
    save_account(account=account, by=by, reason=reason)
    owner.set_unusable_password()
    try:
        with transaction.atomic():
            save_user(user=owner, by=by, reason=reason)
    except IntegrityError:  # somebody else took the name meanwhile
        raise UserNameTaken(user=owner.username) from None
    membership = Membership(account=account, user=owner, role=Membership.Role.OWNER)
    save_membership(membership=membership, by=by, reason=reason)
    send_password_link(user=owner, by=by, reason=reason, is_welcome=True)
    return account


@transaction.atomic
def note_account(*, account: Account, text: str, by: User) -> AccountNote:
    """Note something about an account, for staff only. Raises EmptyNote."""
    if not text.strip():
        raise EmptyNote
    note = AccountNote.objects.create(account=account, text=text.strip(), by=by)
    audit.record(
        AuditCode.ACCOUNT_NOTED, by=by, data={"name": account.name}
    )  # of no account: no member sees it
    return note


@transaction.atomic
def save_membership(*, membership: Membership, by: User | None, reason: str) -> Membership:
    """Make a user a member of an account, or change their role. Raises StaffIsNoMember."""
    if membership.user.is_staff:
        raise StaffIsNoMember(user=membership.user.username)
    membership.save()
    data: dict[str, object] = {"user": membership.user.username, "role": membership.role}
    audit.record(AuditCode.MEMBER_SAVED, by=by, account=membership.account, reason=reason, data=data)
    return membership


@transaction.atomic
def remove_membership(*, membership: Membership, by: User, reason: str) -> None:
    """Take a user out of an account; the audit trail still names what they did."""
    data: dict[str, object] = {"user": membership.user.username, "role": membership.role}
    audit.record(AuditCode.MEMBER_REMOVED, by=by, account=membership.account, reason=reason, data=data)
    membership.delete()


@transaction.atomic
def save_user(*, user: User, by: User, reason: str = "", roles: Iterable[str] | None = None) -> User:
    """Create a login, or change whose it is, whether it is active, and its roles at the desk.

    `roles` are names from portal.roles; None leaves them as they are. Other groups always stay.
    """
    # Don't overwrite a password that its owner sets meanwhile.
    user.save(update_fields=None if user._state.adding else CHANGED_AT_THE_DESK)
    before = roles_of(user)
    after = before if roles is None else sorted(set(roles) & set(MAY))
    user.groups.remove(*Group.objects.filter(name__in=set(before) - set(after)))
    user.groups.add(*Group.objects.filter(name__in=set(after) - set(before)))
    data: dict[str, object] = {"user": user.username, "active": user.is_active, "staff": user.is_staff}
    data |= {"superuser": user.is_superuser, "roles": after, "roles_before": before}
    audit.record(AuditCode.USER_SAVED, by=by, reason=reason, data=data)
    return user


@transaction.atomic
def create_user(*, user: User, by: User, reason: str) -> User:
    """Create a login without a password, and mail its owner a link to set one.

    Raises ReasonNeeded, LoginSwitchedOff and NoMailAddress.
    """
    user.set_unusable_password()
    save_user(user=user, by=by, reason=reason)
    send_password_link(user=user, by=by, reason=reason)
    return user


@transaction.atomic
def send_password_link(*, user: User, by: User, reason: str, is_welcome: bool = False) -> None:
    """Mail somebody a link to set their password: nobody else ever sets it. `is_welcome`: it is their first.

    Raises ReasonNeeded, LoginSwitchedOff and NoMailAddress.
    """
    audit.require_reason(reason)
    if not user.is_active:
        raise LoginSwitchedOff
    if not user.email:
        raise NoMailAddress
    membership = Membership.objects.select_related("account").filter(user=user).first()
    account = membership.account if membership else None
    letter = _link_letter(user, account if is_welcome else None)
    post_letter(letter, to=[user], account=account, about="password link", link_for=user)
    data: dict[str, object] = {"user": user.username, "to": user.email}
    audit.record(AuditCode.PASSWORD_LINK_SENT, by=by, account=account, reason=reason, data=data)


def _link_letter(user: User, new: Account | None) -> Letter:
    """The letter with the link, which is inserted when the mail is sent: no row of the outbox carries it.

    `new` is the account that was opened for the user just now, if it was.
    """
    told = f"Support made this link for your login {user.username}. It sets a new password."
    unasked = (
        "If you didn't ask Support for it, leave it: your password stays as it is. Tell Support, though."
    )
    if new:
        told = (
            f"Support has opened the account {new} for you. Your login is {user.username}: set its password, "
            "then log in and register your appliances."
        )
        unasked = "If that surprises you, leave the link, and tell Support."
    return Letter(
        subject=f"Your account {new}: set your password" if new else "Set your password",
        told=[told],
        page=Step("Set a password", outbox.LINK),
        after=[
            "The link works once, within an hour of this mail. Nobody but you ever knows the password, "
            "Support neither.",
            unasked,
        ],
        why="You get this mail because your login has this address.",
    )


@transaction.atomic
def set_password(*, user: User, password: str) -> None:
    """Set the password of a user who followed a link; end their sessions and links. Raises LinkUsed."""
    known = User.objects.filter(pk=user.pk, password=user.password, is_active=True)
    user.set_password(password)
    if not known.update(password=user.password):
        raise LinkUsed
    audit.record(AuditCode.PASSWORD_SET, by=user, data={"user": user.username})
