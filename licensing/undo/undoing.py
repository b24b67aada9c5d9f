"""Undoing what a member did: a new change forward that leaves units as they were before (rule L8)."""

import datetime
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q

from associations.replacing import exchange_links
from licensing.acts import KeyUse
from licensing.audit_codes import AuditCode
from licensing.errors import LicencesChanged
from licensing.ledger import writing as ledger
from licensing.models import ActivationKey, LedgerEntry, Licence
from licensing.moves.exchange import (
    move_licences,
    move_parts,
    pool_units,
    settle_parts,
    standing,
)
from licensing.rma.selectors import keepers_of
from licensing.rma.snapshot import UnitShown, snapshot, to_apply
from licensing.undo.past import Past, check_undo
from portal import audit
from portal.models import Account, Act, User
from products.models import Registration, Unit


@dataclass(frozen=True, slots=True)
class UnitChange:
    """A unit as it is afterwards, with its roles before, and its services that change: each before and after.

    All but the unit is words.
    """

    unit: UnitShown
    roles: tuple[str, ...]
    services: list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Undoing:
    """What undoing does, or would do, to units; `keysets` are those that need a new keyset."""

    changes: list[UnitChange]
    keysets: list[Registration]


def rehearse_undo(*, act: Act, by: User, now: datetime.datetime) -> Undoing:
    """Return what undoing an act would do: everything is done and rolled back (the dry run).

    Raises what `undo_act` raises.
    """
    with transaction.atomic():
        undoing = _carry_out(act, by=by, now=now)
        transaction.set_rollback(True)
    return undoing


@transaction.atomic
def undo_act(*, act: Act, by: User, now: datetime.datetime) -> Undoing:
    """Undo what a member did: associations, licences, counts and a key's licence are as they were before it.

    The key can be redeemed again. Raises UndoneAlready, UndoTooLate, UndoBlocked, KeysetReadSince, and
    LicencesChanged if counts were shared out before the locks were held.
    """
    return _carry_out(act, by=by, now=now)


def _carry_out(act: Act, *, by: User, now: datetime.datetime) -> Undoing:
    past, units = _lock(act)
    check_undo(past, now.date())
    concerned = [*(unit.unit for unit in past.named), *units]
    before = snapshot(concerned, now.date())
    _put_back(past, by=by)
    Unit.objects.filter(pk__in=[unit.pk for unit in concerned]).raise_version()
    Act.objects.filter(pk=act.pk).update(undone_at=now, undone_by=by)
    _note(past, by=by)
    after = snapshot(concerned, now.date())
    changes = [_change(*sides) for sides in zip(before, after, strict=True) if sides[0] != sides[1]]
    return Undoing(changes, to_apply(before, after))


def _change(before: UnitShown, after: UnitShown) -> UnitChange:
    """How a unit changes; what it isn't licensed for has no words on that side."""
    had, has = ({row.name: row.what for row in side.services} for side in (before, after))
    services = [(name, had.get(name, ""), has.get(name, "")) for name in {**had, **has}]
    return UnitChange(after, before.roles, [row for row in services if row[1] != row[2]])


def _lock(act: Act) -> tuple[Past, list[Unit]]:
    """Lock account, act, key and units, in this order; return what the act did, and further units concerned.

    A key is redeemed under the same lock of its account, then of its row.
    """
    Account.objects.select_for_update(no_key=True).get(pk=act.account_id)
    Act.objects.select_for_update(no_key=True).get(pk=act.pk)
    act = Act.objects.select_related("account", "undone_by__membership").get(pk=act.pk)
    past = Past.read(act)
    if past.record.key:
        ActivationKey.objects.select_for_update(no_key=True).get(pk=past.record.key.key)
    units = _units_of(past)
    list(Unit.objects.locked(units))
    past = Past.read(act)
    if not _units_of(past) <= units:
        raise LicencesChanged
    others = units - {unit.unit_id for unit in past.named}
    return past, list(Unit.objects.select_related("model").filter(pk__in=others).order_by("pk"))


def _units_of(past: Past) -> set[int]:
    """The units that undoing concerns, those that share or keep their licences, and those in their pools."""
    units = pool_units(*past.named) | {unit.unit_id for unit in past.gained}
    return units | keepers_of(units)


def _put_back(past: Past, *, by: User) -> None:
    record = past.record
    if record.begun or record.ended:
        primary = next((link.parent for link in record.begun if link.shares), None)
        is_swap = past.act.kind == Act.Kind.SWAP
        exchange_links(
            out=record.begun,
            back=record.ended,
            by=by,
            reason="",
            by_rma=False,
            swapped_with=past.units[primary] if primary and is_swap else None,
        )
    with ledger.noted(past.named, right=LedgerEntry.Right.UNDO, by=by):
        move_licences(move.back for move in record.licences if move.licence in past.licences)
        move_parts(move.back for move in standing(record.parts))
        settle_parts(Q(licence__uuid__in=record.licence_names))
        if record.key:
            _take_back(record.key)


def _take_back(use: KeyUse) -> None:
    """Put a key's licence back to what it was, or delete it if the key made it; the key works again."""
    licence = Licence.objects.filter(uuid=use.licence)
    if use.before is None:
        licence.delete()
    else:
        names = ("count", "begins_on", "expires_on", "counted_from")
        licence.update(**{name: use.before[name] for name in names})
    key = ActivationKey.objects.filter(pk=use.key)
    key.update(redeemed_at=None, redeemed_by=None, redeemed_on=None)


def _note(past: Past, *, by: User) -> None:
    act, use = past.act, past.record.key
    data: dict[str, object] = {"kind": str(act.get_kind_display()), "day": f"{act.at:%d %b %Y}"}
    if use:
        data["last_four"] = ActivationKey.objects.values_list("last_four", flat=True).get(pk=use.key)
    serials = [unit.unit.serial for unit in past.named]
    audit.record(AuditCode.ACT_UNDONE, by=by, account=act.account, serials=serials, data=data)
