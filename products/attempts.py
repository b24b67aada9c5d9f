"""Wrong tries at codes and keys are counted in the database, so that every node sees them (rule R3)."""

import datetime
from typing import NamedTuple

from django.db import transaction

from portal import audit
from portal.models import Account, User
from products.audit_codes import AuditCode
from products.errors import RegistrationClosed, SerialClosed
from products.models import Attempt

TRIES_AT_SERIAL = 5
SERIAL_WINDOW = datetime.timedelta(minutes=15)
TRIES_A_DAY = 20


class Closed(NamedTuple):
    """Until when an account may try no more, at one serial number or at any."""

    until: datetime.datetime
    is_serial: bool


def check_open(account: Account, serial: str, *, now: datetime.datetime) -> None:
    """Raise RegistrationClosed or SerialClosed where the account has tried wrongly too often.

    Callers hold the account's row: two tries at once are counted one after the other.
    """
    found = closed(account, serial, kind=Attempt.Kind.CODE, now=now)
    if found and found.is_serial:
        raise SerialClosed(serial=serial, until=found.until)
    if found:
        raise RegistrationClosed(until=found.until)


def closed(account: Account, serial: str, *, kind: Attempt.Kind, now: datetime.datetime) -> Closed | None:
    """Whether five wrong tries in 15 minutes have closed a serial number, or twenty in a day the account."""
    if until := closed_until(account, kind=kind, now=now):
        return Closed(until, is_serial=False)
    tries = Attempt.objects.filter(account=account, kind=kind, subject=serial, forgiven_at=None)
    last = list(tries.order_by("-at").values_list("at", flat=True)[:TRIES_AT_SERIAL])
    if len(last) == TRIES_AT_SERIAL and last[0] - last[-1] < SERIAL_WINDOW and now < last[0] + SERIAL_WINDOW:
        return Closed(last[0] + SERIAL_WINDOW, is_serial=True)
    return None


def closed_until(
    account: Account, *, kind: Attempt.Kind = Attempt.Kind.CODE, now: datetime.datetime
) -> datetime.datetime | None:
    """The moment at which an account may try again; none where it may."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    tries = Attempt.objects.filter(account=account, kind=kind, at__gte=day, forgiven_at=None)[:TRIES_A_DAY]
    return day + datetime.timedelta(days=1) if tries.count() >= TRIES_A_DAY else None


def count_try(
    account: Account, serial: str, *, kind: Attempt.Kind = Attempt.Kind.CODE, now: datetime.datetime
) -> None:
    """Note a wrong try."""
    Attempt.objects.create(account=account, kind=kind, subject=serial, at=now)


@transaction.atomic
def forgive_tries(
    *, account: Account, by: User, reason: str, now: datetime.datetime, serial: str | None = None
) -> int:
    """Open to an account what its wrong tries have closed, registration and keys; return how many.

    With `serial` only what was tried at this serial number counts no more. Raises ReasonNeeded.
    """
    audit.require_reason(reason)
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    since = now - datetime.timedelta(days=1)
    found = Attempt.objects.filter(account=account, at__gte=since, forgiven_at=None)
    tries = (found.filter(subject=serial) if serial else found).update(forgiven_at=now)
    data: dict[str, object] = {"tries": tries}
    audit.record(
        AuditCode.TRIES_FORGIVEN, by=by, account=account, serials=[serial or ""], reason=reason, data=data
    )
    return tries
