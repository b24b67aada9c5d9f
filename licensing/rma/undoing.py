"""Undoing a completed case: a new transfer forward, or a list of what prevents it (rule X5).

Each licence goes back to where it was. What was redeemed since stays with the unit that it was for, unless
that unit leaves the account: then it goes to the unit that comes back.
"""

import datetime
from dataclasses import dataclass, replace
from functools import cached_property
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from associations.models import AssociationType, Seat
from associations.replacing import exchange_links, links_of
from licensing.acts import LicenceMove
from licensing.audit_codes import AuditCode
from licensing.keysets.issuing import says
from licensing.ledger import writing as ledger
from licensing.models import Keyset, LedgerEntry, Licence, RmaCase
from licensing.moves.exchange import (
    lacking,
    move_licences,
    move_parts,
    pool_units,
    settle_parts,
    standing,
)
from licensing.rma import mails
from licensing.rma.comparison import Comparison, Moved, compare
from licensing.rma.errors import CaseNotOpen, PlanChanged, UndoForLead, UndoNotPossible
from licensing.rma.history import enter
from licensing.rma.record import Line, Record, Verdict
from licensing.rma.selectors import keepers_of
from licensing.rma.snapshot import UnitShown, changed_sides, fingerprint, named, snapshot, to_apply
from licensing.rma.steps import PairOfUnits
from licensing.rma.warranty import give_warranty_back
from licensing.wording import licence_in_words
from portal import audit
from portal.models import Account, User
from products.models import Registration, Unit
from products.ownership import end_registration, revive_unit

AGENTS_DAYS = 14


@dataclass(frozen=True, slots=True)
class Undoing:
    """What undoing a case does, or would do: units before and after, and what becomes of each licence.

    `keysets` are the units that need a new keyset, `pair` is the primary and secondary of before, `leaves` is
    the unit that leaves the account. `seen` identifies all of this.
    """

    before: list[UnitShown]
    after: list[UnitShown]
    lines: list[Line]
    keysets: list[Registration]
    comparison: Comparison
    pair: PairOfUnits | None
    leaves: Registration | None
    seen: str


@dataclass(frozen=True)
class _Past:
    """What completing did, with the units that it concerned."""

    case: RmaCase
    record: Record
    units: dict[int, Registration]

    @property
    def failed(self) -> Registration:
        return self.units[self.case.failed_id]

    @property
    def leaving(self) -> Registration | None:
        """The replacement, if the case registered it: undoing ends the registration."""
        return self.units[self.record.replacement] if self.record.is_registered_by_it else None

    @property
    def gained(self) -> list[Registration]:
        """The units that gained something by the case."""
        targets = [move.target for move in self.record.licences]
        pks = dict.fromkeys([self.record.heir, self.record.replacement, *targets])
        return [self.units[pk] for pk in pks if pk != self.case.failed_id]

    @property
    def staying(self) -> list[Registration]:
        """The units that gained by the case and stay in the account."""
        return [unit for unit in self.gained if unit != self.leaving]

    @cached_property
    def moved(self) -> dict[UUID, Licence]:
        """The licences that the case moved and that there still are, by uuid."""
        found = Licence.objects.filter(uuid__in=[move.licence for move in self.record.licences])
        return {row.uuid: row for row in found.select_related("service", "registration__unit").order_by("pk")}

    @cached_property
    def came_since(self) -> list[Licence]:
        """What the unit that leaves the account got since the case was completed."""
        found = Licence.objects.filter(registration=self.leaving).exclude(uuid__in=self.moved)
        related = found.select_related("service", "registration__unit")
        return list(related.order_by("service__code", "begins_on", "pk"))


def undo_obstacles(case: RmaCase) -> list[str]:
    """What prevents undoing a completed case, in sentences; empty if nothing does."""
    return _obstacles(_read(case)) if case.state in RmaCase.DONE else []


