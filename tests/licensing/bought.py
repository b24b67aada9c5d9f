"""What redeeming a key adds to what was bought, by the words of L4 alone and the rows before."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

from licensing.models import Licence, ModelService, PoolPart, Service
from products.models import Registration
from tests.licensing.oracle import Held, best_of

ONE_DAY = timedelta(1)


class Bought(NamedTuple):
    """A licence that somebody paid for: its service's code, count, first and last day."""

    code: int
    count: int | None
    first: date
    last: date | None


@dataclass(frozen=True)
class Own:
    """A licence of the unit, what is left of its count, and the day that its months are counted from."""

    kind: str
    terms: Bought
    left: int | None
    counted_from: int

    @property
    def held(self) -> list[Held]:
        """What the unit holds by it."""
        is_gone = self.left == 0 and self.terms.count != 0
        return [] if is_gone else [(self.kind, self.left, self.terms.first, self.terms.last)]

    def runs_on(self, last_day: date) -> "Own":
        return replace(self, terms=self.terms._replace(last=last_day))

    def raised_to(self, count: int) -> "Own":
        more = count - (self.terms.count or 0)
        return replace(self, terms=self.terms._replace(count=count), left=(self.left or 0) + more)


def terms_of(licence: Licence) -> Bought:
    return Bought(licence.service.code, licence.count, licence.begins_on, licence.expires_on)


def by_key(
    registration: Registration, service: Service, *, count: int | None, months: int | None, today: date
) -> tuple[Bought | None, Bought] | None:
    """The licence that a key changes, if it does, and what it makes; None: it adds nothing or is refused.

    Counts are numbers: Unlimited isn't told apart.
    """
    own, others = _own(registration, service), _others(registration, service)
    key = Own("licensed", Bought(service.code, count, today, None), count, today.day)
    before = _by_day([*(held for each in own for held in each.held), *others], today)
    for changed, after in _choices(own, others, key, months, today):
        kept = [held for each in own if each is not changed for held in each.held]
        is_longer = (
            changed and changed.left != changed.terms.count and changed.terms.count == after.terms.count
        )
        if _by_day([*kept, *after.held, *others], today) != before or is_longer:
            return changed and changed.terms, after.terms
    return None


type Choices = Iterator[tuple[Own | None, Own]]


def _choices(own: list[Own], others: list[Held], key: Own, months: int | None, today: date) -> Choices:
    """What the key can do, the rule's choice first."""
    lasting = [o for o in own if o.kind == "licensed" and (not o.terms.last or o.terms.last >= today)]
    if not months:
        yield from _for_ever(own, others, lasting, key, today)
        return
    same = [o for o in lasting if o.terms.count == key.terms.count]
    longest = max(same, key=_ends_last, default=None)
    if longest and longest.terms.last:
        yield longest, longest.runs_on(_add(longest.terms.last, months, longest.counted_from))
        return
    for since in _beginnings(own, others, key, today):
        after = [o.counted_from for o in own if o.kind == "licensed" and since and o.terms.last == since]
        counted_from = max(after, default=(since or today).day)
        last = _add(since or today, months, counted_from)
        begins = since + ONE_DAY if since else today
        yield None, replace(key, terms=key.terms._replace(first=begins, last=last))


def _beginnings(own: list[Own], others: list[Held], key: Own, today: date) -> list[date | None]:
    """The days after which a further licence may begin, the rule's first; None: it begins today."""
    mine = [held for each in own for held in each.held]
    days = [best for _, best in _bests([*mine, *others], today) if best]
    runs = best_of([*mine, *others], today)
    last = max((h[3] for h in mine if h[3] and h[3] >= today), default=None)
    trials = [held[3] for held in days if held[0] == "trial" and held in mine]
    if trials:
        rule = max(day for day in trials if day)
    else:
        rule = None if _size(key.terms.count) > (_size(runs[1]) if runs else 0) else last
    return list(dict.fromkeys([rule, None, last]))


def _for_ever(own: list[Own], others: list[Held], lasting: list[Own], key: Own, today: date) -> Choices:
    """A key without a term."""
    count = key.terms.count
    running = [o for o in lasting if o.terms.first <= today]
    model = [held[1] for held in others if held[2] is None]
    if count is None:
        yield None, key
    elif model and all((held[1] or 0) <= (model[0] or 0) for each in running for held in each.held):
        total = (model[0] or 0) + count
        yield None, replace(key, terms=key.terms._replace(count=total), left=total)
    elif running:
        longest = max(running, key=_ends_last)
        yield longest, longest.raised_to((longest.terms.count or 0) + count)
    elif not any(o.kind == "licensed" for o in own):
        yield None, key


def _own(registration: Registration, service: Service) -> list[Own]:
    rows = Licence.objects.filter(registration=registration, service=service).select_related("service")
    found = []
    for row in rows.order_by("begins_on", "pk"):
        given = sum(part.count for part in row.parts.all())
        found.append(Own(row.kind, terms_of(row), row.count and row.count - given, row.counted_from))
    return found


def _others(registration: Registration, service: Service) -> list[Held]:
    """What the unit holds of the service beside its licences: parts, and what its model comes with."""
    parts = PoolPart.objects.filter(registration=registration, licence__service=service)
    found: list[Held] = [
        (part.licence.kind, part.count, part.licence.begins_on, part.licence.expires_on)
        for part in parts.select_related("licence")
    ]
    included = ModelService.objects.filter(model=registration.unit.model, service=service)
    return found + [("licensed", row.count, None, None) for row in included]


def _bests(held: list[Held], today: date) -> list[tuple[date, Held | None]]:
    """What runs from each day on which that can change."""
    days = {last + ONE_DAY for *_, last in held if last} | {first for _, _, first, _ in held if first}
    return [(day, best_of(held, day)) for day in sorted({today, *(day for day in days if day > today)})]


def _by_day(held: list[Held], today: date) -> list[tuple[date, tuple[str, int | None] | None]]:
    """The kind and count that run from each day on which that changes."""
    runs = [(day, best and best[:2]) for day, best in _bests(held, today)]
    return [
        now for before, now in zip([None, *runs], runs, strict=False) if not before or before[1] != now[1]
    ]


def _ends_last(own: Own) -> tuple[date, float]:
    return own.terms.last or date.max, _size(own.terms.count)


def _size(count: int | None) -> float:
    return float("inf") if count == -1 else count or 0


def _add(day: date, months: int, counted_from: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(counted_from, calendar.monthrange(year, month + 1)[1]))
