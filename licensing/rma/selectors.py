"""Queries about cases: who was in a pair with a failed unit, and which cases a unit is in."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from associations.models import Seat, Side
from licensing.entitlements.today import keeps
from licensing.models import RmaCase
from portal.models import Account
from portal.paging import seek
from products.models import Registration, Unit

MOST_PARTNERS, PAGE_ROWS = 20, 50
GRACE = datetime.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Partners:
    """The units with which the replacement may make a pair, likeliest first; `default` is preselected.

    `is_fixed`: none can't be chosen: a failed secondary's primary stays, and a transfer only moves licences.
    """

    units: list[Registration]
    default: Registration | None
    is_fixed: bool = False


def partners_of(case: RmaCase) -> Partners:
    """Find partners in the associations or, if there are none any more, in their history (X1, X2).

    For a transfer they are the other units of the failed one's former pairs, the last of them first (X4).
    """
    if case.kind == RmaCase.Kind.TRANSFER:
        former = mates_of(case.failed)
        return Partners(former, former[0] if former else None, is_fixed=True)
    seats = case.failed.seats.with_units().filter(type__shares_licences=True)
    live = seats.live().first()
    if live is None:
        return _former_partners(case)
    others = Seat.objects.live().with_units().filter(group=live.group).exclude(pk=live.pk)
    if live.side == Side.CHILD:
        primary = others.get(side=Side.PARENT).registration
        if primary.unit_id == case.replacement_id:
            return Partners([], None)  # the primary itself takes its secondary's place, and stands alone
        return Partners([primary], primary, is_fixed=True)
    children = [seat.registration for seat in others.order_by("-shares", "pk")[:MOST_PARTNERS]]
    units = [unit for unit in children if unit.unit_id != case.replacement_id]
    return Partners(units, units[0] if units else None)


def _former_partners(case: RmaCase) -> Partners:
    """The former partners of the failed unit; the last one is the default, unless it has another mate.

    A partner that was replaced since is represented by its replacement.
    """
    found = [_present(unit) for unit in mates_of(case.failed)]
    units = {unit.pk: unit for unit in found if unit and unit.unit_id != case.replacement_id}
    first = next(iter(units.values()), None)
    is_taken = first is not None and _has_other_mate(first, case)
    return Partners(list(units.values()), None if is_taken else first)


def mates_of(registration: Registration) -> list[Registration]:
    """The units that share or shared licences with this one, in either role; the latest first, each once."""
    groups = registration.seats.filter(type__shares_licences=True).values("group")
    seats = Seat.objects.with_units().filter(Q(side=Side.PARENT) | Q(shares=True), group__in=groups)
    seats = seats.exclude(registration=registration).order_by("-pk")[:MOST_PARTNERS]
    return list({seat.registration_id: seat.registration for seat in seats}.values())


@dataclass(frozen=True, slots=True)
class FormerPair:
    """The pair that a failed unit was in with `mate`: the role of each, and until when."""

    mate: Registration
    role: str
    mates_role: str
    ended_at: datetime.datetime | None


def former_pairs(failed: Registration) -> list[FormerPair]:
    """The pairs that a unit was in, by the unit that it shared or shared with, the last one first (X4)."""
    mates = mates_of(failed)
    own = {s.group: s for s in failed.seats.with_units().filter(type__shares_licences=True).order_by("pk")}
    seats = Seat.objects.with_units().filter(group__in=own, registration__in=mates).order_by("pk")
    latest = {seat.registration_id: seat for seat in seats}
    found = []
    for mate in mates:
        theirs = latest[mate.pk]
        mine = own[theirs.group]
        ends = [at for at in (mine.ended_at, theirs.ended_at) if at]
        found.append(FormerPair(mate, mine.label, theirs.label, min(ends, default=None)))
    return found


def former_mates(registration: Registration) -> list[Registration]:
    """The units of the account that once shared licences with this one, and are in no pair now (X4)."""
    paired = Seat.objects.live().filter(type__shares_licences=True).values("registration")
    alone = Registration.objects.visible_to(registration.account).exclude(pk__in=paired)
    pks = [unit.pk for unit in mates_of(registration)]
    found = alone.in_bulk(pks)
    return [found[pk] for pk in pks if pk in found]


def successors_of(registration: Registration) -> list[Registration]:
    """The account's units that once shared licences with one now in no pair, and may get its (X4)."""
    if registration.seats.live().filter(type__shares_licences=True).exists():
        return []
    pks = [unit.pk for unit in mates_of(registration)]
    found = Registration.objects.visible_to(registration.account).in_bulk(pks)
    return [found[pk] for pk in pks if pk in found]


