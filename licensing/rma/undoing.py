"""Undoing a completed case: a new transfer forward, or a list of what prevents it (rule X5)."""

import datetime
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from associations.models import AssociationType, Seat
from associations.replacing import Link, exchange_links, links_of
from licensing.audit_codes import AuditCode
from licensing.keyset import UNLIMITED
from licensing.models import Keyset, Licence, PoolPart, RmaCase, Service, TrialStart
from licensing.moves.exchange import pool_units
from licensing.rma import mails
from licensing.rma.errors import CaseNotOpen, UndoForLead, UndoNotPossible
from licensing.rma.handover import Handover, PartMove, return_licences
from licensing.rma.selectors import keepers_of
from licensing.rma.snapshot import snapshot, to_apply
from portal import audit
from portal.models import Account, User
from products.models import Registration, Unit
from products.ownership import end_registration, revive_unit

AGENTS_DAYS = 14


@dataclass(frozen=True, slots=True)
class _Past:
    """What completing did, as recorded in the case: associations `ended` and `begun`.

    `after` is how the units that gained were associated then, `held` which licences they had.
    """

    case: RmaCase
    failed: Registration
    heir: Registration
    replacement: Registration
    ended: list[Link]
    begun: list[Link]
    after: list[Link]
    handed: Handover
    held: set[tuple[int, int]]

    @property
    def gained(self) -> list[Registration]:
        """The units that gained something by the case."""
        return list({r.pk: r for r in (self.heir, self.replacement)}.values())

    @property
    def is_registered_by_it(self) -> bool:
        """Whether the case registered the replacement, so that undoing ends the registration."""
        return bool(self.case.done and self.case.done["registered"])


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
        return f"a keyset of {keyset.unit} was read since"
    return ""


@transaction.atomic
def undo_case(*, case: RmaCase, as_lead: bool, reason: str, by: User, today: datetime.date) -> RmaCase:
    """Put associations, licences, registrations and roles back as they were before a case was completed.

    Keys redeemed and renewals since go back with their licences. `as_lead`: the user may undo late. Raises
    ReasonNeeded, CaseNotOpen, UndoForLead and UndoNotPossible.
    """
    audit.require_reason(reason)
    case = RmaCase.objects.select_for_update(no_key=True).get(pk=case.pk)
    if case.state not in RmaCase.DONE:
        raise CaseNotOpen(number=case.number, state=case.get_state_display())
    if not as_lead and (why := why_only_lead(case, today=today)):
        raise UndoForLead(why=why)
    Account.objects.select_for_update(no_key=True).get(pk=case.account_id)
    past, units = _lock(case)
    if obstacles := _obstacles(past):
        raise UndoNotPossible(what=" ".join(obstacles))
    before = snapshot(units, today)
    _put_back(past, by=by, today=today, reason=f"{case.number} undone: {reason}"[:200])
    keysets = to_apply(before, snapshot(units, today), past.failed, *_keep(past))
    case.state, case.closed_at, case.decision = RmaCase.State.UNDONE, timezone.now(), reason.strip()
    case.done = {**(case.done or {}), "undone": [registration.pk for registration in keysets]}
    case.save()
    _record(past, keysets, by=by, reason=reason)
    mails.post_mails(case, "undone", keysets)
    return case


def _read(case: RmaCase) -> _Past:
    done: dict[str, Any] = case.done or {}
    found = Registration.objects.select_related("account", "unit__model").in_bulk(
        {case.failed_id, done["heir"], done["replacement"]}
    )
    owners = {int(service): _by_number(who) for service, who in done["owners"].items()}
    return _Past(
        case,
        found[case.failed_id],
        found[done["heir"]],
        found[done["replacement"]],
        [Link(*link) for link in done["ended"]],
        [Link(*link) for link in done["begun"]],
        [Link(*link) for link in done["after"]],
        Handover(owners=owners, parts=[PartMove(*move) for move in done["parts"]]),
        {(registration, service) for registration, service in done["held"]},
    )


def _by_number(owners: dict[str, int]) -> dict[int, int]:
    return {int(old): new for old, new in owners.items()}


def _lock(case: RmaCase) -> tuple[_Past, list[Unit]]:
    """Lock every unit whose entitlements undoing may change; return the record, and those units."""
    past = _read(case)
    units = {registration.unit_id for registration in _members(past)}
    units |= pool_units(past.failed, *past.gained)
    units |= keepers_of(units)
    list(Unit.objects.locked(units))
    return _read(case), list(Unit.objects.select_related("model").filter(pk__in=units).order_by("pk"))


def _members(past: _Past) -> list[Registration]:
    """The failed unit, those that gained, and all whose associations ended or began."""
    pks = {pk for link in (*past.ended, *past.begun, *past.after) for pk in (link.parent, link.child)}
    pks |= {past.failed.pk, *(registration.pk for registration in past.gained)}
    return list(Registration.objects.select_related("unit").filter(pk__in=pks).order_by("pk"))


def _obstacles(past: _Past) -> list[str]:
    """What prevents undoing: one sentence each, naming the thing and the unit."""
    found = [*_of_units(past), *_of_cases(past), *_of_licences(past)]
    if links_of(past.gained) != past.after or _is_swapped(past) or not _is_free(past):
        found.append("The units were associated anew since.")
    elif missing := _lost_types(past):
        found.append(f"The catalogue has no association type {missing} any more.")
    return found


