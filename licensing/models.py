"""Services, licences, the ledger of their changes, and the keysets that carry them to appliances."""

import datetime
import uuid

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q

from licensing.keyset import UNLIMITED
from portal.models import Account, User
from products.models import ProductModel, Registration, Unit

LARGEST_COUNT = 2**32 - 1
FLAGS = (
    "is_shareable",
    "is_transferable",
    "is_counted",
    "is_divisible",
    "is_trial_offered",
    "is_activation_offered",
)
"""The flags of a service, which the ledger records."""
RIGHTS = [
    *("grant", "key", "trial", "pool", "part", "swap", "rma", "revoke", "move", "model", "catalogue", "undo"),
]
"""The rights that the database accepts in the ledger."""
STATES = ["requested", "approved", "completed", "received", "declined", "cancelled", "undone"]
"""The states of a case that the database accepts."""


class Service(models.Model):
    """Something that can be licensed. `code` is its permanent number in keysets, and its order on pages."""

    code = models.PositiveIntegerField(unique=True)
    name = models.CharField(max_length=80)
    is_shareable = models.BooleanField("an HF Secondary shares it", default=True)
    is_transferable = models.BooleanField("a replacement takes it over", default=True)
    is_counted = models.BooleanField("licensed for a number", default=False)
    is_divisible = models.BooleanField("its count can be shared out", default=False)
    is_trial_offered = models.BooleanField("free trial offered", default=False)
    is_activation_offered = models.BooleanField("activation offered", default=False)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(fields=["name"], name="service_name_once"),
            models.CheckConstraint(condition=Q(code__gte=1, code__lte=65535), name="service_code_u16"),
        ]

    def __str__(self) -> str:
        return self.name


class ModelService(models.Model):
    """What every unit of a model comes with, without end. `count`: -1 is Unlimited, None is uncounted."""

    model = models.ForeignKey(ProductModel, models.PROTECT, related_name="model_services", db_index=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    count = models.BigIntegerField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = "service of a model", "services that models come with"
        ordering = ["model", "service__code"]
        constraints = [
            models.UniqueConstraint("model", "service", name="modelservice_once"),
            models.CheckConstraint(
                condition=Q(count=None) | Q(count__gte=UNLIMITED, count__lte=2**32 - 1),
                name="modelservice_count",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} comes with {self.service}"


class CatalogueState(models.Model):
    """A single row: its version rises with every catalogue change that entitlements depend on."""

    version = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="cataloguestate_one_row")]

    def __str__(self) -> str:
        return f"Catalogue {self.version}"


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
        indexes = [models.Index(fields=["batch"], name="activationkey_batch")]

    def __str__(self) -> str:
        return f"{self.service}, key ending {self.last_four}"


class LedgerEntry(models.Model):
    """One change to a licence, to a unit's part of one, to a service's flags or to what a model comes with.

    The database refuses to update or delete it.

    `before` and `after` are the values on either side of the change (None: there was, or is, nothing):
    of a licence or a part its kind, count and days; of a licence, if parts of it were given away, `given`; of
    a model `{count}`, of a service its flags. Entries from before licences had first days lack these.
    `licence` is the licence's uuid; some of those entries, about what has ended since, have none. `right` is
    the right by which it is held, and `detail` completes it: a key's last four characters; for a part, the
    serial number of the unit that owns the licence; for a transfer, that of the unit that it came from.
    """

    class Right(models.TextChoices):
        GRANT = "grant", "granted by Support"
        KEY = "key", "activation key"
        TRIAL = "trial", "free trial"
        POOL = "pool", "shared out"
        PART = "part", "a part of another unit's license"
        SWAP = "swap", "swap of roles"
        RMA = "rma", "RMA"
        REVOKE = "revoke", "revoked by Support"
        MOVE = "move", "moved with the unit"
        MODEL = "model", "comes with the model"
        CATALOGUE = "catalogue", "the catalogue"
        UNDO = "undo", "by Undo"

    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=200, blank=True)
    unit = models.ForeignKey(Unit, models.PROTECT, null=True, related_name="ledger", db_index=False)
    model = models.ForeignKey(ProductModel, models.PROTECT, null=True, related_name="+")
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    licence = models.UUIDField(null=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    right = models.CharField(max_length=16, choices=Right)
    detail = models.CharField(max_length=20, blank=True)

    class Meta:
        verbose_name_plural = "ledger entries"
        indexes = [
            models.Index(fields=["unit", "at"], name="ledgerentry_unit_at"),
            models.Index(fields=["service", "at"], condition=Q(unit=None), name="ledgerentry_catalogue"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(unit=None) | Q(model=None), name="ledgerentry_one_subject"),
            models.CheckConstraint(condition=Q(right__in=RIGHTS), name="ledgerentry_right_known"),
        ]

    def __str__(self) -> str:
        return f"{self.service}: {self.get_right_display()}"


class Keyset(models.Model):
    """A keyset as it was issued. `issued` is the moment in its text, in Unix seconds."""

    unit = models.ForeignKey(Unit, models.PROTECT, related_name="keysets", db_index=False)
    generation = models.PositiveBigIntegerField()
    issued = models.PositiveBigIntegerField()
    text = models.CharField(max_length=8192)
    first_read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint("unit", "generation", name="keyset_generation_once")]

    def __str__(self) -> str:
        return f"Keyset {self.generation}"

    @property
    def issued_at(self) -> datetime.datetime:
        """`issued` as a moment in UTC."""
        return datetime.datetime.fromtimestamp(self.issued, tz=datetime.UTC)


