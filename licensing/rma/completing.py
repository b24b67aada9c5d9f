"""Completing a case: the dry run does it and rolls it back; then it is done exactly so or not (X2, X4)."""

import datetime
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from associations.errors import PairChanged
from associations.models import Seat
from associations.replacing import Replacing, links_of, replace_in_associations
from licensing.audit_codes import AuditCode
from licensing.models import RmaCase
from licensing.moves.exchange import pool_units
from licensing.rma import mails
from licensing.rma.cases import locked, raise_grace_version
from licensing.rma.checks import check_open_elsewhere, check_pairs, check_replacement, check_warranty
from licensing.rma.comparison import Comparison, compare
from licensing.rma.errors import (
    CaseNotOpen,
    NotReplaceable,
    PairStands,
    PlanChanged,
    PrimaryStays,
    ReplacementNeeded,
    WrongPartner,
)
from licensing.rma.handover import Handover, Heirs, hand_over
from licensing.rma.history import enter
from licensing.rma.record import Line, Record
from licensing.rma.selectors import keepers_of, last_place, mates_of, partners_of
from licensing.rma.snapshot import UnitShown, changed_sides, fingerprint, snapshot, to_apply
from licensing.rma.steps import PairOfUnits, Steps, steps_of
from licensing.rma.warranty import take_over_warranty, warranty_in_words
from portal import audit
from portal.models import Account, User
from products.models import Registration, Unit
from products.ownership import retire_unit
from products.services import create_registration


@dataclass(frozen=True, slots=True)
class Outcome:
    """What completing a case does, or would do, to units and to each licence of the failed one.

    `before` and `after` are the units concerned, and every other whose entitlements change with theirs.
    `heir` gets the shareable licences; `role` is the failed unit's side in its pair (empty: it had no pair);
    `pair` is the primary and the sharing secondary afterwards. `keysets` are the units that need a new keyset
    applied. `seen` identifies all of this, to compare it with what was shown; `mails` is how many mails were
    written.
    """

    before: list[UnitShown]
    after: list[UnitShown]
    lines: list[Line]
    heir: Registration
    replacement: Registration
    role: str
    pair: PairOfUnits | None
    keysets: list[Registration]
    steps: Steps
    comparison: Comparison
    seen: str
    mails: int = 0


def rehearse_case(*, case: RmaCase, partner: Registration | None, by: User, today: datetime.date) -> Outcome:
    """Return what completing a case would do: everything is done, recorded and rolled back (the dry run).

    Raises what `complete_case` raises, except PlanChanged.
    """
    with transaction.atomic():
        outcome = _carry_out(case, partner, by=by, today=today)
        transaction.set_rollback(True)
    return outcome


@transaction.atomic
def complete_case(
    *, case: RmaCase, partner: Registration | None, seen: str, by: User, today: datetime.date
) -> Outcome:
    """Replace a failed unit, or move its licences only, exactly as shown by the dry run `seen`.

    Raises CaseNotOpen, ReplacementNeeded, WrongPartner, PrimaryStays, PlanChanged, PairChanged,
    NotReplaceable, OutOfWarranty, PairStands, ReplacementPaired, CaseOpen, and what `check_replacement`
    raises.
    """
    outcome = _carry_out(case, partner, by=by, today=today)
    if outcome.seen != seen:
        raise PlanChanged
    case = RmaCase.objects.select_related("account", "failed__unit", "replacement", "asked_by").get(
        pk=case.pk
    )
    return replace(outcome, mails=mails.post_mails(case, "completed", outcome.keysets))


