"""The units that somebody at the desk has opened lately: kept in their session, and gone with it."""

from dataclasses import dataclass

from desk.access import DeskRequest
from products.models import Registration, Unit

KEY, MOST = "desk_units", 10


@dataclass(frozen=True, slots=True)
class RecentUnit:
    """A unit that was opened, and its registration if it has one."""

    unit: Unit
    registration: Registration | None


def note_opened(request: DeskRequest, serial: str) -> None:
    """Put a unit at the head of the units that were opened."""
    serials = request.session.get(KEY, [])
    if serials[:1] != [serial]:
        request.session[KEY] = [serial, *(other for other in serials if other != serial)][:MOST]


def recent_units(request: DeskRequest) -> list[RecentUnit]:
    """The units that were opened, the latest first."""
    serials = request.session.get(KEY, [])
    units = {unit.serial: unit for unit in Unit.objects.filter(serial__in=serials).select_related("model")}
    live = Registration.objects.live().filter(unit__in=units.values()).select_related("account")
    registrations = {registration.unit_id: registration for registration in live}
    return [RecentUnit(units[name], registrations.get(units[name].pk)) for name in serials if name in units]
