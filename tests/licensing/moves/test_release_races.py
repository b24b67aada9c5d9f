"""A unit leaves its account while something else is done to it: the second sees what the first did."""

from collections.abc import Callable
from functools import partial

import pytest
from django.utils import timezone

from associations.errors import NotOneAccount
from associations.models import Seat
from licensing.errors import LicencesChanged, NotRegistered, StillAssociated
from licensing.ledger.verification import Differs, verify
from licensing.models import ActivationKey, Licence, Offer, PoolPart
from licensing.moves.errors import AlreadyOffered, OfferBlocked, OfferEnded
from licensing.moves.offers import accept_offer, withdraw_offer
from licensing.moves.pools import move_counts
from licensing.moves.release import plan_release, release_to_account
from portal.models import Account, User
from products.errors import RegistrationEnded
from products.models import Registration, Unit
from tests.factories import AccountFactory, RegistrationFactory, hf
from tests.licensing.offers import offered
from tests.licensing.support import CLIENT_AV, TODAY, give, make, redeem
from tests.races import race, take_locks_away

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def target() -> Account:
    return AccountFactory()


@pytest.fixture
def units() -> list[Registration]:
    """Two units of one account and model."""
    return RegistrationFactory.create_batch(2, account=AccountFactory())


def _release(
    registration: Registration, account: Account, by: User, **facts: object
) -> Callable[[], Registration]:
    given = {"today": TODAY, "now": timezone.now(), "reason": "sold", **facts}
    return partial(release_to_account, registration=registration, account=account, by=by, **given)


def _associate(units: list[Registration], by: User) -> Callable[[], Seat]:
    return partial(hf, *units, by=by, day=TODAY)


def _redeem(registration: Registration, by: User) -> Callable[[], object]:
    version = Unit.objects.get(pk=registration.unit_id).version
    return partial(redeem, registration, *make(), by=by, version=version)


def _owner(registration: Registration) -> Account:
    return Registration.objects.live().get(unit=registration.unit_id).account


@pytest.mark.parametrize("which", [0, 1])
def test_a_unit_is_associated_while_it_is_released(
    units: list[Registration], by: User, target: Account, which: int
) -> None:
    with pytest.raises(NotOneAccount):
        race(_release(units[which], target, by), _associate(units, by))

    assert not Seat.objects.exists()


@pytest.mark.parametrize("which", [0, 1])
def test_a_unit_is_released_while_it_is_associated(
    units: list[Registration], by: User, target: Account, which: int
) -> None:
    with pytest.raises(StillAssociated):
        race(_associate(units, by), _release(units[which], target, by))

    assert _owner(units[which]) == units[which].account


@pytest.mark.postgres
def test_control_without_the_lock_units_of_two_accounts_are_associated(
    monkeypatch: pytest.MonkeyPatch, units: list[Registration], by: User, target: Account
) -> None:
    take_locks_away(monkeypatch)

    race(_release(units[1], target, by), _associate(units, by))

    assert Seat.objects.live().get(side="child").registration.ended_at


def test_a_key_is_redeemed_while_its_unit_is_released(
    units: list[Registration], by: User, target: Account
) -> None:
    with pytest.raises(NotRegistered):
        race(_release(units[0], target, by), _redeem(units[0], by))

    assert not Licence.objects.exists()
    assert ActivationKey.objects.get().redeemed_at is None


def test_a_unit_is_released_while_a_key_is_redeemed(
    units: list[Registration], by: User, target: Account
) -> None:
    race(_redeem(units[0], by), _release(units[0], target, by))

    assert Licence.objects.get().registration.account == target
    verify(progress=lambda done: None)


def test_who_saw_the_unit_without_the_new_licence_is_asked_again(
    units: list[Registration], by: User, target: Account
) -> None:
    seen = plan_release(units[0]).fingerprint

    with pytest.raises(LicencesChanged):
        race(_redeem(units[0], by), _release(units[0], target, by, seen=seen))

    assert _owner(units[0]) == units[0].account


@pytest.mark.postgres
def test_control_without_the_lock_a_key_is_redeemed_for_nobody(
    monkeypatch: pytest.MonkeyPatch, units: list[Registration], by: User, target: Account
) -> None:
    redemption = _redeem(units[0], by)
    take_locks_away(monkeypatch)

    race(_release(units[0], target, by), redemption)

    assert Licence.objects.get().registration.ended_at


@pytest.mark.postgres
def test_control_without_the_lock_the_ledger_misses_what_was_redeemed_meanwhile(
    monkeypatch: pytest.MonkeyPatch, units: list[Registration], by: User, target: Account
) -> None:
    redemption = _redeem(units[0], by)
    take_locks_away(monkeypatch)

    race(redemption, _release(units[0], target, by))

    with pytest.raises(Differs):
        verify(progress=lambda done: None)


def test_a_unit_is_released_twice_at_once(units: list[Registration], by: User, target: Account) -> None:
    with pytest.raises(RegistrationEnded):
        race(_release(units[0], target, by), _release(units[0], AccountFactory(), by))

    assert _owner(units[0]) == target


def _offer(unit: Registration, target: Account, by: User) -> Offer:
    return offered(unit, target, by, on=TODAY)


def _ends(offer: Offer, by: User) -> dict[str, Callable[[], object]]:
    """The ways in which an offer ends, as pages from before do it."""
    terms = {"offer": offer, "by": by, "today": TODAY, "now": timezone.now()}
    return {
        "accept": partial(accept_offer, seen=offer.plan, **terms),
        "withdraw": partial(withdraw_offer, **terms),
    }


@pytest.mark.parametrize(
    ("first", "second"), [("accept", "accept"), ("accept", "withdraw"), ("withdraw", "accept")]
)
def test_of_two_who_end_an_offer_at_once_the_second_is_refused(
    units: list[Registration], by: User, target: Account, first: str, second: str
) -> None:
    """No lock decides it but the offer's own row, whose state one update changes: so there is no control."""
    offer = _offer(units[0], target, by)

    with pytest.raises(OfferEnded):
        race(_ends(offer, by)[first], _ends(offer, by)[second])

    assert _owner(units[0]) == (target if first == "accept" else units[0].account)


def test_a_product_is_offered_twice_at_once(units: list[Registration], by: User, target: Account) -> None:
    with pytest.raises(AlreadyOffered):
        race(partial(_offer, units[0], target, by), partial(_offer, units[0], AccountFactory(), by))

    assert Offer.objects.get().account == target


def test_an_offer_is_accepted_while_its_product_is_associated(
    units: list[Registration], by: User, target: Account
) -> None:
    offer = _offer(units[0], target, by)

    with pytest.raises(OfferBlocked):
        race(_associate(units, by), _ends(offer, by)["accept"])

    assert _owner(units[0]) == units[0].account


def test_counts_are_shared_out_while_their_unit_is_released(
    units: list[Registration], by: User, target: Account
) -> None:
    """On PostgreSQL the other unit has its part since the release looked: unlocked, it stops the release."""
    pool = give(units[0], CLIENT_AV, count=10)
    facts = {"licence": pool, "source": units[0], "target": units[1], "count": 4, "by": by, "today": TODAY}

    try:
        race(partial(move_counts, **facts), _release(units[0], target, by))
    except LicencesChanged:
        assert PoolPart.objects.get().registration == units[1]
        assert _owner(units[0]) == units[0].account
    else:
        assert not PoolPart.objects.exists()
        assert _owner(units[0]) == target
