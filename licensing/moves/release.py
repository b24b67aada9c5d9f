"""A unit leaves its account: for another account, or for the factory's stock (rule X7).

It must be in no association and no open RMA case. To another account, its own licences go with it; to stock
nothing does, and the ended registration keeps them. Parts of other units' licences return to their owners.
"""

import datetime
import hashlib
import uuid
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q

from associations.models import Seat, Side
from licensing.audit_codes import AuditCode
from licensing.errors import LicencesChanged, StillAssociated, UnitInOpenCase
from licensing.guards import check_no_parts
from licensing.ledger import writing as ledger
from licensing.models import LedgerEntry, Licence, PoolPart, RmaCase
from licensing.moves.exchange import pool_units
from portal import audit
from portal.models import Account, User
from products.errors import (
    InAnotherAccount,
    NotRetired,
    RegistrationEnded,
    SameAccount,
    UnitRetired,
    UnknownAccount,
)
from products.models import Registration, Unit
from products.ownership import end_registration, set_code
from products.services import create_registration, normalize_friendly_name

MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Release:
    """What a unit holds when it leaves its account, and what becomes of it.

    `licences` are its own. `borrowed` are its parts of other units' licences, which return to their owners.
    `lent` are other units' parts of its licences, which return to it before it goes to another account.
    """

    registration: Registration
    licences: list[Licence]
    borrowed: list[PoolPart]
    lent: list[PoolPart]

    @property
    def fingerprint(self) -> str:
        """A text that changes with any of this, to compare with what a page showed."""
        own = sorted((row.service_id, row.kind, row.count, str(row.expires_on)) for row in self.licences)
        parts = sorted(
            (part.licence_id, part.registration_id, part.count) for part in (*self.borrowed, *self.lent)
        )
        text = f"{self.registration.pk} {self.registration.account_id} {own} {parts}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def plan_release(registration: Registration) -> Release:
    """What would become of what a unit holds if it left its account now. Writes nothing."""
    parts = PoolPart.objects.select_related("licence__service", "licence__registration__unit")
    parts = parts.select_related("registration__unit").order_by("licence__service__code", "pk")
    licences = Licence.objects.filter(registration=registration).select_related("service")
    return Release(
        registration,
        list(licences.order_by("service__code")),
        list(parts.filter(registration=registration)),
        list(parts.filter(licence__registration=registration)),
    )


def find_account(account_id: str) -> Account:
    """The account with an Account ID. Raises UnknownAccount."""
    with suppress(ValueError):
        if account := Account.objects.filter(uuid=uuid.UUID(account_id.strip())).first():
            return account
    raise UnknownAccount


def check_release(registration: Registration) -> None:
    """Raise UnitRetired, StillAssociated or UnitInOpenCase if a unit can't leave its account now."""
    unit = registration.unit
    if unit.retired_at:
        raise UnitRetired(unit)
    if others := _associated_with(registration):
        raise StillAssociated(serial=unit.serial, others=_named(others))
    concerned = Q(failed=registration) | Q(replacement=unit)
    if case := RmaCase.objects.filter(concerned, state__in=RmaCase.OPEN).first():
        raise UnitInOpenCase(serial=unit.serial, case=case)


@transaction.atomic
def release_to_account(
    *,
    registration: Registration,
    account: Account,
    by: User,
    today: datetime.date,
    now: datetime.datetime,
    reason: str,
    friendly_name: str = "",
    seen: str | None = None,
) -> Registration:
    """Give a unit to another account at once, with its own licences; return its registration there.

    This is Support's way; an owner offers it (`licensing.moves.offers`). The friendly name goes with it
    unless another is given. `seen` is the `fingerprint` of the plan that a page showed. Raises ReasonNeeded,
    InvalidFriendlyName, RegistrationEnded, SameAccount, LicencesChanged and what `check_release` raises.
    """
    audit.require_reason(reason)
    name = normalize_friendly_name(friendly_name)
    concerned = lock_units(registration)
    plan = plan_locked(registration, concerned, seen)
    if plan.registration.account_id == account.pk:
        raise SameAccount(serial=plan.registration.unit.serial)
    handover = Handover(account, name, given_by=by, taken_by=by, reason=reason)
    return hand_over(plan, concerned, handover, today=today, now=now)


@dataclass(frozen=True, slots=True)
class Handover:
    """To which account a unit goes, and under which name (empty: its own); who gives it and who takes it.

    Each account's trail and ledger name its own person alone; where Support moves a unit, both are Support.
    """

    account: Account
    friendly_name: str
    given_by: User
    taken_by: User
    reason: str = ""


def hand_over(
    plan: Release, concerned: set[int], to: Handover, *, today: datetime.date, now: datetime.datetime
) -> Registration:
    """Register a unit in another account, with its own licences, as planned under `lock_units`."""
    former, reason = plan.registration, to.reason
    _return_parts([*plan.borrowed, *plan.lent], by=to.given_by, reason=reason)
    gone = ledger.read_lines([former.pk])
    ledger.write_changes(gone, {}, right=LedgerEntry.Right.MOVE, by=to.given_by, reason=reason)
    end_registration(former, now=now)
    present = create_registration(
        unit=former.unit,
        account=to.account,
        friendly_name=to.friendly_name or former.friendly_name,
        by=to.taken_by,
        reason=reason,
    )
    Licence.objects.filter(registration=former).update(registration=present)
    come = ledger.read_lines([present.pk])
    ledger.write_changes({}, come, right=LedgerEntry.Right.MOVE, by=to.taken_by, reason=reason)
    Unit.objects.filter(pk__in=concerned).raise_version()
    _record(plan, to.account, by=to.given_by, today=today, reason=reason)
    return present


