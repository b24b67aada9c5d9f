"""Associations changed: removed, given another parent, a spare made standby (A2, A5, A6, A7, A9)."""

import datetime
from collections.abc import Callable
from functools import partial

import pytest
from django.utils import timezone
from pytest_django import Settings

from associations.errors import (
    AlreadyChild,
    AssociationGone,
    DifferentModels,
    NoSpare,
    NotOneAccount,
    ParentIsChild,
    TooManySharers,
    TypeDoesNotFit,
    UnitNotActive,
    WithItself,
)
from associations.models import AssociationType, Seat
from associations.services import (
    associate,
    associate_and_rename,
    change_parent,
    make_standby,
    remove_association,
)
from licensing.keysets import read_keyset
from licensing.models import Licence, Service
from portal.clock import today
from portal.models import AuditEntry, Membership
from products.errors import InvalidFriendlyName
from products.models import Registration, Unit
from tests.factories import MembershipFactory, RegistrationFactory, sharing
from tests.rows import every_row

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def member() -> Membership:
    return MembershipFactory()


def hf() -> AssociationType:
    return AssociationType.objects.get(slug="hf")


def units(member: Membership, count: int, model: str = "PRO 5060") -> list[Registration]:
    return RegistrationFactory.create_batch(count, account=member.account, unit__model_name=model)


def seat(parent: Registration, child: Registration, member: Membership, slug: str = "hf") -> Seat:
    type = AssociationType.objects.get(slug=slug)
    return associate(parent=parent, child=child, type=type, by=member.user, today=today())


def remove(seat: Seat, member: Membership, reason: str = "") -> None:
    remove_association(seat=seat, by=member.user, reason=reason)


def change(seat: Seat, parent: Registration, member: Membership, reason: str = "") -> Seat:
    return change_parent(seat=seat, parent=parent, by=member.user, today=today(), reason=reason)


def promote(seat: Seat, member: Membership, on: datetime.date | None = None, reason: str = "") -> Seat:
    return make_standby(seat=seat, instead=sharing(seat), by=member.user, today=on or today(), reason=reason)


def refuses(error: type[Exception], action: Callable[[], object]) -> None:
    """The rule's class is raised, and every table is as it was."""
    before = every_row()

    with pytest.raises(error) as caught:
        action()

    assert caught.type is error
    assert every_row() == before


def live() -> set[tuple[str, str, bool]]:
    """Who sits where now."""
    return set(Seat.objects.live().values_list("registration__friendly_name", "side", "shares"))


def names(*registrations: Registration) -> list[str]:
    return [registration.friendly_name for registration in registrations]


def versions() -> dict[str, int]:
    return dict(Unit.objects.values_list("registrations__friendly_name", "version"))


def raised(action: Callable[[], object]) -> set[str]:
    """The units whose version an action raised."""
    before = versions()
    action()
    return {name for name, version in versions().items() if version != before[name]}


def generations(*registrations: Registration) -> list[int]:
    return [read_keyset(registration=unit, today=today()).generation for unit in registrations]


def license_to(registration: Registration, code: int = 4) -> None:
    Licence.objects.create(registration=registration, service=Service.objects.get(code=code))


def entries(code: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(code=code).order_by("pk"))


def assert_one_action(code: str, member: Membership, *expected: Registration, reason: str) -> None:
    """One audit row for each unit, all of one action, by who acted and why."""
    found = entries(code)
    assert sorted(entry.serial for entry in found) == sorted(r.unit.serial for r in expected)
    assert {(e.actor, e.account, e.reason) for e in found} == {(member.user, member.account, reason)}
    assert len({entry.action for entry in found}) == 1


# Remove (A7)


def test_remove_ends_both_seats_and_deletes_none(member: Membership) -> None:
    primary, secondary = units(member, 2)
    child_seat = seat(primary, secondary, member)

    remove(child_seat, member)

    assert live() == set()
    assert set(Seat.objects.values_list("registration", "ended_by")) == {
        (primary.pk, member.user.pk),
        (secondary.pk, member.user.pk),
    }
    assert not Seat.objects.filter(ended_at=None).exists()


