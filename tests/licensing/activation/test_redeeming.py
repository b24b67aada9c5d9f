"""L4, R3: a key is redeemed once, on a unit, as the page showed it; a refusal leaves every row as it was."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from django.utils import timezone

from licensing.activation.codes import draw_key, show_key
from licensing.activation.redeeming import revoke_key
from licensing.errors import (
    InvalidKey,
    KeyAttemptsClosed,
    KeyForOtherModel,
    KeyNeedsLicence,
    KeyRevoked,
    KeyUsed,
    LicencesChanged,
    NothingToAdd,
    NotRegistered,
    UnknownKey,
)
from licensing.models import ActivationKey, LedgerEntry, Licence, PoolPart
from portal.keys import KeyFileUnknown
from portal.models import AuditEntry, User
from products.errors import UnitRetired
from products.models import Attempt, ProductModel, Registration, Unit
from tests.factories import AccountFactory, RegistrationFactory, pair
from tests.licensing.support import (
    CLIENT_AV,
    CONTENT_FILTER,
    GLOBAL_VPN,
    NOW,
    TODAY,
    give,
    held,
    look,
    make,
    redeem,
    refuses,
)
from tests.rows import every_row, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

FIRST = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)


@pytest.fixture
def unit() -> Registration:
    return RegistrationFactory()


def _both_refuse(error: type[Exception], unit: Registration, key: str, by: User, now: datetime = NOW) -> None:
    refuses(error, partial(look, unit, key, now=now))
    refuses(error, partial(redeem, unit, key, by=by, now=now))


# Redeeming


def test_a_key_activates_a_service(unit: Registration, by: User) -> None:
    redeem(unit, *make(CLIENT_AV, count=25, months=12), by=by)

    licence = Licence.objects.get()
    assert (licence.registration, licence.service.code) == (unit, CLIENT_AV)
    assert (licence.kind, licence.count, licence.counted_from) == ("licensed", 25, 22)
    assert (licence.begins_on, licence.expires_on) == (TODAY, date(2027, 11, 22))


def test_the_preview_says_what_redeeming_then_does(unit: Registration, by: User) -> None:
    give(unit, CLIENT_AV, count=50, expires_on=TODAY + timedelta(30))
    (key,) = make(CLIENT_AV, count=25)

    with nothing_written():
        promised = look(unit, key)

    done = redeem(unit, key, by=by, version=promised.version)

    assert (done.terms, done.own) == (promised.terms, promised.own)
    licence = Licence.objects.latest("pk")
    assert (licence.count, licence.begins_on) == (25, TODAY + timedelta(31))
    assert held(unit, CLIENT_AV, licence.begins_on).count == done.effects[0].own.then[0].holding.count == 25


def test_the_chosen_beginning_is_redeemed(unit: Registration, by: User) -> None:
    give(unit, CLIENT_AV, count=50, expires_on=TODAY + timedelta(30))
    (key,) = make(CLIENT_AV, count=25)
    days = [effect.terms.begins_on for effect in look(unit, key).effects]

    redeem(unit, key, by=by, begins_on=TODAY)

    assert days == [TODAY + timedelta(31), TODAY]
    assert Licence.objects.latest("pk").expires_on == date(2027, 11, 22)


def test_a_beginning_that_is_not_offered_is_refused(unit: Registration, by: User) -> None:
    (key,) = make(CLIENT_AV, count=25)

    refuses(LicencesChanged, partial(redeem, unit, key, by=by, begins_on=TODAY + timedelta(1)))


def test_a_licence_of_the_same_count_is_lengthened(unit: Registration, by: User) -> None:
    licence = give(unit, CLIENT_AV, count=25, expires_on=TODAY)
    other = RegistrationFactory(account=unit.account)
    PoolPart.objects.create(licence=licence, registration=other, count=6)

    redeem(unit, *make(CLIENT_AV, count=25), by=by)

    assert Licence.objects.get().expires_on == date(2027, 11, 22)
    assert held(other, CLIENT_AV, date(2027, 11, 22)).count == 6


def test_a_count_is_raised_by_what_others_hold_no_part_of(unit: Registration, by: User) -> None:
    licence = give(unit, CLIENT_AV, count=10, expires_on=TODAY)
    other = RegistrationFactory(account=unit.account)
    PoolPart.objects.create(licence=licence, registration=other, count=6)

    redeem(unit, *make(CLIENT_AV, count=5, months=None), by=by)

    assert Licence.objects.get().count == 15
    assert (held(unit, CLIENT_AV).count, held(other, CLIENT_AV).count) == (9, 6)


def test_a_secondarys_key_says_what_runs_with_the_primarys_licences(by: User) -> None:
    primary, secondary, _ = pair(AccountFactory(), by)
    give(primary, CLIENT_AV, count=50, expires_on=None)

    redemption = look(secondary, *make(CLIENT_AV, count=5))

    (effect,) = redemption.effects
    assert redemption.primary == primary
    assert (redemption.own.right, effect.own.count) == (None, 5)
    assert (redemption.runs.count, effect.runs.count) == (50, 50)


def test_a_key_is_noted_as_redeemed(unit: Registration, by: User) -> None:
    redeem(unit, *make(), by=by)

    key = ActivationKey.objects.get()
    assert (key.redeemed_at, key.redeemed_by, key.redeemed_on) == (NOW, by, unit.unit)


def test_the_ledger_names_the_key(unit: Registration, by: User) -> None:
    give(unit, CONTENT_FILTER, kind="trial", expires_on=TODAY)
    (key,) = make()

    redeem(unit, key, by=by)

    entry, licence = LedgerEntry.objects.get(unit=unit.unit), Licence.objects.latest("pk")
    days = {"begins_on": "2026-11-23", "expires_on": "2027-11-22", "counted_from": 22}
    assert (entry.right, entry.detail, entry.actor) == ("key", key[-4:], by)
    assert (entry.licence, entry.before) == (licence.uuid, None)
    assert entry.after == {"kind": "licensed", "count": None} | days


def test_the_ledger_names_the_key_by_which_a_licence_was_lengthened(unit: Registration, by: User) -> None:
    licence = give(unit, CONTENT_FILTER, expires_on=TODAY)
    (key,) = make()

    redeem(unit, key, by=by)

    entry = LedgerEntry.objects.get(unit=unit.unit)
    assert (entry.right, entry.detail, entry.licence) == ("key", key[-4:], licence.uuid)
    assert (entry.before["expires_on"], entry.after["expires_on"]) == ("2026-11-22", "2027-11-22")


def test_redeeming_is_in_the_audit_without_the_key(unit: Registration, by: User) -> None:
    (key,) = make()

    redeem(unit, key, by=by)

    entry = AuditEntry.objects.get(code="key-redeemed")
    assert (entry.actor, entry.account, entry.serial) == (by, unit.account, unit.unit.serial)
    assert entry.data == {"service": CONTENT_FILTER, "last_four": key[-4:]}


def test_redeeming_raises_this_units_version_only(unit: Registration, by: User) -> None:
    other = RegistrationFactory(account=unit.account)

    redeem(unit, *make(), by=by)

    assert Unit.objects.get(pk=unit.unit_id).version == 1
    assert Unit.objects.get(pk=other.unit_id).version == 0


def test_keys_renew_over_the_years(unit: Registration, by: User) -> None:
    """Redeemed late it counts from that day, redeemed early from the present end; a cut day comes back."""
    days = [
        (datetime(2027, 1, 31, 23, 59, tzinfo=UTC), 1, date(2027, 2, 28)),
        (datetime(2027, 2, 28, 0, 0, tzinfo=UTC), 12, date(2028, 2, 29)),
        (datetime(2028, 2, 29, 12, 0, tzinfo=UTC), 1, date(2028, 3, 31)),
        (datetime(2028, 3, 31, 12, 0, tzinfo=UTC), 35, date(2031, 2, 28)),
        (datetime(2032, 3, 30, 12, 0, tzinfo=UTC), 6, date(2032, 9, 30)),
    ]

    for now, months, last_day in days:
        redeem(unit, *make(months=months), by=by, now=now)
        assert Licence.objects.latest("pk").expires_on == last_day
    assert Licence.objects.count() == 2


@pytest.mark.parametrize(
    ("first", "months", "number", "last_day"),
    [(date(2027, 1, 31), 1, 12, date(2028, 1, 31)), (date(2028, 2, 29), 12, 4, date(2032, 2, 29))],
)
def test_a_day_that_a_short_month_cut_comes_back(
    unit: Registration, by: User, first: date, months: int, number: int, last_day: date
) -> None:
    now = datetime.combine(first, datetime.min.time(), UTC)

    for key in make(months=months, number=number):
        redeem(unit, key, by=by, now=now)

    assert Licence.objects.get().expires_on == last_day


def test_a_key_for_more_than_the_model_comes_with(unit: Registration, by: User) -> None:
    redeem(unit, *make(GLOBAL_VPN, count=50), by=by)

    assert held(unit, GLOBAL_VPN).count == 50
    assert held(unit, GLOBAL_VPN, TODAY + timedelta(366)).count == 5


def test_a_key_counts_from_what_the_model_comes_with_once_the_licence_is_over(
    unit: Registration, by: User
) -> None:
    give(unit, GLOBAL_VPN, count=50, expires_on=TODAY - timedelta(1))

    redeem(unit, *make(GLOBAL_VPN, count=10, months=None), by=by)

    licence = Licence.objects.latest("pk")
    assert (licence.count, licence.expires_on) == (15, None)


# Refusals


@pytest.mark.parametrize("typed", ["", "ABCD-EFGH", "0000-0000-0000-0000"])
def test_what_was_never_a_key_is_no_attempt(unit: Registration, by: User, typed: str) -> None:
    _both_refuse(InvalidKey, unit, typed, by)


def test_an_unknown_key_is_a_failed_attempt_and_nothing_else(unit: Registration) -> None:
    before = every_row()

    with pytest.raises(UnknownKey):
        look(unit, show_key(draw_key()))

    attempt = Attempt.objects.get()
    assert (attempt.kind, attempt.account, attempt.subject) == ("key", unit.account, unit.unit.serial)
    after = every_row()
    assert {name for name in after if after[name] != before[name]} == {Attempt._meta.label}


def test_a_node_whose_hash_key_is_damaged_redeems_nothing_and_counts_no_attempt(
    unit: Registration, by: User, damage_key: Callable[[str], None]
) -> None:
    (key,) = make()
    damage_key("codes")

    for typed in (key, draw_key()):
        _both_refuse(KeyFileUnknown, unit, typed, by)


def _try_wrongly(unit: Registration, times: int, now: datetime = NOW) -> None:
    for second in range(times):
        with pytest.raises(UnknownKey):
            look(unit, draw_key(), now=now + timedelta(seconds=second))


def test_five_failed_attempts_close_the_unit_even_to_a_right_key(unit: Registration, by: User) -> None:
    (key,) = make()
    _try_wrongly(unit, 5)

    _both_refuse(KeyAttemptsClosed, unit, key, by, NOW + timedelta(minutes=14))


def test_four_failed_attempts_close_nothing(unit: Registration, by: User) -> None:
    _try_wrongly(unit, 4)

    redeem(unit, *make(), by=by)

    assert Licence.objects.exists()


def test_a_closed_unit_opens_after_fifteen_minutes(unit: Registration, by: User) -> None:
    _try_wrongly(unit, 5)

    redeem(unit, *make(), by=by, now=NOW + timedelta(minutes=15, seconds=5))

    assert Licence.objects.exists()


def test_a_closed_unit_closes_neither_another_nor_another_account(unit: Registration, by: User) -> None:
    _try_wrongly(unit, 5)

    for other in (RegistrationFactory(account=unit.account), RegistrationFactory()):
        redeem(other, *make(), by=by)

    assert Licence.objects.count() == 2


def test_twenty_failed_attempts_close_the_account_until_the_next_day(unit: Registration, by: User) -> None:
    units = [unit, *RegistrationFactory.create_batch(4, account=unit.account)]
    for number, each in enumerate(units):
        _try_wrongly(each, 4, FIRST + timedelta(hours=number))
    fresh = RegistrationFactory(account=unit.account)
    (key,) = make()

    _both_refuse(KeyAttemptsClosed, fresh, key, by, FIRST + timedelta(hours=23, minutes=59))
    redeem(fresh, key, by=by, now=FIRST + timedelta(days=1))

    assert Licence.objects.get().registration == fresh


def test_wrong_codes_close_no_keys(unit: Registration, by: User) -> None:
    Attempt.objects.bulk_create(
        Attempt(account=unit.account, kind=Attempt.Kind.CODE, subject=unit.unit.serial, at=NOW)
        for _ in range(20)
    )

    redeem(unit, *make(), by=by)

    assert Licence.objects.exists()


@pytest.mark.parametrize("is_own", [True, False])
def test_a_key_works_once(unit: Registration, by: User, is_own: bool) -> None:
    (key,) = make()
    redeem(unit, key, by=by)
    again = RegistrationFactory(**({"account": unit.account} if is_own else {}))

    _both_refuse(KeyUsed, unit, key, by)
    _both_refuse(KeyUsed, again, key, by)


def test_only_the_account_that_redeemed_a_key_learns_where(unit: Registration, by: User) -> None:
    (key,) = make()
    redeem(unit, key, by=by)

    with pytest.raises(KeyUsed) as own:
        look(RegistrationFactory(account=unit.account), key)
    with pytest.raises(KeyUsed) as foreign:
        look(RegistrationFactory(), key)

    assert unit.unit.serial in str(own.value.facts["where"])
    assert foreign.value.facts["where"] == ""


def test_a_revoked_key_is_refused(unit: Registration, by: User) -> None:
    (key,) = make()
    revoke_key(key=ActivationKey.objects.get(), reason="never paid", by=by)

    _both_refuse(KeyRevoked, unit, key, by)


def test_a_key_for_another_model_is_refused(unit: Registration, by: User) -> None:
    (key,) = make(model=ProductModel.objects.get(name="TZ 170"))

    _both_refuse(KeyForOtherModel, unit, key, by)


def test_a_key_for_its_model_is_taken(by: User) -> None:
    unit = RegistrationFactory(unit__model_name="TZ 170")

    redeem(unit, *make(model=unit.unit.model), by=by)

    assert Licence.objects.get().registration == unit


def test_a_key_that_adds_nothing_is_refused(unit: Registration, by: User) -> None:
    give(unit, CONTENT_FILTER)

    _both_refuse(NothingToAdd, unit, *make(), by)


def test_an_upgrade_of_what_has_ended_is_refused(unit: Registration, by: User) -> None:
    give(unit, CLIENT_AV, count=5, expires_on=TODAY - timedelta(1))

    _both_refuse(KeyNeedsLicence, unit, *make(CLIENT_AV, count=5, months=None), by)


def test_what_a_stale_page_showed_is_not_done(unit: Registration, by: User) -> None:
    (key,) = make()
    shown = look(unit, key)
    redeem(unit, *make(CLIENT_AV, count=5), by=by)

    refuses(LicencesChanged, partial(redeem, unit, key, by=by, version=shown.version))


def test_a_retired_unit_redeems_nothing(unit: Registration, by: User) -> None:
    Unit.objects.filter(pk=unit.unit_id).update(retired_at=timezone.now())

    _both_refuse(UnitRetired, unit, *make(), by)


@pytest.mark.parametrize("has_new_owner", [True, False])
def test_a_unit_that_was_released_redeems_nothing(unit: Registration, by: User, has_new_owner: bool) -> None:
    Registration.objects.filter(pk=unit.pk).update(ended_at=timezone.now())
    if has_new_owner:
        RegistrationFactory(unit=unit.unit)

    _both_refuse(NotRegistered, unit, *make(), by)


def test_a_key_is_kept_for_another_unit_where_it_was_refused(unit: Registration, by: User) -> None:
    give(unit, CONTENT_FILTER)
    (key,) = make()
    refuses(NothingToAdd, partial(redeem, unit, key, by=by))

    other = RegistrationFactory(account=unit.account)
    redeem(other, key, by=by)

    assert Licence.objects.filter(registration=other).exists()
