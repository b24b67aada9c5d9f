"""Every change of a licence, of a service and of what a model comes with."""

from django.db import models
from django.db.models import Q

from licensing.models.catalogue import Service
from portal.models import User
from products.models import ProductModel, Unit

RIGHTS = [
    *("grant", "key", "trial", "pool", "part", "swap", "rma", "revoke", "move", "model", "catalogue", "undo"),
]
"""The rights that the database accepts in the ledger."""


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
