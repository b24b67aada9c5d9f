"""Completing a case: who has which role and which licences afterwards (X2, L7), in each case of the desk."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from associations.errors import TooManySharers
from licensing.catalogue.changes import save_service
from licensing.entitlements.timeline import Right
from licensing.errors import TrialOver
from licensing.grants.trials import start_trial
from licensing.keysets.issuing import read_keyset
from licensing.models import LedgerEntry, TrialStart
from licensing.rma.cases import approve_case
from licensing.rma.completing import complete_case
from licensing.rma.errors import (
    CaseNotOpen,
    NotReplaceable,
    PairStands,
    PlanChanged,
    ReplacementNeeded,
    ReplacementPaired,
    WrongPartner,
)
from licensing.rma.selectors import partners_of
from portal.clock import today
from products.errors import UnitRetired
from products.models import Registration
from products.services import register, rename
from tests.factories import CODE, UnitFactory, add_points
from tests.licensing.history import grant
from tests.licensing.rma.support import (
    NEXT_YEAR,
    TRANSFER,
    Scene,
    check_truth,
    complete,
    holdings,
    links,
    of,
    open_for,
    rehearse,
    roles,
    terms,
)
from tests.licensing.support import (
    CLIENT_AV,
    CONTENT_FILTER,
    GATEWAY_AV,
    SERVER_AV,
    SUPPORT,
    held,
    refuses,
    service,
)
from tests.rows import nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_a_failed_primary_hands_its_role_and_licences_to_its_secondary(scene: Scene) -> None:
    _, secondary, new = scene.serials

    outcome = complete(open_for(scene.primary, scene.new))

    assert links() == {(secondary, new, True)}
    assert holdings() == {(secondary, GATEWAY_AV): [("licensed", None, NEXT_YEAR)]}
    assert held(of(scene.new), GATEWAY_AV, today()).right == Right.SHARED
    assert (outcome.heir, outcome.role) == (scene.secondary, "parent")
    check_truth()


def test_a_failed_secondarys_primary_stays(scene: Scene) -> None:
    primary, _, new = scene.serials
    grant(scene.secondary, SERVER_AV)

    outcome = complete(open_for(scene.secondary, scene.new))

    assert links() == {(primary, new, True)}
    assert set(holdings()) == {(primary, GATEWAY_AV), (primary, SERVER_AV)}
    assert (outcome.heir, outcome.role) == (scene.primary, "child")
    check_truth()


def test_a_unit_without_a_pair_is_replaced_by_one_without(scene: Scene) -> None:
    alone = scene.unit()
    grant(alone, SERVER_AV, expires_on=today())

    outcome = complete(open_for(alone, scene.new))

    assert links() == {(*scene.serials[:2], True)}
    assert holdings()[scene.new.serial, SERVER_AV] == [("licensed", None, today())]
    assert (outcome.heir.unit, outcome.role, outcome.pair) == (scene.new, "", None)
    check_truth()


def test_the_failed_unit_is_retired(scene: Scene) -> None:
    failed, account, by = scene.primary, scene.primary.account, scene.by

    complete(open_for(failed, scene.new))

    failed.refresh_from_db()
    failed.unit.refresh_from_db()
    assert failed.ended_at
    assert failed.unit.retired_at
    refuses(UnitRetired, partial(read_keyset, registration=failed, today=today()))
    facts = {"authentication_code": CODE, "friendly_name": "", "by": by, "now": timezone.now()}
    refuses(UnitRetired, partial(register, account=account, serial_number=failed.unit.serial, **facts))


def test_a_replacement_from_stock_gets_the_failed_units_name(scene: Scene) -> None:
    complete(open_for(scene.primary, scene.new))

    assert of(scene.new).friendly_name == scene.primary.friendly_name


def test_a_replacement_that_is_registered_keeps_its_name(scene: Scene) -> None:
    present = scene.register()

    complete(open_for(scene.primary, scene.new))

    assert of(scene.new) == present
    assert of(scene.new).friendly_name == "Its own name"


@pytest.mark.parametrize("is_primary_first", [True, False])
def test_both_units_of_a_pair_are_replaced(scene: Scene, is_primary_first: bool) -> None:
    cases = [open_for(scene.primary, scene.new), open_for(scene.secondary, UnitFactory())]
    before = terms()

    for case in cases if is_primary_first else cases[::-1]:
        complete(case)

    first, second = (case.replacement.serial for case in cases)
    heir, other = (first, second) if is_primary_first else (second, first)
    assert links() == {(heir, other, True)}
    assert set(holdings()) == {(heir, GATEWAY_AV)}
    assert terms() == before
    check_truth()


# What the administrator has done by the source's steps before Support comes to it


def removed(scene: Scene) -> None:
    scene.remove()


def registered(scene: Scene) -> None:
    scene.remove()
    scene.register()


def paired(scene: Scene) -> None:
    scene.remove()
    scene.hf(scene.secondary, scene.register())


def beside(scene: Scene) -> None:
    scene.hf(scene.primary, scene.register())


@pytest.mark.parametrize("is_done_before_the_case", [True, False])
@pytest.mark.parametrize("done", [removed, registered, paired, beside])
def test_a_failed_primary_whose_pair_was_half_remade(
    scene: Scene, done: Callable[[Scene], None], is_done_before_the_case: bool
) -> None:
    _, secondary, new = scene.serials
    if is_done_before_the_case:
        done(scene)
    case = open_for(scene.primary, scene.new)
    if not is_done_before_the_case:
        done(scene)

    complete(case)

    assert links() == {(secondary, new, True)}
    assert set(holdings()) == {(secondary, GATEWAY_AV)}
    check_truth()


def test_a_pair_that_was_made_the_wrong_way_round_stays_so(scene: Scene) -> None:
    _, secondary, new = scene.serials
    scene.remove()
    scene.hf(scene.register(), scene.secondary)

    complete(open_for(scene.primary, scene.new))

    assert links() == {(new, secondary, True)}
    assert set(holdings()) == {(new, GATEWAY_AV)}
    check_truth()


def paired_with_primary(scene: Scene) -> None:
    scene.remove()
    scene.hf(scene.primary, scene.register())


@pytest.mark.parametrize("done", [removed, registered, paired_with_primary, beside])
def test_a_failed_secondary_whose_pair_was_half_remade(scene: Scene, done: Callable[[Scene], None]) -> None:
    primary, _, new = scene.serials
    done(scene)

    complete(open_for(scene.secondary, scene.new))

    assert links() == {(primary, new, True)}
    assert set(holdings()) == {(primary, GATEWAY_AV)}
    check_truth()


def test_a_further_secondary_may_stand_in_the_pair_that_was_remade(scene: Scene) -> None:
    _, secondary, new = scene.serials
    spare = scene.unit()
    beside_it = scene.hf(scene.primary, spare)
    scene.remove(beside_it)
    paired(scene)
    scene.hf(scene.secondary, spare)

    complete(open_for(scene.primary, scene.new))

    assert links() == {(secondary, new, True), (secondary, spare.unit.serial, False)}
    assert set(holdings()) == {(secondary, GATEWAY_AV)}


def test_a_primary_takes_the_place_of_its_own_secondary(scene: Scene) -> None:
    grant(scene.secondary, SERVER_AV)

    complete(open_for(scene.secondary, scene.primary.unit))

    assert links() == set()
    assert set(holdings()) == {(scene.serials[0], code) for code in (GATEWAY_AV, SERVER_AV)}
    check_truth()


def test_a_secondary_takes_the_place_of_its_own_primary(scene: Scene) -> None:
    complete(open_for(scene.primary, scene.secondary.unit))

    assert links() == set()
    assert set(holdings()) == {(scene.serials[1], GATEWAY_AV)}
    check_truth()


# Further secondaries


@pytest.mark.parametrize("is_spare_chosen", [False, True])
def test_of_two_secondaries_the_chosen_one_becomes_primary(scene: Scene, is_spare_chosen: bool) -> None:
    _, first, new = scene.serials
    spare = scene.spare()
    case = open_for(scene.primary, scene.new)
    assert partners_of(case).units == [scene.secondary, spare]

    complete(case, partner=spare if is_spare_chosen else scene.secondary)

    second = spare.unit.serial
    expected = {(second, first, True), (second, new, False)} if is_spare_chosen else {(first, second, False)}
    assert links() == expected | (set() if is_spare_chosen else {(first, new, True)})
    assert set(holdings()) == {(second if is_spare_chosen else first, GATEWAY_AV)}
    check_truth()


def test_a_failed_spare_is_replaced_by_a_spare(scene: Scene) -> None:
    primary, secondary, new = scene.serials
    spare = scene.spare()

    complete(open_for(spare, scene.new))

    assert links() == {(primary, secondary, True), (primary, new, False)}
    check_truth()


def test_a_spare_beside_nobody_who_shares_is_replaced_by_a_spare(scene: Scene) -> None:
    spare = scene.spare()
    scene.remove()

    complete(open_for(spare, scene.new))

    assert links() == {(scene.serials[0], scene.new.serial, False)}


def test_a_spare_that_replaces_the_sharing_secondary_shares(scene: Scene) -> None:
    spare = scene.spare()

    complete(open_for(scene.secondary, spare.unit))

    assert links() == {(scene.serials[0], spare.unit.serial, True)}
    check_truth()


# Access points


def test_a_primarys_access_points_go_with_its_role(scene: Scene) -> None:
    _, secondary, new = scene.serials
    point = scene.point(scene.primary)

    complete(open_for(scene.primary, scene.new))

    assert links() == {(secondary, new, True), (secondary, point.unit.serial, False)}


def test_they_do_also_where_the_pair_was_removed_before(scene: Scene) -> None:
    _, secondary, new = scene.serials
    point = scene.point(scene.primary)
    scene.remove()

    complete(open_for(scene.primary, scene.new))

    assert links() == {(secondary, new, True), (secondary, point.unit.serial, False)}


def test_a_secondarys_access_points_go_to_the_replacement(scene: Scene) -> None:
    primary, _, new = scene.serials
    point = scene.point(scene.secondary)

    complete(open_for(scene.secondary, scene.new))

    assert links() == {(primary, new, True), (new, point.unit.serial, False)}


def test_a_failed_access_point_is_replaced_where_it_was(scene: Scene) -> None:
    primary, secondary, _ = scene.serials
    point, new = scene.point(scene.primary), UnitFactory(model_name="SonicPoint")
    grant(point, SUPPORT)

    complete(open_for(point, new))

    assert links() == {(primary, secondary, True), (primary, new.serial, False)}
    assert set(holdings()) == {(primary, GATEWAY_AV), (new.serial, SUPPORT)}


# Another model, with a lead's waiver


def test_a_successor_model_makes_no_pair_with_a_failed_primarys_secondary(scene: Scene) -> None:
    new = UnitFactory(model_name="PRO 4060")

    complete(open_for(scene.primary, new, model_waiver="the 5060 isn't made any more"))

    assert links() == set()
    assert set(holdings()) == {(scene.serials[1], GATEWAY_AV)}
    check_truth()


def test_a_successor_model_makes_no_pair_with_a_failed_secondarys_primary(scene: Scene) -> None:
    new = UnitFactory(model_name="PRO 4060")

    complete(open_for(scene.secondary, new, model_waiver="the 5060 isn't made any more"))

    assert (links(), of(new).friendly_name) == (set(), scene.secondary.friendly_name)
    assert set(holdings()) == {(scene.serials[0], GATEWAY_AV)}


# Licences


def test_a_licence_that_expired_on_the_way_goes_along(scene: Scene) -> None:
    case = open_for(scene.primary, scene.new)
    later = NEXT_YEAR + timedelta(days=1)

    complete(case, day=later)

    assert holdings() == {(scene.serials[1], GATEWAY_AV): [("licensed", None, NEXT_YEAR)]}
    check_truth(later)


def test_a_trial_goes_on_for_its_remaining_days(scene: Scene) -> None:
    start = partial(start_trial, service=service(CONTENT_FILTER), by=scene.by, today=today())
    start(registration=scene.primary)

    complete(open_for(scene.primary, scene.new))

    last_day = today() + timedelta(days=30)
    assert holdings()[scene.serials[1], CONTENT_FILTER] == [("trial", None, last_day)]
    had = set(TrialStart.objects.values_list("unit__serial", "service__code"))
    assert had == {(serial, CONTENT_FILTER) for serial in scene.serials}


def test_nobody_of_the_case_tries_again_what_one_had_tried(scene: Scene) -> None:
    alone = scene.unit()
    TrialStart.objects.create(unit=alone.unit, service=service(CONTENT_FILTER))
    complete(open_for(alone, scene.new))
    start = partial(start_trial, service=service(CONTENT_FILTER), by=scene.by, today=today())

    refuses(TrialOver, partial(start, registration=of(scene.new)))


@pytest.mark.parametrize("heirs_end", [today(), None])
def test_licences_of_the_failed_unit_and_of_the_heir_are_kept_both(
    scene: Scene, heirs_end: date | None
) -> None:
    grant(scene.secondary, GATEWAY_AV, expires_on=heirs_end)
    before = terms()

    outcome = complete(open_for(scene.primary, scene.new))

    days = [NEXT_YEAR, None] if heirs_end is None else [heirs_end, NEXT_YEAR]
    assert holdings() == {(scene.serials[1], GATEWAY_AV): [("licensed", None, day) for day in days]}
    assert terms() == before
    assert [line.verdict for line in outcome.lines if line.service == service(GATEWAY_AV).name] == ["moves"]
    check_truth()


def test_after_a_failed_secondary_the_pair_runs_for_what_both_bought(scene: Scene) -> None:
    march, august = today() + timedelta(days=100), today() + timedelta(days=250)
    grant(scene.primary, CLIENT_AV, count=10, expires_on=march)
    grant(scene.secondary, CLIENT_AV, count=5, expires_on=august)

    complete(open_for(scene.secondary, scene.new))

    for unit in (scene.primary, of(scene.new)):
        found = held(unit, CLIENT_AV, today())
        assert (found.count, found.expires_on) == (10, march)
        assert [(span.holding.count, span.last_day) for span in found.then] == [(5, august)]
    check_truth()


def test_what_is_not_shared_goes_to_the_unit_in_the_failed_ones_place(scene: Scene) -> None:
    grant(scene.primary, SUPPORT)
    grant(scene.secondary, SUPPORT, expires_on=NEXT_YEAR)

    complete(open_for(scene.primary, scene.new))

    _, secondary, new = scene.serials
    assert holdings()[new, SUPPORT] == [("licensed", None, None)]
    assert holdings()[secondary, SUPPORT] == [("licensed", None, NEXT_YEAR)]
    check_truth()


def test_what_is_not_transferable_ends_with_the_unit(scene: Scene) -> None:
    bound = service(SERVER_AV)
    bound.is_transferable = False
    save_service(service=bound, by=None, reason="decided so")
    grant(scene.primary, SERVER_AV)

    outcome = complete(open_for(scene.primary, scene.new))

    assert set(holdings()) == {(scene.serials[1], GATEWAY_AV), (scene.serials[0], SERVER_AV)}
    assert next(line.verdict for line in outcome.lines if line.service == bound.name) == "stays"
    shown = next(unit for unit in outcome.after if unit.serial == scene.serials[1])
    assert bound.name not in {row.name for row in shown.services}
    check_truth()


def test_the_ledger_tells_that_it_came_by_the_rma(scene: Scene) -> None:
    case = open_for(scene.primary, scene.new)

    complete(case)

    entries = LedgerEntry.objects.filter(right=LedgerEntry.Right.RMA)
    assert {(entry.unit.serial, entry.detail) for entry in entries} == {
        (serial, scene.serials[0]) for serial in scene.serials[:2]
    }
    assert all(entry.reason.startswith(case.number) and entry.actor == case.asked_by for entry in entries)


# Licences only (X4)


def test_a_transfer_moves_licences_only(scene: Scene) -> None:
    _, secondary, new = scene.serials
    paired(scene)

    outcome = complete(open_for(scene.primary, scene.secondary.unit, kind=TRANSFER))

    assert links() == {(secondary, new, True)}
    assert set(holdings()) == {(secondary, GATEWAY_AV)}
    assert (outcome.heir, outcome.role) == (scene.secondary, "parent")
    check_truth()


def test_a_transfer_needs_the_association_removed(scene: Scene) -> None:
    case = open_for(scene.primary, scene.secondary.unit, kind=TRANSFER)

    refuses(PairStands, partial(rehearse, case))


# The dry run


def test_a_dry_run_writes_nothing(scene: Scene) -> None:
    scene.spare()
    case = open_for(scene.primary, scene.new)

    with nothing_written():
        rehearse(case)


def test_completing_does_what_the_dry_run_showed(scene: Scene) -> None:
    grant(scene.secondary, GATEWAY_AV)
    grant(scene.primary, SERVER_AV)
    case = open_for(scene.primary, scene.new)

    shown, done = rehearse(case), complete(case)

    assert (shown.before, shown.after, shown.lines) == (done.before, done.after, done.lines)
    assert shown.before != shown.after


def _licence(scene: Scene) -> None:
    grant(scene.primary, SERVER_AV)


def _name(scene: Scene) -> None:
    rename(registration=scene.secondary, friendly_name="Another", by=scene.by)


def _spare(scene: Scene) -> None:
    scene.spare()


@pytest.mark.parametrize("change", [_licence, _name, _spare, removed, beside])
def test_what_changed_since_it_was_shown_is_shown_again(scene: Scene, change: Callable) -> None:
    case = open_for(scene.primary, scene.new)
    seen = rehearse(case).seen
    change(scene)
    facts = {"partner": scene.secondary, "by": case.asked_by, "today": today()}

    refuses(PlanChanged, partial(complete_case, case=case, seen=seen, **facts))


def test_a_licence_that_ended_overnight_is_shown_again(scene: Scene) -> None:
    case = open_for(scene.primary, scene.new)
    seen = rehearse(case, day=NEXT_YEAR).seen
    facts = {"partner": scene.secondary, "by": case.asked_by, "today": NEXT_YEAR + timedelta(days=1)}

    refuses(PlanChanged, partial(complete_case, case=case, seen=seen, **facts))


# Refusals


def test_completing_needs_a_replacement(scene: Scene) -> None:
    refuses(ReplacementNeeded, partial(rehearse, open_for(scene.primary, None)))


def test_what_is_not_approved_is_not_completed(scene: Scene) -> None:
    refuses(CaseNotOpen, partial(rehearse, scene.ask()))


def test_a_case_is_completed_once(scene: Scene) -> None:
    case = open_for(scene.primary, scene.new)
    complete(case)

    refuses(CaseNotOpen, partial(complete, case))


def test_a_unit_that_was_released_since_is_not_replaced(scene: Scene) -> None:
    case = open_for(scene.primary, scene.new)
    scene.remove()
    Registration.objects.filter(pk=scene.primary.pk).update(ended_at=timezone.now())

    refuses(NotReplaceable, partial(rehearse, case))


@pytest.mark.parametrize("is_parent", [True, False])
def test_a_replacement_in_a_strangers_pair_is_refused(scene: Scene, is_parent: bool) -> None:
    mine, stranger = scene.register(), scene.unit()
    case = open_for(scene.primary, scene.new)
    scene.hf(*((mine, stranger) if is_parent else (stranger, mine)))

    refuses(ReplacementPaired, partial(rehearse, case))
    refuses(ReplacementPaired, partial(approve_case, case=case, replacement=scene.new.serial, by=scene.by))


def test_a_replacement_beside_the_secondary_of_a_stranger_is_refused(scene: Scene) -> None:
    mine, stranger = scene.register(), scene.unit()
    scene.remove()
    case = open_for(scene.primary, scene.new)
    scene.hf(stranger, scene.secondary)
    scene.hf(stranger, mine)

    refuses(ReplacementPaired, partial(rehearse, case, partner=scene.secondary))


def test_a_stranger_makes_no_pair_with_the_replacement(scene: Scene) -> None:
    case = open_for(scene.primary, scene.new)

    refuses(WrongPartner, partial(rehearse, case, partner=scene.unit()))


def test_the_replacement_may_be_named_when_the_first_one_is_missing(scene: Scene) -> None:
    case = open_for(scene.primary, None)

    approve_case(case=case, replacement=scene.new.serial, by=case.asked_by)
    case.refresh_from_db()
    complete(case)

    assert roles() == {scene.serials[1]: "HF Primary", scene.new.serial: "HF Secondary"}


# The sharing limit (A9)


def _share_with(scene: Scene, parent: Registration, count: int) -> None:
    """Associate so many other units with a parent, one after the other."""
    for _ in range(count):
        scene.remove(scene.hf(parent, scene.unit()))


def test_a_replacement_comes_although_the_sharing_limit_is_used_up(scene: Scene) -> None:
    scene.remove()
    _share_with(scene, scene.primary, settings.MOST_SHARERS - 1)
    scene.hf(scene.primary, scene.secondary)

    complete(open_for(scene.secondary, scene.new))

    assert links() == {(scene.serials[0], scene.new.serial, True)}


def test_a_replacement_does_not_count_later_either(scene: Scene) -> None:
    complete(open_for(scene.secondary, scene.new))
    scene.remove(of(scene.new).seats.live().get())

    _share_with(scene, scene.primary, settings.MOST_SHARERS - 1)

    with pytest.raises(TooManySharers):
        scene.spare()


# How many questions it asks the database


@pytest.mark.parametrize("points", [0, 50])
@pytest.mark.parametrize(("failed", "dry", "done"), [("primary", 102, 104), ("secondary", 100, 102)])
def test_queries_of_a_case_with_sonicpoints(
    scene: Scene,
    django_assert_num_queries: DjangoAssertNumQueries,
    points: int,
    failed: str,
    dry: int,
    done: int,
) -> None:
    """Whoever fails, the access points beside the primary cost nothing more; here the primary's move."""
    case = open_for(getattr(scene, failed), scene.new)
    partner = partners_of(case).default
    add_points(scene.primary, points)

    with django_assert_num_queries(dry):
        outcome = rehearse(case, partner=partner)
    with django_assert_num_queries(done):
        complete_case(case=case, partner=partner, seen=outcome.seen, by=case.asked_by, today=today())

    heir = scene.secondary if failed == "primary" else scene.primary
    beside = {(parent, shares) for parent, _, shares in links()}
    assert len(links()) == points + 1
    assert beside <= {(heir.unit.serial, True), (heir.unit.serial, False)}