def why_only_lead(case: RmaCase, *, today: datetime.date) -> str:
    """Why an agent may not undo a case; empty if they may."""
    if case.completed_at is None:
        return ""
    if today - case.completed_at.date() > datetime.timedelta(days=AGENTS_DAYS):
        return f"it was completed more than {AGENTS_DAYS} days ago"
    read = Keyset.objects.filter(
        unit__in=[registration.unit_id for registration in _read(case).gained],
        first_read_at__gte=case.completed_at,
    ).select_related("unit")
    if keyset := read.first():
        return f"a keyset of {keyset.unit} has been read since"
    return ""


def rehearse_undo(*, case: RmaCase, as_lead: bool, by: User, today: datetime.date) -> Undoing:
    """Return what undoing a case would do: everything is done, recorded and rolled back (the dry run).

    Raises CaseNotOpen, UndoForLead and UndoNotPossible.
    """
    with transaction.atomic():
        undoing = _carry_out(case, as_lead=as_lead, reason="", by=by, today=today)
        transaction.set_rollback(True)
    return undoing


@transaction.atomic
def undo_case(
    *, case: RmaCase, as_lead: bool, seen: str, reason: str, by: User, today: datetime.date
) -> RmaCase:
    """Undo a completed case exactly as shown by the dry run `seen`. `as_lead`: the user may undo late.

    Raises ReasonNeeded, CaseNotOpen, UndoForLead, UndoNotPossible and PlanChanged.
    """
    audit.require_reason(reason)
    undoing = _carry_out(case, as_lead=as_lead, reason=reason, by=by, today=today)
    if undoing.seen != seen:
        raise PlanChanged
    case = RmaCase.objects.select_related("account", "failed__unit", "asked_by").get(pk=case.pk)
    mails.post_mails(case, "undone", undoing.keysets)
    return case


def _carry_out(case: RmaCase, *, as_lead: bool, reason: str, by: User, today: datetime.date) -> Undoing:
    case = RmaCase.objects.select_for_update(no_key=True).get(pk=case.pk)
    if case.state not in RmaCase.DONE:
        raise CaseNotOpen(number=case.number, state=case.get_state_display())
    if not as_lead and (why := why_only_lead(case, today=today)):
        raise UndoForLead(why=why)
    Account.objects.select_for_update(no_key=True).get(pk=case.account_id)
    past, concerned, beside = _lock(case)
    if obstacles := _obstacles(past):
        raise UndoNotPossible(what=" ".join(obstacles))
    lines, moved = _lines(past, today), _moved(past, today)
    before = snapshot([*concerned, *beside], today)
    _put_back(past, by=by, reason=f"{case.number} undone: {reason}"[:200])
    give_warranty_back(case)
    after = snapshot([*concerned, *beside], today)
    apply = to_apply(before, after, past.failed, *past.staying)
    keysets = [unit for unit in apply if unit != past.failed or not _has_it(unit, after, today)]
    case.closed_at, case.decision = timezone.now(), reason.strip()
    enter(case, RmaCase.State.UNDONE, by=by, now=case.closed_at, reason=reason)
    sides = changed_sides(before, after, concerned=len(concerned))
    comparison = compare(
        *sides,
        moved,
        ends=(past.leaving.unit.serial if past.leaving else "", [past.failed.unit.serial]),
        keysets=len(keysets),
        today=today,
    )
    undone = tuple(unit.pk for unit in keysets)
    case.done = replace(past.record, undone=undone, undone_comparison=comparison).to_json()
    case.save()
    _note(past, keysets, by=by, reason=reason)
    shared = next((link for link in past.record.ended if link.shares), None)
    pair = (past.units[shared.parent], past.units[shared.child]) if shared else None
    seen = fingerprint(*sides, lines)
    return Undoing(*sides, lines, keysets, comparison, pair, past.leaving, seen)


