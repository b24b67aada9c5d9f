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

type Held = tuple[str, int | None, datetime.date | None]
"""Its kind, count and last day."""


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
    nodes = _best(held.pop(1), today)
    rows = [KeysetService(code, _kind(kind), *terms) for code in held for kind, *terms in held[code]]
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
    by_code: dict[int, set[KeysetService]] = {}
    for row in rows:
        by_code.setdefault(row.code, set()).add(row)
    found: set[KeysetService] = set()
    for code, of_code in by_code.items():
        terms = {(row.kind.name.lower(), row.count, row.expiry): row for row in of_code}
        ends = {row.expiry + datetime.timedelta(1) for row in of_code if row.expiry}
        days = [today, *(day for day in ends if day > today)]
        found |= {terms[best] for day in days if (best := _best(terms, day))}
        if not _best(terms, today):
            ended = [held for held in terms if held[2] and held[2] < today]
            if ended:
                found.add(terms[max(ended, key=lambda held: (held[2], _worth(held)))])
        assert {row.begin for row in of_code} == {None}, code  # no licence begins later yet
    return tuple(sorted(found, key=lambda row: (row.code, row.expiry or datetime.date.max)))


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
            (kind, count, min(last_day or last, last))
            for kind, count, last_day in held
            if last_day is None or last_day >= case.asked_at.date()
        ]
        for code, held in _own(case.failed).items()
    }


def _own(registration: Registration) -> dict[int, list[Held]]:
    held: dict[int, list[Held]] = {}
    for licence in Licence.objects.filter(registration=registration).select_related("service"):
        given = sum(part.count for part in licence.parts.all())
        left = licence.count - given if given else licence.count
        if not given or left:
            held.setdefault(licence.service.code, []).append((licence.kind, left, licence.expires_on))
    for part in PoolPart.objects.filter(registration=registration).select_related("licence__service"):
        licence, code = part.licence, part.licence.service.code
        held.setdefault(code, []).append((licence.kind, part.count, licence.expires_on))
    for included in ModelService.objects.filter(model=registration.unit.model).select_related("service"):
        held.setdefault(included.service.code, []).append(("licensed", included.count, None))
    return held


def _best(held: Iterable[Held], day: datetime.date) -> Held | None:
    """What runs on a day."""
    running = [choice for choice in held if choice[2] is None or choice[2] >= day]
    return max(running, key=_worth, default=None)


def _worth(held: Held) -> tuple[object, ...]:
    kind, count, last_day = held
    amount = 2**40 if count == -1 else count or 0
    return amount, kind == "licensed", last_day or datetime.date.max


def _kind(kind: str) -> Kind:
    return Kind.LICENSED if kind == "licensed" else Kind.TRIAL
