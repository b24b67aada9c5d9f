"""Undoing a completed case: a new transfer forward, or a list of what stands in its way (rule X5)."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from associations.models import AssociationType
from associations.replacing import Link, end_all, links_of, restore_links
from licensing.models import Keyset, Licence, RmaCase, Service, TrialStart
from licensing.rma import telling
from licensing.rma.errors import CaseNotOpen, UndoForLead, UndoNotPossible
from licensing.rma.licences import HandedOver, PartMove, give_back
from licensing.transfer import pool_units
from portal import audit
from portal.errors import ReasonNeeded
from portal.models import Account, AuditEntry, User
from products.models import Registration, Unit
from products.ownership import end_registration, revive_unit

AGENTS_DAYS = 14
DONE = (RmaCase.State.COMPLETED, RmaCase.State.RECEIVED)


@dataclass(frozen=True, slots=True)
class _Past:
    """What completing did, read from the case. `held` are the licences that the units had after it."""

    case: RmaCase
    failed: Registration
    heir: Registration
    replacement: Registration
    before: list[Link]
    after: list[Link]
    handed: HandedOver
    held: set[tuple[int, int]]

    @property
    def gained(self) -> list[Registration]:
        """The units that the case gave something to."""
        return list({r.pk: r for r in (self.heir, self.replacement)}.values())

    @property
    def is_registered_by_it(self) -> bool:
        """Whether the case registered the replacement: then undoing ends that."""
        return bool(self.case.done and self.case.done["registered"])


def undo_hindrances(case: RmaCase) -> list[str]:
    """What stands in the way of undoing a completed case, in sentences; empty where nothing does."""
    return _hindrances(_read(case)) if case.state in DONE else []


def why_only_lead(case: RmaCase, *, today: datetime.date) -> str:
    """Why an agent may not undo a case; empty where it may."""
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

    Keys redeemed and renewals since go back with their licences. `as_lead`: who asks may do so late. Raises
    ReasonNeeded, CaseNotOpen, UndoForLead and UndoNotPossible.
    """
    if not reason.strip():
        raise ReasonNeeded
    case = RmaCase.objects.select_for_update(no_key=True).get(pk=case.pk)
    if case.state not in DONE:
        raise CaseNotOpen(number=case.number, state=case.get_state_display())
    if not as_lead and (why := why_only_lead(case, today=today)):
        raise UndoForLead(why=why)
    Account.objects.select_for_update(no_key=True).get(pk=case.account_id)
    past = _lock(case)
    if hindrances := _hindrances(past):
        raise UndoNotPossible(what=" ".join(hindrances))
    _put_back(past, by=by, today=today, reason=f"{case.number} undone: {reason}"[:200])
    case.state, case.closed_at, case.decision = RmaCase.State.UNDONE, timezone.now(), reason.strip()
    case.save()
    _record(past, by=by, reason=reason)
    telling.tell(case, "undone", [past.failed, *_keep(past)])
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
        [Link(*link) for link in done["before"]],
        [Link(*link) for link in done["after"]],
        HandedOver(owners=owners, parts=[PartMove(*move) for move in done["parts"]]),
        {(registration, service) for registration, service in done["held"]},
    )


def _by_number(owners: dict[str, int]) -> dict[int, int]:
    return {int(old): new for old, new in owners.items()}


def _lock(case: RmaCase) -> _Past:
    """Lock every unit that undoing touches; return what is there then."""
    past = _read(case)
    members = {pk for link in (*past.before, *past.after) for pk in (link.parent, link.child)}
    registrations = [past.failed, *past.gained]
    units = set(Registration.objects.filter(pk__in=members).values_list("unit", flat=True))
    list(Unit.objects.locked(units | pool_units(*registrations)))
    return _read(case)