def _has_it(unit: Registration, after: list[UnitShown], today: datetime.date) -> bool:
    """Whether a unit that comes back has the keyset for it: its last issued one says what it may run now."""
    issued = Keyset.objects.filter(unit=unit.unit_id).order_by("-generation").first()
    content = next(shown.keyset for shown in after if shown.serial == unit.unit.serial)
    return issued is not None and content is not None and says(issued, content, today)


def _read(case: RmaCase) -> _Past:
    record = Record.from_json(case.done or {})
    links = (*record.ended, *record.begun, *record.after)
    pks = {pk for link in links for pk in (link.parent, link.child)} | {record.heir, record.replacement}
    pks |= {move.target for move in record.licences}
    found = Registration.objects.select_related("account", "unit__model").in_bulk({case.failed_id, *pks})
    return _Past(case, record, found)


def _lock(case: RmaCase) -> tuple[_Past, list[Unit], list[Unit]]:
    """Lock every unit whose entitlements undoing may change.

    Return the record, the units that it names, with those that gained and the failed one first, and others.
    """
    past = _read(case)
    first = [unit.unit_id for unit in (past.failed, *past.gained)]
    named = dict.fromkeys([*first, *sorted(unit.unit_id for unit in past.units.values())])
    units = {*named, *pool_units(past.failed, *past.gained)}
    units |= keepers_of(units)
    list(Unit.objects.locked(units))
    found = Unit.objects.select_related("model").in_bulk(units)
    return _read(case), [found[pk] for pk in named], [found[pk] for pk in sorted(units - {*named})]


def _obstacles(past: _Past) -> list[str]:
    """What prevents undoing: one sentence each, naming the thing and the unit."""
    found = [*_of_units(past), *_of_cases(past), *_of_licences(past)]
    if links_of(past.gained) != list(past.record.after) or _is_swapped(past) or not _is_free(past):
        found.append("The units have been associated anew since.")
    elif missing := _lost_types(past):
        found.append(f"The catalogue has no association type {missing} any more.")
    return found


def _of_units(past: _Past) -> list[str]:
    found = []
    unit = past.failed.unit
    if Registration.objects.live().filter(unit=unit).exists() or unit.retired_at is None:
        found.append(f"{unit} has been taken back into stock since.")
    found += [
        f"{registration.unit} has been released since."
        for _, registration in sorted(past.units.items())
        if registration.ended_at and registration != past.failed
    ]
    return found


def _is_swapped(past: _Past) -> bool:
    """Whether roles were swapped since. Swapping back restores the roles, but not the licences."""
    groups = Seat.objects.filter(registration__in=past.gained).values("group")
    swaps = Seat.objects.filter(group__in=groups, began_at__gt=past.case.completed_at)
    return swaps.exclude(swapped_with=None).exists()


def _is_free(past: _Past) -> bool:
    """Whether the places of the former associations are free."""
    present = set(links_of(past.units.values()))
    left = present - set(past.record.begun)
    children = {(link.type, link.child) for link in left}
    taken = children | {(link.type, link.parent) for link in left}
    return set(past.record.begun) <= present and not any(
        (link.type, link.child) in taken or (link.type, link.parent) in children for link in past.record.ended
    )


def _of_cases(past: _Past) -> list[str]:
    """Later cases of these units that are open or completed."""
    units = [past.failed.unit_id, *(registration.unit_id for registration in past.gained)]
    cases = RmaCase.objects.filter(Q(failed__unit__in=units) | Q(replacement__in=units))
    later = cases.filter(
        Q(state__in=RmaCase.OPEN, asked_at__gt=past.case.completed_at)
        | Q(state__in=RmaCase.DONE, completed_at__gt=past.case.completed_at)
    ).exclude(pk=past.case.pk)
    return [f"{case.number} came later: end that one first." for case in later]


def _of_licences(past: _Past) -> list[str]:
    """Licences that aren't where they went, and counts that are no longer there to go back."""
    targets = {move.licence: move.target for move in past.record.licences}
    found = [
        f"A license for {row.service} has been moved to {row.registration.unit} since."
        for name, row in past.moved.items()
        if row.registration_id != targets[name]
    ]
    return found + [
        f"Counts of a license for {name} have been moved since." for name in lacking(past.record.parts)
    ]