def _of_units(past: _Past) -> list[str]:
    found = []
    unit = past.failed.unit
    if Registration.objects.live().filter(unit=unit).exists() or unit.retired_at is None:
        found.append(f"{unit} was taken back into stock since.")
    found += [
        f"{registration.unit} was released since."
        for registration in _members(past)
        if registration.ended_at and registration.pk != past.failed.pk
    ]
    return found


def _is_swapped(past: _Past) -> bool:
    """Whether roles were swapped since. Swapping back restores the roles, but not the licences."""
    groups = Seat.objects.filter(registration__in=past.gained).values("group")
    swaps = Seat.objects.filter(group__in=groups, began_at__gt=past.case.completed_at)
    return swaps.exclude(swapped_with=None).exists()


def _is_free(past: _Past) -> bool:
    """Whether the places of the former associations are free."""
    present = set(links_of(_members(past)))
    left = present - set(past.begun)
    children = {(link.type, link.child) for link in left}
    taken = children | {(link.type, link.parent) for link in left}
    back = past.ended
    return set(past.begun) <= present and not any(
        (link.type, link.child) in taken or (link.type, link.parent) in children for link in back
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
    since = past.case.completed_at
    units = [registration.unit for registration in past.gained]
    trials = TrialStart.objects.filter(unit__in=units, at__gt=since).select_related("unit", "service")
    found = [f"A free trial of {trial.service} was started on {trial.unit} since." for trial in trials]
    concerned = [past.failed.unit_id, *(unit.pk for unit in units)]
    moved = Unit.objects.filter(pk__in=concerned, counts_moved_at__gt=since)
    if moved.exists() or not _are_parts_there(past.handed):
        found.append("Counts of a license were shared out or moved since.")
    _, stuck = _newer_licences(past)
    return found + [f"{service} was licensed anew on both sides since." for service in stuck]


def _are_parts_there(handed: Handover) -> bool:
    """Whether the counts that changed hands are still where they went, so that they can go back."""
    returned: Counter[tuple[int, int]] = Counter()
    given: Counter[tuple[int, int, int]] = Counter()
    for move in handed.parts:
        owner = handed.owners.get(move.service, {}).get(move.owner, move.owner)
        if move.to is None:
            returned[move.service, owner] += move.number
        else:
            given[move.service, owner, move.to] += move.number
    return all(_has_free(*pool, number) for pool, number in returned.items()) and all(
        PoolPart.objects.filter(
            licence__service=service, licence__registration=owner, registration=holder, count__gte=number
        ).exists()
        for (service, owner, holder), number in given.items()
    )


def _has_free(service: int, owner: int, number: int) -> bool:
    """Whether a licence's own unit has at least this number of its count."""
    licences = Licence.objects.filter(service=service, registration=owner)
    licence = licences.annotate(given=Coalesce(Sum("parts__count"), 0)).first()
    return licence is not None and (
        licence.count == UNLIMITED or (licence.count or 0) - int(licence.given) >= number
    )


def _newer_licences(past: _Past) -> tuple[dict[int, int], list[Service]]:
    """Licences that came since, as a map of services to units; and services whose licences can't go back.

    Those of the heir, and of the replacement if it leaves the account again, go back to the failed unit. If
    both have one, the replacement's does: the heir can keep its own.
    """
    units = {past.heir.pk} | ({past.replacement.pk} if past.is_registered_by_it else set())
    new = Licence.objects.filter(registration__in=units, service__is_transferable=True)
    rows = [
        row
        for row in new.select_related("service").order_by("pk")
        if (row.registration_id, row.service_id) not in past.held
    ]
    rows.sort(key=lambda row: row.registration_id == past.replacement.pk)
    kept = set(Licence.objects.filter(registration=past.failed).values_list("service", flat=True))
    taken = kept | set(past.handed.owners)
    newer = {row.service_id: row.registration_id for row in rows if row.service_id not in taken}
    stuck = [
        row.service
        for row in rows
        if newer.get(row.service_id) != row.registration_id
        and not (row.registration_id == past.heir.pk and past.heir.pk != past.replacement.pk)
    ]
    return newer, stuck


def _lost_types(past: _Past) -> str:
    wanted = {link.type for link in past.ended}
    present = set(AssociationType.objects.filter(slug__in=wanted).values_list("slug", flat=True))
    return ", ".join(sorted(wanted - present))


def _put_back(past: _Past, *, by: User, today: datetime.date, reason: str) -> None:
    revive_unit(past.failed)
    exchange_links(out=past.begun, back=past.ended, by=by, today=today, reason=reason)
    newer, _ = _newer_licences(past)
    return_licences(
        done=past.handed,
        failed=past.failed,
        heir=past.heir,
        replacement=past.replacement,
        newer=newer,
        by=by,
        reason=reason,
    )
    if past.is_registered_by_it:
        end_registration(past.replacement, now=timezone.now())


def _keep(past: _Past) -> list[Registration]:
    """The units that gained by the case and stay in the account."""
    left = past.replacement.pk if past.is_registered_by_it else None
    return [registration for registration in past.gained if registration.pk != left]


def _record(past: _Past, keysets: list[Registration], *, by: User, reason: str) -> None:
    concerned = (past.failed, *past.gained, *keysets)
    serials = dict.fromkeys(registration.unit.serial for registration in concerned)
    data: dict[str, object] = {"case": past.case.number, "failed": past.failed.unit.serial}
    data |= {"kind": str(past.case.kind), "replacement": past.replacement.unit.serial}
    audit.record(
        AuditCode.RMA_UNDONE,
        by=by,
        account=past.case.account,
        serials=serials,
        reason=reason[:200],
        data=data,
    )
