"""What happened in an account, page by page: the audit trail as its members read it."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from portal.models import Account, AuditEntry
from portal.paging import seek

PAGE_ACTIONS = 50
MOST_ENTRIES = 200
"""How many entries are read for a page; where actions concern many units, the page shows fewer actions."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that somebody did: its newest entry, and the units that it concerns, in order."""

    entry: AuditEntry
    serials: Sequence[str]


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """Some actions, newest first. `is_first`: there is nothing newer."""

    actions: Sequence[Action]
    is_first: bool
    has_older: bool


def activity_page(account: Account, *, serial: str, before: uuid.UUID | None) -> ActivityPage:
    """What happened in an account before an action, or up to now; `serial` narrows it to one unit.

    An action is listed where its newest entry stands. Every page costs the same.
    """
    listed = AuditEntry.objects.filter(account=account)
    if serial:
        listed = listed.filter(serial=serial)
    at = listed.filter(action=before).order_by("-at", "-pk").first() if before else None
    others = listed.exclude(action=at.action) if at else listed
    older = seek(others.select_related("actor__membership"), key="at", after=at, is_descending=True)
    rows = list(older[: MOST_ENTRIES + 1])
    heads: dict[uuid.UUID, AuditEntry] = {}
    for row in rows[:MOST_ENTRIES]:
        heads.setdefault(row.action, row)
    whole = defaultdict(list)
    entries = AuditEntry.objects.filter(account=account, action__in=list(heads))
    for entry in entries.only("action", "at", "serial").order_by("pk"):
        whole[entry.action].append(entry)
    shown = [
        head
        for head in heads.values()
        # of actions written at the same time, one may have its newest entry on the page before
        if not any(_key(e) > _key(head) for e in whole[head.action] if serial in {"", e.serial})
    ]
    actions = [Action(head, _serials(whole[head.action])) for head in shown[:PAGE_ACTIONS]]
    has_older = len(shown) > PAGE_ACTIONS or len(rows) > MOST_ENTRIES
    return ActivityPage(actions, is_first=at is None, has_older=has_older and bool(actions))


def _key(entry: AuditEntry) -> tuple[object, int]:
    return entry.at, entry.pk


def _serials(entries: Sequence[AuditEntry]) -> list[str]:
    return list(dict.fromkeys(entry.serial for entry in entries if entry.serial))
