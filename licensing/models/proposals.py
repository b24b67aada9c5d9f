"""What one lead proposes and another has to confirm (FOUR_EYES)."""

import uuid

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q

from licensing.models.cases import RmaCase
from portal.models import User
from products.models import Registration


class Proposal(models.Model):
    """An action that a lead has proposed, exactly as it is to be done, and what became of it.

    `data` are the service's arguments as they were typed, `seen` the fingerprint of what the lead was shown.
    A waiver and an undo are about a `case`, a move about a `registration`.
    """

    class Kind(models.TextChoices):
        WAIVER = "waiver", "waiver in a case"
        UNDO = "undo", "undo of a case"
        MOVE = "move", "move to another account"

    class State(models.TextChoices):
        OPEN = "open", "waits for a second lead"
        CONFIRMED = "confirmed"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=6, choices=Kind)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    case = models.ForeignKey(RmaCase, models.PROTECT, null=True, blank=True, related_name="proposals")
    registration = models.ForeignKey(
        Registration, models.PROTECT, null=True, blank=True, related_name="proposals"
    )
    data = models.JSONField(encoder=DjangoJSONEncoder)
    seen = models.CharField(max_length=64, blank=True)
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    proposed_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decision = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "kind",
                "case",
                condition=Q(state="open", case__isnull=False),
                name="proposal_one_open_of_case",
            ),
            models.UniqueConstraint(
                "kind",
                "registration",
                condition=Q(state="open", registration__isnull=False),
                name="proposal_one_open_of_unit",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["waiver", "undo", "move"]), name="proposal_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "confirmed", "refused", "withdrawn"]),
                name="proposal_state_known",
            ),
            models.CheckConstraint(
                condition=Q(kind="move", case=None, registration__isnull=False)
                | (~Q(kind="move") & Q(case__isnull=False, registration=None)),
                name="proposal_subject",
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_by=None, decided_at=None)
                | (~Q(state="open") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="proposal_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | ~Q(decided_by=F("proposed_by")),
                name="proposal_confirmed_by_another",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="open"), name="proposal_open"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.case or self.registration}"

    @property
    def confirmed_by(self) -> User | None:
        """The second lead, once there is one."""
        return self.decided_by if self.state == self.State.CONFIRMED else None