class KeysetHead(models.Model):
    """A unit's newest keyset, and the versions of everything that it was derived from.

    `source` is the unit whose licences it shares. `pools` is the sum of the versions of the units of whose
    licences the two hold parts. `recheck_on` is the next day on which time alone changes the keyset.
    `applied` is the keyset that somebody confirmed to be on the appliance.
    """

    unit = models.OneToOneField(Unit, models.PROTECT, related_name="keyset_head")
    keyset = models.ForeignKey(Keyset, models.PROTECT, related_name="+")
    version = models.PositiveBigIntegerField()
    source = models.ForeignKey(Unit, models.PROTECT, null=True, related_name="+")
    source_version = models.PositiveBigIntegerField(null=True)
    pools = models.PositiveBigIntegerField(default=0)
    catalogue = models.PositiveBigIntegerField()
    recheck_on = models.DateField(null=True)
    applied = models.ForeignKey(Keyset, models.PROTECT, null=True, related_name="+")
    applied_at = models.DateTimeField(null=True)
    applied_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return f"Head at {self.keyset}"


class RmaCase(models.Model):
    """A failed unit, its replacement, and everything that moves because of it (rules X2 to X6).

    A TRANSFER moves licences only: `replacement` is the unit that gets them. `partner` is the unit that forms
    a pair with the replacement afterwards, as confirmed by the agent. `secondary` shared the failed primary's
    licences when the case was requested, and keeps them until `grace_ends_on` while the case is open (X3).
    `warranty_waiver` is a lead's reason to accept an ended warranty, `model_waiver` one to accept a
    replacement of `waived_model`, and of no other (X6). `done` is what completing did, in the form of
    `licensing.rma.record`.
    """

    class Kind(models.TextChoices):
        REPLACEMENT = "replacement", "replacement"
        TRANSFER = "transfer", "transfer of licenses only"

    class State(models.TextChoices):
        REQUESTED = "requested"
        APPROVED = "approved"
        COMPLETED = "completed"
        RECEIVED = "received", "failed unit received back"
        DECLINED = "declined"
        CANCELLED = "cancelled"
        UNDONE = "undone"

    OPEN = (State.REQUESTED, State.APPROVED)
    DONE = (State.COMPLETED, State.RECEIVED)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=11, choices=Kind, default=Kind.REPLACEMENT)
    state = models.CharField(max_length=9, choices=State, default=State.REQUESTED)
    account = models.ForeignKey(Account, models.PROTECT, related_name="rma_cases", db_index=False)
    failed = models.ForeignKey(Registration, models.PROTECT, related_name="rma_cases")
    replacement = models.ForeignKey(Unit, models.PROTECT, null=True, blank=True, related_name="rma_cases")
    partner = models.ForeignKey(Registration, models.PROTECT, null=True, blank=True, related_name="+")
    secondary = models.ForeignKey(Registration, models.PROTECT, null=True, blank=True, related_name="graces")
    grace_ends_on = models.DateField(null=True, blank=True)
    symptom = models.CharField(max_length=500)
    contact = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=500, blank=True)
    warranty_waiver = models.CharField(max_length=200, blank=True)
    model_waiver = models.CharField(max_length=200, blank=True)
    waived_model = models.ForeignKey(ProductModel, models.PROTECT, null=True, blank=True, related_name="+")
    decision = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField(auto_now_add=True)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    completed_at = models.DateTimeField(null=True, blank=True)
    completed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    received_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    done = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)

    class Meta:
        verbose_name = "RMA case"
        constraints = [
            models.UniqueConstraint(
                "failed", condition=Q(state__in=["requested", "approved"]), name="rmacase_one_open_failed"
            ),
            models.UniqueConstraint(
                "replacement",
                condition=Q(state__in=["requested", "approved"]),
                name="rmacase_one_open_replacement",
            ),
            models.CheckConstraint(
                condition=Q(state__in=STATES),
                name="rmacase_state_known",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["replacement", "transfer"]), name="rmacase_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(model_waiver="", waived_model=None)
                | (~Q(model_waiver="") & Q(waived_model__isnull=False)),
                name="rmacase_model_waiver",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="rmacase_of_account"),
            models.Index(fields=["state", "-id"], name="rmacase_by_state"),
            models.Index(
                fields=["secondary"],
                condition=Q(state__in=["requested", "approved"]),
                name="rmacase_grace",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """The case's number as people know it: RMA-2026-000123. Gaps have no meaning."""
        return f"RMA-{self.asked_at:%Y}-{self.pk:06d}"

    @property
    def is_open(self) -> bool:
        """Whether something remains to be decided or done."""
        return self.state in self.OPEN
