"""Everything that the desk shows of one unit. Writes nothing, and issues and marks no keyset.

Each history shows its latest rows only; the number of queries doesn't depend on its length.
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from django.db.models import F, Q

from associations.models import Seat, Side
from associations.selectors import ChildCount, HistoryRow, child_counts, history, live_seats
from desk.addresses import CaseRow
from licensing.entitlements.timeline import Right
from licensing.entitlements.today import Entitlement, read_graces, sharing_primary
from licensing.keysets.issuing import current_heads
from licensing.models import Keyset, KeysetHead, LedgerEntry, RmaCase, TrialStart
from licensing.readiness.pairs import Readiness, readiness_of, was_confirmed
from licensing.selectors import LicenceLine, ServiceRow, licence_lines, node_support, service_rows
from licensing.wording import entry_in_words, how_in_words, origin_in_words, then_in_words
from portal.models import Account, AuditEntry
from products.attempts import Closed, FailedAttempts, attempts_at
from products.models import Attempt, Registration, Unit

MOST = 20


@dataclass(frozen=True, slots=True)
class Latest[T]:
    """The latest rows of a history, and whether there are older ones."""

    rows: list[T]
    has_more: bool


class _History[T](Protocol):
    """A list, or a query in its order."""

    def __getitem__(self, part: slice, /) -> Iterable[T]: ...


def _latest[T](rows: _History[T]) -> Latest[T]:
    """The latest rows, from a query that reads one more to tell whether there are older ones."""
    found = list(rows[: MOST + 1])
    return Latest(found[:MOST], has_more=len(found) > MOST)


@dataclass(frozen=True, slots=True)
class Held:
    """A service that a unit may run; `origins` are the serial numbers of the units that it comes from."""

    row: ServiceRow
    right: str
    origins: list[str]


@dataclass(frozen=True, slots=True)
class Holding:
    """What a registered unit may run on a day; `missing` names the services that it may not run.

    `licences` are its own one by one, and its parts of others', unless the rows say all about them.
    """

    held: list[Held]
    missing: list[str]
    licences: list[LicenceLine]
    nodes: str
    source: Registration | None


def holding_of(registration: Registration, today: datetime.date) -> Holding:
    """What a unit may run, each service with its right in words."""
    source = sharing_primary(registration)
    rows = service_rows(registration, source, today)
    lines = licence_lines(rows, today)
    lenders: dict[int, list[str]] = {}
    for line in lines:
        if line.owner:
            lenders.setdefault(line.service.pk, []).append(line.owner.unit.serial)
    grace = read_graces([registration]).get(registration.pk)
    origins = {Right.SHARED: source, Right.KEPT: grace.source if grace else None}
    return Holding(
        [_held(row, origins, lenders) for row in rows if row.entitlement.right],
        [_missing(row.entitlement) for row in rows if not row.entitlement.right],
        lines,
        node_support([row.entitlement for row in rows], today),
        source,
    )


def _missing(entitlement: Entitlement) -> str:
    """The name of a service that a unit may not run, and when it may: Support (from 16 Mar 2027 for ever)."""
    later = ", ".join(then_in_words(entitlement))
    return f"{entitlement.service} ({later})" if later else str(entitlement.service)


def _held(row: ServiceRow, origins: dict[Right, Registration | None], lenders: dict[int, list[str]]) -> Held:
    right = row.entitlement.right or Right.OWN
    if right == Right.PART:
        return Held(row, origin_in_words(right), lenders.get(row.entitlement.service.pk, []))
    origin = origins.get(right)
    return Held(row, origin_in_words(right), [origin.unit.serial]) if origin else Held(row, right.label, [])


@dataclass(frozen=True, slots=True)
class Issued:
    """A keyset that was issued, without its text."""

    keyset: Keyset
    is_newest: bool
    is_applied: bool


@dataclass(frozen=True, slots=True)
class Keysets:
    """The generations of a unit's keyset.

    `head` says which one was applied, when and by whom; `is_current`: the newest one says what is true.
    """

    issued: Latest[Issued]
    head: KeysetHead | None
    is_current: bool
    is_former_owners: bool


def keysets_of(unit: Unit, present: Registration | None, today: datetime.date) -> Keysets:
    """The generations issued to a unit. Compares versions to tell whether a newer one is due; issues none."""
    rows = _latest(Keyset.objects.filter(unit=unit).defer("text").order_by("-generation"))
    heads = KeysetHead.objects.filter(unit=unit)
    head = heads.select_related("applied", "applied_by").defer("applied__text").first()
    applied = head.applied_id if head else None
    issued = [Issued(row, number == 0, row.pk == applied) for number, row in enumerate(rows.rows)]
    return Keysets(
        Latest(issued, rows.has_more),
        head,
        current_heads(today).filter(unit=unit).exists(),
        is_former_owners=bool(applied and head and present and not was_confirmed(head, present)),
    )


def cases_of(unit: Unit, registrations: list[Registration]) -> Latest[CaseRow]:
    """The RMA cases in which a unit failed, replaces another, or is or was the other unit of the pair."""
    own = [registration.pk for registration in registrations]
    concerned = Q(failed__in=own) | Q(replacement=unit) | Q(partner__in=own) | Q(secondary__in=own)
    cases = RmaCase.objects.filter(concerned).select_related(
        "account", "failed__unit", "replacement", "partner__unit", "secondary__unit"
    )
    found = _latest(cases.order_by("-pk"))
    return Latest([CaseRow(case, _role(case, unit, own)) for case in found.rows], found.has_more)


def _role(case: RmaCase, unit: Unit, own: list[int]) -> str:
    if case.failed_id in own:
        return "failed"
    if case.replacement_id == unit.pk:
        return "replacement"
    return "partner" if case.partner_id in own else "shares in grace"


@dataclass(frozen=True, slots=True)
class WentTo:
    """Where a retired unit's licences went: by which case, and which unit got which of them."""

    row: CaseRow
    got: list[tuple[str, str]]


