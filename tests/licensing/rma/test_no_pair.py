"""No pair: the replacement stands alone, and has the licences of a unit without one (X2)."""

from functools import partial

import pytest
from django.test import Client

from licensing.rma.errors import PrimaryStays, ReplacementPaired
from products.models import Registration
from tests.licensing.rma.support import (
    NEXT_YEAR,
    Scene,
    check_truth,
    complete,
    holdings,
    links,
    of,
    open_for,
    rehearse,
    undo,
)
from tests.licensing.support import GATEWAY_AV, refuses
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture(autouse=True)
def point(scene: Scene) -> Registration:
    """An access point of the pair's primary, beside a spare."""
    scene.spare()
    return scene.point(scene.primary)


def test_a_failed_primarys_replacement_stands_alone_with_its_licences(
    scene: Scene, point: Registration
) -> None:
    outcome = complete(open_for(scene.primary, scene.new), is_alone=True)

    assert links() == {(scene.new.serial, point.unit.serial, False)}
    assert holdings() == {(scene.new.serial, GATEWAY_AV): [("licensed", None, NEXT_YEAR)]}
    assert (outcome.heir, outcome.pair) == (of(scene.new), None)
    check_truth()


def test_who_shared_the_licences_loses_them_and_is_shown(scene: Scene) -> None:
    outcome = complete(open_for(scene.primary, scene.new), is_alone=True)

    sides = {
        unit.serial: {row.code for row in unit.keyset.services}
        for unit in outcome.after
        if unit.keyset is not None
    }
    assert GATEWAY_AV not in sides[scene.secondary.unit.serial]
    assert scene.secondary in outcome.keysets


def test_it_is_undone(scene: Scene) -> None:
    before = links(), holdings()
    case = open_for(scene.primary, scene.new)
    complete(case, is_alone=True)

    undo(case)

    assert (links(), holdings()) == before
    check_truth()


def test_a_replacement_that_stands_beside_the_secondary_leaves_it(scene: Scene, point: Registration) -> None:
    scene.hf(scene.primary, scene.register())

    complete(open_for(scene.primary, scene.new), is_alone=True)

    assert links() == {(scene.new.serial, point.unit.serial, False)}
    check_truth()


def test_a_replacement_that_is_in_a_pair_does_not_stand_alone(scene: Scene) -> None:
    case = open_for(scene.primary, scene.new)
    scene.hf(scene.register(), scene.unit())

    refuses(ReplacementPaired, partial(rehearse, case, is_alone=True))


def test_a_failed_secondarys_primary_stays_whatever_is_chosen(scene: Scene) -> None:
    case = open_for(scene.secondary, scene.new)

    refuses(PrimaryStays, partial(rehearse, case, is_alone=True))


def test_the_desk_does_what_it_offers(desk: Client, scene: Scene, point: Registration) -> None:
    case = open_for(scene.primary, scene.new)
    page = Page(desk.get(f"/support/rma/{case.uuid}/dry-run/", {"partner": "none"}))
    (form,) = [f for f in page.root.all("form") if f.attrs.get("action", "").endswith("/complete/")]
    plan = {e.attrs["name"]: e.attrs["value"] for e in form.all("input", type="hidden")}

    desk.post(f"/support/rma/{case.uuid}/complete/", plan)

    assert plan["partner"] == "none"
    assert set(holdings()) == {(scene.new.serial, GATEWAY_AV)}
    assert links() == {(scene.new.serial, point.unit.serial, False)}


def test_the_desk_has_nothing_to_choose_for_a_failed_secondary(desk: Client, scene: Scene) -> None:
    case = open_for(scene.secondary, scene.new)

    page = Page(desk.get(f"/support/rma/{case.uuid}/dry-run/", {"partner": "none"}))

    assert page.codes() == []
    assert scene.primary.unit.serial in page.section("steps").text
