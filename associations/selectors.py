"""What pages ask about associations."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q
from django.db.models.functions import Lower

from associations.errors import DifferentModels, UnitNotActive
from associations.models import AssociationType, Seat, Side, TypeModel
from portal.models import Account
from products.models import Registration
from products.querysets import RegistrationQuerySet

MOST_OFFERED = 100
MOST_HISTORY_ROWS = 50


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit that may be chosen on Create Association, and its role."""

    type: AssociationType
    label: str
    registration: Registration
    is_shared: bool
    """The parent's licences are shared with another unit already: a further child becomes a spare (A9)."""
    place: "Place | None" = None
    """Where a child with another parent is now: choosing it changes its parent (A6)."""

    @property
    def value(self) -> str:
        """The value that the form sends for it."""
        return f"{self.type.slug}:{self.registration.unit.serial}"


@dataclass(frozen=True, slots=True)
class ChildCount:
    """A row of the table Associated Products: how many units are associated under a label."""

    type: AssociationType
    label: str
    count: int
    spares: int


@dataclass(frozen=True, slots=True)
class Associated:
    """What My Product - Associated Products lists: the seats of the other `side`, under their `label`."""

    label: str
    side: Side
    mine: Seat | None
    rows: list[Seat]
    has_more: bool

    @property
    def items(self) -> list[tuple[Seat, Seat]]:
        """Each row with the child's seat that associates it."""
        return [(row, self.mine if self.mine and self.side == Side.PARENT else row) for row in self.rows]


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One entry of a unit's history: a child's seat beside its parent, as seen from `viewer`."""

    seat: Seat
    parent: Registration
    viewer: Registration

    @property
    def other(self) -> Registration:
        """The unit that it was associated with."""
        return self.parent if self._is_child else self.seat.registration

    @property
    def role(self) -> str:
        """The viewer's own role."""
        return self.seat.role if self._is_child else self.seat.type.parent_label

    @property
    def was_with_spare(self) -> bool:
        """Whether the other unit was a spare."""
        return self.seat.is_spare and not self._is_child

    @property
    def _is_child(self) -> bool:
        return self.seat.registration_id == self.viewer.pk


@dataclass(frozen=True, slots=True)
class Place:
    """A unit's role in a pair, as My Products shows it, and its partner, if it shares licences with one."""

    seat: Seat
    partner: Registration | None


def places_of(registrations: Sequence[Registration]) -> dict[int, Place]:
    """The places in pairs of many units, by registration; units in no pair are left out. Two queries."""
    pairs = Seat.objects.live().with_units().filter(type__shares_licences=True)
    mine = list(pairs.filter(registration__in=registrations))
    others = pairs.filter(Q(side=Side.PARENT) | Q(shares=True), group__in=[seat.group for seat in mine])
    ends = {(seat.group, seat.side): seat.registration for seat in others}
    return {
        seat.registration_id: Place(
            seat, ends.get((seat.group, Side.CHILD if seat.side == Side.PARENT else Side.PARENT))
        )
        for seat in mine
    }


def role_choices() -> list[tuple[str, str]]:
    """The roles that My Products can be filtered by: those of types that share licences, and none."""
    types = AssociationType.objects.filter(shares_licences=True)
    roles = [
        choice
        for type in types
        for choice in ((f"{type.slug}:parent", type.parent_label), (f"{type.slug}:child", type.child_label))
    ]
    return [*roles, ("none", "No pair")] if roles else []


def in_role(role: str) -> Q:
    """The condition on registrations for a choice of role; an unknown choice filters nothing."""
    seats = Seat.objects.live().filter(type__shares_licences=True)
    if role == "none":
        return ~Q(pk__in=seats.values("registration"))
    slug, _, side = role.partition(":")
    return Q(pk__in=seats.filter(type__slug=slug, side=side).values("registration")) if side else Q()


def sharers_of(parents: list[Registration]) -> list[Registration]:
    """The other units that share the licences of one of these."""
    led = Seat.objects.live().filter(registration__in=parents, side=Side.PARENT).values("group")
    sharing = Seat.objects.live().filter(group__in=led, shares=True).values("registration")
    others = Registration.objects.exclude(pk__in=[parent.pk for parent in parents])
    return list(others.filter(pk__in=sharing).select_related("unit").order_by("pk"))