def went_to(unit: Unit, cases: list[CaseRow]) -> WentTo | None:
    """The case that retired a unit and, from the ledger, the units that got its services."""
    ends = {RmaCase.State.COMPLETED, RmaCase.State.RECEIVED}
    row = next((row for row in cases if row.role == "failed" and row.case.state in ends), None)
    if row is None:
        return None
    case = row.case
    heirs = [case.replacement_id, case.partner.unit_id if case.partner else None]
    entries = LedgerEntry.objects.filter(
        unit__in=[pk for pk in heirs if pk],
        right=LedgerEntry.Right.RMA,
        detail=unit.serial,
        after__isnull=False,
    )
    found = entries.select_related("unit", "service").order_by("-at", "-pk")[:MOST]
    return WentTo(row, sorted({(e.service.name, e.unit.serial) for e in found if e.unit}))


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A ledger entry in words."""

    entry: LedgerEntry
    right: str
    before: str
    after: str


def ledger_of(unit: Unit) -> Latest[LedgerRow]:
    """The latest changes to what a unit holds, under any owner."""
    entries = LedgerEntry.objects.filter(unit=unit).select_related("actor", "service")
    found = _latest(entries.order_by("-at", "-pk"))
    rows = [
        LedgerRow(
            entry,
            how_in_words(entry.right, entry.detail),
            entry_in_words(entry.before, entry.at.date()),
            entry_in_words(entry.after, entry.at.date()),
        )
        for entry in found.rows
    ]
    return Latest(rows, found.has_more)


@dataclass(frozen=True, slots=True)
class ClosedTo:
    """What failed attempts have closed to an account (R3)."""

    account: Account
    kind: str
    state: Closed


_TRIED = {Attempt.Kind.CODE: "authentication codes", Attempt.Kind.KEY: "activation keys"}


def closed_to(attempts: list[FailedAttempts]) -> list[ClosedTo]:
    """To whom a serial number is closed, or all registration or keys."""
    return [
        ClosedTo(row.account, _TRIED[kind], state) for row in attempts for kind, state in row.closed.items()
    ]


@dataclass(frozen=True, slots=True)
class Owned:
    """What a unit has only while it is registered."""

    registration: Registration
    seats: list[Seat]
    children: list[ChildCount]
    readiness: Readiness | None
    holding: Holding

    @property
    def roles(self) -> list[Seat]:
        """The unit's own seats."""
        return [seat for seat in self.seats if seat.registration_id == self.registration.pk]

    @property
    def is_primary(self) -> bool:
        """Whether it is a parent in a type that shares licences."""
        return any(seat.side == Side.PARENT and seat.type.shares_licences for seat in self.roles)

    @property
    def others(self) -> list[Seat]:
        """The other units' seats."""
        return [seat for seat in self.seats if seat.registration_id != self.registration.pk]


