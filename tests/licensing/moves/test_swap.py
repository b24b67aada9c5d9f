"""A8: the roles of a pair change places, and what was bought goes with the primary's role (L7)."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from associations.catalogue import add_type_model, save_association_type
from associations.errors import AssociationGone, NotSharing, ParentIsChild, TooManySharers, UnitNotActive
from associations.models import AssociationType, Seat, Side
from associations.seating import parent_of
from associations.services import associate, remove_association
from licensing.entitlements.timeline import Right
from licensing.errors import TrialOver
from licensing.grants.trials import start_trial
from licensing.keyset import read
from licensing.keysets.issuing import read_keyset
from licensing.ledger.writing import part_value
from licensing.models import LedgerEntry, Licence, PoolPart, TrialStart
from licensing.moves.swap import shared_licences, swap_roles
from portal.models import AuditEntry, User
from products.models import ProductModel, Registration, Unit
from tests.factories import RegistrationFactory, add_points, hf, pair
from tests.licensing.support import (
    CLIENT_AV,
    CONTENT_FILTER,
    ENHANCED,
    GATEWAY_AV,
    GLOBAL_VPN,
    NODES,
    SUPPORT,
    TODAY,
    give,
    held,
    refuses,
    service,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def couple(by: User) -> tuple[Registration, Registration, Seat]:
    return pair(RegistrationFactory().account, by)


def _swap(seat: Seat, by: User) -> Seat:
    return swap_roles(seat=seat, by=by, today=TODAY, reason="the other rack")


def _beside(primary: Registration, by: User, model: str = "PRO 5060", slug: str = "hf") -> Seat:
    """Another child of a primary: a spare, or an access point."""
    child = RegistrationFactory(account=primary.account, unit__model_name=model)
    return hf(primary, child, by=by, slug=slug, day=TODAY)


def _own(unit: Registration) -> dict[int, tuple[int | None, object]]:
    """The licences of a unit, one a service at most: count and last day by the service's code."""
    rows = Licence.objects.filter(registration=unit).values_list("service__code", "count", "expires_on")
    found = {code: (count, day) for code, count, day in rows}
    assert len(found) == len(rows)
    return found


def _generations(*units: Registration) -> list[int]:
    return [read_keyset(registration=unit, today=TODAY).generation for unit in units]


# Roles