def is_paired(registration: Registration) -> bool:
    """Whether a unit is in a pair, in which the second unit shares the first one's licences."""
    groups = Seat.objects.live().filter(Q(side=Side.PARENT) | Q(shares=True), registration=registration)
    return Seat.objects.live().filter(group__in=groups.values("group"), shares=True).exists()


def sides_of(registration: Registration, type: AssociationType | None = None) -> set[str]:
    """The sides that the unit's model can take in a type, or in any; empty if it can't be associated."""
    places = TypeModel.objects.filter(model=registration.unit.model_id)
    if type is not None:
        places = places.filter(type=type)
    return set(places.values_list("side", flat=True))


def seat_elsewhere(child: Registration, type: AssociationType, parent: Registration) -> Seat | None:
    """The live seat of a child beside another parent: giving it this one is a change of parent (A6)."""
    seat = child.seats.live().with_units().filter(type=type, side=Side.CHILD).first()
    own = parent.seats.live().filter(type=type, side=Side.PARENT).values_list("group", flat=True)
    return seat if seat and seat.group not in own else None


def is_beside(child: Registration, type: AssociationType, parent: Registration) -> bool:
    """Whether a unit is already the child of another."""
    own = parent.seats.live().filter(type=type, side=Side.PARENT).values("group")
    return child.seats.live().filter(type=type, side=Side.CHILD, group__in=own).exists()


def takes_standby(parent: Registration, type: AssociationType) -> bool:
    """Whether the next child of a parent would share its licences, because none does so far."""
    groups = parent.seats.live().filter(type=type).values("group")
    return type.shares_licences and not Seat.objects.live().filter(group__in=groups, shares=True).exists()


def standby_since(seat: Seat) -> Seat | None:
    """The live seat in which the unit of a former spare's seat shares by now, beside the same parent."""
    sharing = Seat.objects.live().with_units().filter(group=seat.group, shares=True)
    return sharing.filter(registration=seat.registration_id).exclude(pk=seat.pk).first()


def spares_of(seat: Seat) -> list[Seat]:
    """The live spares of the parent beside which a child is, or was, seated: at most 100."""
    spares = Seat.objects.live().with_units().filter(group=seat.group, side=Side.CHILD, shares=False)
    return list(spares.exclude(pk=seat.pk).order_by("pk")[:MOST_OFFERED])


@dataclass(frozen=True, slots=True)
class Candidates:
    """The units offered in one step of Create Association, and whether there are more than a page holds."""

    rows: list[Candidate]
    labels: list[str]
    has_more: bool
    for_pairs: bool
    """Whether one of the types makes failover pairs: two units of one model."""

    @property
    def has_spares(self) -> bool:
        """Whether a unit offered has a sharing child already, so that another child would be a spare."""
        return any(row.is_shared for row in self.rows)

    @property
    def has_notes(self) -> bool:
        """Whether a unit offered has a note beside it."""
        return self.has_spares or any(row.place for row in self.rows)


def candidates(
    account: Account,
    unit: Registration,
    *,
    side: Side,
    query: str = "",
    with_children: bool = False,
    changing: AssociationType | None = None,
) -> Candidates:
    """The units that can take `side` beside this one, of all types: as its parent A3, as its child A4.

    `query` filters by name, serial number and registration code; at most 100 are offered.
    `with_children` also offers, as children, those that have another parent: choosing one is A6.
    `changing` offers other parents in that type to a unit that has one.
    """
    own_side = Side.CHILD if side == Side.PARENT else Side.PARENT
    seated = dict(unit.seats.live().values_list("type_id", "side"))
    found: list[tuple[AssociationType, Registration]] = []
    labels, for_pairs = [], False
    types = AssociationType.objects.filter(models__model=unit.unit.model_id, models__side=own_side)
    for type in types.filter(pk=changing.pk) if changing else types:
        if not changing and type.pk in seated and (own_side == Side.CHILD or seated[type.pk] != own_side):
            continue  # its own seat in this type rules that out
        labels.append(type.parent_label if side == Side.PARENT else type.child_label)
        for_pairs = for_pairs or type.is_same_model
        fitting = _fitting(account, unit, type, side, with_children).matching(query)
        found += [(type, registration) for registration in fitting[: MOST_OFFERED + 1]]
    places = places_of([registration for _, registration in found]) if with_children else {}
    shared = _shared_already([registration for _, registration in found] if side == Side.PARENT else [unit])
    rows = [
        Candidate(
            type,
            type.parent_label if side == Side.PARENT else type.child_label,
            registration,
            is_shared=(type.pk, (registration if side == Side.PARENT else unit).pk) in shared,
            place=places.get(registration.pk) if type.shares_licences else None,
        )
        for type, registration in found[:MOST_OFFERED]
    ]
    return Candidates(rows, labels, has_more=len(found) > MOST_OFFERED, for_pairs=for_pairs)


