"""L5: a free trial runs 30 days, once per unit and service for ever."""

from datetime import date, timedelta
from functools import partial

import pytest
from django.utils import timezone

from licensing.entitlements.timeline import Right
from licensing.errors import LicensedAlready, NotRegistered, PrimaryFirst, TrialNotOffered, TrialOver
from licensing.grants.trials import TRIAL_COUNT, start_trial
from licensing.keyset import Status
from licensing.models import LedgerEntry, Licence, PoolPart, Service, TrialStart
from portal.models import AuditEntry, User
from products.errors import UnitRetired
from products.models import Registration, Unit
from tests.factories import RegistrationFactory, add_spares, pair
from tests.licensing.support import (
    CLIENT_AV,
    CONTENT_FILTER,
    SERVER_AV,
    TODAY,
    VPN,
    give,
    held,
    make,
    redeem,
    refuses,
    service,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def unit() -> Registration:
    return RegistrationFactory()


def _try(unit: Registration, by: User, code: int = CONTENT_FILTER, today: date = TODAY) -> Licence:
    return start_trial(registration=unit, service=service(code), by=by, today=today)


def test_a_trial_runs_thirty_days(unit: Registration, by: User) -> None:
    _try(unit, by)

    assert held(unit, CONTENT_FILTER, date(2026, 12, 22)).status(date(2026, 12, 22)) == Status.FREE_TRIAL
    assert held(unit, CONTENT_FILTER, date(2026, 12, 23)).status(date(2026, 12, 23)) == Status.EXPIRED


def test_a_trial_runs_thirty_days_over_a_leap_day(unit: Registration, by: User) -> None:
    licence = _try(unit, by, today=date(2028, 2, 10))

    assert licence.expires_on == date(2028, 3, 11)


@pytest.mark.parametrize(("code", "count"), [(CONTENT_FILTER, None), (CLIENT_AV, TRIAL_COUNT)])
def test_a_trial_of_a_counted_service_has_a_count(
    unit: Registration, by: User, code: int, count: int | None
) -> None:
    assert _try(unit, by, code).count == count


def test_a_trial_is_in_ledger_audit_and_starts(unit: Registration, by: User) -> None:
    _try(unit, by)

    entry = LedgerEntry.objects.get(unit=unit.unit)
    assert (entry.right, entry.actor, entry.before) == ("trial", by, None)
    assert (entry.after["kind"], entry.after["count"]) == ("trial", None)
    assert (entry.after["begins_on"], entry.after["expires_on"]) == ("2026-11-22", "2026-12-22")
    assert TrialStart.objects.filter(unit=unit.unit, service=service(CONTENT_FILTER)).exists()
    assert AuditEntry.objects.get(code="trial-started").serial == unit.unit.serial
    assert Unit.objects.get(pk=unit.unit_id).version == 1


def test_a_secondary_shares_its_primarys_trial(by: User) -> None:
    primary, secondary, _ = pair(RegistrationFactory().account, by)

    _try(primary, by)

    shared = held(secondary, CONTENT_FILTER)
    assert (shared.right, shared.kind) == (Right.SHARED, "trial")


@pytest.mark.parametrize("code", [SERVER_AV, VPN])
def test_what_is_not_offered_is_not_tried(unit: Registration, by: User, code: int) -> None:
    refuses(TrialNotOffered, partial(_try, unit, by, code))


@pytest.mark.parametrize("kind", ["licensed", "trial"])
@pytest.mark.parametrize("days", [None, 0, -1, -4000])
def test_what_is_or_was_licensed_is_not_tried(
    unit: Registration, by: User, kind: str, days: int | None
) -> None:
    give(unit, CONTENT_FILTER, kind=kind, expires_on=None if days is None else TODAY + timedelta(days))

    refuses(LicensedAlready, partial(_try, unit, by))


def test_what_is_to_begin_is_not_tried(unit: Registration, by: User) -> None:
    give(unit, CONTENT_FILTER, begins_on=TODAY + timedelta(5))

    refuses(LicensedAlready, partial(_try, unit, by))


def test_what_another_licences_part_gives_is_not_tried(unit: Registration, by: User) -> None:
    lender = RegistrationFactory(account=unit.account)
    PoolPart.objects.create(licence=give(lender, CLIENT_AV), registration=unit, count=4)

    refuses(LicensedAlready, partial(_try, unit, by, CLIENT_AV))


def test_what_is_shared_is_not_tried(by: User) -> None:
    primary, secondary, _ = pair(RegistrationFactory().account, by)
    give(primary, CONTENT_FILTER)

    refuses(LicensedAlready, partial(_try, secondary, by))


def test_what_a_primary_let_expire_is_tried_on_the_secondary(by: User) -> None:
    primary, secondary, _ = pair(RegistrationFactory().account, by)
    give(primary, CONTENT_FILTER, expires_on=TODAY - timedelta(1))

    _try(secondary, by)

    assert held(secondary, CONTENT_FILTER).status(TODAY) == Status.FREE_TRIAL


def test_what_both_could_run_is_tried_on_the_primary_first(by: User) -> None:
    primary, secondary, _ = pair(RegistrationFactory().account, by)

    refuses(PrimaryFirst, partial(_try, secondary, by))

    _try(primary, by)
    assert held(secondary, CONTENT_FILTER).status(TODAY) == Status.FREE_TRIAL


def test_a_trial_meant_for_the_secondary_alone_runs_there(by: User) -> None:
    primary, secondary, _ = pair(RegistrationFactory().account, by)

    start_trial(registration=secondary, service=service(CONTENT_FILTER), by=by, today=TODAY, alone=True)

    assert held(secondary, CONTENT_FILTER).status(TODAY) == Status.FREE_TRIAL
    assert held(primary, CONTENT_FILTER).status(TODAY) == Status.NOT_LICENSED


def test_what_the_primary_tried_before_is_tried_on_the_secondary(by: User) -> None:
    primary, secondary, _ = pair(RegistrationFactory().account, by)
    TrialStart.objects.create(unit=primary.unit, service=service(CONTENT_FILTER))

    assert _try(secondary, by).registration == secondary


def test_what_is_not_shared_is_tried_where_it_is_to_run(by: User) -> None:
    _, secondary, _ = pair(RegistrationFactory().account, by)
    Service.objects.filter(code=CONTENT_FILTER).update(is_shareable=False)

    assert _try(secondary, by).registration == secondary


def test_a_spare_shares_nothing_and_tries_alone(by: User) -> None:
    primary, _, seat = pair(RegistrationFactory().account, by)
    spare = RegistrationFactory(account=primary.account)
    add_spares(seat, [spare])

    assert _try(spare, by).registration == spare


def test_a_trial_runs_once_for_ever(unit: Registration, by: User) -> None:
    _try(unit, by)
    Licence.objects.all().delete()

    refuses(TrialOver, partial(_try, unit, by, today=TODAY + timedelta(3650)))


def test_a_trial_runs_once_whoever_owns_the_unit(unit: Registration, by: User) -> None:
    _try(unit, by)
    Registration.objects.filter(pk=unit.pk).update(ended_at=timezone.now())

    refuses(TrialOver, partial(_try, RegistrationFactory(unit=unit.unit), by))


def test_a_trial_of_one_service_leaves_the_others(unit: Registration, by: User) -> None:
    _try(unit, by)

    assert _try(unit, by, CLIENT_AV).kind == "trial"


def test_a_trial_that_was_bought_is_over(unit: Registration, by: User) -> None:
    _try(unit, by)

    redeem(unit, *make(), by=by)

    (bought,) = held(unit, CONTENT_FILTER).then
    assert (bought.first_day, bought.last_day) == (date(2026, 12, 23), date(2027, 12, 22))
    refuses(TrialOver, partial(_try, unit, by))


def test_a_retired_unit_tries_nothing(unit: Registration, by: User) -> None:
    Unit.objects.filter(pk=unit.unit_id).update(retired_at=timezone.now())

    refuses(UnitRetired, partial(_try, unit, by))


@pytest.mark.parametrize("has_new_owner", [True, False])
def test_a_unit_that_was_released_tries_nothing(unit: Registration, by: User, has_new_owner: bool) -> None:
    Registration.objects.filter(pk=unit.pk).update(ended_at=timezone.now())
    if has_new_owner:
        RegistrationFactory(unit=unit.unit)

    refuses(NotRegistered, partial(_try, unit, by))
