"""Undo, and something else at once: the second sees what the first did."""

from collections.abc import Callable
from functools import partial

import pytest
from django.utils import timezone

from associations.models import Seat
from licensing.errors import LicencesChanged
from licensing.ledger.verification import verify
from licensing.models import ActivationKey, LedgerEntry, Licence
from licensing.undo.errors import UndoBlocked, UndoneAlready
from portal.models import Act
from products.models import Unit
from tests.licensing.rma.support import Scene
from tests.licensing.support import GATEWAY_AV, make, redeem
from tests.licensing.undo.support import (
    ONE_OF_EACH,
    Prepared,
    a_key_that_lengthens_a_licence,
    a_removal,
    a_swap,
    state,
    undo,
)
from tests.races import race, without_locks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]


def _redemption(scene: Scene) -> Callable[[], object]:
    """Redeem another key on the primary as a page of now shows it."""
    version = Unit.objects.get(pk=scene.primary.unit_id).version
    facts = {"by": scene.by, "now": timezone.now(), "version": version}
    return partial(redeem, scene.primary, *make(GATEWAY_AV), **facts)


@pytest.mark.parametrize("prepared", ONE_OF_EACH)
def test_an_act_is_undone_twice_at_once(scene: Scene, prepared: Prepared) -> None:
    acting = prepared(scene)
    before = state()
    twice = partial(undo, acting(), scene.by)

    with pytest.raises(UndoneAlready):
        race(twice, twice)

    assert state() == before
    verify(progress=lambda done: None)


@without_locks
def test_control_without_the_lock_a_removal_is_undone_twice(scene: Scene) -> None:
    twice = partial(undo, a_removal(scene)(), scene.by)

    with pytest.raises(Exception) as error:  # noqa: PT011  (only the database's constraint stops it)
        race(twice, twice)

    assert not isinstance(error.value, UndoneAlready)


def test_a_key_is_undone_while_another_lengthens_its_licence(scene: Scene) -> None:
    act = a_key_that_lengthens_a_licence(scene)()

    with pytest.raises(UndoBlocked):
        race(_redemption(scene), partial(undo, act, scene.by))

    assert ActivationKey.objects.filter(redeemed_at=None).count() == 0
    verify(progress=lambda done: None)


def test_a_key_lengthens_a_licence_while_another_is_undone(scene: Scene) -> None:
    act = a_key_that_lengthens_a_licence(scene)()

    with pytest.raises(LicencesChanged):
        race(partial(undo, act, scene.by), _redemption(scene))

    assert ActivationKey.objects.filter(redeemed_at=None).count() == 2
    verify(progress=lambda done: None)


def test_an_association_is_removed_while_its_swap_is_undone(scene: Scene) -> None:
    """The seat that Remove means has ended by then."""
    act = a_swap(scene)()
    seat = Seat.objects.live().with_units().get(shares=True)

    with pytest.raises(Exception, match="ended"):
        race(partial(undo, act, scene.by), partial(scene.remove, seat))

    assert Seat.objects.live().get(shares=True).registration == scene.secondary
    assert Act.objects.get().undone_at


def test_a_swap_is_undone_while_its_association_is_removed(scene: Scene) -> None:
    act = a_swap(scene)()
    seat = Seat.objects.live().with_units().get(shares=True)

    with pytest.raises(UndoBlocked):
        race(partial(scene.remove, seat), partial(undo, act, scene.by))

    assert not Seat.objects.live().exists()
    assert set(Licence.objects.values_list("registration", flat=True)) == {scene.secondary.pk}
    assert not LedgerEntry.objects.filter(right="undo").exists()
