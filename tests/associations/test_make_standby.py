"""Spares made standby, and the limit to a primary's sharing (A9)."""

import datetime
from collections.abc import Callable
from functools import partial

import pytest
from django.utils import timezone
from pytest_django import Settings

from associations.errors import AssociationGone, NoSpare, TooManySharers, UnitNotActive
from associations.models import Seat
from portal.clock import today
from portal.models import Membership
from products.models import Registration, Unit
from tests.associations.support import (
    assert_one_action,
    change,
    entries,
    generations,
    license_to,
    live,
    names,
    promote,
    raised,
    remove,
    seated,
    units,
)
from tests.licensing.support import refuses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def trio(member: Membership) -> tuple[Registration, Registration, Registration, Seat]:
    """A primary, who shares with it, its spare and the spare's seat."""
    primary, sharing, spare = units(member, 3)
    seated(primary, sharing, member)
    return primary, sharing, spare, seated(primary, spare, member)


def test_make_standby_exchanges_the_spare_with_the_sharing_secondary(member: Membership) -> None:
    primary, sharing, spare = units(member, 3)
    first = seated(primary, sharing, member)
    spare_seat = seated(primary, spare, member)

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
    seated(primary, sharing, member)
    spare_seat, other_seat = (seated(primary, unit, member) for unit in (spare, other))

    promote(spare_seat, member)

    assert Seat.objects.live().get(pk=other_seat.pk).is_spare


def test_make_standby_where_nobody_shares(member: Membership) -> None:
    primary, sharing, spare = units(member, 3)
    first = seated(primary, sharing, member)
    spare_seat = seated(primary, spare, member)
    remove(first, member)

    promote(spare_seat, member)

    assert live() == {(primary.friendly_name, "parent", False), (spare.friendly_name, "child", True)}


def test_make_standby_is_in_the_audit_trail_of_all_three(member: Membership) -> None:
    primary, sharing, spare, spare_seat = trio(member)

    promote(spare_seat, member, reason="at hand")

    assert_one_action("made-standby", member, primary, sharing, spare, reason="at hand")
    assert entries("made-standby")[0].data["former"] == sharing.unit.serial


def test_make_standby_gives_both_children_new_keysets_and_the_primary_none(member: Membership) -> None:
    primary, sharing, spare, spare_seat = trio(member)
    license_to(primary)
    before = generations(primary, sharing, spare)

    assert raised(partial(promote, spare_seat, member)) == set(names(sharing, spare))

    assert generations(primary, sharing, spare) == [before[0], before[1] + 1, before[2] + 1]


def test_make_standby_of_the_unit_that_shares_is_refused(member: Membership) -> None:
    child_seat = seated(*units(member, 2), member)

    refuses(NoSpare, partial(promote, child_seat, member))


def test_make_standby_of_a_sonicpoint_is_refused(member: Membership) -> None:
    firewall, point = *units(member, 1), *units(member, 1, "SonicPoint")
    child_seat = seated(firewall, point, member, "sonicpoint")

    refuses(NoSpare, partial(promote, child_seat, member))


@pytest.mark.parametrize("end", [promote, remove])
def test_make_standby_of_a_spare_that_was_promoted_or_removed_is_refused(
    member: Membership, end: Callable[[Seat, Membership], object]
) -> None:
    *_, spare_seat = trio(member)
    end(spare_seat, member)

    refuses(AssociationGone, partial(promote, spare_seat, member))


@pytest.mark.parametrize("which", [0, 2], ids=["primary", "spare"])
def test_make_standby_with_a_retired_unit_is_refused(member: Membership, which: int) -> None:
    *three, spare_seat = trio(member)
    Unit.objects.filter(pk=three[which].unit_id).update(retired_at=timezone.now())

    refuses(UnitNotActive, partial(promote, spare_seat, member))


def test_make_standby_in_place_of_a_retired_unit(member: Membership) -> None:
    _, sharing, _, spare_seat = trio(member)
    Unit.objects.filter(pk=sharing.unit_id).update(retired_at=timezone.now())

    assert promote(spare_seat, member).shares


# Three units in 90 days


def shared_by(primary: Registration, member: Membership, count: int) -> list[Registration]:
    """Units that shared a primary's licences, one after the other, the last one until now."""
    children = units(member, count)
    seated(primary, children[0], member)
    for child in children[1:]:
        promote(seated(primary, child, member), member)
    return children


def ended_days_ago(days: int) -> None:
    """Date what ended so many days back, at noon."""
    noon = datetime.datetime.combine(today(), datetime.time(12), tzinfo=datetime.UTC)
    then = noon - datetime.timedelta(days=days)
    Seat.objects.exclude(ended_at=None).update(began_at=then, ended_at=then)


def test_a9_the_fourth_unit_in_90_days_is_refused(member: Membership) -> None:
    (primary,) = units(member, 1)
    shared_by(primary, member, 3)
    fourth = seated(primary, *units(member, 1), member)

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
    fourth = seated(primary, *units(member, 1), member)
    ended_days_ago(days)

    if is_open:
        assert promote(fourth, member).shares
    else:
        refuses(TooManySharers, partial(promote, fourth, member))


def test_a9_removing_and_associating_again_is_no_way_round(member: Membership) -> None:
    (primary, *children) = units(member, 4)
    for child in children:
        remove(seated(primary, child, member), member)
    (fourth,) = units(member, 1)

    refuses(TooManySharers, partial(seated, primary, fourth, member))


def test_a9_changing_the_parent_is_no_way_round(member: Membership) -> None:
    (primary, *children) = units(member, 4)
    for child in children:
        remove(seated(primary, child, member), member)
    former, fourth = units(member, 2)
    child_seat = seated(former, fourth, member)

    refuses(TooManySharers, partial(change, child_seat, primary, member))


def test_a9_spares_do_not_count(member: Membership) -> None:
    primary, sharing, *spares = units(member, 6)
    seated(primary, sharing, member)

    seats = [seated(primary, spare, member) for spare in spares]

    assert promote(seats[-1], member).shares


def test_a9_the_limit_is_a_setting(member: Membership, settings: Settings) -> None:
    settings.MOST_SHARERS = 1
    *_, spare_seat = trio(member)

    refuses(TooManySharers, partial(promote, spare_seat, member))
