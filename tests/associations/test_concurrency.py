"""Associations made at once: the second waits and gets its rule's class; nobody deadlocks."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db import IntegrityError, OperationalError
from django.utils import timezone

from associations.catalogue import add_type_model, remove_type_model, save_association_type
from associations.errors import (
    AlreadyChild,
    AlreadyParent,
    NotOneAccount,
    ParentIsChild,
    TypeDoesNotFit,
    TypeInUse,
)
from associations.models import AssociationType, Seat, TypeModel
from associations.services import associate
from portal.clock import today
from portal.models import Account, User
from products.errors import InAnotherAccount
from products.models import Registration, Unit
from products.querysets import UnitQuerySet
from tests.factories import AccountFactory, MembershipFactory, RegistrationFactory, registered
from tests.races import Rival, first_open, race, without_locks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def units() -> list[Registration]:
    """Three units of one account and model, in the order of their units' pks."""
    account: Account = AccountFactory()
    return RegistrationFactory.create_batch(3, account=account)


def _hf() -> AssociationType:
    return AssociationType.objects.get(slug="hf")


def _seat(parent: Registration, child: Registration, by: User) -> Callable[[], Seat]:
    return partial(associate, parent=parent, child=child, type=_hf(), by=by, today=today())


def _register_elsewhere(unit: Unit) -> Registration:
    return registered(MembershipFactory(), unit.serial)


def _give_away(registration: Registration) -> Registration:
    """Its owner releases the unit and another account registers it, in one go."""
    Registration.objects.filter(pk=registration.pk).update(ended_at=timezone.now())
    return _register_elsewhere(registration.unit)


def _live_sides() -> list[tuple[int, str]]:
    return sorted(Seat.objects.live().values_list("registration", "side"))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_one_child_is_chosen_by_two_parents_at_once(
    units: list[Registration], by: User, order: tuple
) -> None:
    first, second, child = (units[i] for i in order)

    with pytest.raises(AlreadyChild):
        race(_seat(first, child, by), _seat(second, child, by))

    assert _live_sides() == sorted([(first.pk, "parent"), (child.pk, "child")])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_each_becomes_the_others_parent_at_once(units: list[Registration], by: User, order: tuple) -> None:
    """The first holds one unit's lock only when the rival comes: locks out of order would deadlock."""
    parent, child = (units[i] for i in order)
    low = [units[0].unit_id]

    with first_open(lambda: list(Unit.objects.locked(low))):
        rival = Rival(_seat(child, parent, by))
        rival.assert_waits()
        _seat(parent, child, by)()

    with pytest.raises(AlreadyParent):
        rival.result()
    assert _live_sides() == sorted([(parent.pk, "parent"), (child.pk, "child")])


def test_a_chain_is_made_at_once(units: list[Registration], by: User) -> None:
    first, second, third = units

    with pytest.raises(ParentIsChild):
        race(_seat(first, second, by), _seat(second, third, by))

    assert _live_sides() == sorted([(first.pk, "parent"), (second.pk, "child")])


def test_one_parent_chooses_two_children_at_once(units: list[Registration], by: User) -> None:
    parent, first, second = units

    spare = race(_seat(parent, first, by), _seat(parent, second, by))

    assert spare.is_spare
    assert Seat.objects.live().get(shares=True).registration == first


def test_the_same_pair_is_made_twice_at_once(units: list[Registration], by: User) -> None:
    parent, child, _ = units

    seat = race(_seat(parent, child, by), _seat(parent, child, by))

    assert seat == Seat.objects.get(registration=child)
    assert Seat.objects.count() == 2


def test_a_unit_is_registered_elsewhere_while_it_is_associated(units: list[Registration], by: User) -> None:
    parent, child, _ = units

    with pytest.raises(InAnotherAccount):
        race(_seat(parent, child, by), lambda: _register_elsewhere(child.unit))

    assert _live_sides() == sorted([(parent.pk, "parent"), (child.pk, "child")])


@pytest.mark.parametrize("side", [0, 1])
def test_a_unit_is_associated_while_it_is_registered_elsewhere(
    units: list[Registration], by: User, side: int
) -> None:
    with pytest.raises(NotOneAccount):
        race(lambda: _give_away(units[side]), _seat(units[0], units[1], by))

    assert not Seat.objects.exists()


