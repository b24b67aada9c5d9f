"""The audit trail: who did what, when and why. Services write it inside their own transaction."""

import uuid
from collections.abc import Iterable

from portal.models import Account, AuditEntry, User


def record(
    code: str,
    *,
    by: User | None,
    account: Account | None = None,
    serials: Iterable[str] = ("",),
    reason: str = "",
    data: dict[str, object] | None = None,
) -> None:
    """Write one entry for each serial number that the action concerns (one without, where it has none)."""
    action = uuid.uuid4()
    AuditEntry.objects.bulk_create(
        AuditEntry(
            action=action, actor=by, account=account, code=code, serial=serial, reason=reason, data=data or {}
        )
        for serial in serials
    )
