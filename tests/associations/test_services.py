from collections.abc import Callable
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
from associations.services import associate
from portal.clock import today
from portal.models import AuditEntry, Membership, User
from products.models import ProductModel, Registration, Unit
from tests.factories import MembershipFactory, RegistrationFactory
from tests.killed import snapshot

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def member() -> Membership:
    return MembershipFactory()


def _type(slug: str = "hf") -> AssociationType:
    return AssociationType.objects.get(slug=slug)


def _units(member: Membership, count: int, model: str = "PRO 5060") -> list[Registration]:
    return RegistrationFactory.create_batch(count, account=member.account, unit__model_name=model)


def _seat(
    parent: Registration, child: Registration, member: Membership, slug: str = "hf", reason: str = ""
) -> Seat:
    return associate(
        parent=parent, child=child, type=_type(slug), by=member.user, today=today(), reason=reason
    )


def _refuses(error: type[Exception], action: Callable[[], object]) -> None:
    """The rule's class is raised, and every table is as it was."""
    before = snapshot()

    with pytest.raises(error):
        action()

    assert snapshot() == before


def test_associate_seats_both(member: Membership) -> None:
    parent, child = _units(member, 2)

    seat = _seat(parent, child, member, reason="new branch")

    parent_seat = parent.seats.get()
    assert (seat.registration, seat.side, seat.shares, seat.label) == (child, "child", True, "HF Secondary")
    assert (parent_seat.side, parent_seat.shares, parent_seat.label) == ("parent", False, "HF Primary")
    assert seat.group == parent_seat.group
    assert (seat.began_by, seat.reason, seat.ended_at) == (member.user, "new branch", None)


def test_a1_another_accounts_unit(member: Membership) -> None:
    parent, child = _units(member, 1)[0], RegistrationFactory()

    _refuses(NotOneAccount, partial(_seat, parent, child, member))
    _refuses(NotOneAccount, partial(_seat, child, parent, member))


@pytest.mark.parametrize("ended", [0, 1])
def test_a1_a_registration_that_ended(member: Membership, ended: int) -> None:
    units = _units(member, 2)
    Registration.objects.filter(pk=units[ended].pk).update(ended_at=timezone.now())

    _refuses(NotOneAccount, partial(_seat, *units, member))


@pytest.mark.parametrize("retired", [0, 1])
def test_a1_a_retired_unit(member: Membership, retired: int) -> None:
    units = _units(member, 2)
    Unit.objects.filter(pk=units[retired].unit_id).update(retired_at=timezone.now())

    _refuses(UnitNotActive, partial(_seat, *units, member))


def test_a1_a_model_without_hf(member: Membership) -> None:
    units = _units(member, 2, "TZ 170")

    _refuses(TypeDoesNotFit, partial(_seat, *units, member))


@pytest.mark.parametrize(("parent", "child"), [("SonicPoint", "PRO 5060"), ("PRO 5060", "PRO 4060")])
def test_a1_a_model_on_a_side_that_it_cannot_take(member: Membership, parent: str, child: str) -> None:
    units = _units(member, 1, parent) + _units(member, 1, child)

    _refuses(TypeDoesNotFit, partial(_seat, *units, member, "sonicpoint"))


def test_a1_two_models(member: Membership) -> None:
    units = _units(member, 1, "PRO 5060") + _units(member, 1, "PRO 4060")

    _refuses(DifferentModels, partial(_seat, *units, member))


def test_a1_a_sonicpoint_takes_a_firewall_of_any_model(member: Membership) -> None:
    firewall, point = _units(member, 1, "TZ 170") + _units(member, 1, "SonicPoint")

    seat = _seat(firewall, point, member, "sonicpoint")

    assert (seat.shares, seat.is_spare) == (False, False)


def test_a2_a_unit_with_itself(member: Membership) -> None:
    (unit,) = _units(member, 1)

    _refuses(WithItself, partial(_seat, unit, unit, member))


def test_a2_a_second_parent(member: Membership) -> None:
    first, second, child = _units(member, 3)
    _seat(first, child, member)

    _refuses(AlreadyChild, partial(_seat, second, child, member))


def test_a2_a_primary_as_another_ones_secondary(member: Membership) -> None:
    first, second, child = _units(member, 3)
    _seat(first, child, member)

    _refuses(AlreadyParent, partial(_seat, second, first, member))


def test_a2_a_secondary_as_another_ones_primary(member: Membership) -> None:
    first, second, third = _units(member, 3)
    _seat(first, second, member)

    _refuses(ParentIsChild, partial(_seat, second, third, member))


def test_a2_the_roles_the_other_way_round(member: Membership) -> None:
    parent, child = _units(member, 2)
    _seat(parent, child, member)

    _refuses(AlreadyParent, partial(_seat, child, parent, member))


def test_a2_two_pairs_as_one(member: Membership) -> None:
    first, first_child, second, second_child = _units(member, 4)
    _seat(first, first_child, member)
    _seat(second, second_child, member)

    _refuses(AlreadyParent, partial(_seat, first, second, member))
    _refuses(AlreadyChild, partial(_seat, first, second_child, member))


def test_a9_only_the_first_child_shares(member: Membership) -> None:
    parent, *children = _units(member, 4)

    seats = [_seat(parent, child, member) for child in children]

    assert [seat.shares for seat in seats] == [True, False, False]
    assert [seat.is_spare for seat in seats] == [False, True, True]
    assert len({seat.group for seat in seats}) == 1


