"""Changes of one association at once: one wins, the other gets its rule's class; nobody deadlocks."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db import IntegrityError
from django.db.models import QuerySet

from associations.errors import AlreadyChild, AlreadyParent, AssociationGone, PairChanged, ParentIsChild
from associations.models import Seat
from associations.services import change_parent, make_standby, remove_association
from portal.clock import today
from portal.models import User
from products.models import Registration, Unit
from tests.factories import AccountFactory, RegistrationFactory, hf, sharing
from tests.races import Rival, first_open, race, without_locks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def units() -> list[Registration]:
    """Four units of one account and model, in the order of their units' pks."""
    return RegistrationFactory.create_batch(4, account=AccountFactory())


def _associating(parent: Registration, child: Registration, by: User) -> Callable[[], Seat]:
    return partial(hf, parent, child, by=by)


def _changing(seat: Seat, parent: Registration, by: User) -> Callable[[], Seat]:
    return partial(change_parent, seat=seat, parent=parent, by=by, today=today())


def _removing(seat: Seat, by: User) -> Callable[[], None]:
    return partial(remove_association, seat=seat, by=by)


def _promoting(seat: Seat, by: User) -> Callable[[], Seat]:
    return partial(make_standby, seat=seat, instead=sharing(seat), by=by, today=today())


def _present() -> dict[int, int]:
    """Each child with its parent; whoever sits alone, or beside nobody, fails the test."""
    live = list(Seat.objects.live())
    parents = {seat.group: seat.registration_id for seat in live if seat.side == "parent"}
    children = [seat for seat in live if seat.side == "child"]
    assert {seat.group for seat in children} == set(parents)
    return {seat.registration_id: parents[seat.group] for seat in children}


def test_a_child_gets_two_new_parents_at_once(units: list[Registration], by: User) -> None:
    first, second, former, child = units
    seat = _associating(former, child, by)()

    with pytest.raises(AssociationGone):
        race(_changing(seat, first, by), _changing(seat, second, by))

    assert _present() == {child.pk: first.pk}


def test_another_parent_chooses_a_child_that_changes_its_parent(units: list[Registration], by: User) -> None:
    first, second, former, child = units
    seat = _associating(former, child, by)()

    with pytest.raises(AlreadyChild):
        race(_changing(seat, first, by), _associating(second, child, by))

    assert _present() == {child.pk: first.pk}


def test_the_new_parent_becomes_a_child_itself(units: list[Registration], by: User) -> None:
    other, wanted, former, child = units
    seat = _associating(former, child, by)()

    with pytest.raises(ParentIsChild):
        race(_associating(other, wanted, by), _changing(seat, wanted, by))

    assert _present() == {wanted.pk: other.pk, child.pk: former.pk}


def test_the_new_parent_is_chosen_as_a_child(units: list[Registration], by: User) -> None:
    other, wanted, former, child = units
    seat = _associating(former, child, by)()

    with pytest.raises(AlreadyParent):
        race(_changing(seat, wanted, by), _associating(other, wanted, by))

    assert _present() == {child.pk: wanted.pk}


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_two_children_exchange_their_parents_at_once(
    units: list[Registration], by: User, is_mirrored: bool
) -> None:
    """The first holds one unit's lock only when the rival comes: locks out of order would deadlock."""
    one, other = units[:2], units[2:]
    (parent, child), (rivals_parent, rivals_child) = (other, one) if is_mirrored else (one, other)
    seat, rivals_seat = _associating(parent, child, by)(), _associating(rivals_parent, rivals_child, by)()

    with first_open(lambda: list(Unit.objects.locked([units[0].unit_id]))):
        rival = Rival(_changing(rivals_seat, parent, by))
        rival.assert_waits()
        _changing(seat, rivals_parent, by)()

    rival.result()
    assert _present() == {child.pk: rivals_parent.pk, rivals_child.pk: parent.pk}


@pytest.mark.parametrize("is_removed_first", [False, True])
def test_a_child_is_removed_and_changes_its_parent(
    units: list[Registration], by: User, is_removed_first: bool
) -> None:
    wanted, former, child, _ = units
    seat = _associating(former, child, by)()
    actions = [_changing(seat, wanted, by), _removing(seat, by)]

    with pytest.raises(AssociationGone):
        race(*reversed(actions) if is_removed_first else actions)

    assert _present() == ({} if is_removed_first else {child.pk: wanted.pk})


def test_a_child_comes_to_a_parent_whose_last_one_is_removed(units: list[Registration], by: User) -> None:
    wanted, last, former, child = units
    last_seat, seat = _associating(wanted, last, by)(), _associating(former, child, by)()

    changed = race(_removing(last_seat, by), _changing(seat, wanted, by))

    assert _present() == {child.pk: wanted.pk}
    assert changed.shares


def test_both_children_are_removed_at_once(units: list[Registration], by: User) -> None:
    parent, child, spare, _ = units
    seats = [_associating(parent, registration, by)() for registration in (child, spare)]

    race(_removing(seats[0], by), _removing(seats[1], by))

    assert _present() == {}


