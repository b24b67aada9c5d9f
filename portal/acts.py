"""What members did and editors can take back, as rows of its own: no rule reads the audit trail (L8)."""

import datetime
import uuid
from collections.abc import Iterable

from portal.models import Account, Act, User

UNDO_DAYS = 14


def note(kind: Act.Kind, *, action: uuid.UUID, account: Account, by: User, record: dict[str, object]) -> None:
    """Keep what a member did, in the transaction that does it. Support takes its own acts back at the desk.

    `action` is that of the audit entries.
    """
    if not by.is_staff:
        Act.objects.create(uuid=action, kind=kind, account=account, by=by, record=record)


def is_in_time(act: Act, today: datetime.date) -> bool:
    """Whether an act isn't too old to be undone: it can be for 14 days after its day."""
    return today - act.at.date() <= datetime.timedelta(days=UNDO_DAYS)


def acts_by_action(account: Account, actions: Iterable[uuid.UUID]) -> dict[uuid.UUID, Act]:
    """Those of some actions in an account that are acts, with who has undone them, by their action."""
    found = Act.objects.filter(account=account, uuid__in=list(actions)).select_related(
        "undone_by__membership"
    )
    return {act.uuid: act for act in found}


def last_act(account: Account, by: User) -> Act | None:
    """What somebody did last in an account: the next page offers to undo it."""
    return Act.objects.filter(account=account, by=by).order_by("at", "pk").last()
