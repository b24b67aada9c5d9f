"""What is shown of a completed case: what moved, and what to do on the appliances (X8)."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from associations.models import Seat, Side
from licensing.models import RmaCase
from licensing.rma.comparison import Comparison
from licensing.rma.record import Line, record_of
from licensing.rma.selectors import last_place, mates_of, open_on
from portal.models import User
from products.models import Registration

type PairOfUnits = tuple[Registration, Registration]
"""The primary, and the secondary that shares its licences."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What the administrator does on the appliances, in the order of the fields.

    `failed_too` are open cases of other units, which nobody can log in to. `source`, which was in service,
    sends its settings to `target` (None: nothing is sent). `came_without_settings` is the case by which the
    source itself came, while nobody could log in to the unit that had the settings: they are imported first.
    `is_failed_primary`: the failed unit was the primary. `is_reversed`: the source is the secondary in the
    portal. `keysets` are the units that need a new keyset.
    """

    failed_too: list[RmaCase]
    came_without_settings: RmaCase | None
    source: Registration | None
    target: Registration | None
    is_failed_primary: bool
    is_reversed: bool
    replacement: Registration
    keysets: list[Registration]

    @property
    def sends_settings(self) -> bool:
        """Whether settings are sent, because both units can be logged in to."""
        return self.source is not None and not self.is_unreachable

    @property
    def is_unreachable(self) -> bool:
        """Whether settings should be sent, but one of the two units has failed, too."""
        failed = {case.failed_id for case in self.failed_too}
        return self.source is not None and bool(failed & {unit.pk for unit in self._ends})

    @property
    def _ends(self) -> list[Registration]:
        return [unit for unit in (self.source, self.target) if unit]


def steps_of(
    case: RmaCase, *, pair: PairOfUnits | None, replacement: Registration, keysets: list[Registration]
) -> Steps:
    """The steps after a case, as the units are now: `pair` was made, and `keysets` need a new keyset."""
    others = [unit for unit in (*(pair or ()), *keysets) if unit.pk != replacement.pk]
    failed_too = open_on(others)
    failed = {other.failed_id for other in failed_too}
    place = last_place(case.failed)
    source = _source(case, place, pair, replacement)
    return Steps(
        failed_too,
        _came_without_settings(case, source) if source else None,
        source,
        next((unit for unit in pair if unit != source), None) if pair and source else None,
        bool(place and place.side == Side.PARENT),
        bool(pair and source == pair[1]),
        replacement,
        [unit for unit in keysets if unit.pk not in failed],
    )


def _source(
    case: RmaCase, place: Seat | None, pair: PairOfUnits | None, replacement: Registration
) -> Registration | None:
    """The unit of the pair that was in service, and so has the settings: never the replacement (X8).

    None if none are to be sent: a transfer comes after that, and a spare wasn't in service.
    """
    if pair is None or place is None or case.kind == RmaCase.Kind.TRANSFER:
        return None
    if place.side == Side.CHILD and not place.shares:
        return None
    candidates = [unit for unit in pair if unit != replacement]
    mates = mates_of(case.failed)
    served = next((mate for mate in mates if mate in candidates), None)
    if served is None and replacement not in mates:  # a mate was replaced since, or there were spares only
        return candidates[0]
    return served


def _came_without_settings(case: RmaCase, source: Registration) -> RmaCase | None:
    """The case by which a unit came while nobody could log in to the one that has failed now."""
    replaced = Q(replacement=source.unit_id, kind=RmaCase.Kind.REPLACEMENT, state__in=RmaCase.DONE)
    earlier = RmaCase.objects.filter(replaced).exclude(pk=case.pk).select_related("failed__unit")
    found = earlier.order_by("-pk").first()
    record = record_of(found) if found else None
    return found if record and record.unreachable == case.failed_id else None


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A completed case: `heir` got the licences, `keysets` need a new keyset, `pair` was made.

    `comparison` is what its dry run showed; None for a case of before that was kept.
    """

    lines: tuple[Line, ...]
    heir: Registration
    replacement: Registration
    role: str
    pair: PairOfUnits | None
    keysets: list[Registration]
    steps: Steps
    comparison: Comparison | None

    @property
    def is_owned(self) -> bool:
        """Whether the account still has both units; if not, there is nothing left to do on them."""
        return self.heir.ended_at is None and self.replacement.ended_at is None


def shown_case(case: RmaCase) -> ShownCase | None:
    """Read the record of a completed case; a unit that has left the account since gets no keyset."""
    record = record_of(case)
    if record is None:
        return None
    pks = [record.heir, record.replacement, *(record.pair or ()), *record.keysets]
    found = {unit.pk: unit for unit in read_registrations(pks)}
    pair = (found[record.pair[0]], found[record.pair[1]]) if record.pair else None
    keysets = [found[pk] for pk in record.keysets if found[pk].ended_at is None]
    heir, replacement = found[record.heir], found[record.replacement]
    steps = steps_of(case, pair=pair, replacement=replacement, keysets=keysets)
    compared = record.comparison
    return ShownCase(record.lines, heir, replacement, record.role, pair, keysets, steps, compared)


@dataclass(frozen=True, slots=True)
class ShownUndoing:
    """What undoing a case did, and who did it; `keysets` are the account's units that need a new keyset.

    `pair` is the primary and the secondary that it made again, `leaves` the unit that it took out of the
    account.
    """

    comparison: Comparison | None
    keysets: list[Registration]
    by: User | None
    pair: PairOfUnits | None
    leaves: Registration | None


def shown_undoing(case: RmaCase) -> ShownUndoing | None:
    """Read the record of an undone case; None if it wasn't undone."""
    record = record_of(case)
    if record is None or case.state != RmaCase.State.UNDONE:
        return None
    shared = next((link for link in record.ended if link.shares), None)
    pks = [*record.undone, record.replacement, *((shared.parent, shared.child) if shared else ())]
    found = {unit.pk: unit for unit in read_registrations(pks)}
    keysets = [found[pk] for pk in record.undone if found[pk].ended_at is None]
    step = case.steps.select_related("by").filter(state=RmaCase.State.UNDONE).first()
    return ShownUndoing(
        record.undone_comparison,
        keysets,
        step.by if step else None,
        (found[shared.parent], found[shared.child]) if shared else None,
        found[record.replacement] if record.is_registered_by_it else None,
    )


def read_registrations(pks: Iterable[int]) -> list[Registration]:
    """Registrations by their primary keys, in this order, each once."""
    pks = dict.fromkeys(pks)
    found = Registration.objects.select_related("unit__model").in_bulk(pks)
    return [found[pk] for pk in pks]