@pytest.fixture
def seats(units: list[Registration], by: User) -> list[Seat]:
    """A parent's sharing child and its two spares."""
    return [_associating(units[0], child, by)() for child in units[1:]]


def test_a_spare_is_made_standby_twice_at_once(seats: list[Seat], by: User) -> None:
    with pytest.raises((PairChanged, AssociationGone)):
        race(_promoting(seats[1], by), _promoting(seats[1], by))

    assert Seat.objects.live().get(shares=True).registration == seats[1].registration
    assert len(_present()) == 3


def test_two_spares_are_made_standby_at_once(seats: list[Seat], by: User) -> None:
    with pytest.raises(PairChanged):
        race(_promoting(seats[1], by), _promoting(seats[2], by))

    assert Seat.objects.live().get(shares=True).registration == seats[1].registration
    assert len(_present()) == 3


def test_a_spare_is_made_standby_while_it_is_removed(seats: list[Seat], by: User) -> None:
    with pytest.raises(AssociationGone):
        race(_removing(seats[1], by), _promoting(seats[1], by))

    assert Seat.objects.live().get(shares=True) == seats[0]


@pytest.mark.parametrize("removed", [0, 1])
def test_a_child_is_removed_while_it_exchanges_its_role(seats: list[Seat], by: User, removed: int) -> None:
    """What the page showed of the pair has ended: who shares and who is spare is to be seen first."""
    with pytest.raises(AssociationGone):
        race(_promoting(seats[1], by), _removing(seats[removed], by))

    assert Seat.objects.live().get(shares=True).registration == seats[1].registration
    assert len(_present()) == 3


def test_a_spare_is_made_standby_while_the_sharing_child_is_removed(seats: list[Seat], by: User) -> None:
    with pytest.raises(PairChanged):
        race(_removing(seats[0], by), _promoting(seats[1], by))

    assert Seat.objects.live().filter(shares=True).count() == 0
    assert len(_present()) == 2


def test_a_spare_is_made_standby_while_it_changes_its_parent(seats: list[Seat], by: User) -> None:
    wanted = RegistrationFactory(account=seats[0].registration.account)

    with pytest.raises(AssociationGone):
        race(_changing(seats[1], wanted, by), _promoting(seats[1], by))

    assert set(Seat.objects.live().filter(shares=True).values_list("registration", flat=True)) == {
        seats[0].registration_id,
        seats[1].registration_id,
    }


@without_locks
def test_control_without_the_lock_the_new_parent_becomes_a_child(units: list[Registration], by: User) -> None:
    other, wanted, former, child = units
    seat = _associating(former, child, by)()

    with pytest.raises(IntegrityError):
        race(_associating(other, wanted, by), _changing(seat, wanted, by))


@without_locks
def test_control_without_the_lock_a_child_sits_beside_no_parent(units: list[Registration], by: User) -> None:
    wanted, last, former, child = units
    last_seat, seat = _associating(wanted, last, by)(), _associating(former, child, by)()

    with first_open(_removing(last_seat, by)):
        changed = Rival(_changing(seat, wanted, by)).result()

    assert list(Seat.objects.live()) == [changed]


@without_locks
def test_control_without_the_lock_a_parent_is_left_alone(units: list[Registration], by: User) -> None:
    parent, child, spare, _ = units
    seats = [_associating(parent, registration, by)() for registration in (child, spare)]

    with first_open(_removing(seats[0], by)):
        Rival(_removing(seats[1], by)).result()

    assert Seat.objects.live().get().registration == parent


@without_locks
def test_control_without_the_lock_two_spares_share(seats: list[Seat], by: User) -> None:
    _removing(seats[0], by)()

    with pytest.raises(IntegrityError):
        race(_promoting(seats[1], by), _promoting(seats[2], by))


def take_counts_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a race's control: a conditional update that changed no row says that it changed one."""
    update = QuerySet.update
    monkeypatch.setattr(QuerySet, "update", lambda self, **values: update(self, **values) or 1)


@pytest.mark.postgres
@pytest.mark.parametrize("is_removed_first", [False, True])
def test_control_without_the_count_a_removed_child_has_a_parent(
    monkeypatch: pytest.MonkeyPatch, units: list[Registration], by: User, is_removed_first: bool
) -> None:
    wanted, former, child, _ = units
    seat = _associating(former, child, by)()
    actions = [_changing(seat, wanted, by), _removing(seat, by)]
    take_counts_away(monkeypatch)

    race(*reversed(actions) if is_removed_first else actions)

    assert _present() == {child.pk: wanted.pk}


@without_locks
@pytest.mark.parametrize("is_removed_first", [False, True])
def test_control_without_lock_and_count_a_removed_child_shares(
    monkeypatch: pytest.MonkeyPatch, seats: list[Seat], by: User, is_removed_first: bool
) -> None:
    actions = [_promoting(seats[1], by), _removing(seats[1], by)]
    take_counts_away(monkeypatch)

    race(*reversed(actions) if is_removed_first else actions)

    assert Seat.objects.live().get(shares=True).registration == seats[1].registration