def why_not_offered(unit: Registration, origin: Registration) -> str:
    """The code of the rule that keeps a unit from being associated with `origin`, in either role.

    Empty if both models fit: then it is its place elsewhere that keeps the origin out.
    """
    if origin.unit.retired_at:
        return UnitNotActive.code
    mine, its = unit.unit.model_id, origin.unit.model_id
    sides = TypeModel.objects.filter(model__in=[mine, its])
    fitting = set(sides.values_list("type", "side", "model", "type__is_same_model"))
    fits = any(
        side == Side.PARENT and model == parent and (type, Side.CHILD, child, is_same) in fitting
        for parent, child in ((mine, its), (its, mine))
        for type, side, model, is_same in fitting
        if mine == its or not is_same
    )
    return "" if fits else DifferentModels.code


def _fitting(
    account: Account, unit: Registration, type: AssociationType, side: Side, with_children: bool
) -> RegistrationQuerySet:
    """Units of the account that fit a side: as parents those that are no children, as children those in no
    association, or, `with_children`, those that are no parents.
    """
    taken = Seat.objects.live().filter(type=type)
    mine = unit.seats.live().filter(type=type).values("group")
    if side == Side.PARENT:
        taken = taken.filter(Q(side=Side.CHILD) | Q(group__in=mine))
    elif with_children:
        taken = taken.filter(Q(side=Side.PARENT) | Q(group__in=mine))
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
            rows.append(ChildCount(type, type.parent_label, 1, 0))
        elif type.as_parent:
            count = counted.get(type.pk, {"all": 0, "sharing": 0})
            spares = count["all"] - count["sharing"] if type.shares_licences else 0
            rows.append(ChildCount(type, type.child_label, count["all"], spares))
    return rows


def seat_of(account: Account, registration: Registration, uuid: UUID) -> Seat | None:
    """The very child's seat that a page of a unit meant, live or ended; only the account's own."""
    groups = registration.seats.values("group")
    seats = Seat.objects.with_units().filter(registration__account=account, group__in=groups)
    return seats.filter(uuid=uuid, side=Side.CHILD).first()


def associated(registration: Registration, type: AssociationType, query: str = "") -> Associated:
    """What is associated with a unit in a type, under the label that its own place there leaves (A5).

    A child has its parent, a parent its children; at most 100, narrowed by `query`.
    """
    mine = registration.seats.live().filter(type=type).first()
    is_child = mine is not None and mine.side == Side.CHILD
    side = Side.PARENT if is_child else Side.CHILD
    groups = registration.seats.live().filter(type=type).values("group")
    seats = Seat.objects.live().with_units().filter(group__in=groups, side=side)
    if query:
        seats = seats.filter(registration__in=Registration.objects.matching(query))
    rows = list(seats.order_by("-shares", Lower("registration__friendly_name"), "pk")[: MOST_OFFERED + 1])
    label = type.parent_label if is_child else type.child_label
    return Associated(label, side, mine, rows[:MOST_OFFERED], has_more=len(rows) > MOST_OFFERED)


def history(registration: Registration) -> list[HistoryRow]:
    """The associations that a unit is or was in, newest first, at most 50."""
    groups = registration.seats.filter(side=Side.PARENT).values("group")
    children = Seat.objects.filter(Q(registration=registration) | Q(group__in=groups), side=Side.CHILD)
    newest = (
        children.with_units()
        .select_related("began_by__membership", "ended_by__membership")
        .order_by("-began_at", "-pk")
    )
    seats = list(newest[:MOST_HISTORY_ROWS])
    parents = {
        seat.group: seat.registration
        for seat in Seat.objects.with_units().filter(group__in=[s.group for s in seats], side=Side.PARENT)
    }
    return [HistoryRow(seat, parents[seat.group], registration) for seat in seats]
