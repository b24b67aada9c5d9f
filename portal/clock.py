"""Today, as the portal counts days. Services take it as an argument; only views and commands ask here."""

import datetime

from django.utils import timezone


def today() -> datetime.date:
    """The current UTC day."""
    return timezone.now().date()