def test_saying_it_again_changes_nothing(member: Membership) -> None:
    parent, child = _units(member, 2)
    seat = _seat(parent, child, member)
    before = snapshot()

    again = _seat(parent, child, member)

    assert again == seat
    assert snapshot() == before


def test_the_types_do_not_mind_each_other(member: Membership) -> None:
    primary, secondary = _units(member, 2)
    (point,) = _units(member, 1, "SonicPoint")
    _seat(primary, secondary, member)

    _seat(secondary, point, member, "sonicpoint")

    assert sorted(secondary.seats.live().values_list("type__slug", "side")) == [
        ("hf", "child"),
        ("sonicpoint", "parent"),
    ]


def test_a_seat_that_ended_stands_in_nobodys_way(member: Membership) -> None:
    first, second, child = _units(member, 3)
    _seat(first, child, member)
    Seat.objects.update(ended_at=timezone.now())

    seat = _seat(second, child, member)

    assert seat.shares
    assert Seat.objects.count() == 4


def test_only_the_childs_version_rises(member: Membership) -> None:
    parent, child = _units(member, 2)

    _seat(parent, child, member)

    assert Unit.objects.get(pk=parent.unit_id).version == 0
    assert Unit.objects.get(pk=child.unit_id).version == 1


def test_the_audit_has_one_row_for_each_unit_of_one_action(member: Membership) -> None:
    parent, child = _units(member, 2)

    _seat(parent, child, member, reason="new branch")

    entries = AuditEntry.objects.filter(code="associated")
    assert {entry.serial for entry in entries} == {parent.unit.serial, child.unit.serial}
    assert len({entry.action for entry in entries}) == 1
    assert {(entry.actor, entry.account, entry.reason) for entry in entries} == {
        (member.user, member.account, "new branch")
    }
    assert entries[0].data["parent"] == parent.unit.serial


# What is stale in the hands of who calls is read anew under the lock.


def test_stale_registrations_are_not_believed(member: Membership) -> None:
    parent, child = _units(member, 2)
    stranger = MembershipFactory()
    Registration.objects.filter(pk=child.pk).update(account=stranger.account)

    _refuses(NotOneAccount, partial(_seat, parent, child, member))


# The types.


def _save(type: AssociationType, by: User, **changes: object) -> AssociationType:
    for field, value in changes.items():
        setattr(type, field, value)
    return save_association_type(type=type, by=by, reason="decided so")


@pytest.mark.parametrize("field", ["is_same_model", "shares_licences"])
def test_what_live_associations_rest_on_stays(member: Membership, field: str) -> None:
    _seat(*_units(member, 2), member)

    _refuses(TypeInUse, partial(_save, _type(), member.user, **{field: False}))


@pytest.mark.parametrize("field", ["is_same_model", "shares_licences"])
def test_a_type_changes_once_its_associations_ended(member: Membership, field: str) -> None:
    _seat(*_units(member, 2), member)
    Seat.objects.update(ended_at=timezone.now())

    _save(_type(), member.user, **{field: False})

    assert getattr(_type(), field) is False


def test_labels_change_under_live_associations(member: Membership) -> None:
    seat = _seat(*_units(member, 2), member)

    _save(_type(), member.user, child_label="HA Secondary")

    assert Seat.objects.get(pk=seat.pk).label == "HA Secondary"
    assert AuditEntry.objects.filter(code="association-type-saved", reason="decided so").exists()


def test_a_new_type_is_data(member: Membership) -> None:
    new = AssociationType(
        slug="hub", parent_label="Hub", child_label="Spoke", is_same_model=False, shares_licences=False
    )
    type = save_association_type(type=new, by=member.user, reason="VPN hubs")
    model = ProductModel.objects.get(name="TZ 170")
    for side in ("parent", "child"):
        add_type_model(type=type, model=model, side=side, by=member.user, reason="VPN hubs")

    seat = _seat(*_units(member, 2, "TZ 170"), member, "hub")

    assert seat.label == "Spoke"


def test_adding_a_model_again_changes_nothing(member: Membership) -> None:
    entry = TypeModel.objects.filter(type=_type()).first()
    before = snapshot()

    again = add_type_model(
        type=entry.type, model=entry.model, side=entry.side, by=member.user, reason="again"
    )

    assert again == entry
    assert snapshot() == before


@pytest.mark.parametrize("side", ["parent", "child"])
def test_a_model_with_live_pairs_cannot_leave_its_type(member: Membership, side: str) -> None:
    units = _units(member, 2)
    _seat(*units, member)
    entry = TypeModel.objects.get(type=_type(), model=units[0].unit.model, side=side)

    _refuses(TypeInUse, partial(remove_type_model, entry=entry, by=member.user, reason="withdrawn"))


def test_a_model_without_live_pairs_leaves_its_type(member: Membership) -> None:
    _seat(*_units(member, 2), member)
    entry = TypeModel.objects.get(type=_type(), model__name="PRO 4060", side="child")

    remove_type_model(entry=entry, by=member.user, reason="withdrawn")

    assert AuditEntry.objects.get(code="type-model-removed").reason == "withdrawn"
    _refuses(TypeDoesNotFit, partial(_seat, *_units(member, 2, "PRO 4060"), member))
