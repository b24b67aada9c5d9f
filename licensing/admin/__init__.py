"""What the desk's lists show of licensing."""

from licensing.admin import keys, records

__all__ = ["keys", "records"]
