"""Associate new products, with the serial number of a registered unit or with a wrong one (A5)."""

import pytest
from django.test import Client
from django.utils import timezone

from associations.models import Seat, Side
from portal.models import Membership
from products.models import Attempt, Registration
from tests.associations.support import Pair, act, listed, register, rows, typed, unit, url
from tests.factories import CODE, RegistrationFactory, UnitFactory
from tests.pages import Page
from tests.rows import SESSIONS, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_an_owned_serial_is_associated_as_secondary(client: Client, member: Membership) -> None:
    primary, secondary = unit(member, "Head"), unit(member, "Branch")

    response = register(client, primary, typed(secondary.unit.serial))

    live = set(Seat.objects.live().values_list("registration", "side", "shares"))
    assert response["Location"] == listed(primary)
    assert live == {(primary.pk, "parent", False), (secondary.pk, "child", True)}


def test_an_owned_serial_is_associated_in_any_notation_and_needs_no_code(
    client: Client, member: Membership
) -> None:
    primary = unit(member)
    RegistrationFactory(account=member.account, unit__serial="0006B112441C")

    register(client, primary, typed(" 00:06:b1:12:44:1c"))

    assert Seat.objects.live().count() == 2


@pytest.mark.parametrize(("name", "expected"), [("", "Branch"), (" ", "Branch"), (" Basel ", "Basel")])
def test_a_blank_name_keeps_and_a_given_one_renames(
    client: Client, member: Membership, name: str, expected: str
) -> None:
    primary, secondary = unit(member, "Head"), unit(member, "Branch")

    register(client, primary, typed(secondary.unit.serial, name))

    secondary.refresh_from_db()
    primary.refresh_from_db()
    assert (secondary.friendly_name, primary.friendly_name) == (expected, "Head")


def test_a_further_secondary_is_called_a_spare(client: Client, member: Membership, mine: Pair) -> None:
    spare = unit(member)

    response = register(client, mine[0], typed(spare.unit.serial), follow=True)

    assert Seat.objects.live().get(registration=spare).is_spare
    assert Page(response).root.one("div", class_="note warn").text


def test_registering_the_same_pair_twice_associates_once(client: Client, member: Membership) -> None:
    primary, secondary = unit(member), unit(member)
    register(client, primary, typed(secondary.unit.serial))

    response = register(client, primary, typed(secondary.unit.serial), follow=True)

    assert Page(response).codes() == ["already-associated"]
    assert Seat.objects.count() == 2


def test_typing_what_is_associated_already_with_another_name_renames(client: Client, mine: Pair) -> None:
    primary, secondary, _ = mine

    response = register(client, primary, typed(secondary.unit.serial, "Rack B"), follow=True)

    assert Page(response).codes() == ["already-associated"]
    assert rows(Page(response)) == [["1. Rack B", secondary.unit.serial]]


def test_another_ones_secondary_leads_to_change_parent(
    client: Client, member: Membership, mine: Pair
) -> None:
    primary = unit(member)

    with nothing_written(but=SESSIONS):
        response = register(client, primary, typed(mine[1].unit.serial), follow=True)

    ((address, _),) = response.redirect_chain
    assert address.startswith(act(mine[1], mine[2], "parent"))
    assert Page(response).section("effect")
    done = client.post(address, {"to": primary.unit.serial})
    assert done["Location"] == url(primary)
    assert Seat.objects.live().get(registration=primary).side == Side.PARENT


def test_a_name_given_on_the_way_to_change_parent_waits_for_the_confirmation(
    client: Client, member: Membership, mine: Pair
) -> None:
    _, secondary, _ = mine
    before = secondary.friendly_name

    register(client, unit(member), typed(secondary.unit.serial, "Rack B"))

    secondary.refresh_from_db()
    assert secondary.friendly_name == before


def test_a_secondary_types_another_primary(client: Client, member: Membership, mine: Pair) -> None:
    other = unit(member)

    response = register(client, mine[1], typed(other.unit.serial), follow=True)

    ((address, _),) = response.redirect_chain
    assert address.startswith(act(mine[1], mine[2], "parent"))
    assert "Other" in Page(response).section("effect").text


@pytest.mark.parametrize(
    ("which", "code"),
    [("itself", "with-itself"), ("4060", "different-models"), ("170", "type-does-not-fit")],
)
def test_a_unit_that_does_not_fit_is_refused_and_keeps_what_was_typed(
    client: Client, member: Membership, which: str, code: str
) -> None:
    primary = unit(member)
    others = {"itself": primary, "4060": unit(member, model="PRO 4060"), "170": unit(member, model="TZ 170")}

    with nothing_written(but=SESSIONS):
        response = register(client, primary, typed(others[which].unit.serial, "Branch"))

    page = Page(response)
    assert response.status_code == 422
    assert page.codes() == [code]
    assert page.field("friendly_name").one("input").attrs["value"] == "Branch"


def test_a_primary_typed_on_another_units_page_is_refused(
    client: Client, member: Membership, mine: Pair
) -> None:
    other = unit(member)

    with nothing_written(but=SESSIONS):
        response = register(client, other, typed(mine[0].unit.serial))

    assert Page(response).codes() == ["already-parent"]


@pytest.mark.parametrize(
    ("sent", "field", "code"),
    [
        (typed("1"), "serial_number", "invalid-serial"),
        (typed(""), "serial_number", "required"),
        (typed("FFFFFFFFFFFF"), "authentication_code", "code-needed"),
        (typed("FFFFFFFFFFFF", code="ABC"), "authentication_code", "invalid-code"),
        (typed("FFFFFFFFFFFF", "n" * 31, CODE), "friendly_name", "invalid-friendly-name"),
    ],
)
def test_wrong_input_is_refused_beside_its_field(
    client: Client, member: Membership, sent: dict[str, str], field: str, code: str
) -> None:
    primary = unit(member)

    with nothing_written(but=SESSIONS):
        response = register(client, primary, sent)

    page = Page(response)
    assert response.status_code == 422
    assert page.codes(page.field(field)) == page.codes() == [code]


def test_a_right_code_reveals_that_a_unit_is_another_accounts(client: Client, member: Membership) -> None:
    response = register(client, unit(member), typed(RegistrationFactory().unit.serial, code=CODE))

    assert response.status_code == 422
    assert Page(response).codes() == ["in-another-account"]


@pytest.mark.parametrize("whose", ["foreign", "unregistered", "retired"])
def test_without_a_code_every_unit_that_is_not_the_accounts_gets_the_same_answer(
    client: Client, member: Membership, whose: str
) -> None:
    new = UnitFactory(retired_at=timezone.now() if whose == "retired" else None)
    serial = RegistrationFactory().unit.serial if whose == "foreign" else new.serial
    place = unit(member)

    with nothing_written(but=SESSIONS):
        response = register(client, place, typed(serial))

    assert Page(response).codes() == ["code-needed"]
    assert not Attempt.objects.exists()


def test_wrong_codes_are_counted_on_this_page_too(client: Client, member: Membership) -> None:
    primary, new = unit(member), UnitFactory()
    for _ in range(5):
        assert Page(register(client, primary, typed(new.serial, code="ABCD-1235"))).codes() == ["no-match"]

    response = register(client, primary, typed(new.serial, code=CODE))

    assert response.status_code == 422
    assert Page(response).codes() == ["serial-closed"]
    assert not Registration.objects.filter(unit=new).exists()