def test_remove_leaves_the_other_children_where_they_are(member: Membership) -> None:
    primary, secondary, spare = units(member, 3)
    child_seat = seat(primary, secondary, member)
    seat(primary, spare, member)

    remove(child_seat, member)

    assert live() == {(primary.friendly_name, "parent", False), (spare.friendly_name, "child", False)}


def test_remove_leaves_associations_of_other_types(member: Membership) -> None:
    primary, secondary, point = *units(member, 2), *units(member, 1, "SonicPoint")
    child_seat = seat(primary, secondary, member)
    seat(primary, point, member, "sonicpoint")

    remove(child_seat, member)

    assert live() == {(primary.friendly_name, "parent", False), (point.friendly_name, "child", False)}


def test_remove_is_in_the_audit_trail_of_both(member: Membership) -> None:
    primary, secondary = units(member, 2)
    child_seat = seat(primary, secondary, member)

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
    child_seat = seat(primary, secondary, member)
    before = generations(primary, secondary)

    assert raised(partial(remove, child_seat, member)) == {secondary.friendly_name}

    assert generations(primary, secondary) == [before[0], before[1] + 1]


def test_removing_a_spare_leaves_every_keyset_as_it_was(member: Membership) -> None:
    primary, secondary, spare = units(member, 3)
    license_to(primary)
    seat(primary, secondary, member)
    spare_seat = seat(primary, spare, member)
    before = generations(primary, secondary, spare)

    remove(spare_seat, member)

    assert generations(primary, secondary, spare) == before


def test_remove_again_is_refused(member: Membership) -> None:
    child_seat = seat(*units(member, 2), member)
    remove(child_seat, member)

    refuses(AssociationGone, partial(remove, child_seat, member))


def test_remove_does_not_touch_the_association_that_came_after(member: Membership) -> None:
    primary, secondary = units(member, 2)
    child_seat = seat(primary, secondary, member)
    remove(child_seat, member)
    seat(primary, secondary, member)

    refuses(AssociationGone, partial(remove, child_seat, member))


def test_who_ended_an_association_is_told(member: Membership) -> None:
    child_seat = seat(*units(member, 2), member)
    remove(child_seat, member)

    with pytest.raises(AssociationGone) as caught:
        remove(child_seat, member)

    assert str(member.user) in str(caught.value)


def test_what_was_removed_can_be_associated_the_other_way_round(member: Membership) -> None:
    primary, secondary = units(member, 2)
    remove(seat(primary, secondary, member), member)

    seat(secondary, primary, member)

    assert live() == {(secondary.friendly_name, "parent", False), (primary.friendly_name, "child", True)}
    assert Seat.objects.count() == 4


def test_a_retired_units_association_can_be_removed(member: Membership) -> None:
    primary, secondary = units(member, 2)
    child_seat = seat(primary, secondary, member)
    Unit.objects.filter(pk=primary.unit_id).update(retired_at=timezone.now())

    remove(child_seat, member)

    assert live() == set()


# Change parent (A6)


def test_change_parent_ends_the_former_pair_and_begins_the_new_one(member: Membership) -> None:
    former, child, parent = units(member, 3)
    child_seat = seat(former, child, member)

    changed = change(child_seat, parent, member)

    assert live() == {(parent.friendly_name, "parent", False), (child.friendly_name, "child", True)}
    assert changed == Seat.objects.live().get(registration=child)
    assert changed.group != child_seat.group
    ended = Seat.objects.filter(group=child_seat.group)
    assert {(e.ended_by, e.ended_at is None) for e in ended} == {(member.user, False)}
    assert ended.count() == 2


def test_change_parent_to_a_primary_that_shares_makes_a_spare(member: Membership) -> None:
    former, child, parent, sharing = units(member, 4)
    child_seat = seat(former, child, member)
    seat(parent, sharing, member)

    changed = change(child_seat, parent, member)

    assert changed.is_spare
    assert live() == {
        (parent.friendly_name, "parent", False),
        (sharing.friendly_name, "child", True),
        (child.friendly_name, "child", False),
    }


