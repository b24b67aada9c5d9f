"""The day as the portal counts it. Services take it as an argument; only views and commands ask here."""

import datetime

from django.utils import timezone


def today() -> datetime.date:
    """The present UTC day."""
    return timezone.now().date()
