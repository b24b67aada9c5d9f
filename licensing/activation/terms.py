"""What an activation key makes of a unit's licence (rule L4). Pure functions: no reads, no writes."""

import datetime
from dataclasses import dataclass

from dateutil.relativedelta import relativedelta
from django.db.models import TextChoices

from licensing.entitlements.timeline import Right
from licensing.entitlements.today import Entitlement
from licensing.errors import CountOutOfRange, KeyNeedsLicence, NothingToAdd, TermTooLong
from licensing.keyset import UNLIMITED
from licensing.models import LARGEST_COUNT, ActivationKey, Licence
from licensing.wording import terms_in_words
from portal.days import LAST_DAY, check_last_day
from portal.errors import DayTooLate


class Verb(TextChoices):
    """The actions under Manage Service: sharing out counts, and the names of redeeming a key."""

    ACTIVATE = "activate"
    UPGRADE = "upgrade"
    RENEW = "renew"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Terms:
    """The licence that redeeming a key results in."""

    verb: Verb
    count: int | None
    expires_on: datetime.date | None

    @property
    def text(self) -> str:
        """As people read it: licensed for 5 until 17 Nov 2027."""
        return terms_in_words(Licence.Kind.LICENSED, self.count, self.expires_on)


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
            raise _nothing_to_add(present)
        return Terms(Verb.ACTIVATE, key.count, add_months(today, key.months))
    if present.expires_on is None:
        raise _nothing_to_add(present)
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
        raise _nothing_to_add(present)
    count = UNLIMITED if key.count == UNLIMITED else (present.count or 0) + (key.count or 0)
    if count > LARGEST_COUNT:
        raise CountOutOfRange
    return Terms(Verb.UPGRADE, count, present.expires_on)


def _size(count: int | None) -> float:
    return float("inf") if count == UNLIMITED else count or 0


def _nothing_to_add(present: Entitlement) -> NothingToAdd:
    what = terms_in_words(present.kind, present.count, present.expires_on)
    return NothingToAdd(service=present.service, what=what)
