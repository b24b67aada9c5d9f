"""Units before and after a case, in words, to show both side by side (X2)."""

import datetime
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from associations.models import Seat, Side
from licensing.entitlements.today import Entitlement, named_primary, read_holdings
from licensing.keyset import Payload
from licensing.keysets.issuing import content_of
from licensing.models import Service
from licensing.wording import entitlement_in_words
from products.models import Registration, Unit


@dataclass(frozen=True, slots=True)
class ServiceShown:
    """A service in a unit's keyset: what it is licensed for, and by which right."""

    name: str
    what: str
    right: str


@dataclass(frozen=True, slots=True)
class UnitShown:
    """A unit as it is: its name ("" if nobody owns it), its roles, the content of its keyset.

    `keyset` is that content without number and moment; None if the unit gets no keyset.
    """

    serial: str
    name: str
    model: str
    state: str
    roles: tuple[str, ...]
    services: tuple[ServiceShown, ...]
    keyset: Payload | None


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
    roles, sources = _places(registrations.values())
    held = read_holdings({r.pk: r for r in [*registrations.values(), *sources.values()]}.values())
    services = list(Service.objects.all())
    shown = []
    for unit in units:
        registration = registrations.get(unit.pk)
        state = "retired" if unit.pk in retired else "registered" if registration else "not registered"
        rows: list[Entitlement] = []
        keyset = None
        if registration:
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
                tuple(roles.get(registration.pk, [])) if registration else (),
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


def to_apply(before: list[UnitShown], after: list[UnitShown], *always: Registration) -> list[Registration]:
    """The units that need a keyset applied: those in `always`, then all whose keyset says something else.

    A unit whose keyset says nothing, and said nothing, needs none: an access point.
    """
    sides = [(old, new) for old, new in zip(before, after, strict=True) if new.keyset]
    needed = {new.serial for old, new in sides if _says(old.keyset) or _says(new.keyset)}
    changed = [new.serial for old, new in sides if new.keyset != old.keyset and new.serial in needed]
    live = Registration.objects.live().select_related("unit__model").filter(unit__serial__in=changed)
    found = {r.pk: r for r in live.order_by("pk")}
    return list(({r.pk: r for r in always if r.unit.serial in needed} | found).values())


def _says(keyset: Payload | None) -> bool:
    """Whether a keyset says that its unit may run anything."""
    return keyset is not None and bool(keyset.nodes or keyset.services)


def _places(
    registrations: Iterable[Registration],
) -> tuple[dict[int, list[str]], dict[int, Registration]]:
    """The roles of registrations in words, and the registrations whose licences they share."""
    registrations = list(registrations)
    groups = Seat.objects.live().filter(registration__in=registrations).values_list("group", flat=True)
    seats = list(
        Seat.objects.live().with_units().filter(group__in=set(groups)).order_by("type__position", "pk")
    )
    parents = {seat.group: seat.registration for seat in seats if seat.side == Side.PARENT}
    wanted = {registration.pk for registration in registrations}
    roles: dict[int, list[str]] = {}
    sources: dict[int, Registration] = {}
    for seat in seats:
        parent = parents[seat.group]
        if seat.side == Side.CHILD and seat.registration_id in wanted:
            roles.setdefault(seat.registration_id, []).append(f"{seat.role} of {_named(parent)}")
        if seat.side == Side.CHILD and parent.pk in wanted:
            spare = " (spare)" if seat.is_spare else ""
            label = seat.type.parent_label
            roles.setdefault(parent.pk, []).append(f"{label} of {_named(seat.registration)}{spare}")
        if seat.shares:
            sources[seat.registration_id] = parent
    return roles, sources


def _named(registration: Registration) -> str:
    return f"{registration.friendly_name} ({registration.unit.serial})"


def _shown(held: Entitlement, today: datetime.date) -> ServiceShown:
    right = held.right.label if held.right else ""
    return ServiceShown(held.service.name, entitlement_in_words(held, today), right)


def fingerprint(*shown: Iterable[object]) -> str:
    """A short text that changes with anything that is shown."""
    rows = [[asdict(row) for row in part] for part in shown]  # type: ignore[call-overload]
    return hashlib.sha256(json.dumps(rows, sort_keys=True, default=str).encode()).hexdigest()[:32]
