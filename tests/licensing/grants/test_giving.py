from datetime import date, timedelta
from functools import partial

import pytest
from django.utils import timezone

from licensing.errors import (
    CountNeeded,
    CountNotAllowed,
    CountOutOfRange,
    GrantAlreadyOver,
    NotRegistered,
)
from licensing.grants.giving import grant_licence
from licensing.models import LedgerEntry, Licence, Service
from portal.errors import ReasonNeeded
from portal.models import AuditEntry, User
from products.errors import UnitRetired
from products.models import Registration, Unit
from tests.factories import LicenceFactory, RegistrationFactory, UnitFactory, UserFactory
from tests.licensing.support import refuses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

TODAY = date(2026, 11, 22)


@pytest.fixture
def agent() -> User:
    return UserFactory(is_staff=True)


def _grant(unit: Unit, by: User | None = None, code: int = 2, **terms: object) -> Licence:
    given = {"count": 3, "expires_on": TODAY, "reason": "bought", "today": TODAY} | terms
    return grant_licence(unit=unit, service=Service.objects.get(code=code), by=by, **given)


@pytest.mark.parametrize("count", [-1, 1, 3, 2**32 - 1])
@pytest.mark.parametrize("days", [None, 0, 400])
def test_a_grant_is_a_licence(count: int, days: int | None) -> None:
    registration = RegistrationFactory()
    last_day = None if days is None else TODAY + timedelta(days)

    _grant(registration.unit, count=count, expires_on=last_day)

    licence = Licence.objects.get()
    assert (licence.registration, licence.kind) == (registration, "licensed")
    assert (licence.count, licence.expires_on) == (count, last_day)


def test_a_grant_writes_the_ledger(agent: User) -> None:
    unit = RegistrationFactory().unit

    _grant(unit, agent)

    entry = LedgerEntry.objects.get(unit=unit)
    assert (entry.actor, entry.reason, entry.service.code, entry.right) == (agent, "bought", 2, "grant")
    assert entry.before is None
    assert entry.after == {"kind": "licensed", "count": 3, "expires_on": "2026-11-22"}


def test_a_grant_in_place_of_another_keeps_both_in_the_ledger() -> None:
    unit = RegistrationFactory().unit
    first = _grant(unit)

    second = _grant(unit, count=-1, expires_on=None)

    entry = LedgerEntry.objects.filter(unit=unit).latest("pk")
    assert first.pk == second.pk
    assert entry.before == {"kind": "licensed", "count": 3, "expires_on": "2026-11-22"}
    assert entry.after == {"kind": "licensed", "count": -1, "expires_on": None}


def test_a_grant_in_place_of_a_trial() -> None:
    registration = RegistrationFactory()
    service = Service.objects.get(code=2)
    LicenceFactory(registration=registration, service=service, kind="trial", count=1)

    _grant(registration.unit)

    assert Licence.objects.get().kind == "licensed"
    assert LedgerEntry.objects.get(unit=registration.unit).before["kind"] == "trial"


def test_a_grant_raises_this_units_version_only() -> None:
    unit, other = RegistrationFactory().unit, RegistrationFactory().unit

    _grant(unit)

    assert Unit.objects.get(pk=unit.pk).version == 1
    assert Unit.objects.get(pk=other.pk).version == 0


def test_a_grant_is_in_the_audit(agent: User) -> None:
    registration = RegistrationFactory()

    _grant(registration.unit, agent)

    entry = AuditEntry.objects.get(code="licence-granted")
    assert (entry.actor, entry.account) == (agent, registration.account)
    assert (entry.serial, entry.reason) == (registration.unit.serial, "bought")
    assert entry.data["licence"]["count"] == 3


def test_a_grant_goes_to_the_present_owner() -> None:
    unit = UnitFactory()
    RegistrationFactory(unit=unit, ended_at=timezone.now())
    present = RegistrationFactory(unit=unit)

    _grant(unit)

    assert Licence.objects.get().registration == present


@pytest.mark.parametrize(
    ("error", "terms"),
    [
        (ReasonNeeded, {"reason": ""}),
        (ReasonNeeded, {"reason": " \t"}),
        (CountNeeded, {"count": None}),
        (CountNotAllowed, {"code": 3}),
        (CountOutOfRange, {"count": -2}),
        (CountOutOfRange, {"count": 2**32}),
        (GrantAlreadyOver, {"expires_on": TODAY - timedelta(1)}),
    ],
)
def test_a_grant_that_is_refused_writes_nothing(error: type[Exception], terms: dict[str, object]) -> None:
    unit = RegistrationFactory().unit

    refuses(error, partial(_grant, unit, **terms))


def test_a_retired_unit_gets_no_grant() -> None:
    unit = RegistrationFactory().unit
    Unit.objects.filter(pk=unit.pk).update(retired_at=timezone.now())

    refuses(UnitRetired, partial(_grant, unit))


def test_a_unit_that_nobody_registered_gets_no_grant() -> None:
    refuses(NotRegistered, partial(_grant, UnitFactory()))


def test_a_released_unit_gets_no_grant() -> None:
    registration = RegistrationFactory()
    Registration.objects.filter(pk=registration.pk).update(ended_at=timezone.now())

    refuses(NotRegistered, partial(_grant, registration.unit))
