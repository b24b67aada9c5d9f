"""Who uses the portal, what they did, and which keys it works with."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Lower

from portal.name_search import PreparedField


class User(AbstractUser):
    """A person who logs in: a member of one account, or of the staff."""

    search = PreparedField(of=["username", "first_name", "last_name", "email"])

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(Lower("username"), name="user_username_any_case"),
        ]
        permissions = [
            ("support", "Can look up, replace units and unlock at the support desk"),
            ("lead", "Can override, correct and move at the support desk"),
            ("operate", "Can import units at the support desk"),
        ]


class Account(models.Model):
    """A customer organisation. It owns registrations. `address` is where replacements are delivered."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=80)
    address = models.TextField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    search = PreparedField(of=["name"])

    def __str__(self) -> str:
        return self.name


class AccountNote(models.Model):
    """What staff should know about an account. Notes are added only, and no member reads them."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="notes", db_index=False)
    at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    text = models.CharField(max_length=1000)

    class Meta:
        indexes = [models.Index(fields=["account", "-at"], name="accountnote_of_account")]

    def __str__(self) -> str:
        return self.text


class Membership(models.Model):
    """A user's role in the one account that they belong to."""

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        VIEWER = "viewer"

    account = models.ForeignKey(Account, models.CASCADE, related_name="memberships")
    user = models.OneToOneField(User, models.CASCADE, related_name="membership")
    role = models.CharField(max_length=6, choices=Role)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=["owner", "admin", "viewer"]), name="membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.role} of {self.account}"

    @property
    def may_change(self) -> bool:
        """Owners and admins may change things; viewers only read."""
        return self.role != self.Role.VIEWER

    @property
    def is_owner(self) -> bool:
        """Owners decide what leaves the account."""
        return self.role == self.Role.OWNER


class AuditEntry(models.Model):
    """One thing that somebody did to one unit or, with an empty serial number, to what all units share.

    Entries of one action share their `action`. Without an actor, the system did it.
    """

    action = models.UUIDField()
    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, null=True, related_name="+", db_index=False)
    code = models.CharField(max_length=40)
    serial = models.CharField(max_length=12, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["serial", "at"], name="auditentry_serial_at"),
            models.Index(fields=["account", "at"], name="auditentry_account_at"),
            models.Index(fields=["action"], name="auditentry_action"),
            models.Index(fields=["code", "-id"], name="auditentry_by_code"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.serial}".strip()


class Act(models.Model):
    """Something that a member did, and that an editor of the account can take back for a while (L8).

    `uuid` is the `action` of its audit entries. `record` is what it did, in the form of `licensing.acts`.
    """

    class Kind(models.TextChoices):
        KEY = "key", "activation key"
        COUNTS = "counts", "sharing out of licenses"
        SWAP = "swap", "swap of roles"
        STANDBY = "standby", "change of the standby"
        REMOVE = "remove", "removal of an association"
        CHANGE_PARENT = "change-parent", "change of parent"

    uuid = models.UUIDField(unique=True, editable=False)
    kind = models.CharField(max_length=13, choices=Kind)
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    record = models.JSONField(encoder=DjangoJSONEncoder)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["key", "counts", "swap", "standby", "remove", "change-parent"]),
                name="act_kind_known",
            ),
            models.CheckConstraint(
                condition=models.Q(undone_at=None, undone_by=None)
                | models.Q(undone_at__isnull=False, undone_by__isnull=False),
                name="act_undone_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["account", "at"], name="act_of_account")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.at:%d %b %Y}"


class Key(models.Model):
    """A key of the portal. Its secret part is a file in the data folder; this row says whether it is active.

    `kid` is lower-case hexadecimal; `public` the raw public key in hexadecimal, empty for hash keys.
    """

    class Purpose(models.TextChoices):
        KEYSETS = "keysets", "signs keysets"
        CODES = "codes", "hashes authentication codes"

    class State(models.TextChoices):
        STAGED = "staged"
        ACTIVE = "active"
        RETIRED = "retired"
        REVOKED = "revoked"

    kid = models.CharField(max_length=16)
    purpose = models.CharField(max_length=7, choices=Purpose)
    state = models.CharField(max_length=7, choices=State)
    public = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kid"], name="key_kid_once"),
            models.UniqueConstraint("purpose", condition=models.Q(state="active"), name="key_one_active"),
            models.CheckConstraint(
                condition=models.Q(state__in=["staged", "active", "retired", "revoked"]),
                name="key_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(purpose__in=["keysets", "codes"]), name="key_purpose_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kid} ({self.state})"


class Mail(models.Model):
    """A mail in the outbox: written in the transaction of what it reports, sent later by `portal.outbox`.

    `html` says what `body` says; empty: the mail is text only. A sender leases it until `leased_until`; if
    that sender dies, the next one takes over. `gave_up_at`: too many attempts failed. No row carries a
    keyset, a code or a link that sets a password: the sender makes the link for the user `link_for` and
    inserts it (`portal.outbox`).
    """

    to = models.EmailField()
    subject = models.CharField(max_length=200)
    body = models.TextField()
    html = models.TextField(blank=True)
    account = models.ForeignKey(Account, models.PROTECT, null=True, blank=True, related_name="+")
    about = models.CharField(max_length=20, blank=True)
    link_for = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    gave_up_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "mail"
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(sent_at=None, gave_up_at=None),
                name="mail_waiting",
            ),
            models.Index(fields=["about"], name="mail_about"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} to {self.to}"
