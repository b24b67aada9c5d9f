"""What a unit's keyset has to say, derived from the rows by the words of L2, L3, X3 and K1 alone."""

import datetime
from dataclasses import replace

from associations.models import Seat
from licensing.keyset import Kind, Payload, read
from licensing.keyset import Service as KeysetService
from licensing.keysets.issuing import read_keyset
from licensing.models import Keyset, Licence, ModelService, PoolPart, RmaCase, Service
from products.models import Registration

type Held = tuple[bool, str, int | None, datetime.date | None]
"""Whether it is a licence (and not what the model comes with), its kind, count and last day."""


def derived(registration: Registration, today: datetime.date) -> Payload:
    """The unit's payload on a day; generation and moment are 0."""
    primary, case = _primary(registration), _open_case(registration, today)
    own, shared = _own(registration, today), _own(primary, today) if primary else {}
    kept = _kept(case, today) if case else {}
    held: dict[int, Held] = {}
    for service in Service.objects.all():
        choices = [own.get(service.code)]
        if service.is_shareable:
            choices += [shared.get(service.code), kept.get(service.code)]
        if best := max(filter(None, choices), key=lambda choice: _worth(choice, today), default=None):
            held[service.code] = best
    nodes = held.pop(1, None)
    return Payload(
        serial=registration.unit.serial,
        generation=0,
        issued=0,
        model=registration.unit.model.code,
        nodes=nodes[2] or 0 if nodes and not _is_over(nodes, today) else 0,
        services=tuple(_row(code, *held[code]) for code in sorted(held)),
        primary=next((r.unit.serial for r in (primary, case and case.failed) if r), None),
    )


def shown(registration: Registration, today: datetime.date) -> Payload:
    """What its reader gets, without what is each issue's own."""
    return said_by(read_keyset(registration=registration, today=today))


def said_by(keyset: Keyset) -> Payload:
    """What a keyset says, without its generation and moment."""
    return replace(read(keyset.text), generation=0, issued=0)


def _primary(registration: Registration) -> Registration | None:
    seat = Seat.objects.filter(registration=registration, ended_at=None, shares=True).first()
    return seat and Seat.objects.get(group=seat.group, ended_at=None, side="parent").registration


def _open_case(registration: Registration, today: datetime.date) -> RmaCase | None:
    """The open case of the primary whose rights a unit that is none keeps, until the 30 days are over."""
    places = Seat.objects.filter(registration=registration, ended_at=None, side="parent")
    if places.filter(type__shares_licences=True).exists():
        return None
    cases = RmaCase.objects.filter(secondary=registration, state__in=["requested", "approved"])
    return cases.filter(grace_ends_on__gte=today).order_by("-pk").first()


def _kept(case: RmaCase, today: datetime.date) -> dict[int, Held]:
    """What the failed unit has and runs now, for no longer than the grace."""
    last = case.grace_ends_on
    return {
        code: (is_licence, kind, count, min(last_day or last, last))
        for code, (is_licence, kind, count, last_day) in _own(case.failed, today).items()
        if last_day is None or last_day >= today
    }


def _own(registration: Registration, today: datetime.date) -> dict[int, Held]:
    held: dict[int, Held] = {}
    for licence in Licence.objects.filter(registration=registration).select_related("service"):
        given = sum(part.count for part in licence.parts.all())
        left = licence.count - given if given else licence.count
        if not given or left:
            held[licence.service.code] = (True, licence.kind, left, licence.expires_on)
    for part in PoolPart.objects.filter(registration=registration).select_related("licence__service"):
        licence, code = part.licence, part.licence.service.code
        choices = [held.get(code), (True, licence.kind, part.count, licence.expires_on)]
        held[code] = max(filter(None, choices), key=lambda choice: _worth(choice, today))
    for included in ModelService.objects.filter(model=registration.unit.model).select_related("service"):
        code = included.service.code
        if code not in held or _is_over(held[code], today):
            held[code] = (False, "licensed", included.count, None)
    return held


def _is_over(held: Held, today: datetime.date) -> bool:
    return held[3] is not None and held[3] < today


def _worth(held: Held, today: datetime.date) -> tuple[object, ...]:
    is_licence, kind, count, last_day = held
    amount = 2**40 if count == -1 else count or 0
    return (
        not _is_over(held, today),
        is_licence,
        last_day or datetime.date.max,
        kind == "licensed",
        amount,
    )


def _row(
    code: int, is_licence: bool, kind: str, count: int | None, last_day: datetime.date | None
) -> KeysetService:
    return KeysetService(code, Kind.LICENSED if kind == "licensed" else Kind.TRIAL, count, last_day)
