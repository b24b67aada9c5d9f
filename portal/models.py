"""Who uses the portal, what they did, and which keys it works with."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower


class User(AbstractUser):
    """A person who logs in: a member of one account, or of the staff."""

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(Lower("username"), name="user_username_any_case"),
        ]


class Account(models.Model):
    """A customer organisation. It owns registrations."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=80)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's place in the one account that it belongs to."""

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
        """Owners and admins change things, viewers read them."""
        return self.role != self.Role.VIEWER


class AuditEntry(models.Model):
    """One thing that somebody did to one unit (or, with an empty serial, to what all units share).

    Entries of one action carry the same `action`. No actor: the system itself.
    """

    action = models.UUIDField()
    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, null=True, related_name="+")
    code = models.CharField(max_length=40)
    serial = models.CharField(max_length=12, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["serial", "at"], name="auditentry_serial_at"),
            models.Index(fields=["account", "at"], name="auditentry_account_at"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.serial}".strip()


class Key(models.Model):
    """A key of the portal's. The secret part is a file in the data folder; which key is active is this row.

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

    kid = models.CharField(max_length=16, unique=True)
    purpose = models.CharField(max_length=7, choices=Purpose)
    state = models.CharField(max_length=7, choices=State)
    public = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("purpose", condition=models.Q(state="active"), name="key_one_active"),
            models.CheckConstraint(
                condition=models.Q(state__in=["staged", "active", "retired", "revoked"]),
                name="key_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kid} ({self.state})"
