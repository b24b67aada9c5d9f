"""Two changes of licences or of the catalogue at once: the second sees what the first did."""

import contextlib
from collections.abc import Callable
from datetime import date
from functools import partial

import pytest

from associations.errors import AssociationGone, PairChanged
from associations.models import Seat
from associations.services import remove_association
from licensing.activation.codes import draw_key
from licensing.activation.redeeming import Redemption, revoke_key
from licensing.catalogue.changes import save_service, set_model_service
from licensing.errors import (
    CatalogueFull,
    GrantNeverRuns,
    KeyAttemptsClosed,
    KeyEnded,
    KeyRevoked,
    KeyUsed,
    LicencesChanged,
    LicensedAlready,
    NotDivisible,
    NotEnough,
    TrialOver,
    UnknownKey,
)
from licensing.grants.giving import grant_licence
from licensing.grants.trials import start_trial
from licensing.models import (
    ActivationKey,
    CatalogueState,
    LedgerEntry,
    Licence,
    PoolPart,
    Service,
    TrialStart,
)
from licensing.moves.one_licence import move_licence
from licensing.moves.pools import move_counts
from licensing.moves.swap import swap_roles
from portal.models import Account, User
from products.models import Attempt, ProductModel, Registration, Unit
from tests.factories import AccountFactory, RegistrationFactory, pair
from tests.licensing.support import (
    CLIENT_AV,
    CONTENT_FILTER,
    NOW,
    TODAY,
    give,
    held,
    look,
    make,
    redeem,
    service,
)
from tests.races import race, without_locks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def unit() -> Unit:
    return RegistrationFactory().unit


def _grant(unit: Unit, count: int) -> Licence:
    return grant_licence(
        unit=unit,
        service=Service.objects.get(code=2),
        count=count,
        expires_on=None,
        reason="bought",
        by=None,
        today=date(2026, 11, 22),
    )


def test_two_grants_of_one_service_at_once(unit: Unit) -> None:
    with pytest.raises(GrantNeverRuns):
        race(partial(_grant, unit, 3), partial(_grant, unit, 3))

    assert Licence.objects.get().count == 3
    assert Unit.objects.get(pk=unit.pk).version == 1


def test_what_a_model_comes_with_is_changed_twice_at_once() -> None:
    model, service = ProductModel.objects.get(name="PRO 5060"), Service.objects.get(code=2)
    change = partial(set_model_service, model=model, service=service, by=None, reason="an offer")

    race(partial(change, count=3), partial(change, count=5))

    first, second = LedgerEntry.objects.filter(model=model, service=service).order_by("pk")
    assert (first.before, first.after) == (None, {"count": 3})
    assert (second.before, second.after) == ({"count": 3}, {"count": 5})


def test_a_service_is_changed_twice_at_once() -> None:
    version = CatalogueState.objects.get().version
    one, other = Service.objects.get(code=2), Service.objects.get(code=2)
    one.is_shareable = other.is_trial_offered = False

    race(
        lambda: save_service(service=one, by=None, reason="decided so"),
        lambda: save_service(service=other, by=None, reason="decided so"),
    )

    first, second = LedgerEntry.objects.filter(service=one, reason="decided so").order_by("pk")
    assert second.before == first.after
    assert CatalogueState.objects.get().version == version + 2


def test_the_last_place_of_the_catalogue_is_taken_twice_at_once() -> None:
    Service.objects.bulk_create(
        Service(code=code, name=f"Service {code}") for code in range(100, 164 - Service.objects.count())
    )

    with pytest.raises(CatalogueFull):
        race(
            lambda: save_service(service=Service(code=900, name="One"), by=None, reason="new"),
            lambda: save_service(service=Service(code=901, name="Other"), by=None, reason="new"),
        )


@without_locks
def test_control_without_the_lock_no_grant_sees_the_other(unit: Unit) -> None:
    race(partial(_grant, unit, 3), partial(_grant, unit, 3))

    assert Licence.objects.count() == 2


# Keys, trials, pools and swaps


@pytest.fixture
def units() -> list[Registration]:
    """Three units of one account and model."""
    return RegistrationFactory.create_batch(3, account=AccountFactory())


def _redeem(registration: Registration, key: str, by: User) -> Callable[[], Redemption]:
    """Redeem a key as a page of now shows it."""
    version = Unit.objects.get(pk=registration.unit_id).version
    return partial(redeem, registration, key, by=by, version=version)


def _trial(registration: Registration, by: User) -> Callable[[], Licence]:
    offered = service(CONTENT_FILTER)
    return partial(start_trial, registration=registration, service=offered, by=by, today=TODAY)


