"""Failed attempts at codes and keys are counted in the database, so that every node sees them (rule R3)."""

import datetime
from typing import NamedTuple

from django.db import transaction

from portal import audit
from portal.models import Account, User
from products.audit_codes import AuditCode
from products.errors import RegistrationClosed, SerialClosed
from products.models import Attempt

ATTEMPTS_PER_SERIAL = 5
SERIAL_WINDOW = datetime.timedelta(minutes=15)
ATTEMPTS_PER_DAY = 20


class Closed(NamedTuple):
    """Until when attempts are closed to an account, at one serial number or at any."""

    until: datetime.datetime
    is_serial: bool


def check_open(account: Account, serial: str, *, now: datetime.datetime) -> None:
    """Raise RegistrationClosed or SerialClosed after too many failed attempts of the account.

    Callers have locked the account's row, so that simultaneous attempts are counted one after the other.
    """
    found = closed(account, serial, kind=Attempt.Kind.CODE, now=now)
    if found and found.is_serial:
        raise SerialClosed(serial=serial, until=found.until)
    if found:
        raise RegistrationClosed(until=found.until)


def closed(account: Account, serial: str, *, kind: Attempt.Kind, now: datetime.datetime) -> Closed | None:
    """Whether 5 failed attempts in 15 minutes have closed a serial number, or 20 in a day the account."""
    if until := closed_until(account, kind=kind, now=now):
        return Closed(until, is_serial=False)
    attempts = Attempt.objects.filter(account=account, kind=kind, subject=serial, forgiven_at=None)
    last = list(attempts.order_by("-at").values_list("at", flat=True)[:ATTEMPTS_PER_SERIAL])
    is_full = len(last) == ATTEMPTS_PER_SERIAL and last[0] - last[-1] < SERIAL_WINDOW
    if is_full and now < last[0] + SERIAL_WINDOW:
        return Closed(last[0] + SERIAL_WINDOW, is_serial=True)
    return None


def closed_until(
    account: Account, *, kind: Attempt.Kind = Attempt.Kind.CODE, now: datetime.datetime
) -> datetime.datetime | None:
    """The moment from which an account may try again; None if it may now."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    attempts = Attempt.objects.filter(account=account, kind=kind, at__gte=day, forgiven_at=None)
    is_full = attempts[:ATTEMPTS_PER_DAY].count() >= ATTEMPTS_PER_DAY
    return day + datetime.timedelta(days=1) if is_full else None


def count_attempt(
    account: Account, serial: str, *, kind: Attempt.Kind = Attempt.Kind.CODE, now: datetime.datetime
) -> None:
    """Count a failed attempt."""
    Attempt.objects.create(account=account, kind=kind, subject=serial, at=now)


@transaction.atomic
def forgive_attempts(
    *, account: Account, by: User, reason: str, now: datetime.datetime, serial: str | None = None
) -> int:
    """Reopen to an account what its failed attempts have closed, registration and keys; return their number.

    With `serial` only the attempts at this serial number are forgiven. Raises ReasonNeeded.
    """
    audit.require_reason(reason)
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    since = now - datetime.timedelta(days=1)
    found = Attempt.objects.filter(account=account, at__gte=since, forgiven_at=None)
    attempts = (found.filter(subject=serial) if serial else found).update(forgiven_at=now)
    data: dict[str, object] = {"tries": attempts}
    audit.record(
        AuditCode.TRIES_FORGIVEN, by=by, account=account, serials=[serial or ""], reason=reason, data=data
    )
    return attempts