def test_primary_and_secondary_change_places(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple

    swapped = _swap(seat, by)

    assert (parent_of(swapped), swapped.registration, swapped.shares) == (secondary, primary, True)
    assert Seat.objects.live().count() == 2
    seat.refresh_from_db()
    assert (seat.ended_by, seat.registration) == (by, secondary)


def test_swapping_twice_is_as_it_was(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    give(primary, GATEWAY_AV)

    again = _swap(_swap(seat, by), by)

    assert (parent_of(again), again.registration) == (primary, secondary)
    assert (_own(primary), _own(secondary)) == ({GATEWAY_AV: (None, None)}, {})


def test_spares_and_sonicpoints_go_with_the_primarys_role(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    spare, point = _beside(primary, by), _beside(primary, by, "SonicPoint", "sonicpoint")

    _swap(seat, by)

    for child in (spare, point):
        present = Seat.objects.live().get(registration=child.registration)
        assert (parent_of(present), present.shares) == (secondary, False)
    assert not Seat.objects.live().filter(registration=primary, side="parent").exists()


def test_the_secondarys_own_sonicpoints_stay_with_it(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    own = _beside(secondary, by, "SonicPoint", "sonicpoint")
    other = _beside(primary, by, "SonicPoint", "sonicpoint")

    _swap(seat, by)

    seats = Seat.objects.live().filter(registration__in=[own.registration, other.registration])
    assert {parent_of(seat) for seat in seats} == {secondary}
    assert len(seats) == 2


def test_a_swap_is_in_the_audit_of_every_unit(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    spare = _beside(primary, by)

    _swap(seat, by)

    entries = AuditEntry.objects.filter(code="roles-swapped")
    concerned = {primary, secondary, spare.registration}
    assert {entry.serial for entry in entries} == {unit.unit.serial for unit in concerned}
    assert {(entry.actor, entry.reason) for entry in entries} == {(by, "the other rack")}


# Licences


def test_transferable_licences_go_with_the_role(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    day = TODAY + timedelta(40)
    give(primary, GATEWAY_AV, expires_on=day)
    give(primary, CLIENT_AV, count=7)
    give(primary, CONTENT_FILTER, kind="trial", expires_on=day)

    _swap(seat, by)

    assert _own(secondary) == {GATEWAY_AV: (None, day), CLIENT_AV: (7, None), CONTENT_FILTER: (None, day)}
    assert _own(primary) == {}


def test_what_both_have_is_all_with_the_primary_afterwards(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    later, sooner = TODAY + timedelta(90), TODAY + timedelta(9)
    licences = {give(primary, GATEWAY_AV, expires_on=later), give(secondary, GATEWAY_AV, expires_on=sooner)}

    _swap(seat, by)

    assert set(secondary.licences.all()) == licences
    assert set(secondary.licences.values_list("expires_on", flat=True)) == {later, sooner}


@pytest.mark.parametrize("code", [GATEWAY_AV, ENHANCED])
def test_what_is_not_transferable_stays(couple: tuple, by: User, code: int) -> None:
    primary, secondary, seat = couple
    fixed = service(code)
    fixed.is_transferable = False
    fixed.save()
    give(primary, code)

    _swap(seat, by)

    assert (_own(primary), _own(secondary)) == ({code: (None, None)}, {})


def test_what_the_model_comes_with_stays(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple

    assert not shared_licences(primary)
    _swap(seat, by)

    assert not Licence.objects.exists()
    assert held(primary, NODES).right == held(secondary, NODES).right == Right.MODEL


def test_an_expired_licence_beside_what_the_model_comes_with_goes_too(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    over = TODAY - timedelta(1)
    give(primary, GLOBAL_VPN, count=50, expires_on=over)

    _swap(seat, by)

    assert (_own(primary), _own(secondary)) == ({}, {GLOBAL_VPN: (50, over)})


def test_what_is_not_shared_stays_with_its_unit(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    for unit in (primary, secondary):
        give(unit, SUPPORT)
    give(primary, GATEWAY_AV)

    _swap(seat, by)

    assert _own(primary) == {SUPPORT: (None, None)}
    assert set(_own(secondary)) == {SUPPORT, GATEWAY_AV}


def test_the_ledger_tells_both_sides(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    give(primary, GATEWAY_AV)

    _swap(seat, by)

    gone = LedgerEntry.objects.get(unit=primary.unit)
    come = LedgerEntry.objects.get(unit=secondary.unit)
    assert (gone.right, gone.detail, gone.after) == ("swap", secondary.unit.serial, None)
    assert (come.right, come.detail, come.before) == ("swap", primary.unit.serial, None)
    assert gone.before == come.after
    assert (come.actor, come.reason) == (by, "the other rack")


# Pools


def _part(licence: Licence, unit: Registration, count: int) -> None:
    PoolPart.objects.create(licence=licence, registration=unit, count=count)


def _parts() -> set[tuple[Registration, Registration, int]]:
    """Whose licence, who has the part, how much."""
    rows = PoolPart.objects.select_related("licence__registration", "registration")
    return {(part.licence.registration, part.registration, part.count) for part in rows}


def test_a_pool_and_its_parts_follow(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    third = RegistrationFactory(account=primary.account)
    _part(give(primary, CLIENT_AV), third, 3)

    _swap(seat, by)

    assert _parts() == {(secondary, third, 3)}
    assert [held(unit, CLIENT_AV).count for unit in (secondary, third)] == [7, 3]


def test_a_part_of_a_third_units_pool_follows(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    third = RegistrationFactory(account=primary.account)
    _part(give(third, CLIENT_AV), primary, 3)

    _swap(seat, by)

    assert _parts() == {(third, secondary, 3)}


def test_parts_between_the_two_return(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    _part(give(primary, CLIENT_AV, count=10), secondary, 3)
    _part(give(secondary, CLIENT_AV, count=5, expires_on=TODAY), primary, 2)

    _swap(seat, by)

    assert sorted(secondary.licences.values_list("count", flat=True)) == [5, 10]
    assert not primary.licences.exists()
    assert _parts() == set()


def test_the_ledger_tells_the_third_unit_whose_pool_it_is_now(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    third = RegistrationFactory(account=primary.account)
    _part(give(primary, CLIENT_AV), third, 3)

    _swap(seat, by)

    lines = {e.detail: (e.right, e.before, e.after) for e in LedgerEntry.objects.filter(unit=third.unit)}
    value = part_value(PoolPart.objects.select_related("licence").get())
    assert lines == {
        primary.unit.serial: ("part", value, None),
        secondary.unit.serial: ("part", None, value),
    }


# Trials


@pytest.mark.parametrize("which", [0, 1])
def test_each_counts_as_having_had_the_others_trials(couple: tuple, by: User, which: int) -> None:
    primary, secondary, seat = couple
    TrialStart.objects.create(unit=couple[which].unit, service=service(CONTENT_FILTER))

    _swap(seat, by)

    for unit in (primary, secondary):
        assert TrialStart.objects.filter(unit=unit.unit, service=service(CONTENT_FILTER)).exists()
        tried = partial(start_trial, registration=unit, service=service(CONTENT_FILTER), by=by, today=TODAY)
        refuses(TrialOver, tried)


def test_a_trial_goes_on_with_its_remaining_days(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    start = partial(start_trial, service=service(CONTENT_FILTER), by=by, today=TODAY)
    start(registration=primary)

    _swap(seat, by)

    assert _own(secondary) == {CONTENT_FILTER: (None, TODAY + timedelta(30))}
    refuses(TrialOver, partial(start, registration=primary))


# Keysets


def test_exactly_the_pair_gets_new_keysets(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    spare, point = _beside(primary, by), _beside(primary, by, "SonicPoint", "sonicpoint")
    third, stranger = RegistrationFactory.create_batch(2, account=primary.account)
    _part(give(primary, CLIENT_AV), third, 3)
    others = [spare.registration, point.registration, third, stranger]
    before = _generations(primary, secondary, *others)

    _swap(seat, by)

    after = _generations(primary, secondary, *others)
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 0, 0, 0, 0]


def test_both_keysets_say_the_new_roles_and_the_same_services(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    give(primary, GATEWAY_AV, expires_on=TODAY + timedelta(40))

    _swap(seat, by)

    first, second = (read(read_keyset(registration=r, today=TODAY).text) for r in (secondary, primary))
    assert (first.primary, second.primary) == (None, secondary.unit.serial)
    assert GATEWAY_AV in {s.code for s in first.services}
    assert second.services == first.services


def test_versions_rise_for_the_pair_and_its_pools_and_for_no_stranger(couple: tuple, by: User) -> None:
    primary, secondary, seat = couple
    third, stranger = RegistrationFactory.create_batch(2, account=primary.account)
    _part(give(primary, CLIENT_AV), third, 3)
    units = [primary.unit, secondary.unit, third.unit, stranger.unit]
    before = [Unit.objects.get(pk=unit.pk).version for unit in units]

    _swap(seat, by)

    after = [Unit.objects.get(pk=unit.pk).version for unit in units]
    assert [b > a for a, b in zip(before, after, strict=True)] == [True, True, True, False]


# Refusals


def test_a_spare_swaps_with_nobody(couple: tuple, by: User) -> None:
    primary, _, _ = couple
    give(primary, GATEWAY_AV)
    spare = _beside(primary, by)

    refuses(NotSharing, partial(_swap, spare, by))


def test_a_sonicpoint_swaps_with_nobody(couple: tuple, by: User) -> None:
    point = _beside(couple[0], by, "SonicPoint", "sonicpoint")

    refuses(NotSharing, partial(_swap, point, by))


def test_a_stale_seat_swaps_nothing(couple: tuple, by: User) -> None:
    _, _, seat = couple
    give(couple[0], GATEWAY_AV)
    _swap(seat, by)

    refuses(AssociationGone, partial(_swap, seat, by))


def test_a_removed_seat_swaps_nothing(couple: tuple, by: User) -> None:
    _, _, seat = couple
    remove_association(seat=seat, by=by)

    refuses(AssociationGone, partial(_swap, seat, by))


@pytest.mark.parametrize("which", [0, 1])
def test_a_retired_unit_swaps_nothing(couple: tuple, by: User, which: int) -> None:
    Unit.objects.filter(pk=couple[which].unit_id).update(retired_at=timezone.now())

    refuses(UnitNotActive, partial(_swap, couple[2], by))


def test_a9_a_secondary_that_shared_with_three_units_itself_becomes_no_primary(by: User) -> None:
    secondary, *former = RegistrationFactory.create_batch(4, account=RegistrationFactory().account)
    primary = RegistrationFactory(account=secondary.account)
    for child in former:
        remove_association(seat=hf(secondary, child, by=by, day=TODAY), by=by)
    seat = hf(primary, secondary, by=by, day=TODAY)

    refuses(TooManySharers, partial(_swap, seat, by))


def test_a9_swapping_back_and_forth_shares_with_no_further_unit(couple: tuple, by: User) -> None:
    _, _, seat = couple

    for _ in range(6):
        seat = _swap(seat, by)

    assert seat.shares


# Types made of rows


@pytest.fixture
def hub(by: User) -> AssociationType:
    """A type whose parent and child can both be of the pair's model."""
    type = AssociationType(
        slug="hub", parent_label="Hub", child_label="Spoke", is_same_model=False, shares_licences=False
    )
    type = save_association_type(type=type, by=by, reason="VPN hubs")
    for side in Side:
        model = ProductModel.objects.get(name="PRO 5060")
        add_type_model(type=type, model=model, side=side, by=by, reason="VPN hubs")
    return type


def test_two_that_are_parent_and_child_in_another_type_too_change_places_there(
    couple: tuple, hub: AssociationType, by: User
) -> None:
    primary, secondary, seat = couple
    associate(parent=primary, child=secondary, type=hub, by=by, today=TODAY)

    _swap(seat, by)

    changed = Seat.objects.live().get(type=hub, side="child")
    assert (parent_of(changed), changed.registration) == (secondary, primary)


def test_a_secondary_that_is_a_child_in_another_type_takes_over_no_children_there(
    couple: tuple, hub: AssociationType, by: User
) -> None:
    primary, secondary, seat = couple
    other, spoke = RegistrationFactory.create_batch(2, account=primary.account)
    associate(parent=other, child=secondary, type=hub, by=by, today=TODAY)
    associate(parent=primary, child=spoke, type=hub, by=by, today=TODAY)

    refuses(ParentIsChild, partial(_swap, seat, by))


# How many questions it asks the database


@pytest.mark.parametrize("points", [0, 50])
def test_queries_of_a_swap_with_sonicpoints(
    couple: tuple, by: User, django_assert_num_queries: DjangoAssertNumQueries, points: int
) -> None:
    primary, secondary, seat = couple
    add_points(primary, points)

    with django_assert_num_queries(34):
        _swap(seat, by)

    assert Seat.objects.live().filter(side=Side.CHILD).count() == points + 1
    assert {parent_of(child) for child in Seat.objects.live().filter(side=Side.CHILD)} == {secondary}
