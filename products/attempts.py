"""Failed attempts at codes and keys are counted in the database, so that every node sees them (rule R3)."""

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count

from portal import audit
from portal.models import Account, User
from products.audit_codes import AuditCode
from products.errors import RegistrationClosed, SerialClosed
from products.models import Attempt

ATTEMPTS_PER_SERIAL = 5
SERIAL_WINDOW = datetime.timedelta(minutes=15)
ATTEMPTS_PER_DAY = 20
MOST_SHOWN = 1000
"""More attempts at one serial number in a day are counted no further."""


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
    until = _closes_until(
        list(attempts.order_by("-at").values_list("at", flat=True)[:ATTEMPTS_PER_SERIAL]), now
    )
    return Closed(until, is_serial=True) if until else None


def _closes_until(
    latest_first: Sequence[datetime.datetime], now: datetime.datetime
) -> datetime.datetime | None:
    """Until when attempts at one serial number close it; None if they don't."""
    last = latest_first[:ATTEMPTS_PER_SERIAL]
    is_full = len(last) == ATTEMPTS_PER_SERIAL and last[0] - last[-1] < SERIAL_WINDOW
    return last[0] + SERIAL_WINDOW if is_full and now < last[0] + SERIAL_WINDOW else None


def closed_until(
    account: Account, *, kind: Attempt.Kind = Attempt.Kind.CODE, now: datetime.datetime
) -> datetime.datetime | None:
    """The moment from which an account may try again; None if it may now."""
    day = _day_of(now)
    attempts = Attempt.objects.filter(account=account, kind=kind, at__gte=day, forgiven_at=None)
    is_full = attempts[:ATTEMPTS_PER_DAY].count() >= ATTEMPTS_PER_DAY
    return day + datetime.timedelta(days=1) if is_full else None


def _day_of(now: datetime.datetime) -> datetime.datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


class FailedAttempts(NamedTuple):
    """How often an account tried wrongly at a serial number within a day, and what is closed to it."""

    account: Account
    number: int
    closed: dict[Attempt.Kind, Closed]


def attempts_at(serial: str, *, now: datetime.datetime, owner: Account | None = None) -> list[FailedAttempts]:
    """The accounts that failed at a serial number within 24 hours, and its owner if all is closed to it.

    Runs as many queries for many accounts as for one.
    """
    tried = Attempt.objects.filter(subject=serial, at__gt=now - datetime.timedelta(days=1), forgiven_at=None)
    times: dict[int, dict[str, list[datetime.datetime]]] = {owner.pk: {}} if owner else {}
    for tried_by, kind, at in tried.order_by("-at").values_list("account", "kind", "at")[:MOST_SHOWN]:
        times.setdefault(tried_by, {}).setdefault(kind, []).append(at)
    today = Attempt.objects.filter(account__in=times, at__gte=_day_of(now), forgiven_at=None)
    full = {
        (tried_by, kind)
        for tried_by, kind, number in today.values_list("account", "kind").annotate(Count("pk"))
        if number >= ATTEMPTS_PER_DAY
    }
    found = []
    for account in Account.objects.filter(pk__in=times).order_by("name", "pk"):
        ended = _day_of(now) + datetime.timedelta(days=1)
        closed = {k: Closed(ended, is_serial=False) for k in Attempt.Kind if (account.pk, k) in full}
        for kind in set(Attempt.Kind) - set(closed):
            if until := _closes_until(times[account.pk].get(kind, []), now):
                closed[kind] = Closed(until, is_serial=True)
        number = sum(len(moments) for moments in times[account.pk].values())
        found.append(FailedAttempts(account, number, closed))
    return [row for row in found if row.number or row.closed]


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