def _move(pool: Licence, target: Registration, count: int, by: User) -> Callable[[], None]:
    source = pool.registration
    return partial(move_counts, licence=pool, source=source, target=target, count=count, by=by, today=TODAY)


def _swap(seat: Seat, by: User) -> Callable[[], Seat]:
    return partial(swap_roles, seat=seat, by=by, today=TODAY)


@pytest.mark.parametrize("is_one_account", [True, False])
def test_one_key_is_redeemed_on_two_units_at_once(by: User, is_one_account: bool) -> None:
    first = RegistrationFactory()
    second = RegistrationFactory(account=first.account if is_one_account else AccountFactory())
    (key,) = make()

    with pytest.raises(KeyUsed):
        race(_redeem(first, key, by), _redeem(second, key, by))

    assert Licence.objects.get().registration == first
    assert ActivationKey.objects.get().redeemed_on == first.unit


@without_locks
def test_control_without_the_lock_one_key_is_redeemed_twice(by: User) -> None:
    first, second = RegistrationFactory.create_batch(2)
    (key,) = make()

    race(_redeem(first, key, by), _redeem(second, key, by))

    assert Licence.objects.count() == 2


def test_two_keys_are_redeemed_on_one_unit_at_once(by: User) -> None:
    unit = RegistrationFactory()
    first, second = make(number=2)

    with pytest.raises(LicencesChanged):
        race(_redeem(unit, first, by), _redeem(unit, second, by))

    assert Licence.objects.get().expires_on == date(2027, 11, 22)
    assert ActivationKey.objects.filter(redeemed_at=None).count() == 1


def test_a_key_is_redeemed_while_it_is_revoked(by: User) -> None:
    (key,) = make()
    revoke = partial(revoke_key, key=ActivationKey.objects.get(), reason="never paid", by=by)

    with pytest.raises(KeyRevoked):
        race(revoke, _redeem(RegistrationFactory(), key, by))

    assert not Licence.objects.exists()


def test_a_key_is_revoked_while_it_is_redeemed(by: User) -> None:
    (key,) = make()
    revoke = partial(revoke_key, key=ActivationKey.objects.get(), reason="never paid", by=by)

    with pytest.raises(KeyEnded):
        race(_redeem(RegistrationFactory(), key, by), revoke)

    assert ActivationKey.objects.get().revoked_at is None


def test_a_fifth_and_a_sixth_wrong_key_at_once_are_counted_one_after_the_other(by: User) -> None:
    unit = RegistrationFactory()
    for _ in range(4):
        with pytest.raises(UnknownKey):
            look(unit, draw_key())
    at = {"account": unit.account, "kind": Attempt.Kind.KEY, "subject": unit.unit.serial, "at": NOW}

    def fifth() -> None:
        Account.objects.select_for_update(no_key=True).get(pk=unit.account_id)
        Attempt.objects.create(**at)

    with pytest.raises(KeyAttemptsClosed):
        race(fifth, partial(look, unit, draw_key()))

    assert Attempt.objects.count() == 5


def test_a_trial_is_started_twice_at_once(by: User) -> None:
    unit = RegistrationFactory()

    with pytest.raises(TrialOver):
        race(_trial(unit, by), _trial(unit, by))

    assert LedgerEntry.objects.filter(unit=unit.unit).count() == 1


@without_locks
def test_control_without_the_lock_only_the_row_of_the_first_start_stops_the_second(by: User) -> None:
    unit = RegistrationFactory()

    with pytest.raises(TrialOver):
        race(_trial(unit, by), _trial(unit, by))


def test_a_trial_is_started_while_a_key_is_redeemed(by: User) -> None:
    unit = RegistrationFactory()

    with pytest.raises(LicensedAlready):
        race(_redeem(unit, *make(), by), _trial(unit, by))

    assert not TrialStart.objects.exists()


def test_counts_are_shared_out_twice_at_once(units: list[Registration], by: User) -> None:
    first, second, third = units
    pool = give(first, CLIENT_AV, count=10)

    with pytest.raises(NotEnough):
        race(_move(pool, second, 7, by), _move(pool, third, 7, by))

    assert [(part.registration, part.count) for part in PoolPart.objects.all()] == [(second, 7)]


@without_locks
def test_control_without_the_lock_more_is_shared_out_than_there_is(
    units: list[Registration], by: User
) -> None:
    first, second, third = units
    pool = give(first, CLIENT_AV, count=10)

    race(_move(pool, second, 7, by), _move(pool, third, 7, by))

    assert sum(part.count for part in PoolPart.objects.all()) == 14


