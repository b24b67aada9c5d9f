"""Undoing a completed case: everything is as it was, or what stands in the way is named (X5)."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from associations.models import Seat
from licensing.catalogue.changes import save_service
from licensing.entitlements.on_a_day import entitlements_on
from licensing.grants.trials import start_trial
from licensing.keysets.issuing import read_keyset
from licensing.models import LedgerEntry, RmaCase
from licensing.moves.swap import swap_roles
from licensing.rma.errors import CaseNotOpen, PlanChanged, UndoForLead, UndoNotPossible
from licensing.rma.undoing import Undoing, rehearse_undo, undo_case, undo_obstacles, why_only_lead
from licensing.selectors import origins_of
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
    """A key for a year."""
    redeem(unit, *make(code), by=scene.by, now=timezone.now())


def completed(scene: Scene) -> RmaCase:
    """The case of the failed primary, done."""
    return done(open_for(scene.primary, scene.new))


def done(case: RmaCase) -> RmaCase:
    complete(case)
    case.refresh_from_db()
    return case


def look_at_undo(case: RmaCase) -> Undoing:
    return rehearse_undo(case=case, as_lead=True, by=case.asked_by, today=today())


def seat_of(unit: Registration) -> Seat:
    return Seat.objects.live().with_units().get(registration=unit, side="child")


def state() -> tuple[object, ...]:
    """Whose what is, who is associated with whom, and which units are retired."""
    live = Registration.objects.live().order_by("pk").values_list("unit__serial", "account", "friendly_name")
    retired = set(Unit.objects.exclude(retired_at=None).values_list("serial", flat=True))
    return links(), holdings(), terms(), parts(), list(live), retired


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

    entries = LedgerEntry.objects.filter(right__in=["rma", "undo"], unit=scene.primary.unit).order_by("pk")
    assert [(bool(entry.before), bool(entry.after)) for entry in entries] == [(True, False), (False, True)]


def test_what_is_back_was_got_as_before(scene: Scene) -> None:
    undo(completed(scene))

    licence = scene.primary.licences.get()
    recalled = {row.entitlement.service: row.right for row in entitlements_on(scene.primary, today())}
    assert origins_of([licence]) == {licence.uuid: "granted by Support"}
    assert recalled[licence.service] == "own, granted by Support"


# What came since


def test_a_renewal_travels_back_with_its_licence(scene: Scene) -> None:
    case = completed(scene)
    redeemed(scene, scene.secondary)
    renewed = terms()

    undo(case)

    assert set(holdings()) == {(scene.primary.unit.serial, GATEWAY_AV)}
    assert terms() == renewed
    assert holdings()[scene.primary.unit.serial, GATEWAY_AV][0][2] > NEXT_YEAR
    check_truth()


def test_a_key_redeemed_since_goes_back_where_its_unit_leaves(scene: Scene) -> None:
    case = completed(scene)
    for code in (GATEWAY_AV, SUPPORT):
        redeemed(scene, of(scene.new), code)
    had = terms()

    undo(case)

    found = {key: len(rows) for key, rows in holdings().items()}
    failed = scene.primary.unit.serial
    assert found == {(failed, GATEWAY_AV): 2, (failed, SUPPORT): 1}
    assert terms() == had
    check_truth()


@pytest.mark.parametrize("is_replacements", [True, False])
def test_a_key_redeemed_since_stays_with_a_unit_that_stays(scene: Scene, is_replacements: bool) -> None:
    scene.register()
    case = completed(scene)
    unit = of(scene.new) if is_replacements else scene.secondary
    redeemed(scene, unit, SUPPORT)

    undo(case)

    assert set(holdings()) == {(scene.primary.unit.serial, GATEWAY_AV), (unit.unit.serial, SUPPORT)}
    check_truth()


def test_what_is_not_transferable_ends_with_the_unit_that_leaves(scene: Scene) -> None:
    bound = service(SUPPORT)
    bound.is_transferable = False
    save_service(service=bound, by=None, reason="decided so")
    case = completed(scene)
    redeemed(scene, of(scene.new), SUPPORT)

    lines = {line.service: line.verdict for line in look_at_undo(case).lines}
    undo(case)

    assert lines == {service(GATEWAY_AV).name: "moves", bound.name: "stays"}
    assert set(holdings()) == {(scene.primary.unit.serial, GATEWAY_AV), (scene.new.serial, SUPPORT)}
    check_truth()


@pytest.mark.parametrize("is_replacements", [True, False])
def test_a_trial_started_since_stays_with_its_unit_or_ends_with_it(
    scene: Scene, is_replacements: bool
) -> None:
    case = completed(scene)
    unit = of(scene.new) if is_replacements else scene.secondary
    facts = {"service": service(CONTENT_FILTER), "by": scene.by, "today": today()}
    start_trial(registration=unit, alone=True, **facts)

    undo(case)

    assert set(holdings()) == {(scene.primary.unit.serial, GATEWAY_AV), (unit.unit.serial, CONTENT_FILTER)}
    check_truth()


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

    refuses(ReasonNeeded, partial(undo_case, case=case, reason=" ", seen="", **facts))


def test_what_changed_since_its_dry_run_is_shown_again(scene: Scene) -> None:
    case = completed(scene)
    seen = look_at_undo(case).seen
    redeemed(scene, scene.secondary, SUPPORT)
    facts = {"as_lead": True, "reason": "wrong unit", "by": case.asked_by, "today": today()}

    refuses(PlanChanged, partial(undo_case, case=case, seen=seen, **facts))


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


def test_counts_shared_out_since_stay_with_their_holder(scene: Scene) -> None:
    grant(scene.primary, CLIENT_AV)
    case = completed(scene)
    third = scene.unit()
    divide(scene.secondary.licences.get(service__code=CLIENT_AV), third, 3, by=scene.by)

    undo(case)

    assert parts() == {(scene.primary.unit.serial, third.unit.serial): 3}
    check_truth()


def test_counts_of_the_case_that_are_elsewhere_by_now_stand_in_the_way(scene: Scene) -> None:
    divide(grant(scene.primary, CLIENT_AV, count=10), scene.secondary, 8, by=scene.by)
    case = completed(scene)
    divide(scene.secondary.licences.get(service__code=CLIENT_AV), scene.unit(), 3, by=scene.by)

    _stands_in_the_way(case, str(service(CLIENT_AV)))


def test_a_part_goes_back_although_its_licence_has_moved(scene: Scene) -> None:
    owner, other, seat = pair(scene.primary.account, scene.by)
    divide(grant(owner, CLIENT_AV), scene.primary, 4, by=scene.by)
    case = completed(scene)
    swap_roles(seat=seat, by=scene.by, today=today())

    undo(case)

    assert parts() == {(other.unit.serial, scene.primary.unit.serial): 4}
    check_truth()


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

    with django_assert_num_queries(150):
        undo(case)

    assert links() == before
    assert len(before) == points + 1
