"""Units before and after a case, in words, to show both side by side (X2)."""

import datetime
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from associations.models import Seat, Side
from licensing.entitlements.steps import Steps, owned_steps
from licensing.entitlements.timeline import Right
from licensing.entitlements.today import Entitlement, named_primary, read_holdings
from licensing.keyset import Payload
from licensing.keysets.issuing import content_of
from licensing.models import Service
from licensing.wording import lines_in_words
from products.models import Registration, Unit


@dataclass(frozen=True, slots=True)
class ServiceShown:
    """A service in a unit's keyset: what it is licensed for and what follows, and by which right.

    `code` is its number in keysets, and its order; `steps` are the days from which it runs for which count.
    """

    code: int
    name: str
    lines: tuple[str, ...]
    right: Right | None
    steps: Steps

    @property
    def what(self) -> str:
        """What it is licensed for and what follows, in one line."""
        return ", ".join(self.lines)


@dataclass(frozen=True, slots=True)
class UnitShown:
    """A unit as it is: its name ("" if nobody owns it), its roles, the content of its keyset.

    `role` is the one that matters in a word or two, `parents` are the serial numbers of those that it is a
    child of. `keyset` is the content without number and moment; None if the unit gets no keyset.
    """

    serial: str
    name: str
    model: str
    state: str
    role: str
    roles: tuple[str, ...]
    parents: tuple[str, ...]
    services: tuple[ServiceShown, ...]
    keyset: Payload | None

    @property
    def label(self) -> str:
        """Its name and serial number, or the serial number alone."""
        return f"{self.name} ({self.serial})" if self.name else self.serial

    @property
    def needs_keyset(self) -> bool:
        """Whether there is anything in its keyset to be applied: a SonicPoint's is empty."""
        return self.keyset is not None and bool(self.keyset.services or self.keyset.nodes)


@dataclass(frozen=True, slots=True)
class _Place:
    """A unit's roles, and the units of which it is a child."""

    roles: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)


def snapshot(units: Iterable[Unit], today: datetime.date) -> list[UnitShown]:
    """Show units as they are now, by a constant number of queries."""
    units = list(units)
    live = Registration.objects.live().select_related("unit__model", "account").filter(unit__in=units)
    registrations = {registration.unit_id: registration for registration in live}
    retired = set(
        Unit.objects.filter(pk__in=[u.pk for u in units])
        .exclude(retired_at=None)
        .values_list("pk", flat=True)
    )
    places, sources = _places(registrations.values())
    held = read_holdings({r.pk: r for r in [*registrations.values(), *sources.values()]}.values())
    services = list(Service.objects.all())
    shown = []
    for unit in units:
        registration = registrations.get(unit.pk)
        state = "retired" if unit.pk in retired else "registered" if registration else "not registered"
        rows: list[Entitlement] = []
        keyset, place = None, _Place()
        if registration:
            place = places.get(registration.pk, place)
            source = sources.get(registration.pk)
            rows = [held.entitlement(registration, source, service, today) for service in services]
            named = named_primary(source, held.graces.get(registration.pk), today)
            keyset = content_of(registration, named, rows, today)
        shown.append(
            UnitShown(
                unit.serial,
                registration.friendly_name if registration else "",
                unit.model.name,
                state,
                ", ".join(dict.fromkeys(place.labels)),
                tuple(place.roles),
                tuple(place.parents),
                tuple(_shown(row, today) for row in rows if row.right),
                keyset,
            )
        )
    return shown


def changed_sides(
    before: list[UnitShown], after: list[UnitShown], *, concerned: int
) -> tuple[list[UnitShown], list[UnitShown]]:
    """The first `concerned` units, and those of the others that change."""
    pairs = list(zip(before, after, strict=True))
    shown = [*pairs[:concerned], *(pair for pair in pairs[concerned:] if pair[0] != pair[1])]
    return [old for old, _ in shown], [new for _, new in shown]


def to_apply(before: list[UnitShown], after: list[UnitShown], *first: Registration) -> list[Registration]:
    """The units whose keyset says something new and has to be applied; those of `first` first."""
    sides = zip(before, after, strict=True)
    changed = [
        new.serial
        for old, new in sides
        if new.keyset and new.keyset != old.keyset and (old.needs_keyset or new.needs_keyset)
    ]
    live = Registration.objects.live().select_related("unit__model").filter(unit__serial__in=changed)
    found = {r.pk: r for r in live.order_by("pk")}
    return list(({r.pk: found[r.pk] for r in first if r.pk in found} | found).values())


def _places(
    registrations: Iterable[Registration],
) -> tuple[dict[int, _Place], dict[int, Registration]]:
    """The places of registrations in associations, and the registrations whose licences they share."""
    registrations = list(registrations)
    groups = Seat.objects.live().filter(registration__in=registrations).values_list("group", flat=True)
    seats = list(
        Seat.objects.live().with_units().filter(group__in=set(groups)).order_by("type__position", "pk")
    )
    parents = {seat.group: seat.registration for seat in seats if seat.side == Side.PARENT}
    places = {registration.pk: _Place() for registration in registrations}
    sources: dict[int, Registration] = {}
    for seat in (seat for seat in seats if seat.side == Side.CHILD):
        parent = parents[seat.group]
        if own := places.get(seat.registration_id):
            own.roles.append(f"{seat.role} of {named(parent)}")
            own.labels.append(seat.role)
            own.parents.append(parent.unit.serial)
        if theirs := places.get(parent.pk):
            spare = " (spare)" if seat.is_spare else ""
            theirs.roles.append(f"{seat.type.parent_label} of {named(seat.registration)}{spare}")
            if seat.type.shares_licences:
                theirs.labels.append(seat.type.parent_label)
        if seat.shares:
            sources[seat.registration_id] = parent
    return places, sources


def named(registration: Registration) -> str:
    """A unit by its name and serial number."""
    return f"{registration.friendly_name} ({registration.unit.serial})"


def _shown(held: Entitlement, today: datetime.date) -> ServiceShown:
    lines, service = tuple(lines_in_words(held, today)), held.service
    return ServiceShown(service.code, service.name, lines, held.right, owned_steps(held, today))


def fingerprint(*shown: Iterable[object]) -> str:
    """A short text that changes with anything that is shown."""
    rows = [[asdict(row) for row in part] for part in shown]  # type: ignore[call-overload]
    return hashlib.sha256(json.dumps(rows, sort_keys=True, default=str).encode()).hexdigest()[:32]