def test_counts_are_shared_out_while_the_licence_moves(units: list[Registration], by: User) -> None:
    first, second, third = units
    pool = give(first, CLIENT_AV, count=10)
    move = partial(move_licence, licence=pool, to=second, reason="a correction", by=by, today=TODAY)

    with pytest.raises(NotDivisible):
        race(move, _move(pool, third, 4, by))

    assert Licence.objects.get().registration == second


def test_a_licence_moves_while_its_counts_are_shared_out(units: list[Registration], by: User) -> None:
    """On PostgreSQL the third unit has its part since the move looked: unlocked, it stops the move."""
    first, second, third = units
    pool = give(first, CLIENT_AV, count=10)
    move = partial(move_licence, licence=pool, to=second, reason="a correction", by=by, today=TODAY)

    with contextlib.suppress(LicencesChanged):
        race(_move(pool, third, 4, by), move)

    part = PoolPart.objects.get()
    is_moved = part.licence.registration == second
    assert (part.registration, part.count) == (third, 4)
    assert Unit.objects.get(pk=third.unit_id).version == 1 + is_moved


def test_counts_are_shared_out_while_the_pools_unit_changes_roles(by: User) -> None:
    primary, secondary, seat = pair(AccountFactory(), by)
    third = RegistrationFactory(account=primary.account)
    pool = give(primary, CLIENT_AV, count=10)

    with pytest.raises(NotDivisible):
        race(_swap(seat, by), _move(pool, third, 4, by))

    assert Licence.objects.get().registration == secondary


def test_roles_are_swapped_while_counts_are_shared_out(by: User) -> None:
    """On PostgreSQL the third unit has its part since the swap looked: unlocked, it stops the swap."""
    primary, _, seat = pair(AccountFactory(), by)
    third = RegistrationFactory(account=primary.account)
    pool = give(primary, CLIENT_AV, count=10)

    with contextlib.suppress(PairChanged):
        race(_move(pool, third, 4, by), _swap(seat, by))

    part = PoolPart.objects.get()
    assert (part.registration, part.count) == (third, 4)
    assert part.licence.registration == Seat.objects.live().get(side="parent").registration


def test_roles_are_swapped_while_the_secondary_is_removed(by: User) -> None:
    primary, _, seat = pair(AccountFactory(), by)
    give(primary, CONTENT_FILTER)

    with pytest.raises(AssociationGone):
        race(partial(remove_association, seat=seat, by=by), _swap(seat, by))

    assert not Seat.objects.live().exists()
    assert Licence.objects.get().registration == primary


def test_the_secondary_is_removed_while_roles_are_swapped(by: User) -> None:
    _, secondary, seat = pair(AccountFactory(), by)

    with pytest.raises(AssociationGone):
        race(_swap(seat, by), partial(remove_association, seat=seat, by=by))

    assert Seat.objects.live().get(side="parent").registration == secondary


@without_locks
def test_control_without_the_lock_a_removed_secondary_becomes_primary(by: User) -> None:
    _, secondary, seat = pair(AccountFactory(), by)

    race(partial(remove_association, seat=seat, by=by), _swap(seat, by))

    assert Seat.objects.live().get(side="parent").registration == secondary


def test_a_licence_is_renewed_while_roles_are_swapped(by: User) -> None:
    primary, secondary, seat = pair(AccountFactory(), by)
    give(primary, CONTENT_FILTER, expires_on=TODAY)

    with pytest.raises(LicencesChanged):
        race(_swap(seat, by), _redeem(primary, *make(), by))

    licence = Licence.objects.get()
    assert (licence.registration, licence.expires_on) == (secondary, TODAY)
    assert ActivationKey.objects.get().redeemed_at is None


def test_roles_are_swapped_while_a_licence_is_renewed(by: User) -> None:
    primary, secondary, seat = pair(AccountFactory(), by)
    give(primary, CONTENT_FILTER, expires_on=TODAY)

    race(_redeem(primary, *make(), by), _swap(seat, by))

    licence = Licence.objects.get()
    assert (licence.registration, licence.expires_on) == (secondary, date(2027, 11, 22))


@without_locks
def test_control_without_the_lock_a_key_renews_what_another_unit_has_by_now(by: User) -> None:
    primary, secondary, seat = pair(AccountFactory(), by)
    give(primary, CONTENT_FILTER, expires_on=TODAY)
    renew = _redeem(primary, *make(), by)

    race(_swap(seat, by), renew)

    assert ActivationKey.objects.get().redeemed_on == primary.unit
    assert (Licence.objects.get().registration, held(primary, CONTENT_FILTER).right) == (secondary, "shared")