def test_change_parent_lets_a_spare_share_where_nobody_does(member: Membership) -> None:
    former, sharing, spare, parent = units(member, 4)
    seat(former, sharing, member)
    spare_seat = seat(former, spare, member)

    changed = change(spare_seat, parent, member)

    assert changed.shares
    assert (former.friendly_name, "parent", False) in live()


def test_change_parent_of_a_sonicpoint(member: Membership) -> None:
    point, former, parent = *units(member, 1, "SonicPoint"), *units(member, 2, "TZ 170")
    child_seat = seat(former, point, member, "sonicpoint")

    changed = change(child_seat, parent, member)

    assert (changed.shares, changed.is_spare) == (False, False)
    assert live() == {(parent.friendly_name, "parent", False), (point.friendly_name, "child", False)}


def test_change_parent_to_the_present_one_changes_nothing(member: Membership) -> None:
    former, child = units(member, 2)
    child_seat = seat(former, child, member)
    before = every_row()

    assert change(child_seat, former, member) == child_seat

    assert every_row() == before


def test_change_parent_is_in_the_audit_trail_of_all_three(member: Membership) -> None:
    former, child, parent = units(member, 3)
    child_seat = seat(former, child, member)

    changed = change(child_seat, parent, member, reason="moved")

    assert_one_action("parent-changed", member, parent, child, former, reason="moved")
    assert entries("parent-changed")[0].data["former"] == former.unit.serial
    assert changed.reason == "moved"


def test_change_parent_gives_the_child_alone_a_new_keyset(member: Membership) -> None:
    former, child, parent = units(member, 3)
    license_to(former, 4)
    license_to(parent, 3)
    child_seat = seat(former, child, member)
    before = generations(former, child, parent)

    assert raised(partial(change, child_seat, parent, member)) == {child.friendly_name}

    assert generations(former, child, parent) == [before[0], before[1] + 1, before[2]]


def test_change_parent_of_an_association_that_ended_is_refused(member: Membership) -> None:
    former, child, parent = units(member, 3)
    child_seat = seat(former, child, member)
    remove(child_seat, member)

    refuses(AssociationGone, partial(change, child_seat, parent, member))
    refuses(AssociationGone, partial(change, child_seat, former, member))


def test_change_parent_does_not_touch_the_association_that_came_after(member: Membership) -> None:
    former, child, second, third = units(member, 4)
    child_seat = seat(former, child, member)
    change(child_seat, second, member)

    refuses(AssociationGone, partial(change, child_seat, third, member))
    refuses(AssociationGone, partial(change, child_seat, second, member))


def test_a2_change_parent_to_another_ones_child(member: Membership) -> None:
    former, child, other, others_child = units(member, 4)
    child_seat = seat(former, child, member)
    seat(other, others_child, member)

    refuses(ParentIsChild, partial(change, child_seat, others_child, member))


def test_a2_change_parent_to_a_spare_of_the_same_pair(member: Membership) -> None:
    former, child, spare = units(member, 3)
    child_seat = seat(former, child, member)
    seat(former, spare, member)

    refuses(ParentIsChild, partial(change, child_seat, spare, member))


def test_a2_change_parent_to_itself(member: Membership) -> None:
    former, child = units(member, 2)
    child_seat = seat(former, child, member)

    refuses(WithItself, partial(change, child_seat, child, member))


def test_a1_change_parent_to_another_accounts_unit(member: Membership) -> None:
    child_seat = seat(*units(member, 2), member)

    refuses(NotOneAccount, partial(change, child_seat, RegistrationFactory(), member))


def test_a1_change_parent_to_a_retired_unit(member: Membership) -> None:
    former, child, parent = units(member, 3)
    child_seat = seat(former, child, member)
    Unit.objects.filter(pk=parent.unit_id).update(retired_at=timezone.now())

    refuses(UnitNotActive, partial(change, child_seat, parent, member))


