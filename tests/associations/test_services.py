"""Associating (A1, A2, A5, A9), and the types."""

from functools import partial

import pytest
from django.utils import timezone

from associations.catalogue import add_type_model, remove_type_model, save_association_type
from associations.errors import (
    AlreadyChild,
    AlreadyParent,
    DifferentModels,
    NotOneAccount,
    ParentIsChild,
    TypeDoesNotFit,
    TypeInUse,
    UnitNotActive,
    WithItself,
)
from associations.models import AssociationType, Seat, TypeModel
from associations.services import associate_and_rename
from portal.clock import today
from portal.models import AuditEntry, Membership, User
from products.errors import InvalidFriendlyName
from products.models import Registration, Unit
from tests.associations.support import entries, hf, seated, units
from tests.factories import MembershipFactory, RegistrationFactory
from tests.licensing.support import refuses
from tests.rows import nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_associate_seats_both(member: Membership) -> None:
    parent, child = units(member, 2)

    seat = seated(parent, child, member, reason="new branch")

    parent_seat = parent.seats.get()
    assert (seat.registration, seat.side, seat.shares, seat.label) == (child, "child", True, "HF Secondary")
    assert (parent_seat.side, parent_seat.shares, parent_seat.label) == ("parent", False, "HF Primary")
    assert seat.group == parent_seat.group
    assert (seat.began_by, seat.reason, seat.ended_at) == (member.user, "new branch", None)


def test_a1_another_accounts_unit(member: Membership) -> None:
    parent, child = units(member, 1)[0], RegistrationFactory()

    refuses(NotOneAccount, partial(seated, parent, child, member))
    refuses(NotOneAccount, partial(seated, child, parent, member))


@pytest.mark.parametrize("ended", [0, 1])
def test_a1_a_registration_that_ended(member: Membership, ended: int) -> None:
    two = units(member, 2)
    Registration.objects.filter(pk=two[ended].pk).update(ended_at=timezone.now())

    refuses(NotOneAccount, partial(seated, *two, member))


@pytest.mark.parametrize("retired", [0, 1])
def test_a1_a_retired_unit(member: Membership, retired: int) -> None:
    two = units(member, 2)
    Unit.objects.filter(pk=two[retired].unit_id).update(retired_at=timezone.now())

    refuses(UnitNotActive, partial(seated, *two, member))


def test_a1_a_model_without_hf(member: Membership) -> None:
    two = units(member, 2, "TZ 170")

    refuses(TypeDoesNotFit, partial(seated, *two, member))


@pytest.mark.parametrize(("parent", "child"), [("SonicPoint", "PRO 5060"), ("PRO 5060", "PRO 4060")])
def test_a1_a_model_on_a_side_that_it_cannot_take(member: Membership, parent: str, child: str) -> None:
    two = units(member, 1, parent) + units(member, 1, child)

    refuses(TypeDoesNotFit, partial(seated, *two, member, "sonicpoint"))


def test_a1_two_models(member: Membership) -> None:
    two = units(member, 1, "PRO 5060") + units(member, 1, "PRO 4060")

    refuses(DifferentModels, partial(seated, *two, member))


def test_a1_a_sonicpoint_takes_a_firewall_of_any_model(member: Membership) -> None:
    firewall, point = units(member, 1, "TZ 170") + units(member, 1, "SonicPoint")

    seat = seated(firewall, point, member, "sonicpoint")

    assert (seat.shares, seat.is_spare) == (False, False)


def test_a2_a_unit_with_itself(member: Membership) -> None:
    (unit,) = units(member, 1)

    refuses(WithItself, partial(seated, unit, unit, member))


def test_a2_a_second_parent(member: Membership) -> None:
    first, second, child = units(member, 3)
    seated(first, child, member)

    refuses(AlreadyChild, partial(seated, second, child, member))


def test_a2_a_primary_as_another_ones_secondary(member: Membership) -> None:
    first, second, child = units(member, 3)
    seated(first, child, member)

    refuses(AlreadyParent, partial(seated, second, first, member))


def test_a2_a_secondary_as_another_ones_primary(member: Membership) -> None:
    first, second, third = units(member, 3)
    seated(first, second, member)

    refuses(ParentIsChild, partial(seated, second, third, member))


def test_a2_the_roles_the_other_way_round(member: Membership) -> None:
    parent, child = units(member, 2)
    seated(parent, child, member)

    refuses(AlreadyParent, partial(seated, child, parent, member))


def test_a2_two_pairs_as_one(member: Membership) -> None:
    first, first_child, second, second_child = units(member, 4)
    seated(first, first_child, member)
    seated(second, second_child, member)

    refuses(AlreadyParent, partial(seated, first, second, member))
    refuses(AlreadyChild, partial(seated, first, second_child, member))


def test_a9_only_the_first_child_shares(member: Membership) -> None:
    parent, *children = units(member, 4)

    seats = [seated(parent, child, member) for child in children]

    assert [seat.shares for seat in seats] == [True, False, False]
    assert [seat.is_spare for seat in seats] == [False, True, True]
    assert len({seat.group for seat in seats}) == 1


def test_saying_it_again_changes_nothing(member: Membership) -> None:
    parent, child = units(member, 2)
    seat = seated(parent, child, member)

    with nothing_written():
        again = seated(parent, child, member)

    assert again == seat


def test_the_types_do_not_mind_each_other(member: Membership) -> None:
    primary, secondary = units(member, 2)
    (point,) = units(member, 1, "SonicPoint")
    seated(primary, secondary, member)

    seated(secondary, point, member, "sonicpoint")

    assert sorted(secondary.seats.live().values_list("type__slug", "side")) == [
        ("hf", "child"),
        ("sonicpoint", "parent"),
    ]


