"""The audit trail: who did what, when and why. Services write it inside their own transaction.

No rule reads it: what a rule decides by stands in a column of its own.
"""

import uuid
from collections.abc import Iterable
from enum import StrEnum
from typing import Self

from portal.errors import ReasonNeeded
from portal.models import Account, AuditEntry, User


class Code(StrEnum):
    """What can be done, as the trail keeps it; each app's own are in its `audit_codes`.

    Of its sentences that one tells of an entry which is the first of whose facts the entry's data say all.
    """

    sentences: tuple[str, ...]

    def __new__(cls, value: str, *sentences: str) -> Self:
        code = str.__new__(cls, value)
        code._value_, code.sentences = value, sentences
        return code


def require_reason(reason: str) -> None:
    """Raise ReasonNeeded where nobody says why (L6)."""
    if not reason.strip():
        raise ReasonNeeded


def record(
    code: Code,
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