@transaction.atomic
def release_to_stock(
    *,
    registration: Registration,
    authentication_code: str,
    by: User,
    today: datetime.date,
    now: datetime.datetime,
    reason: str,
    seen: str | None = None,
) -> None:
    """Put a unit back into stock, under a new authentication code; its licences are no longer anybody's.

    `seen` is the `fingerprint` of the plan that a page showed. Raises ReasonNeeded, RegistrationEnded,
    InvalidCode, SameCode, PartsElsewhere, LicencesChanged and what `check_release` raises.
    """
    audit.require_reason(reason)
    concerned = lock_units(registration)
    plan = plan_locked(registration, concerned, seen)
    check_no_parts(plan.licences)
    set_code(plan.registration.unit, authentication_code)
    _return_parts(plan.borrowed, by=by, reason=reason)
    end_registration(plan.registration, now=now)
    Unit.objects.filter(pk__in=concerned).raise_version()
    _record(plan, None, by=by, today=today, reason=reason)


@transaction.atomic
def take_back(*, unit: Unit, authentication_code: str, reason: str, by: User) -> None:
    """Take a retired unit back into stock, under a new authentication code, for registering again.

    Raises ReasonNeeded, NotRetired, InAnotherAccount, InvalidCode and SameCode.
    """
    audit.require_reason(reason)
    (present,) = Unit.objects.locked([unit.pk])
    if present.retired_at is None:
        raise NotRetired(serial=present.serial)
    if Registration.objects.live().filter(unit=present).exists():
        raise InAnotherAccount(serial=present.serial)
    set_code(present, authentication_code)
    Unit.objects.filter(pk=present.pk).update(retired_at=None)
    data: dict[str, object] = {"retired": present.retired_at.isoformat()}
    audit.record(AuditCode.UNIT_TAKEN_BACK, by=by, serials=[present.serial], reason=reason, data=data)


def lock_units(registration: Registration) -> set[int]:
    """Lock a unit and the units that it shares counts with; return these."""
    concerned = pool_units(registration)
    list(Unit.objects.locked(concerned))
    return concerned


def plan_locked(registration: Registration, concerned: set[int], seen: str | None) -> Release:
    """The plan of a unit, as it is now that `lock_units` holds it; `seen` is the plan that a page showed.

    Raises RegistrationEnded, LicencesChanged and what `check_release` raises.
    """
    live = Registration.objects.live().select_related("account", "unit__model")
    present = live.filter(pk=registration.pk).first()
    if present is None:
        raise RegistrationEnded(serial=registration.unit.serial)
    check_release(present)
    plan = plan_release(present)
    if not pool_units(present) <= concerned or seen not in {None, plan.fingerprint}:
        raise LicencesChanged
    return plan


def _return_parts(parts: Collection[PoolPart], *, by: User, reason: str) -> None:
    """Return parts to the units that own the licences."""
    owners = {part.licence.registration_id: part.licence.registration for part in parts}
    with ledger.noted(owners.values(), right=LedgerEntry.Right.POOL, by=by, reason=reason):
        PoolPart.objects.filter(pk__in=[part.pk for part in parts]).delete()


def _associated_with(registration: Registration) -> list[Seat]:
    """The live seats of a unit's parents and children, of every type."""
    mine = list(registration.seats.live())
    led = [seat.group for seat in mine if seat.side == Side.PARENT]
    followed = [seat.group for seat in mine if seat.side == Side.CHILD]
    others = Seat.objects.live().with_units().exclude(registration=registration)
    concerned = Q(group__in=led) | Q(group__in=followed, side=Side.PARENT)
    return list(others.filter(concerned).order_by("pk")) if mine else []


def _named(seats: list[Seat]) -> str:
    """Name the first of these seats' units by role, name and serial number."""
    named = [
        f"{seat.label} “{seat.registration.friendly_name}” ({seat.registration.unit})"
        for seat in seats[:MOST_NAMED]
    ]
    more = len(seats) - len(named)
    return ", ".join([*named, *([f"{more} more"] if more else [])])


def _record(plan: Release, to: Account | None, *, by: User, today: datetime.date, reason: str) -> None:
    """Record how the unit left, with an audit entry for it and for each unit whose counts changed."""
    former = plan.registration
    name = to.name if to else ""
    Registration.objects.filter(pk=former.pk).update(released_by=by, released_to=name, release_reason=reason)
    data = {"to": str(to.uuid), "name": name} if to else {"to": "stock"}
    others = [part.licence.registration.unit.serial for part in plan.borrowed]
    others += [part.registration.unit.serial for part in plan.lent]
    serials = dict.fromkeys([former.unit.serial, *others])
    audit.record(
        AuditCode.UNIT_RELEASED,
        by=by,
        account=former.account,
        serials=serials,
        reason=reason,
        data={"unit": former.unit.serial, **data, "on": today.isoformat()},
    )
