"""The steps on the appliances: settings come from the unit that was in service, and from no other (X8)."""

from collections.abc import Callable

import pytest
from django.test import Client

from licensing.models import RmaCase
from licensing.rma.cases import cancel_case
from portal.models import User
from products.models import Registration
from tests.factories import UnitFactory
from tests.licensing.rma.support import TRANSFER, Scene, complete, open_for
from tests.pages import Element, Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def steps(client: Client, case: RmaCase) -> list[tuple[str, Element]]:
    """The steps on the account's page of a case: of which kind each is, and itself."""
    client.force_login(case.account.memberships.get().user)
    listed = Page(client.get(f"/rma/{case.uuid}/")).section("steps").all("li")
    return [(step.attrs.get("data-step", ""), step) for step in listed]


def serial_in(told: list[tuple[str, Element]], kind: str) -> str | None:
    """The first serial number in the step of a kind, none where there is no such step."""
    found = (span.text for name, step in told if name == kind for span in step.all("span", class_="serial"))
    return next(found, None)


def a_primary(scene: Scene) -> tuple[RmaCase, Registration]:
    case = open_for(scene.primary, scene.new)
    complete(case)
    return case, scene.secondary


def a_secondary(scene: Scene) -> tuple[RmaCase, Registration]:
    case = open_for(scene.secondary, scene.new)
    complete(case)
    return case, scene.primary


def a_primary_whose_replacement_was_made_primary(scene: Scene) -> tuple[RmaCase, Registration]:
    scene.remove()
    scene.hf(scene.register(), scene.secondary)
    return a_primary(scene)


def a_secondary_whose_replacement_was_made_primary(scene: Scene) -> tuple[RmaCase, Registration]:
    scene.remove()
    scene.hf(scene.register(), scene.primary)
    return a_secondary(scene)


def a_primary_followed_by_a_spare(scene: Scene) -> tuple[RmaCase, Registration]:
    spare, case = scene.spare(), open_for(scene.primary, scene.new)
    complete(case, partner=spare)
    return case, scene.secondary


def a_primary_with_spares_only(scene: Scene) -> tuple[RmaCase, Registration]:
    spare = scene.spare()
    scene.remove()
    case = open_for(scene.primary, scene.new)
    complete(case)
    return case, spare


@pytest.mark.parametrize(
    "replaced",
    [
        a_primary,
        a_secondary,
        a_primary_whose_replacement_was_made_primary,
        a_secondary_whose_replacement_was_made_primary,
        a_primary_followed_by_a_spare,
        a_primary_with_spares_only,
    ],
)
def test_the_unit_that_was_in_service_sends_its_settings(
    client: Client, scene: Scene, replaced: Callable[[Scene], tuple[RmaCase, Registration]]
) -> None:
    case, source = replaced(scene)

    told = steps(client, case)

    assert serial_in(told, "login") == source.unit.serial
    assert serial_in(told, "send") != source.unit.serial
    reversed_roles = source.seats.live().get(type__shares_licences=True).side == "child"
    assert serial_in(told, "never") == (serial_in(told, "send") if reversed_roles else None)


def a_spare(scene: Scene) -> RmaCase:
    return open_for(scene.spare(), scene.new)


def a_primary_replaced_by_its_secondary(scene: Scene) -> RmaCase:
    scene.spare()
    return open_for(scene.primary, scene.secondary.unit)


def one_alone(scene: Scene) -> RmaCase:
    return open_for(scene.unit(), scene.new)


def a_transfer(scene: Scene) -> RmaCase:
    scene.remove()
    scene.hf(scene.secondary, scene.register())
    return open_for(scene.primary, scene.secondary.unit, kind=TRANSFER)


@pytest.mark.parametrize("opened", [a_spare, a_primary_replaced_by_its_secondary, one_alone, a_transfer])
def test_no_settings_are_sent_where_none_are_to_be(
    client: Client, scene: Scene, opened: Callable[[Scene], RmaCase]
) -> None:
    case = opened(scene)
    complete(case)

    kinds = {kind for kind, _ in steps(client, case)}

    assert kinds == {"keyset"} | (set() if case.kind == TRANSFER else {"place"})


# Both have failed


@pytest.mark.parametrize("is_primary_first", [True, False])
def test_where_both_have_failed_nobody_logs_in_to_the_other(
    client: Client, scene: Scene, admin_user: User, is_primary_first: bool
) -> None:
    units = (scene.primary, scene.secondary) if is_primary_first else (scene.secondary, scene.primary)
    first, second = open_for(units[0], scene.new), open_for(units[1], None)
    client.force_login(admin_user)
    page = Page(client.get(f"/support/rma/{first.uuid}/dry-run/"))
    complete(first)

    told = steps(client, first)

    assert page.codes() == ["failed-too"]
    assert second.number in page.section("steps").text
    assert [kind for kind, _ in told] == ["failed-too", "place", "keyset"]
    assert serial_in(told, "failed-too") == units[1].unit.serial
    assert second.number in told[0][1].text
    assert serial_in(told, "place") == serial_in(told, "keyset") == scene.new.serial


@pytest.mark.parametrize("is_primary_first", [True, False])
def test_the_first_replacement_gets_its_settings_before_it_sends_them(
    client: Client, scene: Scene, is_primary_first: bool
) -> None:
    units = (scene.primary, scene.secondary) if is_primary_first else (scene.secondary, scene.primary)
    first, second = open_for(units[0], scene.new), open_for(units[1], UnitFactory())
    complete(first)
    complete(second)

    told = steps(client, second)

    assert serial_in(told, "import") == serial_in(told, "login") == scene.new.serial
    assert first.number in dict(told)["import"].text
    assert serial_in(told, "send") == second.replacement.serial


def test_once_the_other_works_again_it_sends_its_settings(client: Client, scene: Scene) -> None:
    first, second = open_for(scene.primary, scene.new), open_for(scene.secondary, None)
    complete(first)
    cancel_case(case=second, by=scene.by)

    told = steps(client, first)

    assert serial_in(told, "login") == scene.secondary.unit.serial
    assert "failed-too" not in dict(told)


def test_a_replacement_that_got_its_settings_sends_them_when_the_other_fails(
    client: Client, scene: Scene
) -> None:
    complete(open_for(scene.primary, scene.new))
    case = open_for(scene.secondary, UnitFactory())
    complete(case)

    told = steps(client, case)

    assert serial_in(told, "login") == scene.new.serial
    assert "import" not in dict(told)
