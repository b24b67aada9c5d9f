"""Wrong tries at authentication codes are counted in the database, so that every node sees them (rule R3)."""

import datetime

from portal.models import Account
from products.errors import RegistrationClosed, SerialClosed
from products.models import Attempt

TRIES_AT_SERIAL = 5
SERIAL_WINDOW = datetime.timedelta(minutes=15)
TRIES_A_DAY = 20


def check_open(account: Account, serial: str, *, now: datetime.datetime) -> None:
    """Raise RegistrationClosed or SerialClosed where the account has tried wrongly too often.

    Whoever calls it holds the account's row: two tries at once are counted one after the other.
    """
    if until := closed_until(account, now=now):
        raise RegistrationClosed(until=until)
    tries = Attempt.objects.filter(account=account, kind=Attempt.Kind.CODE, subject=serial)
    last = list(tries.order_by("-at").values_list("at", flat=True)[:TRIES_AT_SERIAL])
    if len(last) == TRIES_AT_SERIAL and last[0] - last[-1] < SERIAL_WINDOW and now < last[0] + SERIAL_WINDOW:
        raise SerialClosed(serial=serial, until=last[0] + SERIAL_WINDOW)


def closed_until(account: Account, *, now: datetime.datetime) -> datetime.datetime | None:
    """The moment at which registration opens again for an account; none where it is open."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    tries = Attempt.objects.filter(account=account, kind=Attempt.Kind.CODE, at__gte=day)[:TRIES_A_DAY]
    return day + datetime.timedelta(days=1) if tries.count() >= TRIES_A_DAY else None


def count_try(account: Account, serial: str, *, now: datetime.datetime) -> None:
    """Note a wrong try."""
    Attempt.objects.create(account=account, kind=Attempt.Kind.CODE, subject=serial, at=now)