def _hindrances(past: _Past) -> list[str]:
    """Each as a sentence that names what and whom."""
    found = [*_of_units(past), *_of_cases(past), *_of_licences(past)]
    if links_of(past.gained) != past.after:
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
        f"{registration.unit} was released since." for registration in past.gained if registration.ended_at
    ]
    return found


def _of_cases(past: _Past) -> list[str]:
    """Later cases that concern one of the units, and are open or done."""
    units = [past.failed.unit_id, *(registration.unit_id for registration in past.gained)]
    cases = RmaCase.objects.filter(Q(failed__unit__in=units) | Q(replacement__in=units))
    later = cases.filter(
        Q(state__in=RmaCase.OPEN) | Q(state__in=DONE, completed_at__gt=past.case.completed_at)
    ).exclude(pk=past.case.pk)
    return [f"{case.number} came later: end that one first." for case in later]


def _of_licences(past: _Past) -> list[str]:
    since = past.case.completed_at
    units = [registration.unit for registration in past.gained]
    trials = TrialStart.objects.filter(unit__in=units, at__gt=since).select_related("unit", "service")
    found = [f"A free trial of {trial.service} was started on {trial.unit} since." for trial in trials]
    serials = [past.failed.unit.serial, *(unit.serial for unit in units)]
    if AuditEntry.objects.filter(code="counts-moved", serial__in=serials, at__gt=since).exists():
        found.append("Counts of a license were shared out or moved since.")
    _, stuck = _travelling(past)
    return found + [f"{service} was licensed anew on both sides since." for service in stuck]


def _travelling(past: _Past) -> tuple[dict[int, int], list[Service]]:
    """The licences that came since, by service: with which unit they are; and those that can't go back.

    The heir's and, where it leaves the account again, the replacement's go back to the failed unit.
    """
    units = {past.heir.pk} | ({past.replacement.pk} if past.is_registered_by_it else set())
    new = Licence.objects.filter(registration__in=units, service__is_transferable=True)
    rows = [
        row
        for row in new.select_related("service").order_by("pk")
        if (row.registration_id, row.service_id) not in past.held
    ]
    kept = set(Licence.objects.filter(registration=past.failed).values_list("service", flat=True))
    taken = kept | set(past.handed.owners)
    travelling = {row.service_id: row.registration_id for row in rows if row.service_id not in taken}
    stuck = [
        row.service
        for row in rows
        if travelling.get(row.service_id) != row.registration_id
        and not (row.registration_id == past.heir.pk and past.heir.pk != past.replacement.pk)
    ]
    return travelling, stuck


def _lost_types(past: _Past) -> str:
    wanted = {link.type for link in past.before}
    present = set(AssociationType.objects.filter(slug__in=wanted).values_list("slug", flat=True))
    return ", ".join(sorted(wanted - present))


def _put_back(past: _Past, *, by: User, today: datetime.date, reason: str) -> None:
    revive_unit(past.failed)
    if past.before != past.after:
        end_all(past.gained, by=by)
        restore_links(past.before, by=by, today=today, reason=reason)
    travelling, _ = _travelling(past)
    give_back(
        done=past.handed,
        failed=past.failed,
        heir=past.heir,
        replacement=past.replacement,
        travelling=travelling,
        by=by,
        reason=reason,
    )
    if past.is_registered_by_it:
        end_registration(past.replacement, now=timezone.now())


def _keep(past: _Past) -> list[Registration]:
    """The units that gained by the case and stay in the account."""
    left = past.replacement.pk if past.is_registered_by_it else None
    return [registration for registration in past.gained if registration.pk != left]


def _record(past: _Past, *, by: User, reason: str) -> None:
    serials = dict.fromkeys(registration.unit.serial for registration in (past.failed, *past.gained))
    data: dict[str, object] = {"case": past.case.number, "failed": past.failed.unit.serial}
    data |= {"kind": str(past.case.kind), "replacement": past.replacement.unit.serial}
    audit.record(
        "rma-undone", by=by, account=past.case.account, serials=serials, reason=reason[:200], data=data
    )