def _has_other_mate(unit: Registration, case: RmaCase) -> bool:
    """Whether a unit is in a pair without the replacement."""
    groups = unit.seats.live().filter(type__shares_licences=True).values("group")
    mates = Seat.objects.live().filter(group__in=groups).exclude(registration=unit)
    return mates.exists() and not mates.filter(registration__unit=case.replacement_id).exists()


def _present(registration: Registration) -> Registration | None:
    """A former partner, or its replacement since; None if the account has neither."""
    if registration.ended_at is None:
        return registration
    case = (
        RmaCase.objects.filter(failed=registration, kind=RmaCase.Kind.REPLACEMENT)
        .filter(state__in=RmaCase.DONE)
        .first()
    )
    live = Registration.objects.visible_to(registration.account)
    return live.filter(unit=case.replacement_id).first() if case else None


def keeper_of(failed: Registration, *, now: datetime.datetime) -> Registration | None:
    """The secondary that shares a failed primary's licences, or did within the last 30 days (X3).

    A unit that is, or was last, a secondary has none: it shares what it holds with nobody.
    """
    last = last_place(failed)
    if last is None or last.side == Side.CHILD:
        return None
    groups = failed.seats.filter(side=Side.PARENT).values("group")
    shared = Seat.objects.with_units().filter(group__in=groups, shares=True, registration__ended_at=None)
    recent = shared.filter(
        Q(ended_at=None) | Q(ended_at__gte=now - GRACE), registration__unit__retired_at=None
    )
    seat = recent.order_by("-pk").first()
    return seat.registration if seat else None


def keepers_of(units: set[int]) -> set[int]:
    """The units that keep rights of these units while their cases are open."""
    kept = RmaCase.objects.filter(keeps(), failed__unit__in=units, secondary__ended_at=None)
    return set(kept.values_list("secondary__unit", flat=True))


def last_place(registration: Registration) -> Seat | None:
    """A unit's seat in its pair or, if it has none, in its last one."""
    seats = registration.seats.filter(type__shares_licences=True)
    return seats.live().first() or seats.order_by("-pk").first()


def open_on(failed: Iterable[Registration]) -> list[RmaCase]:
    """The open cases in which these units have failed."""
    cases = RmaCase.objects.filter(state__in=RmaCase.OPEN, failed__in=[unit.pk for unit in failed])
    return list(cases.select_related("failed__unit").order_by("pk"))


def in_cases(units: list[Registration]) -> tuple[dict[Registration, RmaCase], dict[Registration, RmaCase]]:
    """Those of some units that have failed, and those that keep rights of a failed one, by open case (X3)."""
    kept = RmaCase.objects.filter(keeps(), secondary__in=units)
    kept = kept.select_related("failed__unit", "secondary__unit")
    failed = {case.failed: case for case in open_on(units)}
    return failed, {case.secondary: case for case in kept.order_by("pk") if case.secondary}


def with_keeper(cases: QuerySet[RmaCase]) -> QuerySet[RmaCase]:
    """Annotate each case with `is_kept`: whether its secondary now keeps rights of the failed unit."""
    return cases.annotate(
        is_kept=Exists(RmaCase.objects.filter(keeps(), pk=OuterRef("pk"), secondary__ended_at=None))
    )


def cases_of(unit: Unit) -> QuerySet[RmaCase]:
    """The cases in which a unit failed or replaced another, newest first."""
    cases = RmaCase.objects.filter(Q(failed__unit=unit) | Q(replacement=unit))
    return cases.select_related("failed__unit", "replacement", "account", "asked_by").order_by("-pk")


def open_cases(registration: Registration) -> list[RmaCase]:
    """The open cases shown on a unit's page: it failed, replaces another, or keeps rights meanwhile."""
    kept = Q(keeps(), secondary=registration)
    concerned = Q(failed=registration) | kept | Q(replacement=registration.unit_id)
    cases = RmaCase.objects.filter(concerned, account=registration.account_id, state__in=RmaCase.OPEN)
    return list(cases.select_related("failed__unit").order_by("pk"))


@dataclass(frozen=True, slots=True)
class CasePage:
    """A page of cases, newest first; `next` is where the following page begins."""

    rows: list[RmaCase]
    next: UUID | None


def cases_of_account(account: Account, *, after: UUID | None = None) -> CasePage:
    """An account's cases; those older than `after`."""
    cases = RmaCase.objects.filter(account=account).select_related("failed__unit", "replacement", "account")
    at = cases.filter(uuid=after).first() if after else None
    rows = list(seek(cases, key="pk", after=at, is_descending=True)[: PAGE_ROWS + 1])
    return CasePage(rows[:PAGE_ROWS], rows[PAGE_ROWS - 1].uuid if rows[PAGE_ROWS:] else None)
