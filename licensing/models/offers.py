"""Products offered to another account."""

from __future__ import annotations

import datetime
import uuid
from typing import Self

from django.db import models
from django.db.models import Q

from portal.models import Account, User
from products.models import Registration


class OfferQuerySet(models.QuerySet["Offer"]):
    """Offers, decided or not."""

    def open_on(self, day: datetime.date) -> Self:
        """Those that can be accepted on a day, with the product and both accounts."""
        waiting = self.filter(state=Offer.State.OPEN, ends_on__gte=day, registration__ended_at=None)
        return waiting.with_product()

    def with_product(self) -> Self:
        """With the product and both accounts."""
        return self.select_related("account", "registration__account", "registration__unit__model")


class Offer(models.Model):
    """A product that its account's owner offers to another account's owners, until `ends_on` (X7).

    Until it is accepted the product stays, and works, where it is. `friendly_name` is its name there (empty:
    it keeps its own), `plan` the fingerprint of what goes with it as the giving owner saw it. An OPEN offer
    is over, too, once its last day has passed or the registration has ended; nothing needs to be written.
    """

    class State(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        WITHDRAWN = "withdrawn"
        OVER = "over"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    registration = models.ForeignKey(
        Registration, models.PROTECT, related_name="offers", db_index=False, verbose_name="product"
    )
    account = models.ForeignKey(Account, models.PROTECT, related_name="offers", verbose_name="offered to")
    friendly_name = models.CharField(max_length=400, blank=True)
    plan = models.CharField(max_length=32)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    offered_at = models.DateTimeField()
    offered_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    ends_on = models.DateField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    objects = OfferQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("registration", condition=Q(state="open"), name="offer_one_open"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "accepted", "declined", "withdrawn", "over"]),
                name="offer_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_at=None) | (~Q(state="open") & Q(decided_at__isnull=False)),
                name="offer_decided_at",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.registration} to {self.account}"

    def is_open(self, today: datetime.date) -> bool:
        """Whether it can be accepted, declined or withdrawn; `with_product` reads what this needs."""
        return self.state == self.State.OPEN and self.ends_on >= today and self.registration.ended_at is None
