"""What was bought, granted or tried, the parts given away, and the keys that make more of it."""

import datetime
import uuid

from django.db import models
from django.db.models import F, Q

from licensing.keyset import UNLIMITED
from licensing.models.catalogue import Service
from portal.models import User
from products.models import ProductModel, Registration, Unit


class Licence(models.Model):
    """One purchase, grant or trial of one service: a registration holds as many of a service as it got.

    Its status is derived: see `licensing.entitlements.today`. `count` is -1 for Unlimited, None for an
    uncounted service; `begins_on` and `expires_on` are the first and the last day that it runs, and months
    are added to the latter so that it falls on the day of the month `counted_from` again. `parts` are what
    was given of the count to other units. The `uuid` stays while it moves from unit to unit.
    """

    class Kind(models.TextChoices):
        LICENSED = "licensed"
        TRIAL = "trial"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    registration = models.ForeignKey(Registration, models.PROTECT, related_name="licences", db_index=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.LICENSED)
    count = models.BigIntegerField(null=True, blank=True)
    begins_on = models.DateField()
    expires_on = models.DateField(null=True, blank=True)
    counted_from = models.PositiveSmallIntegerField()

    class Meta:
        verbose_name = "license"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["licensed", "trial"]), name="licence_kind_known"),
            models.CheckConstraint(
                condition=Q(expires_on=None) | Q(expires_on__gte=F("begins_on")), name="licence_days"
            ),
            models.CheckConstraint(
                condition=Q(counted_from__gte=1, counted_from__lte=31), name="licence_counted_from"
            ),
            models.CheckConstraint(
                condition=Q(count=None) | Q(count__gte=UNLIMITED, count__lte=2**32 - 1), name="licence_count"
            ),
        ]
        indexes = [models.Index(fields=["registration", "expires_on"], name="licence_expiring")]

    def __str__(self) -> str:
        return f"{self.service} on {self.registration}"

    def is_expired(self, today: datetime.date) -> bool:
        """Whether its last day is over."""
        return self.expires_on is not None and self.expires_on < today


class PoolPart(models.Model):
    """A unit's part of the count of another unit's licence, which also gives its kind and last day."""

    licence = models.ForeignKey(Licence, models.PROTECT, related_name="parts", db_index=False)
    registration = models.ForeignKey(Registration, models.PROTECT, related_name="pool_parts")
    count = models.PositiveBigIntegerField()

    class Meta:
        verbose_name, verbose_name_plural = "shared-out count", "shared-out counts"
        constraints = [
            models.UniqueConstraint("licence", "registration", name="poolpart_one_for_unit"),
            models.CheckConstraint(condition=Q(count__gte=1), name="poolpart_count"),
        ]

    def __str__(self) -> str:
        return f"{self.count} of {self.licence} for {self.registration}"


class TrialStart(models.Model):
    """A unit has had its free trial of a service: once for ever, whoever owns the unit (L5)."""

    unit = models.ForeignKey(Unit, models.PROTECT, related_name="trial_starts", db_index=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name, verbose_name_plural = "free trial", "free trials"
        constraints = [models.UniqueConstraint("unit", "service", name="trialstart_once")]

    def __str__(self) -> str:
        return f"{self.service} tried on {self.unit}"


class KeyBatch(models.Model):
    """A batch of activation keys, under the id that its form brings: the same form makes no other.

    Batches from before there were such forms have no row here.
    """

    uuid = models.UUIDField(unique=True, editable=False)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name, verbose_name_plural = "batch of keys", "batches of keys"

    def __str__(self) -> str:
        return str(self.uuid)


class ActivationKey(models.Model):
    """A purchase of a service, to be redeemed once, on one unit. The key itself is shown once, never stored.

    `mac` is its keyed hash under the key `kid`. `months` is the term (None: without end), `count` the number
    (-1: Unlimited; None: uncounted); `model` limits it to units of one model.
    """

    batch = models.UUIDField()
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    model = models.ForeignKey(ProductModel, models.PROTECT, null=True, blank=True, related_name="+")
    count = models.BigIntegerField(null=True, blank=True)
    months = models.PositiveSmallIntegerField(null=True, blank=True)
    mac = models.CharField(max_length=64)
    kid = models.CharField(max_length=16)
    last_four = models.CharField(max_length=4)
    made_at = models.DateTimeField(auto_now_add=True)
    made_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    redeemed_at = models.DateTimeField(null=True, blank=True)
    redeemed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    redeemed_on = models.ForeignKey(Unit, models.PROTECT, null=True, blank=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mac"], name="activationkey_mac_once"),
            models.CheckConstraint(
                condition=Q(count=None) | Q(count__gte=UNLIMITED, count__lte=2**32 - 1),
                name="activationkey_count",
            ),
            models.CheckConstraint(condition=Q(months=None) | Q(months__gte=1), name="activationkey_months"),
            models.CheckConstraint(
                condition=Q(redeemed_at=None) | Q(revoked_at=None), name="activationkey_one_end"
            ),
        ]
        indexes = [
            models.Index(fields=["batch"], name="activationkey_batch"),
            models.Index(
                fields=["-id"], condition=Q(redeemed_at__isnull=False), name="activationkey_redeemed"
            ),
            models.Index(fields=["-id"], condition=Q(revoked_at__isnull=False), name="activationkey_revoked"),
            models.Index(
                fields=["-id"], condition=Q(redeemed_at=None, revoked_at=None), name="activationkey_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service}, key ending {self.last_four}"
