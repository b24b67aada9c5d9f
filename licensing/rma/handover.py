"""A failed unit's licences go to the HF Primary afterwards, and come back when undone (L7, X2, X5).

Nothing vanishes: of two licences for one service the heir gets the better; the other goes to the replacement
if that has none, and otherwise stays in the failed unit's record.
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from licensing.entitlements.timeline import Right
from licensing.entitlements.today import Entitlement
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence, ModelService, PoolPart, Service
from licensing.moves.exchange import pool_units, rearrange, share_trials
from licensing.wording import count_in_words, licence_in_words
from portal.models import User
from products.models import Registration, Unit


class Verdict(StrEnum):
    """What becomes of one licence of the failed unit."""

    MOVES = "moves"
    MERGES = "merges"
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class HandoverLine:
    """A service that the failed unit held, what becomes of it, and why."""

    service: str
    what: str
    verdict: Verdict
    why: str


class PartMove(NamedTuple):
    """Counts of a pool that changed hands; `owner` had the licence before. Without a receiver: returned."""

    service: int
    owner: int
    holder: int
    to: int | None
    number: int


@dataclass(slots=True)
class Handover:
    """Everything that was handed over. `owners` maps, by service, whose licence became whose."""

    lines: list[HandoverLine] = field(default_factory=list)
    owners: dict[int, dict[int, int]] = field(default_factory=dict)
    parts: list[PartMove] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Heirs:
    """The units concerned; the heir may be the replacement."""

    failed: Registration
    heir: Registration
    replacement: Registration

    @property
    def all(self) -> list[Registration]:
        found = {r.pk: r for r in (self.failed, self.heir, self.replacement)}
        return list(found.values())


def hand_over(
    *,
    failed: Registration,
    heir: Registration,
    replacement: Registration,
    by: User,
    today: datetime.date,
    reason: str,
) -> Handover:
    """Hand over everything transferable; each unit counts as having had the others' trials (L5).

    Callers hold a transaction, and have locked the units and their `pool_units`.
    """
    heirs = _Heirs(failed, heir, replacement)
    done = Handover()
    with ledger.noted(
        heirs.all, right=LedgerEntry.Right.RMA, by=by, reason=reason, detail=failed.unit.serial
    ):
        held = {(row.registration_id, row.service_id): row for row in _licences(heirs.all)}
        for service in Service.objects.all():
            licences = {r.pk: held[r.pk, service.pk] for r in heirs.all if (r.pk, service.pk) in held}
            if failed.pk in licences:
                owners = _judge(done, heirs, service, licences, today)
                if owners:
                    rearrange(service, owners)
                    done.owners[service.pk] = owners
        _gather_parts(done, heirs)
    _name_included(done, failed)
    share_trials(*(registration.unit for registration in heirs.all))
    Unit.objects.filter(pk__in=pool_units(*heirs.all)).raise_version()
    return done


def _name_included(done: Handover, failed: Registration) -> None:
    """Add a line for what isn't the unit's own, but comes with its model."""
    included = ModelService.objects.filter(model=failed.unit.model_id).order_by("service__code")
    names = ", ".join(included.values_list("service__name", flat=True))
    if names:
        model = failed.unit.model
        why = f"Every {model} comes with that: nobody bought it for this unit."
        done.lines.append(HandoverLine(names, f"comes with the {model}", Verdict.STAYS, why))


def _licences(registrations: Iterable[Registration]) -> Iterable[Licence]:
    return Licence.objects.filter(registration__in=list(registrations)).select_related("service")


def _of(licence: Licence) -> Entitlement:
    return Entitlement(licence.service, Right.OWN, licence.kind, licence.count, licence.expires_on)


def _judge(
    done: Handover, heirs: _Heirs, service: Service, licences: dict[int, Licence], today: datetime.date
) -> dict[int, int]:
    """Decide about one licence of the failed unit: add its line, and return whose becomes whose."""
    failed, heir, replacement = heirs.failed.pk, heirs.heir.pk, heirs.replacement.pk
    mine, theirs = _of(licences[failed]), licences.get(heir)
    if not service.is_transferable:
        why = f"{service} isn't transferable: it ends with the unit."
        verdict, owners = Verdict.STAYS, {}
    elif theirs is None:
        verdict, owners = Verdict.MOVES, {failed: heir}
        why = f"It goes to {heirs.heir.friendly_name}."
    else:
        is_better = mine.worth(today) > _of(theirs).worth(today)
        loser = heir if is_better else failed
        rest = replacement if replacement not in licences and replacement != heir else failed
        owners = {failed: heir} if is_better else {}
        owners |= {loser: rest} if loser != rest else {}
        verdict = Verdict.MERGES if owners else Verdict.STAYS
        own = f"{heirs.heir.friendly_name}'s own ({licence_in_words(theirs, today)})"
        why = _why(heirs, own, is_better=is_better, to_replacement=rest == replacement)
    done.lines.append(HandoverLine(service.name, licence_in_words(mine, today), verdict, why))
    return owners


def _why(heirs: _Heirs, own: str, *, is_better: bool, to_replacement: bool) -> str:
    where = f"to {heirs.replacement.friendly_name}" if to_replacement else "into the failed unit's record"
    if is_better:
        return f"It is better than {own}, and takes its place; that one goes {where}."
    if to_replacement:
        return f"{own} is at least as good and stays; this one goes {where}."
    return f"{own} is at least as good and stays; this one stays in the failed unit's record."


def _gather_parts(done: Handover, heirs: _Heirs) -> None:
    """Give the heir the failed unit's parts of pools; a part of the heir's own licence returns to it."""
    original = {(service, new): old for service, owners in done.owners.items() for old, new in owners.items()}
    units = [registration.pk for registration in heirs.all]
    parts = PoolPart.objects.filter(registration__in=units).select_related("licence__service").order_by("pk")
    for part in list(parts):
        owner, service = part.licence.registration_id, part.licence.service
        before = original.get((service.pk, owner), owner)
        is_failed = part.registration_id == heirs.failed.pk
        holder = heirs.heir.pk if is_failed else part.registration_id
        if holder == owner:
            part.delete()
            done.parts.append(PartMove(service.pk, before, part.registration_id, None, part.count))
            why = f"It goes back to the pool of {part.licence.registration.friendly_name}."
        elif is_failed:
            give_part(part.licence, holder, part.count)
            part.delete()
            done.parts.append(PartMove(service.pk, before, part.registration_id, holder, part.count))
            why = f"It goes to {heirs.heir.friendly_name}."
        else:
            continue
        if is_failed:
            what = f"{count_in_words(part.count)} of {part.licence.registration.friendly_name}'s licenses"
            done.lines.append(HandoverLine(service.name, what, Verdict.MOVES, why))


def give_part(licence: Licence, registration: int, count: int) -> None:
    """Give a unit counts of a pool, or take them if `count` is negative; a part of nothing is deleted."""
    part = PoolPart.objects.filter(licence=licence, registration=registration).first()
    total = (part.count if part else 0) + count
    if part and total == 0:
        part.delete()
    else:
        PoolPart.objects.update_or_create(
            licence=licence, registration_id=registration, defaults={"count": total}
        )


def return_licences(
    *,
    done: Handover,
    failed: Registration,
    heir: Registration,
    replacement: Registration,
    newer: dict[int, int],
    by: User,
    reason: str,
) -> None:
    """Return everything that was handed over, with what was redeemed and renewed since (X5).

    `newer` maps services to units that have since got a licence which goes back with the others.
    Callers hold a transaction, have locked the units and their `pool_units`, and know that no counts moved.
    """
    heirs = _Heirs(failed, heir, replacement)
    services = Service.objects.in_bulk([*done.owners, *newer, *(move.service for move in done.parts)])
    with ledger.noted(
        heirs.all, right=LedgerEntry.Right.RMA, by=by, reason=reason, detail=failed.unit.serial
    ):
        for service, owners in done.owners.items():
            rearrange(services[service], {new: old for old, new in owners.items()})
        for service, unit in newer.items():
            rearrange(services[service], {unit: failed.pk})
        for move in reversed(done.parts):
            licence = Licence.objects.get(service=move.service, registration=move.owner)
            if move.to is not None:
                give_part(licence, move.to, -move.number)
            give_part(licence, move.holder, move.number)
    Unit.objects.filter(pk__in=pool_units(*heirs.all)).raise_version()