def test_a_seat_that_ended_stands_in_nobodys_way(member: Membership) -> None:
    first, second, child = units(member, 3)
    seated(first, child, member)
    Seat.objects.update(ended_at=timezone.now())

    seat = seated(second, child, member)

    assert seat.shares
    assert Seat.objects.count() == 4


def test_only_the_childs_version_rises(member: Membership) -> None:
    parent, child = units(member, 2)

    seated(parent, child, member)

    assert Unit.objects.get(pk=parent.unit_id).version == 0
    assert Unit.objects.get(pk=child.unit_id).version == 1


def test_the_audit_has_one_row_for_each_unit_of_one_action(member: Membership) -> None:
    parent, child = units(member, 2)

    seated(parent, child, member, reason="new branch")

    entries = AuditEntry.objects.filter(code="associated")
    assert {entry.serial for entry in entries} == {parent.unit.serial, child.unit.serial}
    assert len({entry.action for entry in entries}) == 1
    assert {(entry.actor, entry.account, entry.reason) for entry in entries} == {
        (member.user, member.account, "new branch")
    }
    assert entries[0].data["parent"] == parent.unit.serial


# What is stale in the hands of who calls is read anew under the lock.


def test_stale_registrations_are_not_believed(member: Membership) -> None:
    parent, child = units(member, 2)
    stranger = MembershipFactory()
    Registration.objects.filter(pk=child.pk).update(account=stranger.account)

    refuses(NotOneAccount, partial(seated, parent, child, member))


# The types.


def _save(type: AssociationType, by: User, **changes: object) -> AssociationType:
    for field, value in changes.items():
        setattr(type, field, value)
    return save_association_type(type=type, by=by, reason="decided so")


@pytest.mark.parametrize("field", ["is_same_model", "shares_licences"])
def test_what_live_associations_rest_on_stays(member: Membership, field: str) -> None:
    seated(*units(member, 2), member)

    refuses(TypeInUse, partial(_save, hf(), member.user, **{field: False}))


@pytest.mark.parametrize("field", ["is_same_model", "shares_licences"])
def test_a_type_changes_once_its_associations_ended(member: Membership, field: str) -> None:
    seated(*units(member, 2), member)
    Seat.objects.update(ended_at=timezone.now())

    _save(hf(), member.user, **{field: False})

    assert getattr(hf(), field) is False


def test_labels_change_under_live_associations(member: Membership) -> None:
    seat = seated(*units(member, 2), member)

    _save(hf(), member.user, child_label="HA Secondary")

    assert Seat.objects.get(pk=seat.pk).label == "HA Secondary"
    assert AuditEntry.objects.filter(code="association-type-saved", reason="decided so").exists()


def test_adding_a_model_again_changes_nothing(member: Membership) -> None:
    entry = TypeModel.objects.filter(type=hf()).first()

    with nothing_written():
        again = add_type_model(
            type=entry.type, model=entry.model, side=entry.side, by=member.user, reason="again"
        )

    assert again == entry


@pytest.mark.parametrize("side", ["parent", "child"])
def test_a_model_with_live_pairs_cannot_leave_its_type(member: Membership, side: str) -> None:
    two = units(member, 2)
    seated(*two, member)
    entry = TypeModel.objects.get(type=hf(), model=two[0].unit.model, side=side)

    refuses(TypeInUse, partial(remove_type_model, entry=entry, by=member.user, reason="withdrawn"))


def test_a_model_without_live_pairs_leaves_its_type(member: Membership) -> None:
    seated(*units(member, 2), member)
    entry = TypeModel.objects.get(type=hf(), model__name="PRO 4060", side="child")

    remove_type_model(entry=entry, by=member.user, reason="withdrawn")

    assert AuditEntry.objects.get(code="type-model-removed").reason == "withdrawn"
    refuses(TypeDoesNotFit, partial(seated, *units(member, 2, "PRO 4060"), member))


# Associating with a name (A5)


def rename_and_seat(
    parent: Registration, child: Registration, member: Membership, name: str, renamed: Registration
) -> Seat:
    return associate_and_rename(
        parent=parent,
        child=child,
        type=hf(),
        renamed=renamed,
        friendly_name=name,
        by=member.user,
        today=today(),
    )


@pytest.mark.parametrize("which", [0, 1], ids=["parent", "child"])
def test_a5_a_given_name_renames(member: Membership, which: int) -> None:
    pair = primary, secondary = units(member, 2)

    rename_and_seat(primary, secondary, member, " Branch ", pair[which])

    assert Registration.objects.get(pk=pair[which].pk).friendly_name == "Branch"
    assert Registration.objects.get(pk=pair[1 - which].pk).friendly_name != "Branch"
    assert Seat.objects.live().count() == 2


@pytest.mark.parametrize("name", ["", "  "])
def test_a5_a_blank_name_keeps(member: Membership, name: str) -> None:
    primary, secondary = units(member, 2)

    rename_and_seat(primary, secondary, member, name, secondary)

    assert Registration.objects.get(pk=secondary.pk).friendly_name == secondary.friendly_name
    assert entries("renamed") == []


def test_a5_a_wrong_name_associates_nothing(member: Membership) -> None:
    primary, secondary = units(member, 2)

    refuses(InvalidFriendlyName, partial(rename_and_seat, primary, secondary, member, "n" * 31, secondary))


def test_a5_a_refused_association_renames_nothing(member: Membership) -> None:
    primary, secondary, other = units(member, 3)
    seated(other, secondary, member)

    refuses(AlreadyChild, partial(rename_and_seat, primary, secondary, member, "Branch", secondary))
