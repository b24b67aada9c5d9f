"""What an activation key makes of a unit's licences (rule L4). Pure functions: no reads, no writes."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Self

from dateutil.relativedelta import relativedelta
from django.db.models import TextChoices

from licensing.entitlements.timeline import CountsByDay, Holding, Right, counts_by_day, what_runs
from licensing.entitlements.today import Entitlement, Holdings
from licensing.errors import CountOutOfRange, KeyNeedsLicence, NothingToAdd, TermTooLong
from licensing.keyset import UNLIMITED
from licensing.models import LARGEST_COUNT, ActivationKey, Licence, Service
from licensing.wording import entitlement_in_words
from portal.days import LAST_DAY, check_last_day
from portal.errors import DayTooLate
from products.models import Registration

ONE_DAY = timedelta(days=1)


class Verb(TextChoices):
    """The actions under Manage Service: sharing out counts, and the names of redeeming a key."""

    ACTIVATE = "activate"
    UPGRADE = "upgrade"
    RENEW = "renew"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Terms:
    """What redeeming a key does: the unit's own `licence` gets this count and these days.

    If that is None, a further licence is made with them.
    """

    verb: Verb
    count: int | None
    begins_on: date
    expires_on: date | None
    counted_from: int
    licence: Licence | None = None

    def applied(self, holdings: Holdings, registration: Registration, service: Service) -> Holdings:
        """What the unit holds after redeeming."""
        key = (registration.pk, service.pk)
        others = [licence for licence in holdings.licences.get(key, []) if licence != self.licence]
        named = {"pk": self.licence.pk, "uuid": self.licence.uuid} if self.licence else {}
        days = {"begins_on": self.begins_on, "expires_on": self.expires_on}
        licence = Licence(**named, count=self.count, **days, counted_from=self.counted_from)
        return replace(holdings, licences={**holdings.licences, key: [*others, licence]})


def add_months(last_day: date, months: int, counted_from: int) -> date:
    """The last day that many months later: the day `counted_from`, or the last of a shorter month.

    Raises TermTooLong if that is after the last possible day.
    """
    try:
        later = last_day + relativedelta(months=months, day=counted_from)
        check_last_day(later)
    except (DayTooLate, OverflowError, ValueError):  # the calendar ends with the year 9999
        raise TermTooLong(last=LAST_DAY) from None
    return later


def possible_terms(
    key: ActivationKey, registration: Registration, holdings: Holdings, today: date
) -> list[Terms]:
    """What a key can do on a unit, the rule's choice first.

    There are several where a further licence may begin on several days, and days or counts differ in what the
    unit then runs by its own. Raises NothingToAdd, KeyNeedsLicence, CountOutOfRange and TermTooLong.
    """
    service = key.service
    present = counts_by_day(holdings.of_unit(registration, service), since=today)
    found: dict[CountsByDay, Terms] = {}
    for terms in _all_terms(key, _Unit.of(registration, service, holdings, today)):
        after = terms.applied(holdings, registration, service)
        days = counts_by_day(after.of_unit(registration, service), since=today)
        # Parts that other units have of a licence last longer with it, whatever this unit runs.
        is_longer = terms.verb == Verb.RENEW and terms.licence and terms.licence.pk in holdings.given
        if days != present or is_longer:
            found.setdefault(days, terms)
    if not found:
        what = entitlement_in_words(holdings.own(registration, service, today), today)
        raise NothingToAdd(service=service, what=what)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Unit:
    """What a unit holds of a service itself: its licences as bought, and `held` with what is left of them."""

    own: list[Licence]
    held: list[Holding]
    present: Entitlement
    today: date

    @classmethod
    def of(cls, registration: Registration, service: Service, holdings: Holdings, today: date) -> Self:
        own = holdings.licences.get((registration.pk, service.pk), [])
        present = holdings.own(registration, service, today)
        return cls(own, holdings.of_unit(registration, service), present, today)

    @property
    def bought(self) -> list[Licence]:
        """Its licences, without trials."""
        return [licence for licence in self.own if licence.kind == Licence.Kind.LICENSED]

    @property
    def lasting(self) -> list[Licence]:
        """What was bought and runs or is to come."""
        return [licence for licence in self.bought if not licence.is_expired(self.today)]

    def runs_less_than(self, count: int | None) -> bool:
        """Whether a count is larger than what the unit itself runs today."""
        runs = self.present.right is not None and not self.present.is_expired(self.today)
        return _size(count) > (_size(self.present.count) if runs else 0)


def _all_terms(key: ActivationKey, unit: _Unit) -> list[Terms]:
    """What a key can do, whether that adds anything or not; the rule's choice first."""
    count = key.count if key.service.is_counted else None
    if not key.months:
        return [_new(unit, key, count) if count is None else _raised(unit, key, count)]
    same = [licence for licence in unit.lasting if licence.count == count or not key.service.is_counted]
    licence = _ending_last(same) if same else None
    if licence and licence.expires_on:
        last_day = add_months(licence.expires_on, key.months, licence.counted_from)
        return [_changed(licence, Verb.RENEW, licence.count, last_day)]
    rule, *others = _beginnings(unit, count)
    found = [_new(unit, key, count, after=rule)]
    for other in others:
        with suppress(TermTooLong):
            found.append(_new(unit, key, count, after=other))
    return found