def _lost_types(past: _Past) -> str:
    wanted = {link.type for link in past.record.ended}
    present = set(AssociationType.objects.filter(slug__in=wanted).values_list("slug", flat=True))
    return ", ".join(sorted(wanted - present))


def _lines(past: _Past, today: datetime.date) -> list[Line]:
    """What becomes of the licences that the case moved, and of what its replacement got since."""
    back = f"Back to {named(past.failed)}."
    lines = [
        Line(row.service.name, licence_in_words(row, today), Verdict.MOVES, back)
        for row in past.moved.values()
    ]
    for row in past.came_since:
        verdict = Verdict.MOVES if _goes_on(row) else Verdict.STAYS
        leaves = f"{row.registration.unit} leaves the account"
        why = f"To {named(past.failed)}: it has come since, and {leaves}."
        if verdict == Verdict.STAYS:
            what = (
                "A free trial" if row.kind == Licence.Kind.TRIAL else f"{row.service} isn't transferable: it"
            )
            why = f"{what} ends with the unit that leaves the account."
        lines.append(Line(row.service.name, licence_in_words(row, today), verdict, why))
    return lines


def _moved(past: _Past, today: datetime.date) -> Moved:
    """Who gets back what runs or is to come, and what of that ends."""
    back = {move.licence: past.units[move.source] for move in past.record.licences}
    targets = [back[name] for name, row in past.moved.items() if not row.is_expired(today)]
    since = [row for row in past.came_since if not row.is_expired(today)]
    targets += [past.failed for row in since if _goes_on(row)]
    ends = [
        (row.service.name, f"{row.service}, {licence_in_words(row, today)}, ends with its unit's stay.")
        for row in since
        if not _goes_on(row)
    ]
    return Moved(targets, ends, ("goes back", "go back", "went back"))


def _goes_on(licence: Licence) -> bool:
    """Whether what a unit got since goes on when the unit leaves its account."""
    return licence.service.is_transferable and licence.kind == Licence.Kind.LICENSED


def _put_back(past: _Past, *, by: User, reason: str) -> None:
    failed, leaving, record = past.failed, past.leaving, past.record
    revive_unit(failed)
    exchange_links(out=record.begun, back=record.ended, by=by, reason=reason, by_rma=True)
    moves = [move.back for move in record.licences if move.licence in past.moved]
    since = [row for row in past.came_since if _goes_on(row)]
    moves += [LicenceMove(row.uuid, row.registration_id, failed.pk) for row in since]
    heirs = {leaving.pk: failed.pk} if leaving else {}
    units, right = [failed, *past.gained], LedgerEntry.Right.UNDO
    with ledger.noted(units, right=right, by=by, reason=reason, detail=failed.unit.serial):
        move_licences(moves)
        move_parts(move.back for move in standing(record.parts))
        settle_parts(Q(registration__in=heirs) | Q(licence__uuid__in=[m.licence for m in moves]), heirs=heirs)
    Unit.objects.filter(pk__in=pool_units(*units)).raise_version()
    if leaving:
        end_registration(leaving, now=timezone.now())


def _note(past: _Past, keysets: list[Registration], *, by: User, reason: str) -> None:
    concerned = (past.failed, *past.gained, *keysets)
    serials = dict.fromkeys(registration.unit.serial for registration in concerned)
    data: dict[str, object] = {"case": past.case.number, "failed": past.failed.unit.serial}
    replacement = past.units[past.record.replacement].unit.serial
    data |= {"kind": str(past.case.kind), "replacement": replacement}
    audit.record(
        AuditCode.RMA_UNDONE,
        by=by,
        account=past.case.account,
        serials=serials,
        reason=reason[:200],
        data=data,
    )