@dataclass(frozen=True, slots=True)
class UnitPage:
    """Everything on the desk's page of a unit."""

    unit: Unit
    is_warranty_over: bool
    owned: Owned | None
    attempts: list[FailedAttempts]
    registrations: Latest[Registration]
    association_history: Latest[HistoryRow]
    keysets: Keysets
    trials: Latest[TrialStart]
    cases: Latest[CaseRow]
    went_to: WentTo | None
    ledger: Latest[LedgerRow]
    audit: Latest[AuditEntry]

    @property
    def closed(self) -> list[ClosedTo]:
        """What failed attempts have closed, and to whom."""
        return closed_to(self.attempts)

    @property
    def former(self) -> list[Registration]:
        """The ended registrations, latest first."""
        return [registration for registration in self.registrations.rows if registration.ended_at]

    @property
    def open_case(self) -> RmaCase | None:
        """The open case in which this unit is the failed one or the replacement."""
        roles = {"failed", "replacement"}
        return next((row.case for row in self.cases.rows if row.case.is_open and row.role in roles), None)

    @property
    def graces(self) -> list[RmaCase]:
        """The open cases for which this unit keeps its failed primary's rights (X3); a primary keeps none."""
        if self.owned is None or self.owned.is_primary:
            return []
        shown = self.owned.registration.pk
        return [row.case for row in self.cases.rows if row.case.is_open and row.case.secondary_id == shown]


def unit_page(unit: Unit, *, today: datetime.date, now: datetime.datetime) -> UnitPage:
    """Read everything for a unit's page; the unit comes with its model."""
    registrations = _latest(
        Registration.objects.filter(unit=unit)
        .select_related("account")
        .order_by(F("ended_at").desc(nulls_first=True), "-pk")
    )
    for registration in registrations.rows:
        registration.unit = unit
    last = registrations.rows[0] if registrations.rows else None
    present = last if last and last.ended_at is None else None
    cases = cases_of(unit, registrations.rows)
    trials = TrialStart.objects.filter(unit=unit).select_related("service")
    audit = AuditEntry.objects.filter(serial=unit.serial).select_related("actor", "account")
    return UnitPage(
        unit,
        bool(unit.warranty_ends_on and unit.warranty_ends_on < today),
        _owned(present, today) if present else None,
        attempts_at(unit.serial, now=now, owner=present.account if present else None),
        registrations,
        _latest(history(last) if last else []),
        keysets_of(unit, present, today),
        _latest(trials.order_by("-at", "-pk")),
        cases,
        went_to(unit, cases.rows) if unit.retired_at else None,
        ledger_of(unit),
        _latest(audit.order_by("-at", "-pk")),
    )


def _owned(registration: Registration, today: datetime.date) -> Owned:
    seats = live_seats(registration)
    listed = {seat.type_id for seat in seats if seat.registration_id != registration.pk}
    return Owned(
        registration,
        seats,
        [row for row in child_counts(registration) if row.count and row.type.pk not in listed],
        readiness_of([registration], today).get(registration.pk),
        holding_of(registration, today),
    )
