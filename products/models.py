"""The catalogue of models, the factory's record of units, and the accounts' registrations."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length, Lower, Upper

from portal.models import Account, User
from products.querysets import RegistrationQuerySet, UnitQuerySet

models.CharField.register_lookup(Length)


class ProductModel(models.Model):
    """A model of appliance. `code` is its permanent number in keysets."""

    code = models.PositiveIntegerField(unique=True)
    name = models.CharField(max_length=40)
    line = models.CharField(max_length=40)
    family = models.CharField(max_length=40)
    platform = models.CharField(max_length=40, default="SonicWALL")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["name"], name="productmodel_name_once"),
            models.CheckConstraint(condition=Q(code__gte=1, code__lte=65535), name="productmodel_code_u16"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def full_name(self) -> str:
        """The name with its platform, as the pages show it: SONICWALL PRO 5060."""
        platform = self.platform.upper()
        return self.name if self.name.upper().startswith(platform) else f"{platform} {self.name}"


class Unit(models.Model):
    """An appliance as the factory made it.

    `version` rises with every change of its entitlements, `last_generation` with every keyset; neither is
    ever reset. The authentication code is stored as a keyed hash; `code_kid` names the key.
    """

    serial = models.CharField(max_length=12)
    model = models.ForeignKey(ProductModel, models.PROTECT, related_name="+")
    code_mac = models.CharField(max_length=64)
    code_kid = models.CharField(max_length=16)
    firmware = models.CharField(max_length=32, blank=True)
    warranty_ends_on = models.DateField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveBigIntegerField(default=0)
    last_generation = models.PositiveBigIntegerField(default=0)

    objects = UnitQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["serial"], name="unit_serial_once"),
            models.CheckConstraint(
                condition=Q(serial__length=12) & Q(serial=Upper("serial")), name="unit_serial_canonical"
            ),
            models.CheckConstraint(
                condition=Q(last_generation__lte=2**32 - 1), name="unit_last_generation_u32"
            ),
        ]

    def __str__(self) -> str:
        return self.serial


class Registration(models.Model):
    """A unit owned by an account, from `registered_at` until `ended_at`. "My product".

    `search` is the text that lists are filtered by, as `portal.name_search` prepares it. A friendly name has
    30 characters as people count them, which take up to 400 of Unicode's. A released registration (X7) stores
    who released it, why, and the name that the new account had then; without a name the unit went to stock.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="registrations")
    account = models.ForeignKey(Account, models.PROTECT, related_name="registrations")
    friendly_name = models.CharField(max_length=400)
    code = models.CharField(max_length=8)
    search = models.CharField(max_length=250)
    registered_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    released_to = models.CharField(max_length=80, blank=True)
    release_reason = models.CharField(max_length=200, blank=True)

    objects = RegistrationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code"], name="registration_code_once"),
            models.UniqueConstraint("unit", condition=Q(ended_at=None), name="registration_one_owner"),
        ]
        indexes = [
            models.Index(
                "account",
                Lower("friendly_name"),
                "id",
                condition=Q(ended_at=None),
                name="registration_by_name",
            ),
            models.Index(
                "account", F("registered_at").desc(), condition=Q(ended_at=None), name="registration_newest"
            ),
        ]

    def __str__(self) -> str:
        return self.friendly_name


class Survey(models.Model):
    """An administrator's answers on the Product Survey page; every answer is optional."""

    class Protects(models.TextChoices):
        MAIN_OFFICE = "main-office", "A main office"
        BRANCH_OFFICE = "branch-office", "A branch office"
        DATA_CENTRE = "data-centre", "A data centre"
        HOME_OFFICE = "home-office", "A home office"
        OTHER = "other", "Something else"

    class Users(models.TextChoices):
        TO_10 = "1-10", "1 to 10"
        TO_50 = "11-50", "11 to 50"
        TO_250 = "51-250", "51 to 250"
        TO_1000 = "251-1000", "251 to 1,000"
        MORE = "1001-", "More than 1,000"

    registration = models.OneToOneField(Registration, models.CASCADE, related_name="survey")
    protects = models.CharField(max_length=16, choices=Protects, blank=True)
    users = models.CharField(max_length=16, choices=Users, blank=True)
    bought_at = models.CharField(max_length=80, blank=True)

    def __str__(self) -> str:
        return f"Survey of {self.registration_id}"


class Attempt(models.Model):
    """An account's failed attempt at a unit's authentication code, or at an activation key for it (R3).

    `subject` is the unit's serial number. Support can forgive attempts: these no longer count.
    """

    class Kind(models.TextChoices):
        CODE = "code"
        KEY = "key"

    kind = models.CharField(max_length=4, choices=Kind)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    subject = models.CharField(max_length=12)
    at = models.DateTimeField()
    forgiven_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["code", "key"]), name="attempt_kind_known"),
        ]
        indexes = [
            models.Index(fields=["account", "kind", "at"], name="attempt_of_account"),
            models.Index(fields=["subject", "at"], name="attempt_at_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.at:%d %b %Y %H:%M}"
