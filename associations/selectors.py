"""What pages ask about associations."""

from dataclasses import dataclass

from django.db.models import Count, Q
from django.db.models.functions import Lower

from associations.models import AssociationType, Seat, Side, TypeModel
from portal.models import Account
from products.models import Registration
from products.querysets import RegistrationQuerySet

MOST_OFFERED = 100


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit that may be chosen on Create Association, and in which role."""

    type: AssociationType
    label: str
    registration: Registration
    is_shared: bool
    """Its licences are shared with another unit already: who joins it now becomes a spare (A9)."""

    @property
    def value(self) -> str:
        """What the form sends back for it."""
        return f"{self.type.slug}:{self.registration.unit.serial}"


@dataclass(frozen=True, slots=True)
class ChildCount:
    """A row of the table Associated Products: how many units are associated under a label."""

    label: str
    count: int
    spares: int


def sides_of(registration: Registration) -> set[str]:
    """Which sides the unit's model can take in any type; none: it can't be associated at all."""
    return set(TypeModel.objects.filter(model=registration.unit.model_id).values_list("side", flat=True))


@dataclass(frozen=True, slots=True)
class Candidates:
    """The units offered in one step of Create Association, and whether there are more than a page holds."""

    rows: list[Candidate]
    labels: list[str]
    has_more: bool


def candidates(account: Account, unit: Registration, *, side: Side, query: str = "") -> Candidates:
    """The units that can take `side` beside this one, of all types: for a parent A3, for a child A4.

    `query` narrows them by their names, serial numbers and registration codes; at most 100 are offered.
    """
    own_side = Side.CHILD if side == Side.PARENT else Side.PARENT
    seated = dict(unit.seats.live().values_list("type_id", "side"))
    found: list[tuple[AssociationType, Registration]] = []
    labels = []
    for type in AssociationType.objects.filter(models__model=unit.unit.model_id, models__side=own_side):
        if type.pk in seated and (own_side == Side.CHILD or seated[type.pk] != own_side):
            continue  # its own seat in this type rules that out
        labels.append(type.parent_label if side == Side.PARENT else type.child_label)
        fitting = _fitting(account, unit, type, side).matching(query)
        found += [(type, registration) for registration in fitting[: MOST_OFFERED + 1]]
    shared = _shared_already([registration for _, registration in found] if side == Side.PARENT else [unit])
    rows = [
        Candidate(
            type,
            type.parent_label if side == Side.PARENT else type.child_label,
            registration,
            is_shared=(type.pk, (registration if side == Side.PARENT else unit).pk) in shared,
        )
        for type, registration in found[:MOST_OFFERED]
    ]
    return Candidates(rows, labels, has_more=len(found) > MOST_OFFERED)


def _fitting(account: Account, unit: Registration, type: AssociationType, side: Side) -> RegistrationQuerySet:
    """Units of the account that fit a side: as parents those that are no children, as children those in no
    association.
    """
    taken = Seat.objects.live().filter(type=type)
    if side == Side.PARENT:
        taken = taken.filter(side=Side.CHILD)
    found = Registration.objects.visible_to(account).filter(
        unit__retired_at=None, unit__model__type_models__type=type, unit__model__type_models__side=side
    )
    if type.is_same_model:
        found = found.filter(unit__model=unit.unit.model_id)
    return (
        found.exclude(pk=unit.pk)
        .exclude(pk__in=taken.values("registration"))
        .order_by(Lower("friendly_name"), "pk")
    )


def _shared_already(parents: list[Registration]) -> set[tuple[int, int]]:
    """Those of the parents whose licences a child shares already, each with the type of association."""
    sharing = Seat.objects.live().filter(shares=True).values("group")
    seats = Seat.objects.live().filter(registration__in=parents, side=Side.PARENT, group__in=sharing)
    return set(seats.values_list("type", "registration"))


def live_seats(registration: Registration) -> list[Seat]:
    """The live seats of a unit, of its parents, and of all that share a pair with it; parents first."""
    groups = registration.seats.live().values("group")
    shown = Q(registration=registration) | Q(side=Side.PARENT) | Q(type__shares_licences=True)
    seats = Seat.objects.live().with_units().filter(shown, group__in=groups)
    return list(seats.order_by("type__position", "-side", "-shares", "pk")[:MOST_OFFERED])


def child_counts(registration: Registration) -> list[ChildCount]:
    """The rows of Associated Products for a unit: one for each type that its model has a part in.

    Each counts the associated units. A child's row is its parent's label (A5).
    """
    mine = dict(registration.seats.live().values_list("type_id", "side"))
    children = Seat.objects.live().filter(
        group__in=registration.seats.live().values("group"), side=Side.CHILD
    )
    counted = {
        row["type"]: row
        for row in children.values("type").annotate(
            all=Count("pk"), sharing=Count("pk", filter=Q(shares=True))
        )
    }
    types = (
        AssociationType.objects.filter(models__model=registration.unit.model_id)
        .annotate(as_parent=Count("models", filter=Q(models__side=Side.PARENT)))
        .order_by("position", "pk")  # a query that groups forgets the model's own order
    )
    rows = []
    for type in types:
        if mine.get(type.pk) == Side.CHILD:
            rows.append(ChildCount(type.parent_label, 1, 0))
        elif type.as_parent:
            count = counted.get(type.pk, {"all": 0, "sharing": 0})
            spares = count["all"] - count["sharing"] if type.shares_licences else 0
            rows.append(ChildCount(type.child_label, count["all"], spares))
    return rows
