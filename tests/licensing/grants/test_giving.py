from datetime import date, timedelta
from functools import partial

import pytest
from django.utils import timezone

from licensing.errors import (
    CountNeeded,
    CountNotAllowed,
    CountOutOfRange,
    GrantAddsNothing,
    GrantAlreadyOver,
    GrantNeverRuns,
    NodesForEver,
    NotRegistered,
)
from licensing.grants.giving import grant_licence
from licensing.grants.trials import start_trial
from licensing.models import LedgerEntry, Licence, Service
from portal.errors import ReasonNeeded
from portal.models import AuditEntry, User
from products.errors import UnitRetired
from products.models import Registration, Unit
from tests.factories import LicenceFactory, RegistrationFactory, UnitFactory, UserFactory, pair
from tests.licensing.support import make, refuses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

TODAY = date(2026, 11, 22)
VPN_CLIENT = 9
"""Counted, can't be shared out, and comes with a PRO 5060 for 5."""


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

    licence = _grant(unit, agent)

    entry = LedgerEntry.objects.get(unit=unit)
    assert (entry.actor, entry.reason, entry.service.code, entry.right) == (agent, "bought", 2, "grant")
    assert (entry.licence, entry.before) == (licence.uuid, None)
    assert (entry.after["begins_on"], entry.after["expires_on"]) == ("2026-11-22", "2026-11-22")
    assert (entry.after["count"], entry.after["counted_from"]) == (3, 22)


def test_a_grant_replaces_nothing() -> None:
    unit = RegistrationFactory().unit
    first = _grant(unit)

    second = _grant(unit, count=-1, expires_on=None)

    assert list(Licence.objects.order_by("pk")) == [first, second]
    assert [entry.before for entry in LedgerEntry.objects.filter(unit=unit)] == [None, None]


def test_a_grant_beside_a_trial_leaves_the_trial() -> None:
    registration = RegistrationFactory()
    LicenceFactory(registration=registration, service=Service.objects.get(code=2), kind="trial", count=1)

    _grant(registration.unit)

    assert {licence.kind for licence in Licence.objects.all()} == {"licensed", "trial"}


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


# What a grant adds (L7)


@pytest.mark.parametrize("days", [0, 30, None])
def test_what_one_licence_covers_adds_nothing(days: int | None) -> None:
    unit = RegistrationFactory().unit
    terms = {"code": VPN_CLIENT, "expires_on": None if days is None else TODAY + timedelta(days)}
    _grant(unit, count=9, **terms)

    for count in (9, 8):
        refuses(GrantAddsNothing, partial(_grant, unit, count=count, **terms, all_the_same=True))


def test_a_number_that_can_be_shared_out_adds_something() -> None:
    unit = RegistrationFactory().unit
    _grant(unit)

    refuses(GrantNeverRuns, partial(_grant, unit))
    _grant(unit, all_the_same=True)

    assert [licence.count for licence in Licence.objects.all()] == [3, 3]


def test_what_only_several_licences_cover_is_granted_all_the_same() -> None:
    registration = RegistrationFactory()
    vpn = Service.objects.get(code=VPN_CLIENT)
    for first, last in ((TODAY, 10), (TODAY + timedelta(11), 20)):
        LicenceFactory(
            registration=registration,
            service=vpn,
            count=9,
            begins_on=first,
            expires_on=TODAY + timedelta(last),
        )
    granted = {"code": VPN_CLIENT, "count": 9, "expires_on": TODAY + timedelta(15)}

    refuses(GrantNeverRuns, partial(_grant, registration.unit, **granted))

    assert _grant(registration.unit, **granted, all_the_same=True).count == 9


def test_what_the_model_comes_with_may_go_and_a_grant_of_it_is_asked_about() -> None:
    unit = RegistrationFactory().unit

    refuses(GrantNeverRuns, partial(_grant, unit, code=VPN_CLIENT, count=5))

    assert _grant(unit, code=VPN_CLIENT, count=5, all_the_same=True).count == 5


def test_what_a_secondary_shares_may_go_and_a_grant_of_it_is_asked_about(agent: User) -> None:
    primary, secondary, _ = pair(RegistrationFactory().account, agent)
    _grant(primary.unit, code=3, count=None, expires_on=None)
    again = {"code": 3, "count": None, "expires_on": None}

    refuses(GrantNeverRuns, partial(_grant, secondary.unit, **again))

    assert _grant(secondary.unit, **again, all_the_same=True).registration == secondary


@pytest.mark.parametrize("more", [{"count": 10}, {"count": -1}, {"expires_on": TODAY + timedelta(1)}])
def test_a_grant_of_more_or_for_longer_needs_no_word(more: dict[str, object]) -> None:
    unit = RegistrationFactory().unit
    terms = {"code": VPN_CLIENT, "count": 9}
    _grant(unit, **terms)

    _grant(unit, **terms | more)

    assert Licence.objects.count() == 2


def test_a_trial_is_no_reason_to_grant_nothing() -> None:
    registration = RegistrationFactory()
    av = Service.objects.get(code=3)
    LicenceFactory(registration=registration, service=av, kind="trial", expires_on=TODAY + timedelta(20))

    _grant(registration.unit, code=3, count=None, expires_on=TODAY)

    assert Licence.objects.filter(kind="licensed").exists()


# Nodes/Users is licensed without days (L2)


def test_nodes_are_granted_for_ever_only() -> None:
    unit = RegistrationFactory(unit__model_name="TZ 170").unit

    refuses(NodesForEver, partial(_grant, unit, code=1, count=25))

    assert _grant(unit, code=1, count=25, expires_on=None).expires_on is None


def test_nodes_have_no_trial_and_no_keys_with_a_term(agent: User) -> None:
    nodes = Service.objects.get(code=1)
    nodes.is_trial_offered = nodes.is_activation_offered = True
    nodes.save()
    unit = RegistrationFactory()

    refuses(NodesForEver, partial(start_trial, registration=unit, service=nodes, by=agent, today=TODAY))
    refuses(NodesForEver, partial(make, 1, count=5, months=12))

    assert make(1, count=5, months=None)
