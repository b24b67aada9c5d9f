"""Support grants a unit a licence."""

import datetime
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from associations.models import Seat, Side
from licensing.audit_codes import AuditCode
from licensing.entitlements.steps import size
from licensing.entitlements.timeline import Holding, Right, counts_by_day
from licensing.entitlements.today import Effect, Holdings, read_holdings, sharing_primary
from licensing.errors import GrantAddsNothing, GrantAlreadyOver, GrantNeverRuns
from licensing.guards import check_count, check_endless, live_registration
from licensing.keyset import UNLIMITED
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence, Service, TrialStart
from licensing.wording import entitlement_in_words, terms_in_words
from portal import audit
from portal.days import check_last_day
from portal.models import User
from products.models import Registration, Unit


@transaction.atomic
def grant_licence(
    *,
    unit: Unit,
    service: Service,
    count: int | None,
    expires_on: datetime.date | None,
    reason: str,
    by: User | None,
    today: datetime.date,
    all_the_same: bool = False,
) -> Licence:
    """Grant a unit a further licence for a service, from today on (L7: nothing is replaced).

    `count` is -1 for Unlimited and None for an uncounted service; `expires_on` is the last day, None if there
    is no end. `all_the_same`: even if it never runs, because the unit runs at least as much on each of its
    days. Raises ReasonNeeded, CountNeeded, CountNotAllowed, CountOutOfRange, NodesForEver, GrantAlreadyOver,
    UnitRetired, NotRegistered, DayTooLate, GrantAddsNothing and GrantNeverRuns.
    """
    audit.require_reason(reason)
    _check_grant(service, count, expires_on, today)
    registration = live_registration(unit)
    granted = Holding(Right.OWN, count=count, begins_on=today, expires_on=expires_on)
    primary = sharing_primary(registration)
    held = read_holdings([registration, *([primary] if primary else [])])
    if _check_use(held, registration, primary, service, granted, today) and not all_the_same:
        present = held.entitlement(registration, primary, service, today)
        raise GrantNeverRuns(what=entitlement_in_words(present, today))
    with ledger.noted([registration], right=LedgerEntry.Right.GRANT, by=by, reason=reason):
        licence = Licence.objects.create(
            registration=registration,
            service=service,
            count=count,
            begins_on=today,
            expires_on=expires_on,
            counted_from=(expires_on or today).day,
        )
    _record(AuditCode.LICENCE_GRANTED, licence, by=by, reason=reason)
    return licence


@dataclass(frozen=True, slots=True)
class GrantPreview:
    """What granting a licence would do to its unit, first, and to the secondary that shares with it.

    `never_runs`: the unit runs at least as much on each of its days without it. `comes_with`: what every unit
    of the model has of the service, where that is more than what is to be granted.
    """

    effects: list[Effect]
    never_runs: bool
    comes_with: Holding | None
    primary: Registration | None


def preview_grant(
    *,
    registration: Registration,
    service: Service,
    count: int | None,
    expires_on: datetime.date | None,
    today: datetime.date,
) -> GrantPreview:
    """What `grant_licence` would do. Writes nothing. Raises what that raises, except GrantNeverRuns."""
    _check_grant(service, count, expires_on, today)
    primary = sharing_primary(registration)
    sharers = Registration.objects.filter(pk__in=_sharers(registration)).select_related("unit")
    sources = [(registration, primary), *((unit, registration) for unit in sharers)]
    held = read_holdings({unit.pk: unit for both in sources for unit in both if unit}.values())
    granted = Holding(Right.OWN, count=count, begins_on=today, expires_on=expires_on)
    never_runs = _check_use(held, registration, primary, service, granted, today)
    with_it = _granted(held, registration, service, granted)
    effects = [
        Effect(
            unit,
            held.entitlement(unit, source, service, today),
            with_it.entitlement(unit, source, service, today),
        )
        for unit, source in sources
    ]
    model = next((h for h in held.of_unit(registration, service) if h.right == Right.MODEL), None)
    is_short = model is not None and (size(count) < size(model.count) or bool(expires_on and never_runs))
    return GrantPreview(effects, never_runs, model if is_short else None, primary)


def _sharers(registration: Registration) -> QuerySet[Any]:
    """The registrations that share a unit's licences as its secondary."""
    led = registration.seats.live().filter(side=Side.PARENT).values("group")
    return Seat.objects.live().filter(group__in=led, shares=True, side=Side.CHILD).values("registration")


def _granted(held: Holdings, registration: Registration, service: Service, granted: Holding) -> Holdings:
    """What units would hold if a licence were granted."""
    key = (registration.pk, service.pk)
    licence = Licence(
        registration=registration,
        service=service,
        count=granted.count,
        begins_on=granted.begins_on or datetime.date.min,
        expires_on=granted.expires_on,
    )
    return replace(held, licences=held.licences | {key: [*held.licences.get(key, []), licence]})


def _has_trial_left(unit: Registration, service: Service) -> bool:
    """Whether a unit never had or tried a service that it doesn't run now."""
    had = Licence.objects.filter(registration=unit, service=service)
    return not (had.exists() or TrialStart.objects.filter(unit=unit.unit_id, service=service).exists())


def _record(code: AuditCode, licence: Licence, *, by: User | None, reason: str = "") -> None:
    """Write the audit entry of a change to a licence, and make its unit's keyset stale."""
    registration = licence.registration
    Unit.objects.filter(pk=registration.unit_id).raise_version()
    audit.record(
        code,
        by=by,
        account=registration.account,
        serials=[registration.unit.serial],
        reason=reason,
        data={"service": licence.service.code, "licence": ledger.licence_value(licence)},
    )


def _check_grant(
    service: Service, count: int | None, expires_on: datetime.date | None, today: datetime.date
) -> None:
    check_count(service, count)
    check_endless(service, has_end=expires_on is not None)
    if expires_on is not None and expires_on < today:
        raise GrantAlreadyOver(day=expires_on)
    check_last_day(expires_on)


def _check_use(
    held: Holdings,
    registration: Registration,
    primary: Registration | None,
    service: Service,
    granted: Holding,
    today: datetime.date,
) -> bool:
    """Return whether what is granted never runs; raise GrantAddsNothing if it can't be of any use to a unit.

    It adds nothing if one licence of the unit's own, no trial, is for as much on each of its days; a number
    of a divisible service always adds something, because it can be shared out. It never runs if all that the
    unit holds together is for as much: with what it shares, has parts of and its model comes with, which may
    go.
    """
    beside = held.held(registration, primary, service, today)
    own = [h for h in beside if h.right == Right.OWN and h.kind == Licence.Kind.LICENSED]
    covering = next((h for h in own if not _adds(granted, [h], today)), None)
    if covering and not (service.is_divisible and granted.count not in {None, UNLIMITED}):
        what = terms_in_words(covering.kind, covering.count, covering.expires_on)
        raise GrantAddsNothing(service=service, what=what)
    return not _adds(granted, beside, today)


def _adds(granted: Holding, beside: list[Holding], today: datetime.date) -> bool:
    """Whether more runs on any day with what is granted than without."""
    return counts_by_day([*beside, granted], since=today) != counts_by_day(beside, since=today)
