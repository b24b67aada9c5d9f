"""RMA cases."""

import uuid

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from portal.models import Account, User
from products.models import ProductModel, Registration, Unit

STATES = ["requested", "approved", "completed", "received", "declined", "cancelled", "undone"]
"""The states of a case that the database accepts."""


class RmaCase(models.Model):
    """A failed unit, its replacement, and everything that moves because of it (rules X2 to X6).

    A TRANSFER moves licences only: `replacement` is the unit that gets them. `partner` is the unit that forms
    a pair with the replacement afterwards, as confirmed by the agent. `secondary` shared the failed primary's
    licences when the case was requested, and keeps them until `grace_ends_on` while the case is open (X3).
    `warranty_waiver` is a lead's reason to accept an ended warranty, `model_waiver` one to accept a
    replacement of `waived_model`, and of no other (X6). `warranty_until` is the failed unit's warranty that
    completing gave to the replacement, whose own had run until `warranty_was`; None: it kept its own. `done`
    is what completing did, in the form of `licensing.rma.record`.
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
    warranty_was = models.DateField(null=True, blank=True)
    warranty_until = models.DateField(null=True, blank=True)
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
