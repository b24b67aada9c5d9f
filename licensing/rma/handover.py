"""A failed unit's licences go to the units that go on without it (L7, X2).

Shareable ones go to the HF Primary afterwards, the others to the unit in the failed one's place. Each stays
what it is; what isn't transferable ends with the unit.
"""

import datetime
from dataclasses import dataclass

from django.db.models import Q

from licensing.acts import LicenceMove, PartMove
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence, ModelService, PoolPart, Service
from licensing.moves.exchange import move_licences, pool_units, settle_parts, share_trials
from licensing.rma.comparison import Moved
from licensing.rma.record import Line, Verdict
from licensing.rma.snapshot import named
from licensing.wording import count_in_words, licence_in_words
from portal.models import User
from products.models import Registration, Unit


@dataclass(frozen=True, slots=True)
class Heirs:
    """Who gets what a failed unit held: `heir` what is shareable, and parts; `successor` the rest.

    Both may be one unit.
    """

    failed: Registration
    heir: Registration
    successor: Registration

    @property
    def all(self) -> list[Registration]:
        """The units concerned, each once."""
        return list({unit.pk: unit for unit in (self.failed, self.heir, self.successor)}.values())

    @property
    def serials(self) -> tuple[str, list[str]]:
        """The serial number of the failed unit, and those of its heirs."""
        return self.failed.unit.serial, [unit.unit.serial for unit in self.all if unit != self.failed]

    def of(self, service: Service) -> Registration | None:
        """Who gets licences of a service; None: nobody."""
        if not service.is_transferable:
            return None
        return self.heir if service.is_shareable else self.successor


@dataclass(frozen=True, slots=True)
class Handover:
    """Everything that was handed over, and what becomes of each thing that the failed unit held."""

    licences: list[LicenceMove]
    parts: list[PartMove]
    lines: list[Line]
    moved: Moved


def hand_over(heirs: Heirs, *, by: User, today: datetime.date, reason: str) -> Handover:
    """Hand over everything transferable; each unit counts as having had the others' trials (L5).

    Callers hold a transaction, and have locked the units and their `pool_units`.
    """
    failed = heirs.failed
    held = Licence.objects.filter(registration=failed).select_related("service")
    licences = list(held.order_by("service__code", "begins_on", "pk"))
    borrowed = PoolPart.objects.filter(registration=failed).select_related(
        "licence__service", "licence__registration"
    )
    parts = list(borrowed.order_by("licence__service__code", "pk"))
    lines = [_licence_line(row, heirs, today) for row in licences]
    lines += [_part_line(part, heirs) for part in parts]
    moves = [
        LicenceMove(row.uuid, failed.pk, to.pk)
        for row in licences
        if (to := heirs.of(row.service)) is not None
    ]
    detail = failed.unit.serial
    with ledger.noted(heirs.all, right=LedgerEntry.Right.RMA, by=by, reason=reason, detail=detail):
        move_licences(moves)
        concerned = Q(registration=failed) | Q(licence__uuid__in=[move.licence for move in moves])
        moved = settle_parts(concerned, heirs={failed.pk: heirs.heir.pk})
    share_trials(*(unit.unit for unit in heirs.all))
    Unit.objects.filter(pk__in=pool_units(*heirs.all)).raise_version()
    return Handover(moves, moved, lines + _included_line(failed), _moved(licences, heirs, today))


def _moved(licences: list[Licence], heirs: Heirs, today: datetime.date) -> Moved:
    """Who gets what runs or is to come, and what of that ends."""
    present = [row for row in licences if not row.is_expired(today)]
    ends = [
        (row.service.name, f"{row.service}, {licence_in_words(row, today)}, ends: it isn't transferable.")
        for row in present
        if heirs.of(row.service) is None
    ]
    return Moved([to for row in present if (to := heirs.of(row.service)) is not None], ends)


def _licence_line(licence: Licence, heirs: Heirs, today: datetime.date) -> Line:
    service, target = licence.service, heirs.of(licence.service)
    what = licence_in_words(licence, today)
    if target is None:
        why = f"{service} isn't transferable: it ends with the unit."
        return Line(service.name, what, Verdict.STAYS, why)
    return Line(service.name, what, Verdict.MOVES, f"To {named(target)}.")


def _part_line(part: PoolPart, heirs: Heirs) -> Line:
    owner, service = part.licence.registration, part.licence.service
    what = f"{count_in_words(part.count)} of {owner.friendly_name}'s licenses"
    back = ", back to its own license" if owner == heirs.heir else ""
    return Line(service.name, what, Verdict.MOVES, f"To {named(heirs.heir)}{back}.")


def _included_line(failed: Registration) -> list[Line]:
    """A line for what isn't the unit's own, but comes with its model."""
    included = ModelService.objects.filter(model=failed.unit.model_id).order_by("service__code")
    names = ", ".join(included.values_list("service__name", flat=True))
    model = failed.unit.model
    why = f"Every {model} comes with that: nobody bought it for this unit."
    return [Line(names, f"comes with the {model}", Verdict.STAYS, why)] if names else []
