"""No pair: the replacement stands alone, and has the licences of a unit without one (X2)."""

from functools import partial
from typing import NamedTuple

import pytest
from django.test import Client

from licensing.rma.errors import PrimaryStays, ReplacementPaired
from portal.clock import today
from portal.models import User
from products.models import Registration, Unit
from tests.factories import MembershipFactory, RegistrationFactory, UnitFactory, pair
from tests.licensing.history import grant
from tests.licensing.rma.support import (
    YEAR,
    check_truth,
    complete,
    hf,
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


class Scene(NamedTuple):
    """A pair with a spare and an access point; its primary has a licence. A unit is in stock."""

    by: User
    primary: Registration
    secondary: Registration
    spare: Registration
    point: Registration
    new: Unit


@pytest.fixture
def scene() -> Scene:
    member = MembershipFactory()
    primary, secondary, _ = pair(member.account, member.user)
    spare = RegistrationFactory(account=member.account)
    point = RegistrationFactory(account=member.account, unit__model_name="SonicPoint")
    hf(primary, spare, by=member.user)
    hf(primary, point, by=member.user, type="sonicpoint")
    grant(primary, GATEWAY_AV, expires_on=today() + YEAR)
    return Scene(member.user, primary, secondary, spare, point, UnitFactory())


def test_a_failed_primarys_replacement_stands_alone_with_its_licences(scene: Scene) -> None:
    outcome = complete(open_for(scene.primary, scene.new), is_alone=True)

    assert links() == {(scene.new.serial, scene.point.unit.serial, False)}
    assert holdings() == {(scene.new.serial, GATEWAY_AV): ("licensed", None, today() + YEAR)}
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


def test_a_replacement_that_stands_beside_the_secondary_leaves_it(scene: Scene) -> None:
    hf(scene.primary, RegistrationFactory(account=scene.primary.account, unit=scene.new), by=scene.by)

    complete(open_for(scene.primary, scene.new), is_alone=True)

    assert links() == {(scene.new.serial, scene.point.unit.serial, False)}
    check_truth()


def test_a_replacement_that_is_in_a_pair_does_not_stand_alone(scene: Scene) -> None:
    hf(
        RegistrationFactory(account=scene.primary.account, unit=scene.new),
        RegistrationFactory(account=scene.primary.account),
        by=scene.by,
    )

    refuses(ReplacementPaired, partial(rehearse, open_for(scene.primary, scene.new), is_alone=True))


def test_a_failed_secondarys_primary_stays_whatever_is_chosen(scene: Scene) -> None:
    case = open_for(scene.secondary, scene.new)

    refuses(PrimaryStays, partial(rehearse, case, is_alone=True))


def test_the_desk_does_what_it_offers(client: Client, scene: Scene, admin_user: User) -> None:
    case = open_for(scene.primary, scene.new)
    client.force_login(admin_user)
    page = Page(client.get(f"/support/rma/{case.uuid}/dry-run/", {"partner": "none"}))
    (form,) = [f for f in page.root.all("form") if f.attrs.get("action", "").endswith("/complete/")]
    plan = {e.attrs["name"]: e.attrs["value"] for e in form.all("input", type="hidden")}

    client.post(f"/support/rma/{case.uuid}/complete/", plan)

    assert plan["partner"] == "none"
    assert set(holdings()) == {(scene.new.serial, GATEWAY_AV)}
    assert links() == {(scene.new.serial, scene.point.unit.serial, False)}


def test_the_desk_has_nothing_to_choose_for_a_failed_secondary(
    client: Client, scene: Scene, admin_user: User
) -> None:
    case = open_for(scene.secondary, scene.new)
    client.force_login(admin_user)

    page = Page(client.get(f"/support/rma/{case.uuid}/dry-run/", {"partner": "none"}))

    assert page.codes() == []
    assert scene.primary.unit.serial in page.section("steps").text
