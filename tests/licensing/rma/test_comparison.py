"""A dry run's sentences and table, for what the tables of cases don't meet by themselves (X2)."""

import datetime

import pytest

from licensing.entitlements.timeline import Right
from licensing.rma.comparison import Comparison, Moved, compare, families
from licensing.rma.record import record_of
from licensing.rma.snapshot import ServiceShown, UnitShown
from tests.licensing.history import grant
from tests.licensing.rma.support import NEXT_YEAR, TRANSFER, Scene, complete, open_for, rehearse, undo
from tests.licensing.support import CLIENT_AV, SUPPORT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

TODAY = datetime.date(2026, 11, 30)
LATER = datetime.date(2027, 2, 1)
FAILED, NEW, OTHER = "0006B1124416", "0006B1124422", "0006B1124440"


def service(
    count: int | None = None, right: Right = Right.OWN, *, ends: datetime.date | None = None
) -> ServiceShown:
    steps = [(TODAY, count), *([(ends, 0)] if ends else [])]
    return ServiceShown(5, "Client AV", (f"licensed for {count}",), right, steps)


def unit(serial: str, *services: ServiceShown, role: str = "", state: str = "registered") -> UnitShown:
    return UnitShown(serial, f"Unit {serial[-2:]}", "PRO 5060", state, role, (), (), services, None)


def compared(
    *sides: tuple[UnitShown, UnitShown], leaves: str = "", heirs: tuple[str, ...] = ()
) -> Comparison:
    before, after = zip(*sides, strict=True)
    moved = Moved([], [])
    return compare(before, after, moved, ends=(leaves, heirs), keysets=len(sides), today=TODAY)


def test_who_goes_on_and_runs_less_is_a_loss() -> None:
    told = compared((unit(OTHER, service(10)), unit(OTHER, service(5))))

    assert told.is_loss
    assert f"Unit 40 ({OTHER}) runs less: Client AV for 5 instead of 10." in told.sentences


def test_a_loss_that_comes_later_is_named_with_its_day() -> None:
    told = compared((unit(OTHER, service(10)), unit(OTHER, service(10, ends=LATER))))

    assert f"Unit 40 ({OTHER}) runs less: Client AV no longer from 01 Feb 2027." in told.sentences


def test_what_an_heir_runs_at_least_as_well_is_no_loss() -> None:
    gone = unit(FAILED, state="retired")
    told = compared(
        (unit(FAILED, service(10)), gone), (unit(NEW), unit(NEW, service(-1))), leaves=FAILED, heirs=(NEW,)
    )

    assert not told.is_loss
    assert told.sentences[1] == "Nothing is lost."
    assert told.told[1] == "Nothing was lost."


def test_what_nobody_runs_in_a_units_place_is_a_loss() -> None:
    gone = unit(FAILED, state="retired")
    told = compared((unit(FAILED, service(10)), gone), (unit(NEW), unit(NEW)), leaves=FAILED, heirs=(NEW,))

    assert f"In place of Unit 16 ({FAILED}), less runs: Client AV no longer." in told.sentences


@pytest.mark.parametrize(
    ("before", "after", "rows"),
    [
        (service(5, Right.MODEL), service(5, Right.SHARED), 0),
        (service(5, Right.OWN), service(5, Right.SHARED), 1),
        (service(5, Right.MODEL), service(6, Right.MODEL), 1),
        (service(0, Right.OWN), service(0, Right.SHARED), 0),
        (service(None, Right.OWN), service(None, Right.OWN), 0),
    ],
    ids=["only the models'", "another right", "another count", "over", "unchanged"],
)
def test_the_table_has_what_changes_and_was_bought(
    before: ServiceShown, after: ServiceShown, rows: int
) -> None:
    told = compared((unit(OTHER, before), unit(OTHER, after)))

    assert (len(told.rows), told.unchanged) == (rows, 1 - rows)


def test_new_roles_are_told_primary_first() -> None:
    child = unit(NEW, role="HF Secondary")
    sides = [
        (unit(NEW), UnitShown(*_with_parents(child, OTHER))),
        (unit(OTHER), unit(OTHER, role="HF Primary")),
    ]

    told = compared(*sides)

    assert (
        told.sentences[-1] == f"Unit 40 ({OTHER}) becomes HF Primary, Unit 22 ({NEW}) becomes HF Secondary."
    )


def _with_parents(shown: UnitShown, *parents: str) -> list[object]:
    return [parents if name == "parents" else getattr(shown, name) for name in UnitShown.__slots__]


def test_a_picture_has_children_beside_their_parent() -> None:
    parent = unit(OTHER, role="HF Primary")
    children = [UnitShown(*_with_parents(unit(f"{n:012X}"), OTHER)) for n in range(8)]

    (family,) = families([*children, parent, unit(FAILED, state="retired")])

    assert family.unit == parent
    assert (family.children, family.more) == (tuple(children[:6]), 2)


def test_what_was_shown_is_kept_with_the_case(scene: Scene) -> None:
    case = open_for(scene.primary, scene.new)
    shown = rehearse(case).comparison

    complete(case)

    case.refresh_from_db()
    assert record_of(case).comparison == shown


def test_an_undone_case_keeps_what_undoing_did(scene: Scene) -> None:
    case = open_for(scene.primary, scene.new)
    complete(case)

    case = undo(case)

    told = record_of(case).undone_comparison.told
    assert told[0] == f"1 license went back to {scene.primary.friendly_name} ({scene.primary.unit.serial})."


def test_a_license_that_is_not_transferable_ends(scene: Scene) -> None:
    support = grant(scene.primary, SUPPORT, expires_on=NEXT_YEAR).service
    type(support).objects.filter(pk=support.pk).update(is_transferable=False)

    told = rehearse(open_for(scene.primary, scene.new)).comparison

    assert told.is_loss
    assert told.sentences[1].startswith(f"{support}, licensed until")


def test_a_primary_whose_keyset_stays_is_told_nothing(scene: Scene) -> None:
    outcome = complete(open_for(scene.secondary, scene.new))

    assert [unit.unit for unit in outcome.keysets] == [scene.new]
    assert "1 keyset changes." in outcome.comparison.sentences


def test_a_replaced_access_point_gets_no_keyset(scene: Scene) -> None:
    point = scene.point(scene.primary)
    new = scene.unit("SonicPoint").unit

    outcome = complete(open_for(point, new))

    assert outcome.keysets == []


def test_licenses_go_to_two_units(scene: Scene) -> None:
    grant(scene.primary, SUPPORT, expires_on=NEXT_YEAR)
    grant(scene.primary, CLIENT_AV, expires_on=NEXT_YEAR)

    first = rehearse(open_for(scene.primary, scene.new)).comparison.sentences[0]

    heir = f"{scene.secondary.friendly_name} ({scene.secondary.unit.serial})"
    assert first == f"2 licenses move to {heir}, 1 to {scene.primary.friendly_name} ({scene.new.serial})."


def test_the_roles_of_before_come_chosen_in_a_transfer(scene: Scene) -> None:
    scene.remove()
    case = open_for(scene.primary, scene.secondary.unit, kind=TRANSFER)

    complete(case)

    case.refresh_from_db()
    assert case.partner == scene.secondary
