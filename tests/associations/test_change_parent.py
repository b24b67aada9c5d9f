"""Children given another parent (A6)."""

from functools import partial

import pytest
from django.utils import timezone

from associations.errors import (
    AssociationGone,
    DifferentModels,
    NotOneAccount,
    ParentIsChild,
    TypeDoesNotFit,
    UnitNotActive,
    WithItself,
)
from associations.models import Seat
from portal.models import Membership
from products.models import Unit
from tests.associations.support import (
    assert_one_action,
    change,
    entries,
    generations,
    license_to,
    live,
    raised,
    remove,
    seated,
    units,
)
from tests.factories import RegistrationFactory
from tests.licensing.support import refuses
from tests.rows import nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_change_parent_ends_the_former_pair_and_begins_the_new_one(member: Membership) -> None:
    former, child, parent = units(member, 3)
    child_seat = seated(former, child, member)

    changed = change(child_seat, parent, member)

    assert live() == {(parent.friendly_name, "parent", False), (child.friendly_name, "child", True)}
    assert changed == Seat.objects.live().get(registration=child)
    assert changed.group != child_seat.group
    ended = Seat.objects.filter(group=child_seat.group)
    assert {(e.ended_by, e.ended_at is None) for e in ended} == {(member.user, False)}
    assert ended.count() == 2


def test_change_parent_to_a_primary_that_shares_makes_a_spare(member: Membership) -> None:
    former, child, parent, sharing = units(member, 4)
    child_seat = seated(former, child, member)
    seated(parent, sharing, member)

    changed = change(child_seat, parent, member)

    assert changed.is_spare
    assert live() == {
        (parent.friendly_name, "parent", False),
        (sharing.friendly_name, "child", True),
        (child.friendly_name, "child", False),
    }


def test_change_parent_lets_a_spare_share_where_nobody_does(member: Membership) -> None:
    former, sharing, spare, parent = units(member, 4)
    seated(former, sharing, member)
    spare_seat = seated(former, spare, member)

    changed = change(spare_seat, parent, member)

    assert changed.shares
    assert (former.friendly_name, "parent", False) in live()


def test_change_parent_of_a_sonicpoint(member: Membership) -> None:
    point, former, parent = *units(member, 1, "SonicPoint"), *units(member, 2, "TZ 170")
    child_seat = seated(former, point, member, "sonicpoint")

    changed = change(child_seat, parent, member)

    assert (changed.shares, changed.is_spare) == (False, False)
    assert live() == {(parent.friendly_name, "parent", False), (point.friendly_name, "child", False)}


def test_change_parent_to_the_present_one_changes_nothing(member: Membership) -> None:
    former, child = units(member, 2)
    child_seat = seated(former, child, member)

    with nothing_written():
        assert change(child_seat, former, member) == child_seat


def test_change_parent_is_in_the_audit_trail_of_all_three(member: Membership) -> None:
    former, child, parent = units(member, 3)
    child_seat = seated(former, child, member)

    changed = change(child_seat, parent, member, reason="moved")

    assert_one_action("parent-changed", member, parent, child, former, reason="moved")
    assert entries("parent-changed")[0].data["former"] == former.unit.serial
    assert changed.reason == "moved"


def test_change_parent_gives_the_child_alone_a_new_keyset(member: Membership) -> None:
    former, child, parent = units(member, 3)
    license_to(former, 4)
    license_to(parent, 3)
    child_seat = seated(former, child, member)
    before = generations(former, child, parent)

    assert raised(partial(change, child_seat, parent, member)) == {child.friendly_name}

    assert generations(former, child, parent) == [before[0], before[1] + 1, before[2]]


def test_change_parent_of_an_association_that_ended_is_refused(member: Membership) -> None:
    former, child, parent = units(member, 3)
    child_seat = seated(former, child, member)
    remove(child_seat, member)

    refuses(AssociationGone, partial(change, child_seat, parent, member))
    refuses(AssociationGone, partial(change, child_seat, former, member))


def test_change_parent_does_not_touch_the_association_that_came_after(member: Membership) -> None:
    former, child, second, third = units(member, 4)
    child_seat = seated(former, child, member)
    change(child_seat, second, member)

    refuses(AssociationGone, partial(change, child_seat, third, member))
    refuses(AssociationGone, partial(change, child_seat, second, member))


def test_a2_change_parent_to_another_ones_child(member: Membership) -> None:
    former, child, other, others_child = units(member, 4)
    child_seat = seated(former, child, member)
    seated(other, others_child, member)

    refuses(ParentIsChild, partial(change, child_seat, others_child, member))


def test_a2_change_parent_to_a_spare_of_the_same_pair(member: Membership) -> None:
    former, child, spare = units(member, 3)
    child_seat = seated(former, child, member)
    seated(former, spare, member)

    refuses(ParentIsChild, partial(change, child_seat, spare, member))


def test_a2_change_parent_to_itself(member: Membership) -> None:
    former, child = units(member, 2)
    child_seat = seated(former, child, member)

    refuses(WithItself, partial(change, child_seat, child, member))


def test_a1_change_parent_to_another_accounts_unit(member: Membership) -> None:
    child_seat = seated(*units(member, 2), member)

    refuses(NotOneAccount, partial(change, child_seat, RegistrationFactory(), member))


def test_a1_change_parent_to_a_retired_unit(member: Membership) -> None:
    former, child, parent = units(member, 3)
    child_seat = seated(former, child, member)
    Unit.objects.filter(pk=parent.unit_id).update(retired_at=timezone.now())

    refuses(UnitNotActive, partial(change, child_seat, parent, member))


@pytest.mark.parametrize(("model", "error"), [("PRO 4060", DifferentModels), ("TZ 170", TypeDoesNotFit)])
def test_a1_change_parent_to_another_model(member: Membership, model: str, error: type[Exception]) -> None:
    child_seat = seated(*units(member, 2), member)

    refuses(error, partial(change, child_seat, *units(member, 1, model), member))
