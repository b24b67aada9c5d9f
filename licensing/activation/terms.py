"""What an activation key makes of a unit's licence (rule L4). Pure functions: no reads, no writes."""

import datetime
from dataclasses import dataclass
from enum import StrEnum

from dateutil.relativedelta import relativedelta

from licensing.entitlements.today import Entitlement, Right
from licensing.errors import CountOutOfRange, KeyNeedsLicence, NothingToAdd, TermTooLong
from licensing.keyset import UNLIMITED
from licensing.models import LARGEST_COUNT, ActivationKey, Licence
from portal.days import LAST_DAY, check_last_day
from portal.errors import DayTooLate


class Verb(StrEnum):
    """What redeeming a key is called under Manage Service."""

    ACTIVATE = "Activate"
    UPGRADE = "Upgrade"
    RENEW = "Renew"


@dataclass(frozen=True, slots=True)
class Terms:
    """The licence that redeeming a key results in."""

    verb: Verb
    count: int | None
    expires_on: datetime.date | None

    @property
    def text(self) -> str:
        """As people read it: licensed for 5 until 17 Nov 2027."""
        return _in_words(Licence.Kind.LICENSED, self.count, self.expires_on)


def told(held: Entitlement) -> str:
    """An entitlement as people read it: licensed for 5 until 17 Nov 2027, free trial until 01 Dec 2027."""
    return _in_words(held.kind, held.count, held.expires_on)


def _in_words(kind: str, count: int | None, expires_on: datetime.date | None) -> str:
    word = "free trial" if kind == Licence.Kind.TRIAL else "licensed"
    number = {None: "", UNLIMITED: " (Unlimited)"}.get(count, f" for {count}")
    return f"{word}{number} {f'until {expires_on:%d %b %Y}' if expires_on else 'for ever'}"


def add_months(day: datetime.date, months: int | None) -> datetime.date | None:
    """The day that many months later, at most the month's last; None for a term without end.

    Raises TermTooLong if that is after the last possible day.
    """
    if not months:
        return None
    try:
        later = day + relativedelta(months=months)
        check_last_day(later)
    except (DayTooLate, OverflowError, ValueError):  # the calendar ends with the year 9999
        raise TermTooLong(last=LAST_DAY) from None
    return later


def redeemed(key: ActivationKey, present: Entitlement, today: datetime.date) -> Terms:
    """What a unit's own, undivided entitlement becomes when it gets a key.

    A running licence gets a longer term, for at most the count that the key names; a key without a term
    raises its count instead. Anything else begins today, or when a trial ends. Raises NothingToAdd,
    KeyNeedsLicence and TermTooLong.
    """
    if present.right is None or present.is_expired(today):
        return _begin(key, present, today)
    if present.right != Right.MODEL and present.kind == Licence.Kind.TRIAL:
        return Terms(Verb.ACTIVATE, key.count, add_months(present.expires_on or today, key.months))
    if key.months is None and key.count is not None:
        return _upgrade(key, present)
    if present.right == Right.MODEL and key.count is not None:
        if _size(key.count) <= _size(present.count):
            raise NothingToAdd(service=key.service, what=_told(present))
        return Terms(Verb.ACTIVATE, key.count, add_months(today, key.months))
    if present.expires_on is None:
        raise NothingToAdd(service=key.service, what="for ever")
    count = key.count
    if count is not None and present.count is not None:
        count = min(count, present.count, key=_size)
    return Terms(Verb.RENEW, count, add_months(present.expires_on, key.months))


def _begin(key: ActivationKey, present: Entitlement, today: datetime.date) -> Terms:
    was_licensed = present.right is not None and present.kind == Licence.Kind.LICENSED
    if was_licensed and key.months is None and key.count is not None:
        raise KeyNeedsLicence(service=key.service, day=present.expires_on)
    verb = Verb.ACTIVATE if present.right is None else Verb.RENEW
    return Terms(verb, key.count, add_months(today, key.months))


def _upgrade(key: ActivationKey, present: Entitlement) -> Terms:
    if present.count == UNLIMITED:
        raise NothingToAdd(service=key.service, what=_told(present))
    count = UNLIMITED if key.count == UNLIMITED else (present.count or 0) + (key.count or 0)
    if count > LARGEST_COUNT:
        raise CountOutOfRange
    return Terms(Verb.UPGRADE, count, present.expires_on)


def _size(count: int | None) -> float:
    return float("inf") if count == UNLIMITED else count or 0


def _told(present: Entitlement) -> str:
    return "without a limit" if present.count == UNLIMITED else f"for {present.count}"
