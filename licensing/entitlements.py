"""What a unit may run on a given day, and by which right (rules L1 to L3). Nothing here is stored."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from associations.models import Seat, Side
from licensing.keyset import UNLIMITED, Status
from licensing.models import Licence, ModelService, Service
from products.models import Registration

NODES_CODE = 1
"""The permanent code of the service Nodes/Users, which stands in a keyset's node count (K1)."""


class Right(StrEnum):
    """By which right a unit holds an entitlement."""

    OWN = "own"
    MODEL = "comes with the model"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """One service of one unit. Without a right it is Not Licensed.

    `count` is -1 for Unlimited and none where the service isn't counted, `expires_on` the last day (none:
    for ever).
    """

    service: Service
    right: Right | None = None
    kind: str = Licence.Kind.LICENSED
    count: int | None = None
    expires_on: datetime.date | None = None

    def is_expired(self, today: datetime.date) -> bool:
        """Whether its last day is over."""
        return self.expires_on is not None and self.expires_on < today

    def status(self, today: datetime.date) -> Status | None:
        """Licensed, Free Trial or Expired; none is Not Licensed (L1)."""
        if self.right is None:
            return None
        if self.is_expired(today):
            return Status.EXPIRED
        return Status.FREE_TRIAL if self.kind == Licence.Kind.TRIAL else Status.LICENSED

    def worth(self, today: datetime.date) -> tuple[object, ...]:
        """A key by which the better of two entitlements to one service is the larger (L2)."""
        return (
            self.right is not None,
            not self.is_expired(today),
            self.right != Right.MODEL,
            self.expires_on or datetime.date.max,
            self.kind == Licence.Kind.LICENSED,
            float("inf") if self.count == UNLIMITED else self.count or 0,
        )


def node_count(held: Iterable[Entitlement], today: datetime.date) -> int:
    """How many nodes a unit supports (-1: Unlimited), from its entitlements."""
    return next(
        (e.count or 0 for e in held if e.service.code == NODES_CODE and e.right and not e.is_expired(today)),
        0,
    )


def sharing_primary(registration: Registration) -> Registration | None:
    """The registration whose licences this one shares: its HF Primary, unless it is a spare."""
    groups = Seat.objects.live().filter(registration=registration, shares=True).values("group")
    parents = Seat.objects.live().filter(group__in=groups, side=Side.PARENT)
    return Registration.objects.filter(pk__in=parents.values("registration")).select_related("unit").first()


def entitlements(
    registration: Registration, *, source: Registration | None, today: datetime.date
) -> list[Entitlement]:
    """Every service of the catalogue with what the unit may run of it, its own or `source`'s (L2, L3)."""
    services = list(Service.objects.all())
    units = [registration, source] if source else [registration]
    owned = _own(units, services, today)
    own = owned[registration.pk]
    if source is None:
        return own
    return [
        _better(mine, theirs, today) if mine.service.is_shareable else mine
        for mine, theirs in zip(own, owned[source.pk], strict=True)
    ]


def _better(mine: Entitlement, theirs: Entitlement, today: datetime.date) -> Entitlement:
    """Choose between a secondary's own entitlement and its primary's; of equals the primary's (L2)."""
    if theirs.right is None or mine.worth(today) > theirs.worth(today):
        return mine
    return Entitlement(theirs.service, Right.SHARED, theirs.kind, theirs.count, theirs.expires_on)


def _own(
    registrations: Iterable[Registration], services: list[Service], today: datetime.date
) -> dict[int, list[Entitlement]]:
    """Each registration's own entitlements, in the order of `services`, from two queries for all of them."""
    registrations = list(registrations)
    licences = {
        (licence.registration_id, licence.service_id): licence
        for licence in Licence.objects.filter(registration__in=registrations)
    }
    included = {
        (row.model_id, row.service_id): row
        for row in ModelService.objects.filter(model__in={r.unit.model_id for r in registrations})
    }
    return {
        registration.pk: [
            _own_entitlement(
                service,
                licences.get((registration.pk, service.pk)),
                included.get((registration.unit.model_id, service.pk)),
                today,
            )
            for service in services
        ]
        for registration in registrations
    }


def _own_entitlement(
    service: Service, licence: Licence | None, included: ModelService | None, today: datetime.date
) -> Entitlement:
    """An unexpired licence, else what the model comes with, else an expired licence (L2)."""
    held = Entitlement(service)
    if licence is not None:
        held = Entitlement(service, Right.OWN, licence.kind, licence.count, licence.expires_on)
    if included is not None and (licence is None or held.is_expired(today)):
        return Entitlement(service, Right.MODEL, count=included.count)
    return held