def _carry_out(case: RmaCase, partner: Registration | None, *, by: User, today: datetime.date) -> Outcome:
    case = locked(case)
    if case.state != RmaCase.State.APPROVED:
        raise CaseNotOpen(number=case.number, state=case.get_state_display())
    unit = case.replacement
    if unit is None:
        raise ReplacementNeeded
    Account.objects.select_for_update(no_key=True).get(pk=case.account_id)
    concerned, beside = _lock(case, unit, partner if case.kind == RmaCase.Kind.REPLACEMENT else None)
    _check(case, unit, partner)
    before = snapshot([*concerned, *beside], today)
    replacement = _registered(case, unit, by=by)
    is_registered_now = not any(shown.serial == unit.serial and shown.name for shown in before)
    watched = [case.failed, *Registration.objects.live().filter(unit__in=concerned)]
    links, role = links_of(watched), _role(case)
    heirs, handed = _move(case, replacement, partner, by=by, today=today)
    retire_unit(case.failed, now=timezone.now())
    raise_grace_version(case)
    links_now, heir = links_of(watched), heirs.heir
    pair = pair_of(heir, replacement)
    _close(case, partner, by=by)
    take_over_warranty(case, today=today)
    after = snapshot([*concerned, *beside], today)  # by now the case keeps no rights alive
    keysets = to_apply(before, after, heir, replacement)
    steps = steps_of(case, pair=pair, replacement=replacement, keysets=keysets)
    sides = changed_sides(before, after, concerned=len(concerned))
    also = warranty_in_words(case, today=today)
    compared = compare(*sides, handed.moved, ends=heirs.serials, keysets=len(keysets), today=today, also=also)
    record = Record(
        heir=heir.pk,
        replacement=replacement.pk,
        is_registered_by_it=is_registered_now,
        role=role,
        pair=(pair[0].pk, pair[1].pk) if pair else None,
        ended=tuple(sorted(set(links) - set(links_now))),
        begun=tuple(sorted(set(links_now) - set(links))),
        after=tuple(links_of([heir, replacement])),
        licences=tuple(handed.licences),
        parts=tuple(handed.parts),
        lines=tuple(handed.lines),
        keysets=tuple(unit.pk for unit in keysets),
        unreachable=steps.source.pk if steps.source and steps.is_unreachable else None,
        comparison=compared,
    )
    _note(case, heir, keysets, record, by=by)
    seen = fingerprint(*sides, handed.lines, [compared])
    return Outcome(*sides, handed.lines, heir, replacement, role, pair, keysets, steps, compared, seen)


def pair_of(*registrations: Registration) -> PairOfUnits | None:
    """The primary and the sharing secondary of the pair that has one of these units; None without a pair."""
    shared = next((link for link in links_of(registrations) if link.shares), None)
    if shared is None:
        return None
    units = Registration.objects.select_related("unit__model").in_bulk([shared.parent, shared.child])
    return units[shared.parent], units[shared.child]


def _lock(case: RmaCase, unit: Unit, partner: Registration | None) -> tuple[list[Unit], list[Unit]]:
    """Lock every unit that the case concerns, and those whose entitlements may change with theirs.

    Return the former, with the failed unit and its replacement first, and the latter.
    """
    mine = Registration.objects.live().filter(unit__in=[case.failed.unit_id, unit.pk])
    wanted = [*mine, *([partner] if partner else [])]
    concerned = _concerned(wanted) | {unit.pk, case.failed.unit_id}
    beside = _beside(case, concerned)
    units = {u.pk: u for u in Unit.objects.select_related("model").filter(pk__in=concerned | beside)}
    list(Unit.objects.locked(units))
    if not (_concerned(wanted) | _beside(case, concerned)) <= set(units):
        raise PairChanged  # units were associated or counts shared before the locks were held
    first = [case.failed.unit_id, unit.pk]
    shown = [*first, *sorted(concerned - set(first))]
    return [units[pk] for pk in shown], [units[pk] for pk in sorted(beside - concerned)]


def _concerned(registrations: list[Registration]) -> set[int]:
    """The units of some registrations, and everyone in a group with them."""
    groups = Seat.objects.live().filter(registration__in=registrations).values("group")
    found = Registration.objects.filter(
        Q(pk__in=[r.pk for r in registrations])
        | Q(pk__in=Seat.objects.live().filter(group__in=groups).values("registration"))
    )
    return set(found.values_list("unit", flat=True))


def _beside(case: RmaCase, units: set[int]) -> set[int]:
    """The units in pools of these, one of which may be the heir, and those that keep their rights."""
    pools = pool_units(*Registration.objects.live().filter(unit__in=units))
    keeper = {case.secondary.unit_id} if case.secondary else set()
    return pools | keepers_of(units | pools) | keeper