@pytest.mark.parametrize(("model", "error"), [("PRO 4060", DifferentModels), ("TZ 170", TypeDoesNotFit)])
def test_a1_change_parent_to_another_model(member: Membership, model: str, error: type[Exception]) -> None:
    child_seat = seat(*units(member, 2), member)

    refuses(error, partial(change, child_seat, *units(member, 1, model), member))


# Make standby (A9)


def test_make_standby_exchanges_the_spare_with_the_sharing_secondary(member: Membership) -> None:
    primary, sharing, spare = units(member, 3)
    first = seat(primary, sharing, member)
    spare_seat = seat(primary, spare, member)

    standby = promote(spare_seat, member)

    assert live() == {
        (primary.friendly_name, "parent", False),
        (sharing.friendly_name, "child", False),
        (spare.friendly_name, "child", True),
    }
    assert standby == Seat.objects.live().get(registration=spare)
    assert {s.group for s in Seat.objects.all()} == {first.group}
    ended = Seat.objects.exclude(ended_at=None)
    assert set(ended.values_list("pk", "ended_by")) == {
        (first.pk, member.user.pk),
        (spare_seat.pk, member.user.pk),
    }


def test_make_standby_leaves_the_other_spares(member: Membership) -> None:
    primary, sharing, spare, other = units(member, 4)
    seat(primary, sharing, member)
    spare_seat, other_seat = (seat(primary, unit, member) for unit in (spare, other))

    promote(spare_seat, member)

    assert Seat.objects.live().get(pk=other_seat.pk).is_spare


def test_make_standby_where_nobody_shares(member: Membership) -> None:
    primary, sharing, spare = units(member, 3)
    first = seat(primary, sharing, member)
    spare_seat = seat(primary, spare, member)
    remove(first, member)

    promote(spare_seat, member)

    assert live() == {(primary.friendly_name, "parent", False), (spare.friendly_name, "child", True)}


def test_make_standby_is_in_the_audit_trail_of_all_three(member: Membership) -> None:
    primary, sharing, spare = units(member, 3)
    seat(primary, sharing, member)
    spare_seat = seat(primary, spare, member)

    promote(spare_seat, member, reason="at hand")

    assert_one_action("made-standby", member, primary, sharing, spare, reason="at hand")
    assert entries("made-standby")[0].data["former"] == sharing.unit.serial


def test_make_standby_gives_both_children_new_keysets_and_the_primary_none(member: Membership) -> None:
    primary, sharing, spare = units(member, 3)
    license_to(primary)
    seat(primary, sharing, member)
    spare_seat = seat(primary, spare, member)
    before = generations(primary, sharing, spare)

    assert raised(partial(promote, spare_seat, member)) == set(names(sharing, spare))

    assert generations(primary, sharing, spare) == [before[0], before[1] + 1, before[2] + 1]


def test_make_standby_of_the_unit_that_shares_is_refused(member: Membership) -> None:
    child_seat = seat(*units(member, 2), member)

    refuses(NoSpare, partial(promote, child_seat, member))


def test_make_standby_of_a_sonicpoint_is_refused(member: Membership) -> None:
    firewall, point = *units(member, 1), *units(member, 1, "SonicPoint")
    child_seat = seat(firewall, point, member, "sonicpoint")

    refuses(NoSpare, partial(promote, child_seat, member))


def test_make_standby_twice_is_refused(member: Membership) -> None:
    primary, sharing, spare = units(member, 3)
    seat(primary, sharing, member)
    spare_seat = seat(primary, spare, member)
    promote(spare_seat, member)

    refuses(AssociationGone, partial(promote, spare_seat, member))


def test_make_standby_of_a_spare_that_was_removed_is_refused(member: Membership) -> None:
    primary, sharing, spare = units(member, 3)
    seat(primary, sharing, member)
    spare_seat = seat(primary, spare, member)
    remove(spare_seat, member)

    refuses(AssociationGone, partial(promote, spare_seat, member))


