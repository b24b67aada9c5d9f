"""A failed unit's shared counts: they go with its licences, and what is a part of one's own pool returns."""

from typing import NamedTuple

import pytest

from licensing.models import Licence, PoolPart
from portal.clock import today
from portal.models import User
from products.models import Registration, Unit
from tests.factories import MembershipFactory, RegistrationFactory, UnitFactory, pair
from tests.licensing.history import divide, grant
from tests.licensing.oracle import derived
from tests.licensing.rma.support import (
    YEAR,
    check_truth,
    complete,
    holdings,
    of,
    open_for,
    parts,
    terms,
    undo,
)
from tests.licensing.support import CLIENT_AV

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


class Scene(NamedTuple):
    """A pair whose primary fails, another unit of the account, and one in stock."""

    by: User
    failed: Registration
    heir: Registration
    third: Registration
    new: Unit

    def pool(self, owner: Registration, **given: int) -> Licence:
        """A licence for 10 of which others have so many."""
        licence = grant(owner, CLIENT_AV, expires_on=today() + YEAR)
        for name, count in given.items():
            divide(licence, getattr(self, name), count, by=self.by)
        return licence

    def parts(self) -> dict[tuple[str, str], int]:
        """The parts, by the names of these units."""
        units = {getattr(self, name).unit.serial: name for name in ("failed", "heir", "third")}
        units[self.new.serial] = "new"
        return {(units[owner], units[holder]): count for (owner, holder), count in parts().items()}


@pytest.fixture
def scene() -> Scene:
    member = MembershipFactory()
    failed, heir, _ = pair(member.account, member.user)
    third = RegistrationFactory(account=member.account)
    return Scene(member.user, failed, heir, third, UnitFactory())


def _running(unit: Registration) -> int | None:
    """For how many Client AV runs on a unit."""
    return next((s.count for s in derived(unit, today()).services if s.code == CLIENT_AV), None)


def test_who_has_a_part_of_the_failed_units_pool_keeps_it(scene: Scene) -> None:
    scene.pool(scene.failed, third=4)

    complete(open_for(scene.failed, scene.new))

    assert scene.parts() == {("heir", "third"): 4}
    assert (_running(scene.heir), _running(scene.third), _running(of(scene.new))) == (6, 4, 6)
    check_truth()


def test_the_heirs_part_of_the_failed_units_pool_returns_to_it(scene: Scene) -> None:
    scene.pool(scene.failed, heir=3, third=4)

    complete(open_for(scene.failed, scene.new))

    assert scene.parts() == {("heir", "third"): 4}
    assert _running(scene.heir) == 6
    check_truth()


def test_the_failed_units_part_of_anothers_pool_goes_to_the_heir(scene: Scene) -> None:
    scene.pool(scene.third, failed=4)

    complete(open_for(scene.failed, scene.new))

    assert scene.parts() == {("third", "heir"): 4}
    assert (_running(scene.third), _running(scene.heir)) == (6, 4)
    check_truth()


def test_two_parts_of_one_pool_become_one(scene: Scene) -> None:
    scene.pool(scene.third, failed=4, heir=3)

    complete(open_for(scene.failed, scene.new))

    assert scene.parts() == {("third", "heir"): 7}
    check_truth()


def test_the_failed_units_part_of_the_heirs_pool_returns(scene: Scene) -> None:
    scene.pool(scene.heir, failed=4)

    complete(open_for(scene.failed, scene.new))

    assert scene.parts() == {}
    assert _running(scene.heir) == 10
    check_truth()


def test_pools_of_the_failed_unit_and_of_the_heir_keep_their_own_parts(scene: Scene) -> None:
    other = grant(scene.heir, CLIENT_AV, count=5, expires_on=today())
    divide(other, scene.third, 2, by=scene.by)
    scene.pool(scene.failed, heir=2, third=4)
    before = terms()

    complete(open_for(scene.failed, scene.new))

    given = PoolPart.objects.order_by("count").values_list("licence__count", "registration", "count")
    assert list(given) == [(5, scene.third.pk, 2), (10, scene.third.pk, 4)]
    assert set(holdings()) == {(scene.heir.unit.serial, CLIENT_AV)}
    assert terms() == before
    check_truth()


def test_a_unit_without_a_pair_leaves_its_parts_to_the_replacement(scene: Scene) -> None:
    scene.pool(scene.heir, third=4)

    complete(open_for(scene.third, scene.new))

    assert scene.parts() == {("heir", "new"): 4}
    check_truth()


@pytest.mark.parametrize(
    ("owner", "given"),
    [
        ("failed", {"heir": 3, "third": 4}),
        ("third", {"failed": 4, "heir": 3}),
        ("heir", {"failed": 4, "third": 1}),
    ],
)
def test_undoing_brings_each_part_back(scene: Scene, owner: str, given: dict[str, int]) -> None:
    scene.pool(getattr(scene, owner), **given)
    before = holdings()
    case = open_for(scene.failed, scene.new)
    complete(case)

    undo(case)

    assert scene.parts() == {(owner, holder): count for holder, count in given.items()}
    assert holdings() == before
    check_truth()
