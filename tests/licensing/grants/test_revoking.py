"""What Support puts right: a licence revoked or extended, a keyset issued anew."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.utils import timezone

from associations.errors import TooManySharers
from associations.models import AssociationType
from associations.services import associate, change_parent, make_standby
from licensing.entitlements.timeline import Right
from licensing.errors import (
    GrantAlreadyOver,
    NodesForEver,
    NoLicence,
    NotLater,
    NotRegistered,
    PartsElsewhere,
    TrialNotExtended,
)
from licensing.grants.extending import extend_licence
from licensing.grants.revoking import revoke_licence
from licensing.grants.trials import start_trial
from licensing.keyset import Status, read
from licensing.keysets.issuing import read_keyset, reissue_keyset
from licensing.ledger.verification import verify
from licensing.models import LedgerEntry, Licence, PoolPart
from portal.errors import ReasonNeeded
from portal.models import AuditEntry, User
from products.errors import UnitRetired
from products.models import Registration, Unit
from tests.factories import RegistrationFactory, pair, sharing
from tests.licensing.history import divide, grant
from tests.licensing.oracle import derived, shown
from tests.licensing.support import (
    CLIENT_AV,
    CONTENT_FILTER,
    GATEWAY_AV,
    NODES,
    TODAY,
    VPN,
    give,
    held,
    refuses,
    service,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

LATER = TODAY + timedelta(days=30)


@pytest.fixture
def unit() -> Registration:
    return RegistrationFactory()


def revoke(licence: Licence, by: User, *, reason: str = "never paid") -> None:
    revoke_licence(licence=licence, reason=reason, by=by, today=TODAY)


def extend(licence: Licence, by: User, day: date | None = LATER, *, reason: str = "a gift") -> Licence:
    return extend_licence(licence=licence, expires_on=day, reason=reason, by=by, today=TODAY)


def reissue(registration: Registration, by: User, *, reason: str = "lost on the way") -> None:
    reissue_keyset(registration=registration, reason=reason, by=by)


def retire(registration: Registration) -> None:
    Unit.objects.filter(pk=registration.unit_id).update(retired_at=timezone.now())


CORRECTIONS = [
    lambda licence, by, **why: revoke(licence, by, **why),
    lambda licence, by, **why: extend(licence, by, **why),
    lambda licence, by, **why: reissue(licence.registration, by, **why),
]


@pytest.mark.parametrize("correct", CORRECTIONS)
def test_a_correction_needs_its_reason(correct: Callable, unit: Registration, by: User) -> None:
    licence = give(unit, CONTENT_FILTER, expires_on=TODAY)

    refuses(ReasonNeeded, lambda: correct(licence, by, reason=" "))


@pytest.mark.parametrize("correct", CORRECTIONS)
def test_a_retired_unit_is_not_corrected(correct: Callable, unit: Registration, by: User) -> None:
    licence = give(unit, CONTENT_FILTER, expires_on=TODAY)
    retire(unit)

    refuses(UnitRetired, lambda: correct(licence, by))


@pytest.mark.parametrize("correct", CORRECTIONS)
def test_what_has_left_its_account_is_not_corrected_there(
    correct: Callable, unit: Registration, by: User
) -> None:
    licence = give(unit, CONTENT_FILTER, expires_on=TODAY)
    Registration.objects.filter(pk=unit.pk).update(ended_at=timezone.now())
    RegistrationFactory(unit=unit.unit)

    refuses(NotRegistered, lambda: correct(licence, by))


def test_a_revoked_licence_is_gone_and_the_ledger_says_why(unit: Registration, by: User) -> None:
    licence = grant(unit, CONTENT_FILTER)
    before = shown(unit, TODAY)

    revoke(licence, by)

    assert not Licence.objects.exists()
    entry = LedgerEntry.objects.filter(unit=unit.unit).latest("pk")
    assert (entry.right, entry.after, entry.reason, entry.actor) == ("revoke", None, "never paid", by)
    audit = AuditEntry.objects.get(code="licence-revoked")
    assert (audit.account, audit.serial, audit.reason) == (unit.account, unit.unit.serial, "never paid")
    assert shown(unit, TODAY) == derived(unit, TODAY) != before
    verify(progress=lambda done: None)


def test_what_the_model_comes_with_stays_after_a_licence_was_revoked(unit: Registration, by: User) -> None:
    licence = give(unit, VPN)

    revoke(licence, by)

    assert held(unit, VPN).right == Right.MODEL


def test_a_secondary_loses_what_its_primary_was_revoked(by: User) -> None:
    primary, secondary, _ = pair(RegistrationFactory().account, by)
    licence = give(primary, GATEWAY_AV)
    read_keyset(registration=secondary, today=TODAY)

    revoke(licence, by)

    assert held(secondary, GATEWAY_AV).right is None
    assert shown(secondary, TODAY) == derived(secondary, TODAY)


def test_a_licence_that_has_left_its_unit_is_not_corrected_there(unit: Registration, by: User) -> None:
    licence = give(unit, GATEWAY_AV, expires_on=TODAY)
    beside = give(unit, GATEWAY_AV, expires_on=TODAY)
    other = RegistrationFactory(account=unit.account)
    Licence.objects.filter(pk=licence.pk).update(registration=other)

    refuses(NoLicence, lambda: revoke(licence, by))
    refuses(NoLicence, lambda: extend(licence, by))
    revoke(beside, by)

    assert Licence.objects.get() == licence


def test_parts_that_other_units_hold_stand_in_the_way(unit: Registration, by: User) -> None:
    other = RegistrationFactory(account=unit.account)
    licence = give(unit, CLIENT_AV, count=10)
    PoolPart.objects.create(licence=licence, registration=other, count=4)

    refuses(PartsElsewhere, lambda: revoke(licence, by))


def test_a_trial_that_was_revoked_is_over(unit: Registration, by: User) -> None:
    licence = start_trial(registration=unit, service=service(CONTENT_FILTER), by=by, today=TODAY)

    revoke(licence, by)

    assert held(unit, CONTENT_FILTER).right is None
    assert unit.unit.trial_starts.count() == 1


@pytest.mark.parametrize("day", [LATER, None])
def test_a_licence_is_extended(unit: Registration, by: User, day: date | None) -> None:
    granted = grant(unit, CLIENT_AV, count=7, expires_on=date(2027, 1, 1), day=TODAY)
    read_keyset(registration=unit, today=TODAY)
    end = day and date(2027, 6, 12)

    extend(granted, by, end)

    licence = Licence.objects.get(uuid=granted.uuid)
    assert (licence.count, licence.expires_on, licence.counted_from) == (7, end, 12 if day else 1)
    entry = LedgerEntry.objects.filter(unit=unit.unit).latest("pk")
    assert (entry.right, entry.before["expires_on"], entry.reason) == ("grant", "2027-01-01", "a gift")
    assert AuditEntry.objects.get(code="licence-extended").data["before"] == "2027-01-01"
    assert shown(unit, TODAY) == derived(unit, TODAY)
    verify(progress=lambda done: None)


def test_an_expired_licence_runs_again(unit: Registration, by: User) -> None:
    licence = give(unit, CONTENT_FILTER, expires_on=TODAY - timedelta(days=3))

    extend(licence, by)

    assert held(unit, CONTENT_FILTER).status(TODAY) == Status.LICENSED


def test_the_parts_of_an_extended_licence_run_as_long(unit: Registration, by: User) -> None:
    other = RegistrationFactory(account=unit.account)
    licence = grant(unit, CLIENT_AV, count=10, expires_on=date(2027, 1, 1), day=TODAY)
    divide(licence, other, 4, by=by)
    read_keyset(registration=other, today=TODAY)

    extend(licence, by, date(2028, 1, 1))

    assert held(other, CLIENT_AV).expires_on == date(2028, 1, 1)
    assert shown(other, TODAY) == derived(other, TODAY)
    verify(progress=lambda done: None)


@pytest.mark.parametrize("present", [LATER, None])
@pytest.mark.parametrize("day", [LATER, LATER - timedelta(days=1)])
def test_a_licence_is_never_shortened(unit: Registration, by: User, present: date | None, day: date) -> None:
    licence = give(unit, CONTENT_FILTER, expires_on=present)

    refuses(NotLater, lambda: extend(licence, by, day))


def test_a_licence_for_ever_is_extended_no_more(unit: Registration, by: User) -> None:
    licence = give(unit, CONTENT_FILTER)

    refuses(NotLater, lambda: extend(licence, by, None))


def test_a_licence_is_not_extended_to_a_day_that_is_over(unit: Registration, by: User) -> None:
    licence = give(unit, CONTENT_FILTER, expires_on=TODAY - timedelta(days=9))

    refuses(GrantAlreadyOver, lambda: extend(licence, by, TODAY - timedelta(days=1)))


def test_nodes_are_extended_for_ever_only(unit: Registration, by: User) -> None:
    licence = give(unit, NODES, count=25, expires_on=TODAY)

    refuses(NodesForEver, lambda: extend(licence, by))

    assert extend(licence, by, None).expires_on is None


def test_of_two_licences_the_one_that_is_meant_is_extended(unit: Registration, by: User) -> None:
    first, second = (give(unit, CLIENT_AV, count=n, expires_on=TODAY) for n in (3, 5))

    extend(second, by)

    assert Licence.objects.get(pk=first.pk).expires_on == TODAY
    assert Licence.objects.get(pk=second.pk).expires_on == LATER


def test_a_trial_is_not_extended(unit: Registration, by: User) -> None:
    licence = give(unit, CONTENT_FILTER, kind="trial", expires_on=TODAY)

    refuses(TrialNotExtended, lambda: extend(licence, by))


def test_a_reissued_keyset_says_the_same_under_a_higher_generation(unit: Registration, by: User) -> None:
    first = read_keyset(registration=unit, today=TODAY)

    reissue(unit, by)

    second = read_keyset(registration=unit, today=TODAY)
    assert second.generation > first.generation
    assert read(second.text).services == read(first.text).services
    assert read_keyset(registration=unit, today=TODAY) == second
    assert AuditEntry.objects.get(code="keyset-reissued").reason == "lost on the way"


def test_a_keyset_that_nobody_has_read_yet_is_reissued(unit: Registration, by: User) -> None:
    reissue(unit, by)

    assert read_keyset(registration=unit, today=TODAY).generation == 2


# A9: beyond the limit Support associates, who names no day on which to count.


def test_support_may_share_beyond_the_limit(by: User) -> None:
    primary, _, seat = pair(RegistrationFactory().account, by)
    facts = {"type": AssociationType.objects.get(slug="hf"), "by": by, "today": TODAY}
    units = RegistrationFactory.create_batch(4, account=primary.account)
    spares = [associate(parent=primary, child=spare, **facts) for spare in units]
    for spare in spares[:2]:
        make_standby(seat=spare, instead=sharing(seat), by=by, today=TODAY)
    beyond = {"seat": spares[3], "instead": sharing(seat), "by": by}

    refuses(TooManySharers, lambda: make_standby(**beyond, today=TODAY))
    standby = make_standby(**beyond, today=None, reason="two of them were loans")

    assert standby.shares
    assert AuditEntry.objects.filter(reason="two of them were loans").count() == 3


def test_support_associates_and_changes_parents_beyond_the_limit(by: User, settings: object) -> None:
    settings.MOST_SHARERS = 0
    first, second, child = RegistrationFactory.create_batch(3, account=RegistrationFactory().account)
    facts = {"type": AssociationType.objects.get(slug="hf"), "by": by}

    refuses(TooManySharers, lambda: associate(parent=first, child=child, **facts, today=TODAY))
    seat = associate(parent=first, child=child, **facts, today=None)
    refuses(TooManySharers, lambda: change_parent(seat=seat, parent=second, by=by, today=TODAY))

    assert change_parent(seat=seat, parent=second, by=by, today=None).shares
