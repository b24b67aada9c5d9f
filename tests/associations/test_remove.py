"""Associations removed (A7)."""

from functools import partial

import pytest
from django.utils import timezone

from associations.errors import AssociationGone
from associations.models import Seat
from portal.models import Membership
from products.models import Unit
from tests.associations.support import (
    assert_one_action,
    entries,
    generations,
    license_to,
    live,
    raised,
    remove,
    seated,
    units,
)
from tests.licensing.support import refuses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_remove_ends_both_seats_and_deletes_none(member: Membership) -> None:
    primary, secondary = units(member, 2)
    child_seat = seated(primary, secondary, member)

    remove(child_seat, member)

    assert live() == set()
    assert set(Seat.objects.values_list("registration", "ended_by")) == {
        (primary.pk, member.user.pk),
        (secondary.pk, member.user.pk),
    }
    assert not Seat.objects.filter(ended_at=None).exists()


def test_remove_leaves_the_other_children_where_they_are(member: Membership) -> None:
    primary, secondary, spare = units(member, 3)
    child_seat = seated(primary, secondary, member)
    seated(primary, spare, member)

    remove(child_seat, member)

    assert live() == {(primary.friendly_name, "parent", False), (spare.friendly_name, "child", False)}


def test_remove_leaves_associations_of_other_types(member: Membership) -> None:
    primary, secondary, point = *units(member, 2), *units(member, 1, "SonicPoint")
    child_seat = seated(primary, secondary, member)
    seated(primary, point, member, "sonicpoint")

    remove(child_seat, member)

    assert live() == {(primary.friendly_name, "parent", False), (point.friendly_name, "child", False)}


def test_remove_is_in_the_audit_trail_of_both(member: Membership) -> None:
    primary, secondary = units(member, 2)
    child_seat = seated(primary, secondary, member)

    remove(child_seat, member, reason="sold")

    assert_one_action("association-removed", member, primary, secondary, reason="sold")
    assert entries("association-removed")[0].data == {
        "type": "hf",
        "parent": primary.unit.serial,
        "child": secondary.unit.serial,
        "shares": True,
    }


def test_remove_gives_the_secondary_a_new_keyset_and_the_primary_none(member: Membership) -> None:
    primary, secondary = units(member, 2)
    license_to(primary)
    child_seat = seated(primary, secondary, member)
    before = generations(primary, secondary)

    assert raised(partial(remove, child_seat, member)) == {secondary.friendly_name}

    assert generations(primary, secondary) == [before[0], before[1] + 1]


def test_removing_a_spare_leaves_every_keyset_as_it_was(member: Membership) -> None:
    primary, secondary, spare = units(member, 3)
    license_to(primary)
    seated(primary, secondary, member)
    spare_seat = seated(primary, spare, member)
    before = generations(primary, secondary, spare)

    remove(spare_seat, member)

    assert generations(primary, secondary, spare) == before


def test_remove_again_is_refused(member: Membership) -> None:
    child_seat = seated(*units(member, 2), member)
    remove(child_seat, member)

    refuses(AssociationGone, partial(remove, child_seat, member))


def test_remove_does_not_touch_the_association_that_came_after(member: Membership) -> None:
    primary, secondary = units(member, 2)
    child_seat = seated(primary, secondary, member)
    remove(child_seat, member)
    seated(primary, secondary, member)

    refuses(AssociationGone, partial(remove, child_seat, member))


def test_the_person_who_ended_an_association_is_named(member: Membership) -> None:
    child_seat = seated(*units(member, 2), member)
    remove(child_seat, member)

    with pytest.raises(AssociationGone) as caught:
        remove(child_seat, member)

    assert str(member.user) in str(caught.value)


def test_what_was_removed_can_be_associated_the_other_way_round(member: Membership) -> None:
    primary, secondary = units(member, 2)
    remove(seated(primary, secondary, member), member)

    seated(secondary, primary, member)

    assert live() == {(secondary.friendly_name, "parent", False), (primary.friendly_name, "child", True)}
    assert Seat.objects.count() == 4


def test_a_retired_units_association_can_be_removed(member: Membership) -> None:
    primary, secondary = units(member, 2)
    child_seat = seated(primary, secondary, member)
    Unit.objects.filter(pk=primary.unit_id).update(retired_at=timezone.now())

    remove(child_seat, member)

    assert live() == set()
