"""The audit trail: who did what, when and why. Services write it inside their own transaction.

No rule reads it: a fact that a rule depends on has a column of its own.
"""

import uuid
from collections.abc import Iterable
from enum import StrEnum
from itertools import batched
from typing import NamedTuple, Self

from portal.errors import ReasonNeeded
from portal.models import Account, AuditEntry, User

_AT_ONCE = 1000


class Code(StrEnum):
    """What can be done, as the trail stores it; each app's codes are in its `audit_codes`.

    Of a code's sentences, an entry gets the first one whose facts are all in the entry's data.
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


class Concerned(NamedTuple):
    """A unit that an action concerns, the primary key of its account, and the facts of its own entry."""

    serial: str
    account: int | None
    data: dict[str, object]


def record_each(code: Code, units: Iterable[Concerned], *, by: User | None, reason: str) -> int:
    """Write an entry with its own facts for each of however many units, a few at a time; return how many."""
    action, number = uuid.uuid4(), 0
    for some in batched(units, _AT_ONCE, strict=False):
        facts = {"action": action, "actor": by, "code": code, "reason": reason}
        AuditEntry.objects.bulk_create(
            AuditEntry(**facts, account_id=unit.account, serial=unit.serial, data=unit.data) for unit in some
        )
        number += len(some)
    return number


def record(
    code: Code,
    *,
    by: User | None,
    account: Account | None = None,
    serials: Iterable[str] = ("",),
    reason: str = "",
    data: dict[str, object] | None = None,
) -> uuid.UUID:
    """Write one entry for each serial number that the action concerns; without any, a single entry.

    Returns the `action` that the entries share.
    """
    action = uuid.uuid4()
    AuditEntry.objects.bulk_create(
        AuditEntry(
            action=action, actor=by, account=account, code=code, serial=serial, reason=reason, data=data or {}
        )
        for serial in serials
    )
    return action
