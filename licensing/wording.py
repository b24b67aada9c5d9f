"""Licences, their counts and last days, and rights as people read them. Its filters need no `{% load %}`."""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from django import template

from licensing.entitlements.steps import NOTHING, Count
from licensing.entitlements.timeline import Right
from licensing.entitlements.today import Entitlement
from licensing.keyset import UNLIMITED, Kind, Run, Status
from licensing.keyset import Service as KeysetService
from licensing.models import LedgerEntry, Licence, Service
from portal.days import day_after

register = template.Library()

_KINDS = {Kind.LICENSED: Licence.Kind.LICENSED, Kind.TRIAL: Licence.Kind.TRIAL}

FROM_WHOM = {
    Right.PART: "part of the license of",
    Right.SHARED: "shared from",
    Right.KEPT: "kept while {case} is open, from",
}
"""The rights that come from another unit, whose serial number follows."""

HOW = {
    LedgerEntry.Right.KEY: "key ending {}",
    LedgerEntry.Right.SWAP: "from a swap with {}",
    LedgerEntry.Right.RMA: "by the RMA of {}",
    LedgerEntry.Right.MOVE: "moved from {}",
    LedgerEntry.Right.PART: FROM_WHOM[Right.PART] + " {}",
}
"""The rights of the ledger that an entry's detail completes."""


@register.filter
def count_in_words(count: int | None) -> str:
    """A count: 1,000 or Unlimited; nothing where the service isn't counted."""
    if count is None:
        return ""
    return "Unlimited" if count == UNLIMITED else f"{count:,}"


@register.filter
def end_in_words(last_day: datetime.date | None) -> str:
    """Until when something runs: until 17 Nov 2027, or for ever."""
    return f"until {last_day:%d %b %Y}" if last_day else "for ever"


@register.filter
def days_in_words(licence: Licence) -> str:
    """A licence's first and last day: from 18 Nov 2026 until 17 Nov 2027, or from 18 Nov 2026 for ever."""
    return f"from {licence.begins_on:%d %b %Y} {end_in_words(licence.expires_on)}"


@register.filter
def begin_in_words(first_day: datetime.date, today: datetime.date) -> str:
    """From when something runs: from today, or from 16 Mar 2027."""
    return "from today" if first_day == today else f"from {first_day:%d %b %Y}"


@register.filter
def number_in_words(count: int | None) -> str:
    """How many a license is for, after a space: for 5, or (Unlimited); nothing where it isn't counted."""
    return {None: "", UNLIMITED: " (Unlimited)"}.get(count, f" for {count_in_words(count)}")


def amount_in_words(kind: str, count: int | None) -> str:
    """What somebody is licensed for: licensed for 5, licensed (Unlimited), free trial."""
    word = "free trial" if kind == Licence.Kind.TRIAL else "licensed"
    return f"{word}{number_in_words(count)}"


def terms_in_words(kind: str, count: int | None, last_day: datetime.date | None) -> str:
    """What somebody is licensed for, over or not: licensed for 5 until 17 Nov 2027."""
    return f"{amount_in_words(kind, count)} {end_in_words(last_day)}"


@register.filter
def licence_in_words(held: Entitlement | Licence, today: datetime.date) -> str:
    """A licence on a day: its terms while it runs, expired 07 Nov 2026, or not licensed."""
    if isinstance(held, Entitlement) and held.right is None:
        return Status.NOT_LICENSED.label.lower()
    if held.expires_on and held.is_expired(today):
        return f"{Status.EXPIRED.label.lower()} {held.expires_on:%d %b %Y}"
    terms = terms_in_words(held.kind, held.count, held.expires_on)
    if isinstance(held, Licence) and held.begins_on > today:
        return f"{begin_in_words(held.begins_on, today)} {terms}"
    return terms


@register.filter
def then_in_words(held: Entitlement) -> list[str]:
    """What follows an entitlement: then for 5 until 31 Aug 2027, or from 16 Mar 2027 if not at once."""
    kind, last_day = (held.kind, held.expires_on) if held.right else (None, None)
    spans = ((s.first_day, s.last_day, s.holding.kind, s.holding.count) for s in held.then)
    return _follow(kind, last_day, spans)


def runs_in_words(row: KeysetService | None, follows: Iterable[Run]) -> list[str]:
    """What follows a keyset's row (None: it says nothing of today), in the same words."""
    kind, last_day = (_KINDS[row.kind], row.expiry) if row else (None, None)
    return _follow(kind, last_day, ((r.first, r.last, _KINDS[r.row.kind], r.row.count) for r in follows))


def _follow(
    kind: str | None,
    last_day: datetime.date | None,
    runs: Iterable[tuple[datetime.date, datetime.date | None, str, int | None]],
) -> list[str]:
    """What follows what is of this kind until a day: runs with their first and last day, kind and count."""
    lines = []
    for first, last, next_kind, count in runs:
        is_next = last_day is not None and first == day_after(last_day)
        when = "then" if is_next else f"from {first:%d %b %Y}"
        number = {None: "", UNLIMITED: "Unlimited "}.get(count, f"for {count_in_words(count)} ")
        is_same = next_kind == kind
        terms = f"{number}{end_in_words(last)}" if is_same else terms_in_words(next_kind, count, last)
        lines.append(f"{when} {terms}")
        kind, last_day = next_kind, last
    return lines


@register.filter
def lines_in_words(held: Entitlement, today: datetime.date) -> list[str]:
    """What a unit may run on a day, and a line for each that follows."""
    return [licence_in_words(held, today), *then_in_words(held)]


def entitlement_in_words(held: Entitlement, today: datetime.date) -> str:
    """What a unit may run on a day, and what follows."""
    return ", ".join(lines_in_words(held, today))


def turn_in_words(service: Service | str, before: Count, after: Count, nothing: str = "no longer") -> str:
    """A service and how what it runs for differs: for 5 instead of 10."""
    if after == NOTHING:
        return f"{service} {nothing}"
    number = count_in_words(after)
    if before == NOTHING:
        return f"{service}{f' for {number}' if number else ''}, which didn't run before"
    return f"{service} for {number or 'no number'} instead of {count_in_words(before) or 'no number'}"


def entry_in_words(value: Mapping[str, Any] | None, on: datetime.date) -> str:
    """One side of a ledger entry of a day: the terms of a licence or part (with a first day that is later),
    what a model has, or a service's flags.
    """
    if value is None:
        return "nothing"
    if "kind" in value:
        last_day = value["expires_on"] and datetime.date.fromisoformat(value["expires_on"])
        terms = terms_in_words(value["kind"], value["count"], last_day)
        first_day = datetime.date.fromisoformat(value.get("begins_on", "0001-01-01"))
        if first_day > on:
            terms = f"from {first_day:%d %b %Y} {terms}"
        given = value.get("given")
        return f"{terms}, {count_in_words(given)} of them shared out" if given else terms
    if "count" in value:
        return count_in_words(value["count"]) or "uncounted"
    return ", ".join(str(f.verbose_name) for f in Service._meta.fields if value.get(f.name)) or "no flags"


def how_in_words(right: str, detail: str) -> str:
    """How a unit got what an entry of the ledger names."""
    known = LedgerEntry.Right(right)
    return HOW[known].format(detail) if detail and known in HOW else str(known.label)


def origin_in_words(right: Right, case: str = "an RMA case") -> str:
    """By which right a unit holds something of another one, whose serial number follows."""
    return FROM_WHOM[right].format(case=case)
