"""How many random examples a test tries."""

from django.db import connection


def examples(number: int) -> int:
    """All of them on PostgreSQL. On SQLite, which runs the same Python, two show that its SQL does too."""
    return number if connection.vendor == "postgresql" else 2
