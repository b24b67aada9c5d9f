"""A new unit on its way from another one's page through Create Association (A5)."""

import pytest
from django.test import Client
from django.utils import timezone

from associations.models import Seat
from portal.models import Membership
from products.models import Registration, Unit
from tests.associations.support import Pair, act, register, seated, typed, unit, url
from tests.factories import CODE, RegistrationFactory, UnitFactory, registrations
from tests.pages import Page
from tests.rows import SESSIONS, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_a_new_unit_is_registered_first_then_survey_then_create_association(
    client: Client, member: Membership
) -> None:
    primary, new = unit(member, "Head"), UnitFactory()

    first = register(client, primary, typed(new.serial, "Branch", CODE))
    second = client.post(first["Location"], {})
    page = Page(client.get(second["Location"]))

    registration = Registration.objects.get(unit=new)
    assert (registration.friendly_name, registration.account) == ("Branch", member.account)
    assert not Seat.objects.exists()
    assert first["Location"] == f"/products/{new.serial}/survey/?from={primary.unit.serial}"
    assert second["Location"] == f"/products/{new.serial}/association/?from={primary.unit.serial}"
    offered = list(page.root.all("input", name="choice"))
    assert [radio.attrs["value"] for radio in offered if "checked" in radio.attrs] == [
        f"hf:{primary.unit.serial}"
    ]
    assert page.root.one("table", class_="choices").rows()[-1][1:] == ["No parent product"]


def test_the_new_unit_becomes_the_secondary_of_the_unit_that_one_came_from(
    client: Client, member: Membership
) -> None:
    primary, new = unit(member), unit(member)

    client.post(f"{url(new)}association/?from={primary.unit.serial}", {"choice": f"hf:{primary.unit.serial}"})

    live = set(Seat.objects.live().values_list("registration", "side", "shares"))
    assert live == {(primary.pk, "parent", False), (new.pk, "child", True)}


def test_coming_from_a_secondary_the_children_include_secondaries_with_that_one_chosen(
    client: Client, member: Membership, mine: Pair
) -> None:
    secondary, new = mine[1], unit(member, "New")

    response = client.get(f"{url(new)}association/?from={secondary.unit.serial}", follow=True)

    page = Page(response)
    radios = list(page.root.all("input", name="choice"))
    assert response.redirect_chain[-1][0] == f"{url(new)}association/child/?from={secondary.unit.serial}"
    assert [radio.attrs["value"] for radio in radios] == [f"hf:{secondary.unit.serial}", ""]
    assert "checked" in radios[0].attrs
    assert page.root.one("table", class_="choices").rows()[-1][1:] == ["No child product"]


def test_choosing_a_secondary_there_leads_to_change_parent(
    client: Client, member: Membership, mine: Pair
) -> None:
    secondary, new = mine[1], unit(member, "New")

    with nothing_written(but=SESSIONS):
        response = client.post(
            f"{url(new)}association/child/?from={secondary.unit.serial}",
            {"choice": f"hf:{secondary.unit.serial}"},
            follow=True,
        )

    assert response.redirect_chain[-1][0].startswith(act(secondary, mine[2], "parent"))
    assert "New" in Page(response).section("effect").text


def test_secondaries_are_offered_with_their_present_parents(
    client: Client, member: Membership, mine: Pair
) -> None:
    primary, secondary, _ = mine
    spare, new = unit(member, "Zoe"), unit(member, "New")
    seated(primary, spare, member)

    page = Page(client.get(f"{url(new)}association/child/?from={secondary.unit.serial}"))

    notes = [row[4] for row in page.root.one("table", class_="choices").rows()[:-1]]
    assert notes == [
        f"HF Secondary of {primary.friendly_name}",
        f"HF Secondary (spare) of {primary.friendly_name}",
    ]


@pytest.mark.parametrize("model", ["PRO 4060", "TZ 170"])
@pytest.mark.parametrize("step", ["association/", "association/child/"])
def test_an_origin_of_another_model_is_named_as_no_choice(
    client: Client, member: Membership, model: str, step: str
) -> None:
    origin, new = unit(member, "Alpha"), unit(member, "New", model)

    page = Page(client.get(f"{url(new, step)}?from={origin.unit.serial}", follow=True))

    assert page.codes() == ["different-models"]


def test_a_retired_origin_is_called_retired(client: Client, member: Membership) -> None:
    origin, new = unit(member, "Alpha"), unit(member, "New")
    Unit.objects.filter(pk=origin.unit_id).update(retired_at=timezone.now())

    page = Page(client.get(f"{url(new)}association/?from={origin.unit.serial}"))

    assert page.codes() == ["unit-not-active"]


@pytest.mark.parametrize(("origins", "news"), [("PRO 5060", "SonicPoint"), ("SonicPoint", "TZ 170")])
def test_an_origin_that_fits_gets_no_note(
    client: Client, member: Membership, origins: str, news: str
) -> None:
    origin, new = unit(member, "Alpha", origins), unit(member, "New", news)

    for step in ("association/", "association/child/"):
        page = Page(client.get(f"{url(new, step)}?from={origin.unit.serial}", follow=True))

        assert page.codes() == []


def test_the_origin_of_another_account_is_not_named(client: Client, member: Membership) -> None:
    foreign = RegistrationFactory(unit__model_name="PRO 4060")

    page = Page(client.get(f"{url(unit(member))}association/?from={foreign.unit.serial}"))

    assert page.codes() == []


def offered(page: Page) -> list[str]:
    """What can be chosen in each row of the radio table, the role or the row for none first."""
    return [cells[1] for cells in page.root.one("table", class_="choices").rows()]


@pytest.mark.parametrize(
    ("step", "label"), [("association/", "No parent product"), ("association/child/", "No child product")]
)
def test_only_who_came_from_a_unit_is_offered_a_row_for_none(
    client: Client, member: Membership, step: str, label: str
) -> None:
    origin, new = unit(member), unit(member)

    quick = Page(client.get(url(new, step)))
    from_unit = Page(client.get(url(new, step), {"from": origin.unit.serial}))

    assert label not in offered(quick)
    assert offered(from_unit)[-1] == label
    assert list(from_unit.root.all("input", name="choice"))[-1].attrs["value"] == ""


def test_the_unit_that_one_came_from_is_carried_on_to_the_children(
    client: Client, member: Membership
) -> None:
    origin, new = unit(member), unit(member)

    response = client.post(url(new, f"association/?from={origin.unit.serial}"), {"choice": ""})

    assert response["Location"] == url(new, f"association/child/?from={origin.unit.serial}")
    assert not Seat.objects.exists()


def test_the_unit_that_one_came_from_is_carried_through_the_box(client: Client, member: Membership) -> None:
    new = unit(member)
    others = registrations(member.account, 101)

    page = Page(client.get(url(new, "association/child/"), {"from": others[0].unit.serial}))

    carried = page.root.one("form", role="search").one("input", name="from")
    assert carried.attrs["value"] == others[0].unit.serial
