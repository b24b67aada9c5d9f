"""Undoing a completed case: everything is as it was, or what stands in the way is named (X5)."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from associations.models import Seat
from licensing.grants.giving import grant_licence
from licensing.grants.trials import start_trial
from licensing.keysets.issuing import read_keyset
from licensing.models import LedgerEntry, RmaCase
from licensing.moves.swap import swap_roles
from licensing.rma.errors import CaseNotOpen, UndoForLead, UndoNotPossible
from licensing.rma.undoing import undo_case, undo_obstacles, why_only_lead
from portal.clock import today
from portal.errors import ReasonNeeded
from portal.models import AuditEntry
from products.models import Registration, Unit
from tests.factories import UnitFactory, add_points, hf, pair
from tests.licensing.history import divide, grant
from tests.licensing.rma.support import (
    NEXT_YEAR,
    TRANSFER,
    Scene,
    ask,
    check_truth,
    complete,
    holdings,
    links,
    of,
    open_for,
    parts,
    terms,
    undo,
)
from tests.licensing.support import (
    CLIENT_AV,
    CONTENT_FILTER,
    GATEWAY_AV,
    SUPPORT,
    make,
    redeem,
    refuses,
    service,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def redeemed(scene: Scene, unit: Registration, code: int = GATEWAY_AV) -> None:
    redeem(unit, *make(code), by=scene.by, now=timezone.now())


def completed(scene: Scene) -> RmaCase:
    """The case of the failed primary, done."""
    return done(open_for(scene.primary, scene.new))


def done(case: RmaCase) -> RmaCase:
    complete(case)
    case.refresh_from_db()
    return case


def seat_of(unit: Registration) -> Seat:
    return Seat.objects.live().with_units().get(registration=unit, side="child")


def state() -> tuple[object, ...]:
    """Whose what is, who is associated with whom, and which units are retired."""
    live = Registration.objects.live().order_by("pk").values_list("unit__serial", "account", "friendly_name")
    retired = set(Unit.objects.exclude(retired_at=None).values_list("serial", flat=True))
    return links(), holdings(), parts(), list(live), retired


# Everything as it was


def a_primary(scene: Scene) -> RmaCase:
    return open_for(scene.primary, scene.new)


def a_secondary(scene: Scene) -> RmaCase:
    grant(scene.secondary, SUPPORT)
    return open_for(scene.secondary, scene.new)


def one_alone(scene: Scene) -> RmaCase:
    alone = scene.unit()
    grant(alone, CLIENT_AV)
    return open_for(alone, scene.new)


def one_of_two_secondaries(scene: Scene) -> RmaCase:
    scene.spare()
    return open_for(scene.primary, scene.new)


def a_spare(scene: Scene) -> RmaCase:
    return open_for(scene.spare(), scene.new)


def one_with_access_points(scene: Scene) -> RmaCase:
    for unit in (scene.primary, scene.secondary):
        scene.point(unit)
    return open_for(scene.primary, scene.new)


def an_access_point(scene: Scene) -> RmaCase:
    point, _ = scene.point(scene.primary), scene.point(scene.primary)
    return open_for(point, UnitFactory(model_name="SonicPoint"))


def another_kind_of_access_point(scene: Scene) -> RmaCase:
    point = scene.point(scene.primary)
    new = UnitFactory(model_name="SonicWALL SonicPoint G")
    return open_for(point, new, model_waiver="it isn't made any more")


def one_whose_place_was_taken_already(scene: Scene) -> RmaCase:
    scene.remove()
    scene.hf(scene.secondary, scene.register())
    return open_for(scene.primary, scene.new)


def one_whose_spare_replaces_it(scene: Scene) -> RmaCase:
    spare = scene.spare()
    return open_for(scene.primary, spare.unit)


def a_successor_model(scene: Scene) -> RmaCase:
    new = UnitFactory(model_name="PRO 4060")
    return open_for(scene.primary, new, model_waiver="the 5060 isn't made any more")


def equal_services(scene: Scene) -> RmaCase:
    grant(scene.secondary, GATEWAY_AV)
    grant(scene.secondary, CLIENT_AV, expires_on=today())
    divide(grant(scene.primary, CLIENT_AV), scene.unit(), 4, by=scene.by)
    return open_for(scene.primary, scene.new)


def a_transfer(scene: Scene) -> RmaCase:
    scene.remove()
    return open_for(scene.primary, scene.secondary.unit, kind=TRANSFER)


SCENES = [
    a_primary,
    a_secondary,
    one_alone,
    one_of_two_secondaries,
    a_spare,
    one_with_access_points,
    an_access_point,
    another_kind_of_access_point,
    one_whose_place_was_taken_already,
    one_whose_spare_replaces_it,
    a_successor_model,
    equal_services,
    a_transfer,
]


@pytest.mark.parametrize("opened", SCENES)
def test_everything_is_as_it_was(scene: Scene, opened: Callable[[Scene], RmaCase]) -> None:
    case = opened(scene)
    before = state()
    complete(case)
    assert state() != before

    undone = undo(case)

    assert state() == before
    assert (undone.state, undone.decision) == ("undone", "wrong unit")
    check_truth()


def test_associations_that_the_case_left_alone_go_on(scene: Scene) -> None:
    case = an_access_point(scene)
    complete(case)

    undo(case)

    scene.seat.refresh_from_db()
    assert scene.seat.ended_at is None
    assert scene.seat.shares


def test_the_other_unit_of_a_pair_may_fail_and_the_first_case_be_undone(scene: Scene) -> None:
    other = open_for(scene.secondary, UnitFactory())
    before = state()
    case = completed(scene)

    undo(case)

    assert state() == before
    complete(other)
    check_truth()


def test_after_undoing_another_case_is_completed(scene: Scene) -> None:
    _, other = scene.new, UnitFactory()
    undo(completed(scene))

    complete(open_for(scene.primary, other))

    assert links() == {(scene.secondary.unit.serial, other.serial, True)}
    assert not Registration.objects.live().filter(unit=scene.new).exists()
    check_truth()


def test_the_ledger_keeps_both(scene: Scene) -> None:
    undo(completed(scene))

    entries = LedgerEntry.objects.filter(right=LedgerEntry.Right.RMA, unit=scene.primary.unit).order_by("pk")
    assert [(bool(entry.before), bool(entry.after)) for entry in entries] == [(True, False), (False, True)]


# What came since


def test_a_renewal_travels_back_with_its_licence(scene: Scene) -> None:
    case = completed(scene)
    redeemed(scene, scene.secondary)
    renewed = terms()

    undo(case)

    assert set(holdings()) == {(scene.primary.unit.serial, GATEWAY_AV)}
    assert terms() == renewed
    assert holdings()[scene.primary.unit.serial, GATEWAY_AV][2] > NEXT_YEAR
    check_truth()


@pytest.mark.parametrize("is_replacements", [True, False])
def test_a_key_redeemed_since_travels_back_too(scene: Scene, is_replacements: bool) -> None:
    case = completed(scene)
    redeemed(scene, of(scene.new) if is_replacements else scene.secondary, SUPPORT)
    had = terms()

    undo(case)

    assert set(holdings()) == {(scene.primary.unit.serial, code) for code in (GATEWAY_AV, SUPPORT)}
    assert terms() == had
    check_truth()


def test_a_key_stays_with_a_replacement_that_stays(scene: Scene) -> None:
    present = scene.register()
    case = completed(scene)
    redeemed(scene, present, SUPPORT)

    undo(case)

    assert set(holdings()) == {(scene.primary.unit.serial, GATEWAY_AV), (scene.new.serial, SUPPORT)}
    check_truth()


@pytest.mark.parametrize("is_replacements_first", [True, False])
def test_of_two_new_licences_for_one_service_the_heir_keeps_its_own(
    scene: Scene, is_replacements_first: bool
) -> None:
    case = completed(scene)
    units = [scene.secondary, of(scene.new)]
    for unit in reversed(units) if is_replacements_first else units:
        redeemed(scene, unit, SUPPORT)

    undo(case)

    failed, heir = scene.primary.unit.serial, scene.secondary.unit.serial
    assert set(holdings()) == {(failed, GATEWAY_AV), (failed, SUPPORT), (heir, SUPPORT)}
    check_truth()


def test_a_new_licence_that_has_no_way_back_stands_in_the_way(scene: Scene) -> None:
    case = completed(scene)
    redeemed(scene, of(scene.new))

    _stands_in_the_way(case, str(service(GATEWAY_AV)))


# Who may


@pytest.mark.parametrize("days", [0, 14])
def test_an_agent_undoes_within_fourteen_days(scene: Scene, days: int) -> None:
    case = completed(scene)

    undone = undo(case, as_lead=False, day=today() + timedelta(days=days))

    assert undone.state == "undone"


def test_later_a_lead_does_it(scene: Scene) -> None:
    case, day = completed(scene), today() + timedelta(days=15)

    refuses(UndoForLead, partial(undo, case, as_lead=False, day=day))
    assert undo(case, day=day).state == "undone"


@pytest.mark.parametrize("is_replacements", [True, False])
def test_once_a_keyset_of_a_unit_that_gained_was_read_a_lead_does_it(
    scene: Scene, is_replacements: bool
) -> None:
    case = completed(scene)
    read_keyset(registration=of(scene.new) if is_replacements else scene.secondary, today=today())

    refuses(UndoForLead, partial(undo, case, as_lead=False))
    assert undo(case).state == "undone"


def test_keysets_read_before_and_of_other_units_are_no_matter(scene: Scene) -> None:
    third = scene.spare()
    read_keyset(registration=scene.secondary, today=today())
    case = completed(scene)
    read_keyset(registration=third, today=today())

    assert why_only_lead(case, today=today()) == ""
    assert undo(case, as_lead=False).state == "undone"


def test_undoing_needs_a_reason(scene: Scene) -> None:
    case = completed(scene)
    facts = {"as_lead": True, "by": case.asked_by, "today": today()}

    refuses(ReasonNeeded, partial(undo_case, case=case, reason=" ", **facts))


def test_a_case_is_undone_once(scene: Scene) -> None:
    case = completed(scene)
    undo(case)

    refuses(CaseNotOpen, partial(undo, case))


def test_what_was_not_completed_is_not_undone(scene: Scene) -> None:
    refuses(CaseNotOpen, partial(undo, open_for(scene.primary, scene.new)))


# What stands in the way


def _stands_in_the_way(case: RmaCase, *names: str) -> None:
    """Each name is in a sentence of its own, and nothing is written; the audit trail may be pruned."""
    AuditEntry.objects.all().delete()
    obstacles = undo_obstacles(case)

    assert len(obstacles) == max(len(names), 1)
    for name in names:
        assert any(name in obstacle for obstacle in obstacles)
    refuses(UndoNotPossible, partial(undo, case))


def test_a_trial_started_since_is_named(scene: Scene) -> None:
    case = completed(scene)
    start_trial(registration=scene.secondary, service=service(CONTENT_FILTER), by=scene.by, today=today())

    _stands_in_the_way(case, scene.secondary.unit.serial)


def test_a_trial_started_before_is_not(scene: Scene) -> None:
    start_trial(registration=scene.primary, service=service(CONTENT_FILTER), by=scene.by, today=today())

    assert undo_obstacles(completed(scene)) == []


def removed(scene: Scene) -> None:
    scene.remove(seat_of(of(scene.new)))


def associated(scene: Scene) -> None:
    scene.hf(scene.secondary, scene.unit())


def given_an_access_point(scene: Scene) -> None:
    scene.point(of(scene.new))


def swapped_to_and_fro(scene: Scene) -> None:
    grant(of(scene.new), SUPPORT)
    for unit in (of(scene.new), scene.secondary):
        swap_roles(seat=seat_of(unit), by=scene.by, today=today())


@pytest.mark.parametrize("change", [removed, associated, given_an_access_point, swapped_to_and_fro])
def test_a_re_pairing_since_stands_in_the_way(scene: Scene, change: Callable[[Scene], None]) -> None:
    case = completed(scene)
    change(scene)

    _stands_in_the_way(case)


def test_an_access_point_that_went_to_and_fro_with_its_primarys_role_stands_in_the_way(scene: Scene) -> None:
    case = an_access_point(scene)
    done(case)
    for unit in (scene.secondary, scene.primary):
        swap_roles(seat=seat_of(unit), by=scene.by, today=today())

    _stands_in_the_way(case)


def test_an_access_point_of_the_failed_unit_that_is_elsewhere_by_now_stands_in_the_way(scene: Scene) -> None:
    point = scene.point(scene.primary)
    case = completed(scene)
    scene.remove(seat_of(point))
    hf(scene.unit(), point, by=scene.by, slug="sonicpoint")

    _stands_in_the_way(case)


def test_a_later_case_is_named(scene: Scene) -> None:
    case = completed(scene)
    later = ask(scene.secondary, by=scene.by)

    _stands_in_the_way(case, later.number)


def test_a_later_case_that_is_done_is_named_and_can_be_undone_first(scene: Scene) -> None:
    before = state()
    case = completed(scene)
    later = open_for(of(scene.new), UnitFactory())
    complete(later)
    assert any(later.number in obstacle for obstacle in undo_obstacles(case))
    refuses(UndoNotPossible, partial(undo, case))

    undo(later)
    undo(case)

    assert state() == before
    check_truth()


def test_counts_moved_since_stand_in_the_way(scene: Scene) -> None:
    grant(scene.primary, CLIENT_AV)
    case = completed(scene)
    divide(scene.secondary.licences.get(service__code=CLIENT_AV), scene.unit(), 3, by=scene.by)

    _stands_in_the_way(case)


def test_counts_that_are_not_there_any_more_stand_in_the_way(scene: Scene) -> None:
    divide(grant(scene.primary, CLIENT_AV, count=10), scene.secondary, 8, by=scene.by)
    case = completed(scene)
    facts = {"service": service(CLIENT_AV), "count": 5, "expires_on": None, "reason": "sold", "by": None}
    grant_licence(unit=scene.secondary.unit, today=today(), **facts)

    _stands_in_the_way(case)


def test_a_pool_that_went_on_to_another_unit_stands_in_the_way(scene: Scene) -> None:
    owner, other, seat = pair(scene.primary.account, scene.by)
    divide(grant(owner, CLIENT_AV), scene.primary, 4, by=scene.by)
    case = completed(scene)
    swap_roles(seat=seat, by=scene.by, today=today())

    _stands_in_the_way(case)
    assert other.licences.get().service == service(CLIENT_AV)


def test_a_unit_that_was_released_since_is_named(scene: Scene) -> None:
    case = open_for(scene.primary, UnitFactory(model_name="PRO 4060"), model_waiver="not made any more")
    done(case)
    Registration.objects.filter(pk=scene.secondary.pk).update(ended_at=timezone.now())

    _stands_in_the_way(case, scene.secondary.unit.serial)


def test_a_unit_without_a_gain_that_was_released_since_is_named(scene: Scene) -> None:
    case = another_kind_of_access_point(scene)
    done(case)
    scene.remove()
    Registration.objects.filter(pk=scene.primary.pk).update(ended_at=timezone.now())

    _stands_in_the_way(case, scene.primary.unit.serial)


def test_a_failed_unit_that_was_taken_back_since_is_named(scene: Scene) -> None:
    case = completed(scene)
    Unit.objects.filter(pk=scene.primary.unit_id).update(retired_at=None)

    _stands_in_the_way(case, scene.primary.unit.serial)


# How many questions it asks the database


@pytest.mark.parametrize("points", [0, 50])
def test_queries_of_undoing_with_sonicpoints(
    scene: Scene, django_assert_num_queries: DjangoAssertNumQueries, points: int
) -> None:
    add_points(scene.primary, points)
    before = links()
    case = completed(scene)

    with django_assert_num_queries(86):
        undo(case)

    assert links() == before
    assert len(before) == points + 1
