"""What a child's licences would add to a pair if its parent had them, whose alone are shared (rule A10)."""

import datetime
from collections.abc import Iterable, Iterator

from licensing.entitlements.timeline import Holding, Right, Span, what_runs
from licensing.entitlements.today import Holdings, read_holdings
from licensing.keyset import UNLIMITED
from licensing.models import Service
from licensing.wording import terms_in_words
from portal.days import day_after
from products.models import Registration

BOUGHT = {Right.OWN, Right.PART}


def added(parents: list[Holding], childs: list[Holding], *, since: datetime.date) -> list[Span]:
    """The days, from a day on, on which a service would run for more, or at all, if the parent had both.

    What the child's model comes with doesn't count: nobody can bring that to the parent.
    """
    more = [holding for holding in childs if holding.right in BOUGHT]
    if not more:
        return []
    alone = what_runs(parents, since=since)
    together = what_runs([*parents, *more], since=since)
    return [span for span in together if span.holding in more and _is_more(span, alone)]


def _is_more(span: Span, alone: list[Span]) -> bool:
    """Whether on some day of a span less runs alone: from its first day, or once something else has ended."""
    last_day = span.last_day or datetime.date.max
    ends = (day_after(other.last_day) for other in alone if other.last_day)
    days = [span.first_day, *(day for day in ends if day and span.first_day <= day <= last_day)]
    return any(_size_on(day, alone) < _size(span) for day in days)


def _size_on(day: datetime.date, spans: list[Span]) -> float:
    running = (s for s in spans if s.first_day <= day <= (s.last_day or datetime.date.max))
    return max(map(_size, running), default=0)


def _size(span: Span) -> float:
    """What runs on a span's days; an uncounted service is as much as any other."""
    count = span.holding.count
    return float("inf") if count == UNLIMITED else 1 if count is None else count


def services_added(
    held: Holdings,
    services: Iterable[Service],
    *,
    parent: Registration,
    child: Registration,
    today: datetime.date,
) -> Iterator[tuple[Service, list[Span]]]:
    """The shareable services of which the child holds what would add to the pair, with the days of that."""
    for service in services:
        key = (child.pk, service.pk)
        if service.is_shareable and (key in held.licences or key in held.parts):
            spans = added(held.of_unit(parent, service), held.of_unit(child, service), since=today)
            if spans:
                yield service, spans


def pairs_reversed(
    unit: Registration, others: list[Registration], *, today: datetime.date
) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """What a unit's licences would add to others as its parents, and what theirs would add to it, in words.

    By the others' primary keys, without those to whom nothing is added. Five queries and one for services.
    """
    held = read_holdings([unit, *others])
    services = list(Service.objects.filter(is_shareable=True))

    def told(parent: Registration, child: Registration) -> list[str]:
        found = services_added(held, services, parent=parent, child=child, today=today)
        return [f"{service}, {_in_words(spans[0], today)}" for service, spans in found]

    as_parents = {other.pk: told(other, unit) for other in others}
    as_children = {other.pk: told(unit, other) for other in others}
    return _filled(as_parents), _filled(as_children)


def _filled(by_unit: dict[int, list[str]]) -> dict[int, list[str]]:
    return {pk: lines for pk, lines in by_unit.items() if lines}


def _in_words(span: Span, today: datetime.date) -> str:
    """The terms of what is added first."""
    terms = terms_in_words(span.holding.kind, span.holding.count, span.last_day)
    return terms if span.first_day <= today else f"from {span.first_day:%d %b %Y} {terms}"