def _check(case: RmaCase, unit: Unit, partner: Registration | None) -> None:
    if not Registration.objects.live().filter(pk=case.failed_id).exists():
        raise NotReplaceable(serial=case.failed.unit.serial)
    case.replacement = Unit.objects.select_related("model").get(pk=unit.pk)
    check_warranty(case)
    check_replacement(case)
    check_open_elsewhere([case.failed.unit, unit], exclude=case)
    partners = partners_of(case)
    if partner and partner not in partners.units:
        raise WrongPartner(serial=case.failed.unit.serial)
    if case.kind == RmaCase.Kind.TRANSFER:
        _check_alone(case.failed)
        return
    if partner is None and partners.is_fixed:
        raise PrimaryStays(serial=case.failed.unit.serial, primary=partners.units[0].unit.serial)
    check_pairs(unit, {case.failed_id, *(p.pk for p in partners.units)} if partner else {case.failed_id})


def _check_alone(failed: Registration) -> None:
    """Check that the failed unit is in no association: a transfer leaves associations alone."""
    groups = failed.seats.live().values("group")
    other = Seat.objects.live().with_units().filter(group__in=groups).exclude(registration=failed).first()
    if other:
        raise PairStands(serial=failed.unit.serial, other=other.registration.friendly_name)


def _registered(case: RmaCase, unit: Unit, *, by: User) -> Registration:
    """The replacement's registration: the account's, or a new one with the failed unit's name."""
    live = Registration.objects.live().select_related("account", "unit__model")
    present = live.filter(unit=unit).first()
    if present is not None:
        return present
    name = case.failed.friendly_name
    new = create_registration(unit=unit, account=case.account, friendly_name=name, by=by, reason=case.number)
    return live.get(pk=new.pk)


def _role(case: RmaCase) -> str:
    """The failed unit's role in its pair, or in its last one: parent, child, or empty."""
    seat = last_place(case.failed)
    return str(seat.side) if seat else ""


def _move(
    case: RmaCase,
    replacement: Registration,
    partner: Registration | None,
    *,
    by: User,
    today: datetime.date,
) -> tuple[Heirs, Handover]:
    """Seat the replacement and hand over the licences; return who got them."""
    if case.kind == RmaCase.Kind.REPLACEMENT:
        replacing = Replacing(case.failed, replacement, partner, by=by, today=today, reason=case.number)
        heirs = Heirs(case.failed, replace_in_associations(replacing), replacement)
    else:
        heirs = Heirs(case.failed, replacement, _successor(case.failed, replacement))
    reason = f"{case.number}: {case.symptom}"[:200]
    return heirs, hand_over(heirs, by=by, today=today, reason=reason)


def _successor(failed: Registration, receiver: Registration) -> Registration:
    """The unit that the customer put in a failed one's place: of the receiver's pair, the new one (X4)."""
    former = mates_of(failed)
    pair = pair_of(receiver) or (receiver,)
    new = [unit for unit in pair if unit not in former]
    return receiver if receiver in new or not new else new[0]


def _close(case: RmaCase, partner: Registration | None, *, by: User) -> None:
    case.partner, case.completed_at, case.completed_by = partner, timezone.now(), by
    enter(case, RmaCase.State.COMPLETED, by=by, now=case.completed_at)
    case.save()


def _note(
    case: RmaCase, heir: Registration, keysets: list[Registration], record: Record, *, by: User
) -> None:
    """Record what was done, with an audit entry for each unit whose keyset changed."""
    RmaCase.objects.filter(pk=case.pk).update(done=record.to_json())
    failed, replacement = case.failed.unit.serial, case.replacement.serial if case.replacement else ""
    serials = dict.fromkeys([failed, replacement, *(unit.unit.serial for unit in keysets)])
    data: dict[str, object] = {"case": case.number, "failed": failed, "kind": str(case.kind)}
    if record.licences or record.parts:
        data["licences"] = heir.unit.serial
    if case.kind == RmaCase.Kind.REPLACEMENT:
        data["replacement"] = replacement
    if case.warranty_until:
        data["warranty"] = case.warranty_until.isoformat()
    audit.record(
        AuditCode.RMA_COMPLETED,
        by=by,
        account=case.account,
        serials=serials,
        reason=case.symptom[:200],
        data=data,
    )