@pytest.mark.parametrize("which", [0, 2], ids=["primary", "spare"])
def test_make_standby_with_a_retired_unit_is_refused(member: Membership, which: int) -> None:
    trio = primary, sharing, spare = units(member, 3)
    seat(primary, sharing, member)
    spare_seat = seat(primary, spare, member)
    Unit.objects.filter(pk=trio[which].unit_id).update(retired_at=timezone.now())

    refuses(UnitNotActive, partial(promote, spare_seat, member))


def test_make_standby_in_place_of_a_retired_unit(member: Membership) -> None:
    primary, sharing, spare = units(member, 3)
    seat(primary, sharing, member)
    spare_seat = seat(primary, spare, member)
    Unit.objects.filter(pk=sharing.unit_id).update(retired_at=timezone.now())

    assert promote(spare_seat, member).shares


# A9: three units in 90 days


def shared_by(primary: Registration, member: Membership, count: int) -> list[Registration]:
    """Units that shared a primary's licences, one after the other, the last one until now."""
    children = units(member, count)
    seat(primary, children[0], member)
    for child in children[1:]:
        promote(seat(primary, child, member), member)
    return children


def ended_days_ago(days: int) -> None:
    """Date what ended so many days back, at noon."""
    noon = datetime.datetime.combine(today(), datetime.time(12), tzinfo=datetime.UTC)
    then = noon - datetime.timedelta(days=days)
    Seat.objects.exclude(ended_at=None).update(began_at=then, ended_at=then)


def test_a9_the_fourth_unit_in_90_days_is_refused(member: Membership) -> None:
    (primary,) = units(member, 1)
    shared_by(primary, member, 3)
    fourth = seat(primary, *units(member, 1), member)

    refuses(TooManySharers, partial(promote, fourth, member))


def test_a9_one_that_had_them_already_may_have_them_again(member: Membership) -> None:
    (primary,) = units(member, 1)
    first, *_ = shared_by(primary, member, 3)

    standby = promote(Seat.objects.live().get(registration=first), member)

    assert standby.shares


@pytest.mark.parametrize(("days", "is_open"), [(89, False), (90, False), (91, True)])
def test_a9_what_ended_90_days_ago_counts_no_more(member: Membership, days: int, is_open: bool) -> None:
    (primary,) = units(member, 1)
    shared_by(primary, member, 3)
    fourth = seat(primary, *units(member, 1), member)
    ended_days_ago(days)

    if is_open:
        assert promote(fourth, member).shares
    else:
        refuses(TooManySharers, partial(promote, fourth, member))


def test_a9_removing_and_associating_anew_is_no_way_round(member: Membership) -> None:
    (primary, *children) = units(member, 4)
    for child in children:
        remove(seat(primary, child, member), member)
    (fourth,) = units(member, 1)

    refuses(TooManySharers, partial(seat, primary, fourth, member))


def test_a9_changing_the_parent_is_no_way_round(member: Membership) -> None:
    (primary, *children) = units(member, 4)
    for child in children:
        remove(seat(primary, child, member), member)
    former, fourth = units(member, 2)
    child_seat = seat(former, fourth, member)

    refuses(TooManySharers, partial(change, child_seat, primary, member))


def test_a9_spares_do_not_count(member: Membership) -> None:
    primary, sharing, *spares = units(member, 6)
    seat(primary, sharing, member)

    seats = [seat(primary, spare, member) for spare in spares]

    assert promote(seats[-1], member).shares


def test_a9_the_limit_is_a_setting(member: Membership, settings: Settings) -> None:
    settings.MOST_SHARERS = 1
    primary, sharing, spare = units(member, 3)
    seat(primary, sharing, member)
    spare_seat = seat(primary, spare, member)

    refuses(TooManySharers, partial(promote, spare_seat, member))


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
    seat(other, secondary, member)

    refuses(AlreadyChild, partial(rename_and_seat, primary, secondary, member, "Branch", secondary))
