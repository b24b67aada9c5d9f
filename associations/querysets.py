"""Chainable queries of seats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from associations.models import Seat


class SeatQuerySet(models.QuerySet["Seat"]):
    """Seats, live and ended."""

    def live(self) -> Self:
        """Seats that haven't ended."""
        return self.filter(ended_at=None)

    def of_primaries(self) -> Self:
        """Seats of HF Primaries: of parents in a type that shares licences."""
        return self.filter(side="parent", type__shares_licences=True)

    def with_units(self) -> Self:
        """Join what a page shows of a seat."""
        return self.select_related("type", "registration__unit__model")
