"""What a unit's keyset has to say, derived from the rows by the words of L2, L3, X3 and K1 alone."""

import datetime
from collections.abc import Iterable
from dataclasses import replace

from associations.models import Seat
from licensing.keyset import Kind, Payload, read
from licensing.keyset import Service as KeysetService
from licensing.keysets.issuing import read_keyset
from licensing.models import Keyset, Licence, ModelService, PoolPart, RmaCase, Service
from products.models import Registration

type Held = tuple[str, int | None, datetime.date | None, datetime.date | None]
"""Its kind, count, first and last day."""


def derived(registration: Registration, today: datetime.date) -> Payload:
    """The unit's payload from a day on; generation and moment are 0."""
    primary, case = _primary(registration), _open_case(registration, today)
    own, shared = _own(registration), _own(primary) if primary else {}
    kept = _kept(case) if case else {}
    held: dict[int, list[Held]] = {}
    for service in Service.objects.all():
        held[service.code] = own.get(service.code, [])
        if service.is_shareable:
            held[service.code] += [*shared.get(service.code, []), *kept.get(service.code, [])]
    nodes = best_of(held.pop(1), today)
    rows = [
        KeysetService(code, _kind(kind), count, last_day, first_day)
        for code in held
        for kind, count, first_day, last_day in held[code]
    ]
    return Payload(
        serial=registration.unit.serial,
        generation=0,
        issued=0,
        model=registration.unit.model.code,
        nodes=nodes[1] or 0 if nodes else 0,
        services=_needed(rows, today),
        primary=next((r.unit.serial for r in (primary, case and case.failed) if r), None),
    )


def shown(registration: Registration, today: datetime.date) -> Payload:
    """What its reader gets, without what is each issue's own."""
    return said_by(read_keyset(registration=registration, today=today), today)


def said_by(keyset: Keyset, today: datetime.date) -> Payload:
    """What a keyset says from a day on, without its generation and moment."""
    said = read(keyset.text)
    return replace(said, generation=0, issued=0, services=_needed(said.services, today))


def _needed(rows: Iterable[KeysetService], today: datetime.date) -> tuple[KeysetService, ...]:
    """The rows that run on some day from today on or, of a code that doesn't run today, ended last."""
    by_code: dict[int, dict[Held, KeysetService]] = {}
    for row in rows:
        begun = row.begin is None or row.begin <= today
        clipped = replace(row, begin=None) if begun else row
        terms = (row.kind.name.lower(), row.count, clipped.begin, row.expiry)
        by_code.setdefault(row.code, {})[terms] = clipped
    found: set[KeysetService] = set()
    for of_code in by_code.values():
        changes = {last + datetime.timedelta(1) for *_, last in of_code if last}
        changes |= {first for _, _, first, _ in of_code if first}
        days = [today, *(day for day in changes if day > today)]
        found |= {of_code[best] for day in days if (best := best_of(of_code, day))}
        if not best_of(of_code, today):
            ended = [held for held in of_code if held[3] and held[3] < today]
            if ended:
                found.add(of_code[max(ended, key=lambda held: (held[3], _worth(held)))])
    return tuple(sorted(found, key=_place))


def _place(row: KeysetService) -> tuple[int, datetime.date, datetime.date]:
    return row.code, row.begin or datetime.date.min, row.expiry or datetime.date.max


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


def _kept(case: RmaCase) -> dict[int, list[Held]]:
    """What the failed unit had when the case was asked for, or got since, for no longer than the grace."""
    last = case.grace_ends_on
    return {
        code: [
            (kind, count, first_day, min(last_day or last, last))
            for kind, count, first_day, last_day in held
            if (last_day is None or last_day >= case.asked_at.date()) and (not first_day or first_day <= last)
        ]
        for code, held in _own(case.failed).items()
    }


def _own(registration: Registration) -> dict[int, list[Held]]:
    held: dict[int, list[Held]] = {}
    for licence in Licence.objects.filter(registration=registration).select_related("service"):
        given = sum(part.count for part in licence.parts.all())
        left = licence.count - given if given else licence.count
        if not given or left:
            terms = (licence.kind, left, licence.begins_on, licence.expires_on)
            held.setdefault(licence.service.code, []).append(terms)
    for part in PoolPart.objects.filter(registration=registration).select_related("licence__service"):
        licence, code = part.licence, part.licence.service.code
        terms = (licence.kind, part.count, licence.begins_on, licence.expires_on)
        held.setdefault(code, []).append(terms)
    for included in ModelService.objects.filter(model=registration.unit.model).select_related("service"):
        held.setdefault(included.service.code, []).append(("licensed", included.count, None, None))
    return held


def best_of(held: Iterable[Held], day: datetime.date) -> Held | None:
    """What runs on a day."""
    running = [h for h in held if (not h[2] or h[2] <= day) and (not h[3] or h[3] >= day)]
    return max(running, key=_worth, default=None)


def _worth(held: Held) -> tuple[object, ...]:
    kind, count, first_day, last_day = held
    amount = 2**40 if count == -1 else count or 0
    begun_first = -(first_day or datetime.date.min).toordinal()
    return amount, kind == "licensed", last_day or datetime.date.max, begun_first


def _kind(kind: str) -> Kind:
    return Kind.LICENSED if kind == "licensed" else Kind.TRIAL
