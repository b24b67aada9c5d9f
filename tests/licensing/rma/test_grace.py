"""While a case is open, a secondary keeps what its failed primary shared, for 30 days at most (X3)."""

import datetime
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from associations.models import Seat
from associations.services import make_standby, remove_association
from licensing.entitlements.on_a_day import entitlements_on
from licensing.entitlements.timeline import Right
from licensing.entitlements.today import entitlements
from licensing.grants.trials import start_trial
from licensing.keyset import Payload, Status
from licensing.keysets.issuing import read_keyset
from licensing.ledger import writing as ledger
from licensing.models import KeysetHead, LedgerEntry, Licence, RmaCase
from licensing.moves.swap import swap_roles
from licensing.rma.cases import approve_case, cancel_case, decline_case
from licensing.rma.selectors import GRACE, keeper_of
from portal.clock import today
from portal.models import User
from products.models import Registration, Unit
from tests.factories import UnitFactory, sharing
from tests.licensing.history import divide, grant
from tests.licensing.oracle import derived, said_by, shown
from tests.licensing.rma.support import YEAR, Scene, ask, check_truth, complete, open_for, undo
from tests.licensing.support import (
    CLIENT_AV,
    CONTENT_FILTER,
    GATEWAY_AV,
    SERVER_AV,
    SUPPORT,
    VPN,
    give,
    held,
    service,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def last_day(scene: Scene, code: int = GATEWAY_AV, *, day: datetime.date | None = None) -> object:
    """The last day of a service in the secondary's keyset; "none" where it isn't there."""
    services = shown(scene.secondary, day or today()).services
    return next((s.expiry for s in services if s.code == code), "none")


def removed_before(scene: Scene) -> RmaCase:
    scene.remove()
    return scene.ask()


def removed_after(scene: Scene) -> RmaCase:
    case = scene.ask()
    scene.remove()
    return case


REMOVED = [removed_before, removed_after]


@pytest.mark.parametrize("open_case", REMOVED)
def test_a_secondary_keeps_its_rights_after_remove(scene: Scene, open_case: Callable) -> None:
    case = open_case(scene)

    assert last_day(scene) == case.grace_ends_on == today() + GRACE
    assert shown(scene.secondary, today()).primary == scene.primary.unit.serial
    check_truth()


def test_it_shares_as_before_while_the_association_stands(scene: Scene) -> None:
    scene.ask()

    assert last_day(scene) == today() + YEAR
    assert last_day(scene, day=today() + GRACE + timedelta(days=1)) == today() + YEAR
    check_truth()


def test_what_ends_sooner_keeps_its_day(scene: Scene) -> None:
    grant(scene.primary, SERVER_AV, expires_on=today() + timedelta(days=3))

    removed_after(scene)

    assert last_day(scene, SERVER_AV) == today() + timedelta(days=3)
    check_truth()


def test_what_had_ended_before_the_case_is_not_kept(scene: Scene) -> None:
    give(scene.primary, SERVER_AV, expires_on=today() - timedelta(days=1))

    removed_after(scene)

    assert last_day(scene, SERVER_AV) == "none"
    assert held(scene.secondary, SERVER_AV, today()).right is None
    assert shown(scene.secondary, today()) == derived(scene.secondary, today())


def test_what_ends_while_it_is_kept_is_expired_and_no_new_keyset(scene: Scene) -> None:
    last = today() + timedelta(days=3)
    grant(scene.primary, SERVER_AV, expires_on=last)
    removed_after(scene)
    before = read_keyset(registration=scene.secondary, today=today())
    day = last + timedelta(days=1)

    after = held(scene.secondary, SERVER_AV, day)

    assert (after.right, after.status(day)) == (Right.KEPT, Status.EXPIRED)
    assert read_keyset(registration=scene.secondary, today=day) == before


def test_a_trial_is_kept_as_well(scene: Scene) -> None:
    start_trial(registration=scene.primary, service=service(CONTENT_FILTER), by=scene.by, today=today())

    removed_after(scene)

    assert last_day(scene, CONTENT_FILTER) == today() + GRACE


def test_what_the_secondary_has_itself_is_not_shortened(scene: Scene) -> None:
    grant(scene.secondary, GATEWAY_AV, expires_on=today() + 2 * YEAR)

    removed_after(scene)

    assert last_day(scene) == today() + 2 * YEAR
    assert last_day(scene, VPN) is None
    check_truth()


def test_what_is_not_shared_is_not_kept(scene: Scene) -> None:
    grant(scene.primary, SUPPORT)

    removed_after(scene)

    assert last_day(scene, SUPPORT) == "none"


@pytest.mark.parametrize("open_case", REMOVED)
def test_it_ends_by_itself_after_thirty_days(scene: Scene, open_case: Callable) -> None:
    last = open_case(scene).grace_ends_on
    first = read_keyset(registration=scene.secondary, today=today())
    assert KeysetHead.objects.get(unit=scene.secondary.unit).recheck_on == last + timedelta(days=1)

    assert read_keyset(registration=scene.secondary, today=last) == first
    assert last_day(scene, day=last + timedelta(days=1)) == "none"
    assert shown(scene.secondary, last + timedelta(days=1)).primary is None
    check_truth(last + timedelta(days=1))


def _decline(case: RmaCase) -> None:
    decline_case(case=case, reason="not broken", by=case.asked_by)


def _cancel(case: RmaCase) -> None:
    cancel_case(case=case, by=case.asked_by)


@pytest.mark.parametrize("end", [_decline, _cancel])
@pytest.mark.parametrize("open_case", REMOVED)
def test_it_ends_with_the_case(scene: Scene, open_case: Callable, end: Callable) -> None:
    case = open_case(scene)
    before = read_keyset(registration=scene.secondary, today=today())

    end(case)

    assert last_day(scene) == "none"
    assert read_keyset(registration=scene.secondary, today=today()).generation == before.generation + 1
    check_truth()


def test_completing_ends_it_and_gives_the_licence_itself(scene: Scene) -> None:
    case = removed_after(scene)
    approve_case(case=case, replacement=UnitFactory().serial, by=scene.by)

    complete(case)

    assert last_day(scene) == today() + YEAR
    assert shown(scene.secondary, today()).primary is None
    check_truth()


def test_an_undone_case_leaves_no_grace(scene: Scene) -> None:
    scene.remove()
    case = open_for(scene.primary, UnitFactory())
    complete(case)

    undo(case)

    assert last_day(scene) == "none"
    check_truth()


@pytest.mark.parametrize(("days", "is_kept"), [(29, True), (31, False)])
def test_who_was_removed_long_ago_keeps_nothing(scene: Scene, days: int, is_kept: bool) -> None:
    scene.remove()
    Seat.objects.update(ended_at=timezone.now() - timedelta(days=days))

    assert scene.ask().secondary == (scene.secondary if is_kept else None)


def test_a_unit_that_was_never_in_a_pair_leaves_nobody_a_grace(scene: Scene) -> None:
    assert ask(scene.unit(), by=scene.by).secondary is None


def test_a_primary_that_became_secondary_leaves_nobody_a_grace(scene: Scene) -> None:
    grant(scene.primary, SERVER_AV)
    swap_roles(seat=scene.seat, by=scene.by, today=today())

    assert scene.ask().secondary is None


def test_a_spare_keeps_nothing(scene: Scene) -> None:
    scene.spare()

    assert scene.ask().secondary == scene.secondary


def test_the_unit_that_shares_now_keeps_and_not_the_one_before(scene: Scene) -> None:
    spare = scene.unit()
    seat = scene.hf(scene.primary, spare)
    make_standby(seat=seat, instead=sharing(seat), by=scene.by, today=today())

    assert scene.ask().secondary == spare


def test_a_spare_made_standby_meanwhile_shares_and_the_former_keeps(scene: Scene) -> None:
    spare = scene.unit()
    seat = scene.hf(scene.primary, spare)
    case = scene.ask()

    make_standby(seat=seat, instead=sharing(seat), by=scene.by, today=today())

    assert last_day(scene) == case.grace_ends_on
    assert {s.expiry for s in shown(spare, today()).services if s.code == GATEWAY_AV} == {today() + YEAR}
    check_truth()


def test_the_asking_of_another_account_finds_no_keeper(scene: Scene) -> None:
    scene.remove()
    Registration.objects.filter(pk=scene.secondary.pk).update(ended_at=timezone.now())

    assert keeper_of(scene.primary, now=timezone.now()) is None


# A unit that is a primary keeps nothing as a secondary: its own would have less than itself (K1)


def swapped(scene: Scene) -> Seat:
    return swap_roles(seat=scene.seat, by=scene.by, today=today())


def reversed_by_hand(scene: Scene) -> Seat:
    scene.remove()
    shown(scene.secondary, today())
    return scene.hf(scene.secondary, scene.primary)


def paired_with_another(scene: Scene) -> Seat:
    scene.remove()
    shown(scene.secondary, today())
    return scene.hf(scene.secondary, scene.unit())


@pytest.mark.parametrize("become_primary", [swapped, reversed_by_hand, paired_with_another])
def test_a_keeper_that_became_primary_keeps_nothing(
    scene: Scene, become_primary: Callable[[Scene], Seat]
) -> None:
    grant(scene.primary, SUPPORT)
    scene.ask()

    child = become_primary(scene).registration

    assert shown(scene.secondary, today()).primary is None
    assert shown(child, today()).primary == scene.secondary.unit.serial
    assert _rights(scene.secondary) <= {Right.OWN, Right.MODEL, None}
    assert not any(row.right.startswith("kept") for row in entitlements_on(scene.secondary, today()))
    check_truth()


@pytest.mark.parametrize("become_primary", [reversed_by_hand, paired_with_another])
def test_a_keeper_that_is_no_primary_any_more_keeps_again(
    scene: Scene, become_primary: Callable[[Scene], Seat]
) -> None:
    case = scene.ask()
    seat = become_primary(scene)
    assert last_day(scene) == "none"

    remove_association(seat=seat, by=scene.by)

    assert last_day(scene) == case.grace_ends_on
    check_truth()


def test_a_primary_of_access_points_keeps(scene: Scene) -> None:
    case = removed_after(scene)

    scene.point(scene.secondary)

    assert last_day(scene) == case.grace_ends_on
    check_truth()


def test_the_history_tells_that_a_primary_kept_nothing(scene: Scene) -> None:
    start = timezone.now().replace(hour=12) + timedelta(days=1)
    with time_machine.travel(start, tick=False):
        scene.ask()
        scene.remove()
    with time_machine.travel(start + timedelta(days=1), tick=False):
        seat = scene.hf(scene.secondary, scene.unit())
    with time_machine.travel(start + timedelta(days=2), tick=False):
        remove_association(seat=seat, by=scene.by)

    told = [_recalled(scene.secondary, start.date() + timedelta(days=number))[0] for number in range(3)]
    assert told == [Right.KEPT, None, Right.KEPT]


@pytest.mark.parametrize("is_primary", [True, False])
def test_pages_say_that_it_keeps_as_long_as_it_does(
    client: Client, scene: Scene, admin_user: User, is_primary: bool
) -> None:
    case = removed_after(scene)
    if is_primary:
        scene.hf(scene.secondary, scene.unit())
    serial = scene.secondary.unit.serial

    client.force_login(scene.by)
    told = ["keeps what" in client.get(page).text for page in (f"/products/{serial}/", f"/rma/{case.uuid}/")]
    client.force_login(admin_user)
    desk = f"/support/units/{serial}/", f"/support/rma/{case.uuid}/"
    told += ["keeps what" in client.get(page).text for page in desk]

    assert told == [not is_primary] * 4


def _rights(registration: Registration) -> set[Right | None]:
    return {held.right for held in entitlements(registration, source=None, today=today())}


# The keysets follow, and only those that change


def _said(*units: Registration) -> list[tuple[int, Payload]]:
    keysets = [read_keyset(registration=unit, today=today()) for unit in units]
    return [(keyset.generation, said_by(keyset, today())) for keyset in keysets]


def _check_generations(before: list[tuple[int, Payload]], after: list[tuple[int, Payload]]) -> None:
    """A new generation is issued for exactly the units whose payload changed."""
    for (old, said), (new, says) in zip(before, after, strict=True):
        assert new == old + (said != says)


def test_opening_a_case_issues_what_it_changes(scene: Scene) -> None:
    units = scene.primary, scene.secondary, scene.unit()
    scene.remove()
    before = _said(*units)

    scene.ask()

    after = _said(*units)
    _check_generations(before, after)
    assert [new != old for (old, _), (new, _) in zip(before, after, strict=True)] == [False, True, False]


def test_completing_and_undoing_issue_what_they_change(scene: Scene) -> None:
    units = scene.secondary, scene.unit()
    scene.hf(scene.primary, units[1])
    before = _said(*units)
    case = open_for(scene.primary, UnitFactory())

    complete(case)
    between = _said(*units)
    undo(case)

    _check_generations(before, between)
    _check_generations(between, _said(*units))
    check_truth()


def test_what_the_failed_unit_gets_meanwhile_is_kept_too(scene: Scene) -> None:
    removed_after(scene)
    shown(scene.secondary, today())

    grant(scene.primary, SERVER_AV)

    assert last_day(scene, SERVER_AV) == today() + GRACE
    check_truth()


def test_a_pool_that_the_failed_unit_has_a_part_of_is_followed(scene: Scene) -> None:
    third = scene.unit()
    licence = grant(third, CLIENT_AV)
    divide(licence, scene.primary, 4, by=scene.by)
    removed_after(scene)
    assert last_day(scene, CLIENT_AV) == today() + GRACE

    with ledger.noted([third], right=LedgerEntry.Right.GRANT, by=scene.by):
        Licence.objects.filter(pk=licence.pk).update(expires_on=today() + timedelta(days=3))
    Unit.objects.filter(pk=third.unit_id).raise_version()

    assert last_day(scene, CLIENT_AV) == today() + timedelta(days=3)
    check_truth()


def test_the_unit_that_the_failed_one_has_no_part_of_is_not_followed(scene: Scene) -> None:
    third = scene.unit()
    removed_after(scene)
    before = read_keyset(registration=scene.secondary, today=today())

    divide(grant(third, CLIENT_AV), scene.secondary, 4, by=scene.by)

    assert read_keyset(registration=scene.secondary, today=today()).generation == before.generation + 1
    assert shown(scene.secondary, today()) == derived(scene.secondary, today())


# The days before (L6)


def test_the_history_tells_what_was_kept(scene: Scene) -> None:
    start = timezone.now().replace(hour=12) + timedelta(days=1)
    with time_machine.travel(start, tick=False):
        scene.remove()
    with time_machine.travel(start + timedelta(days=2), tick=False):
        case = scene.ask()
    with time_machine.travel(start + timedelta(days=5), tick=False):
        _decline(case)

    days = [start.date() + timedelta(days=number) for number in range(7)]
    told = [_recalled(scene.secondary, day) for day in days]
    kept = (Right.KEPT, case.grace_ends_on)
    assert told == [(None, None), (None, None), kept, kept, kept, (None, None), (None, None)]


def test_the_history_tells_what_was_kept_until_it_was_completed_and_undone(scene: Scene) -> None:
    start = timezone.now().replace(hour=12) + timedelta(days=1)
    with time_machine.travel(start, tick=False):
        scene.remove()
        case = open_for(scene.primary, UnitFactory())
    with time_machine.travel(start + timedelta(days=2), tick=False):
        complete(case)
    with time_machine.travel(start + timedelta(days=4), tick=False):
        undo(case)

    told = [_recalled(scene.secondary, start.date() + timedelta(days=number))[0] for number in range(6)]
    assert told == [Right.KEPT, Right.KEPT, Right.OWN, Right.OWN, None, None]


def _recalled(registration: Registration, day: datetime.date) -> tuple[Right | None, datetime.date | None]:
    rows = {row.entitlement.service.code: row.entitlement for row in entitlements_on(registration, day)}
    return rows[GATEWAY_AV].right, rows[GATEWAY_AV].expires_on