def test_the_type_loses_a_model_while_it_is_associated(units: list[Registration], by: User) -> None:
    entry = TypeModel.objects.get(type=_hf(), model=units[0].unit.model, side="child")

    with pytest.raises(TypeInUse):
        race(
            _seat(units[0], units[1], by),
            lambda: remove_type_model(entry=entry, by=by, reason="a slip"),
        )

    assert TypeModel.objects.filter(pk=entry.pk).exists()


def test_a_unit_is_associated_while_the_type_loses_its_model(units: list[Registration], by: User) -> None:
    entry = TypeModel.objects.get(type=_hf(), model=units[0].unit.model, side="child")

    with pytest.raises(TypeDoesNotFit):
        race(
            lambda: remove_type_model(entry=entry, by=by, reason="withdrawn"),
            _seat(units[0], units[1], by),
        )

    assert not Seat.objects.exists()


def test_the_type_stops_sharing_while_it_is_associated(units: list[Registration], by: User) -> None:
    changed = _hf()
    changed.shares_licences = False

    with pytest.raises(TypeInUse):
        race(
            _seat(units[0], units[1], by),
            lambda: save_association_type(type=changed, by=by, reason="a slip"),
        )

    assert _hf().shares_licences


def test_a_unit_is_associated_while_the_type_stops_sharing(units: list[Registration], by: User) -> None:
    """The seat follows the type as it is once the lock is had, not as the page had read it."""
    changed, stale = _hf(), _hf()
    changed.shares_licences = False

    seat = race(
        lambda: save_association_type(type=changed, by=by, reason="spares only"),
        partial(associate, parent=units[0], child=units[1], type=stale, by=by, today=today()),
    )

    assert not seat.shares


def test_a_model_is_added_to_a_type_twice_at_once(by: User) -> None:
    model = TypeModel.objects.exclude(type=_hf()).first().model
    TypeModel.objects.filter(type=_hf(), model=model).delete()
    add = partial(add_type_model, type=_hf(), model=model, side="child", by=by, reason="it can, now")

    entry = race(add, add)

    assert entry == TypeModel.objects.get(type=_hf(), model=model)


@without_locks
def test_control_without_the_lock_two_parents_get_one_child(units: list[Registration], by: User) -> None:
    first, second, child = units

    with pytest.raises(IntegrityError):
        race(_seat(first, child, by), _seat(second, child, by))


@without_locks
def test_control_without_the_lock_each_becomes_the_others_parent(units: list[Registration], by: User) -> None:
    with pytest.raises(IntegrityError):
        race(_seat(units[0], units[1], by), _seat(units[1], units[0], by))


@pytest.mark.postgres
def test_control_with_locks_out_of_order_it_is_a_deadlock(
    monkeypatch: pytest.MonkeyPatch, units: list[Registration], by: User
) -> None:
    low, high = units[0], units[1]

    def locked_downwards(self: UnitQuerySet, pks: list[int]) -> UnitQuerySet:
        return self.filter(pk__in=pks).order_by("-pk").select_for_update(no_key=True)

    with pytest.raises(OperationalError, match="deadlock"):  # noqa: PT012 (either of the two may be the victim)
        try:
            with first_open(lambda: list(Unit.objects.locked([low.unit_id]))):
                monkeypatch.setattr(UnitQuerySet, "locked", locked_downwards)
                rival = Rival(_seat(high, low, by))
                rival.assert_waits()
                _seat(low, high, by)()
        finally:
            rival.result()  # it is done before the tables are emptied


@without_locks
def test_control_without_the_lock_a_type_loses_the_model_of_a_live_association(
    units: list[Registration], by: User
) -> None:
    entry = TypeModel.objects.get(type=_hf(), model=units[0].unit.model, side="child")

    with first_open(_seat(units[0], units[1], by)):
        Rival(lambda: remove_type_model(entry=entry, by=by, reason="a slip")).result()

    assert Seat.objects.live().exists()
    assert not TypeModel.objects.filter(pk=entry.pk).exists()


@without_locks
def test_control_without_the_lock_a_unit_given_away_is_associated(
    units: list[Registration], by: User
) -> None:
    parent, child, _ = units

    race(lambda: _give_away(child), _seat(parent, child, by))

    assert Seat.objects.live().filter(registration=child, registration__ended_at__isnull=False).exists()
