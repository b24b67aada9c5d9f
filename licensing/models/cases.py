"""RMA cases."""

import uuid

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone

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

    `state_since` is when the present state began. `assignee` works on the case. A case waits for a lead from
    `waits_for_lead_since`, because of `lead_reason`, the rule that refused the agent; `wanted_replacement` is
    the serial number that the agent typed then, until the case is approved. `ticket` is the customer's own
    number for it.
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

    class LeadReason(models.TextChoices):
        OUT_OF_WARRANTY = "out-of-warranty", "the warranty has ended"
        WRONG_MODEL = "wrong-model", "the replacement is another model"

    OPEN = (State.REQUESTED, State.APPROVED)
    DONE = (State.COMPLETED, State.RECEIVED)
    LIVE = (*OPEN, State.COMPLETED)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=11, choices=Kind, default=Kind.REPLACEMENT)
    state = models.CharField(max_length=9, choices=State, default=State.REQUESTED)
    account = models.ForeignKey(Account, models.PROTECT, related_name="rma_cases", db_index=False)
    failed = models.ForeignKey(Registration, models.PROTECT, related_name="rma_cases")
    replacement = models.ForeignKey(Unit, models.PROTECT, null=True, blank=True, related_name="rma_cases")
    partner = models.ForeignKey(Registration, models.PROTECT, null=True, blank=True, related_name="+")
    secondary = models.ForeignKey(Registration, models.PROTECT, null=True, blank=True, related_name="graces")
    grace_ends_on = models.DateField(null=True, blank=True)
    symptom = models.CharField(max_length=2000)
    contact = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=1000, blank=True)
    ticket = models.CharField("their ticket number", max_length=40, blank=True)
    sent_tracking = models.CharField("tracking number out", max_length=60, blank=True)
    return_tracking = models.CharField("tracking number back", max_length=60, blank=True)
    assignee = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    waits_for_lead_since = models.DateTimeField(null=True, blank=True)
    lead_reason = models.CharField(max_length=15, choices=LeadReason, blank=True)
    wanted_replacement = models.CharField(max_length=12, blank=True)
    warranty_waiver = models.CharField(max_length=200, blank=True)
    model_waiver = models.CharField(max_length=200, blank=True)
    waived_model = models.ForeignKey(ProductModel, models.PROTECT, null=True, blank=True, related_name="+")
    warranty_was = models.DateField(null=True, blank=True)
    warranty_until = models.DateField(null=True, blank=True)
    decision = models.CharField(max_length=200, blank=True)
    state_since = models.DateTimeField(default=timezone.now)
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
            models.CheckConstraint(
                condition=Q(waits_for_lead_since=None, lead_reason="")
                | Q(waits_for_lead_since__isnull=False, lead_reason__in=["out-of-warranty", "wrong-model"]),
                name="rmacase_waits_for_a_reason",
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
            models.Index(
                fields=["id"],
                condition=Q(state__in=["requested", "approved", "completed"]),
                name="rmacase_live",
            ),
            models.Index(
                fields=["assignee", "id"],
                condition=Q(state__in=["requested", "approved", "completed"]),
                name="rmacase_of_assignee",
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

    @property
    def is_live(self) -> bool:
        """Whether the desk still has something to do, waiting for the failed unit included."""
        return self.state in self.LIVE

    @property
    def wanted(self) -> str:
        """The serial number to begin with where a replacement is named."""
        return self.wanted_replacement or (self.replacement.serial if self.replacement else "")


class CaseStep(models.Model):
    """A case entered a state: its history, written by every service that changes a state and never changed.

    `by` is empty for steps from before histories were kept, if the case didn't note who it was.
    """

    case = models.ForeignKey(RmaCase, models.PROTECT, related_name="steps", db_index=False)
    state = models.CharField(max_length=9, choices=RmaCase.State)
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = "step of a case"
        verbose_name_plural = "steps of cases"
        constraints = [models.CheckConstraint(condition=Q(state__in=STATES), name="casestep_state_known")]
        indexes = [models.Index(fields=["case", "at"], name="casestep_of_case")]

    def __str__(self) -> str:
        return f"{self.case}: {self.get_state_display()}"


class CaseNote(models.Model):
    """What staff tell each other about a case. It is added, never changed, and only staff read it."""

    case = models.ForeignKey(RmaCase, models.PROTECT, related_name="notes", db_index=False)
    at = models.DateTimeField()
    author = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    text = models.CharField(max_length=2000)

    class Meta:
        verbose_name = "note on a case"
        verbose_name_plural = "notes on cases"
        indexes = [models.Index(fields=["case", "at"], name="casenote_of_case")]

    def __str__(self) -> str:
        return f"{self.case}, {self.author}"