def _beginnings(unit: _Unit, count: int | None) -> list[date | None]:
    """The days after which a further licence may begin, the rule's first; None: it begins today."""
    own = [holding for holding in unit.held if holding.right == Right.OWN]
    last = max((h.expires_on for h in own if h.expires_on and h.expires_on >= unit.today), default=None)
    run = [span.holding for span in what_runs(unit.held, since=unit.today)]
    trials = [h for h in run if h.right == Right.OWN and h.kind == Licence.Kind.TRIAL]
    trial_ends = max((h.expires_on for h in trials if h.expires_on), default=None)
    rule = trial_ends or (None if unit.runs_less_than(count) else last)
    return list(dict.fromkeys([rule, None, last]))


def _new(unit: _Unit, key: ActivationKey, count: int | None, *, after: date | None = None) -> Terms:
    """A further licence, from the day after a day on, or from today."""
    since = after or unit.today
    ended = [licence.counted_from for licence in unit.bought if after and licence.expires_on == after]
    counted_from = max(ended, default=since.day)
    last_day = add_months(since, key.months, counted_from) if key.months else None
    begins_on = after + ONE_DAY if after else unit.today
    return Terms(_verb(unit, count), count, begins_on, last_day, counted_from)


def _verb(unit: _Unit, count: int | None) -> Verb:
    """What making a further licence is called."""
    if not unit.bought and not any(licence.is_expired(unit.today) for licence in unit.own):
        return Verb.ACTIVATE
    return Verb.UPGRADE if unit.lasting and unit.runs_less_than(count) else Verb.RENEW


def _raised(unit: _Unit, key: ActivationKey, count: int) -> Terms:
    """A key's count together with that of the running licence that ends last, or of what the model has.

    The latter where that is what the unit runs; without either, a unit's first licence.
    """
    running = [licence for licence in unit.lasting if licence.begins_on <= unit.today]
    model = next((holding for holding in unit.held if holding.right == Right.MODEL), None)
    uuids = {licence.uuid for licence in running}
    left = [h.count for h in unit.held if h.right == Right.OWN and h.licence in uuids]
    if model and all(_size(each) <= _size(model.count) for each in left):
        return replace(_new(unit, key, _sum(model.count, count)), verb=Verb.UPGRADE)
    if running:
        licence = _ending_last(running)
        return _changed(licence, Verb.UPGRADE, _sum(licence.count, count), licence.expires_on)
    if unit.bought:
        raise KeyNeedsLicence(service=key.service, what=entitlement_in_words(unit.present, unit.today))
    return _new(unit, key, count)


def _changed(licence: Licence, verb: Verb, count: int | None, last_day: date | None) -> Terms:
    return Terms(verb, count, licence.begins_on, last_day, licence.counted_from, licence)


def _ending_last(licences: Iterable[Licence]) -> Licence:
    """Of those that end on the same day the largest, of equals the one that began first."""
    ordered = sorted(licences, key=lambda licence: (licence.begins_on, licence.pk))
    return max(ordered, key=lambda licence: (licence.expires_on or date.max, _size(licence.count)))


def _sum(present: int | None, count: int) -> int:
    if UNLIMITED in {present, count}:
        return UNLIMITED
    if (present or 0) + count > LARGEST_COUNT:
        raise CountOutOfRange
    return (present or 0) + count


def _size(count: int | None) -> float:
    return float("inf") if count == UNLIMITED else count or 0
