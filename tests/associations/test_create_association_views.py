"""Create Association, step by step, from Quick Register (A3, A4)."""

from collections.abc import Callable

import pytest
from django.test import Client

from associations.models import Seat, Side
from portal.models import Membership
from products.models import Registration
from tests.associations.support import seated
from tests.factories import CODE, RegistrationFactory, UnitFactory, pair, registrations
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

type Step = Callable[[Registration], str]


@pytest.fixture
def mine(member: Membership) -> Registration:
    """The unit that was registered just now, as in the source's figures."""
    return RegistrationFactory(
        account=member.account, friendly_name="PRO 5060P", unit__serial="0006B1124422", code="K3YU89HX"
    )


@pytest.fixture
def first(member: Membership) -> Registration:
    return RegistrationFactory(
        account=member.account, friendly_name="PRO 5060 1st", unit__serial="0006B1124416"
    )


@pytest.fixture
def second(member: Membership) -> Registration:
    return RegistrationFactory(
        account=member.account, friendly_name="PRO 5060 2nd", unit__serial="0006B112441C"
    )


def parent_step(unit: Registration) -> str:
    return f"/products/{unit.unit.serial}/association/"


def child_step(unit: Registration) -> str:
    return f"/products/{unit.unit.serial}/association/child/"


def offered(page: Page) -> list[list[str]]:
    """The rows of the radio table, without the column of radio buttons."""
    return [cells[1:] for cells in page.root.one("table", class_="choices").rows()]


def head(page: Page) -> list[str]:
    return [cell.text for cell in page.root.one("table", class_="choices").one("thead").all("th")][1:]


# What is offered: the source's figures


def test_create_association_shows_the_unit(client: Client, mine: Registration) -> None:
    page = Page(client.get(parent_step(mine)))

    facts = {fact.one("dt").text: fact.one("dd").text for fact in page.root.one("dl").all("div")}
    assert page.root.one("h1").text == "Create Association"
    assert facts == {
        "Serial Number": "0006B1124422",
        "Product": "SONICWALL PRO 5060",
        "Platform": "SonicWALL",
        "Node Support": "Unlimited",
        "Reg. Code": "K3YU89HX",
    }


def test_parents_are_offered_as_in_the_first_figure(
    client: Client, mine: Registration, first: Registration, second: Registration
) -> None:
    page = Page(client.get(parent_step(mine)))

    title = "Select the product you would like to designate as the parent product for the SONICWALL PRO 5060"
    assert page.root.one(id="choose").text == title
    assert head(page) == ["Parent Product Type", "Friendly Name", "Serial Number"]
    assert offered(page) == [
        ["HF Primary", "PRO 5060 1st", "0006B1124416"],
        ["HF Primary", "PRO 5060 2nd", "0006B112441C"],
    ]


def test_children_are_offered_as_in_the_second_figure(
    client: Client, mine: Registration, first: Registration
) -> None:
    page = Page(client.get(child_step(mine)))

    assert page.root.one(id="choose").text == "Associate child products."
    assert head(page) == ["Child Product Type", "Friendly Name", "Serial Number"]
    assert offered(page) == [["HF Secondary", "PRO 5060 1st", "0006B1124416"]]


def test_choices_are_radio_buttons_and_none_is_chosen(
    client: Client, mine: Registration, first: Registration, second: Registration
) -> None:
    page = Page(client.get(child_step(mine)))

    radios = list(page.root.all("input", name="choice"))
    assert [radio.attrs["value"] for radio in radios] == ["hf:0006B1124416", "hf:0006B112441C"]
    assert {radio.attrs["type"] for radio in radios} == {"radio"}
    assert not [radio for radio in radios if "checked" in radio.attrs]


@pytest.mark.parametrize("step", [parent_step, child_step])
def test_a_page_without_candidates_says_so(client: Client, mine: Registration, step: Step) -> None:
    RegistrationFactory(account=mine.account, unit__model_name="PRO 4060")
    RegistrationFactory()

    page = Page(client.get(step(mine)))

    assert page.root.one("div", class_="empty").text
    assert not list(page.root.all("table"))
    assert "Continue" in [button.text for button in page.root.one("main").all("button")]


def test_primaries_are_offered_as_parents_and_secondaries_are_not(client: Client, mine: Registration) -> None:
    primary, _, _ = pair(mine.account, by=mine.account.memberships.get().user)

    page = Page(client.get(parent_step(mine)))

    assert offered(page) == [["HF Primary", primary.friendly_name, primary.unit.serial, "Shared already"]]


def test_no_unit_of_a_pair_is_offered_as_a_child(
    client: Client, mine: Registration, first: Registration
) -> None:
    pair(mine.account, by=mine.account.memberships.get().user)

    page = Page(client.get(child_step(mine)))

    assert offered(page) == [["HF Secondary", "PRO 5060 1st", "0006B1124416"]]


@pytest.mark.parametrize("step", [parent_step, child_step])
def test_more_than_a_hundred_candidates_get_a_box_to_find_one(
    client: Client, mine: Registration, step: Step
) -> None:
    units = registrations(mine.account, 101)

    page = Page(client.get(step(mine)))
    found = Page(client.get(step(mine), {"q": units[100].unit.serial.lower()}))

    assert len(offered(page)) == 100
    assert page.root.one("form", role="search").one("input", name="q")
    assert [row[2] for row in offered(found)] == [units[100].unit.serial]


def test_a_hundred_candidates_get_no_box(client: Client, mine: Registration) -> None:
    registrations(mine.account, 100)

    page = Page(client.get(parent_step(mine)))

    assert len(offered(page)) == 100
    assert not list(page.root.all("form", role="search"))


@pytest.mark.parametrize("step", [parent_step, child_step])
@pytest.mark.parametrize("query", ["%", "nowhere <b>", "9" * 100])
def test_nothing_found_says_so_and_any_query_is_taken(
    client: Client, mine: Registration, first: Registration, step: Step, query: str
) -> None:
    response = client.get(step(mine), {"q": query, "from": query})

    assert response.status_code == 200


# Choosing


def test_choosing_a_parent_makes_the_unit_its_secondary(
    client: Client, mine: Registration, first: Registration
) -> None:
    response = client.post(parent_step(mine), {"choice": "hf:0006B1124416"})

    seats = {seat.registration: (seat.side, seat.shares) for seat in Seat.objects.live()}
    assert seats == {first: (Side.PARENT, False), mine: (Side.CHILD, True)}
    assert response["Location"] == "/products/0006B1124422/"


def test_choosing_a_child_makes_the_unit_its_primary(
    client: Client, mine: Registration, first: Registration
) -> None:
    response = client.post(child_step(mine), {"choice": "hf:0006B1124416"})

    seats = {seat.registration: (seat.side, seat.shares) for seat in Seat.objects.live()}
    assert seats == {mine: (Side.PARENT, False), first: (Side.CHILD, True)}
    assert response["Location"] == "/products/0006B1124422/"


@pytest.mark.parametrize("step", [parent_step, child_step])
def test_the_next_page_names_the_other_unit_with_a_link(
    client: Client, mine: Registration, first: Registration, step: Step
) -> None:
    response = client.post(step(mine), {"choice": "hf:0006B1124416"}, follow=True)

    (link,) = Page(response).root.one("div", class_="notes").all("a")
    assert (link.text, link.attrs["href"]) == ("PRO 5060 1st", "/products/0006B1124416/")


def test_what_happened_is_said_with_names_escaped(client: Client, mine: Registration) -> None:
    other = RegistrationFactory(account=mine.account, friendly_name="<script>alert(1)</script>")

    response = client.post(parent_step(mine), {"choice": f"hf:{other.unit.serial}"}, follow=True)

    notes = Page(response).root.one("div", class_="notes")
    assert not list(notes.all("script"))
    assert other.friendly_name in notes.text


@pytest.mark.parametrize("choice", ["hf:0006B1124416", ""])
def test_only_after_registering_the_page_says_so(
    client: Client, member: Membership, first: Registration, choice: str
) -> None:
    new, told = UnitFactory(), []
    client.post("/products/register/", {"serial_number": new.serial, "authentication_code": CODE})

    for _ in range(2):
        page = Page(
            client.post(f"/products/{new.serial}/association/child/", {"choice": choice}, follow=True)
        )
        told.append(page.root.one("div", class_="notes").one("strong").text)
        Seat.objects.all().delete()

    assert ["Registered" in text for text in told] == [True, False]


def test_continue_without_a_parent_leads_to_the_children(client: Client, mine: Registration) -> None:
    response = client.post(parent_step(mine), {})

    assert response["Location"] == child_step(mine)
    assert not Seat.objects.exists()


def test_continue_without_a_child_leaves_the_unit_alone(client: Client, mine: Registration) -> None:
    response = client.post(child_step(mine), {"choice": ""}, follow=True)

    assert response.redirect_chain == [("/products/0006B1124422/", 302)]
    assert Page(response).root.one("div", class_="notes").text
    assert not Seat.objects.exists()


@pytest.mark.parametrize("step", [parent_step, child_step])
def test_sending_a_choice_twice_associates_once(
    client: Client, mine: Registration, first: Registration, step: Step
) -> None:
    client.post(step(mine), {"choice": "hf:0006B1124416"})
    again = client.post(step(mine), {"choice": "hf:0006B1124416"})

    assert again["Location"] == "/products/0006B1124422/"
    assert Seat.objects.count() == 2


@pytest.mark.parametrize("step", [parent_step, child_step])
@pytest.mark.parametrize(
    "choice",
    [
        "hf:0006B11244FF",
        "hf",
        "hf:",
        ":0006B1124416",
        "nothing:0006B1124416",
        "hf:0006B1124416\0",
        "\0",
        "x" * 5000,
    ],
)
def test_a_tampered_choice_is_refused(
    client: Client, mine: Registration, first: Registration, step: Step, choice: str
) -> None:
    response = client.post(step(mine), {"choice": choice})

    assert response.status_code == 422
    assert Page(response).codes() == ["choice-gone"]
    assert not Seat.objects.exists()


@pytest.mark.parametrize("step", [parent_step, child_step])
def test_a_unit_of_another_account_can_not_be_chosen(client: Client, mine: Registration, step: Step) -> None:
    foreign = RegistrationFactory()

    response = client.post(step(mine), {"choice": f"hf:{foreign.unit.serial}"})

    assert response.status_code == 422
    assert Page(response).codes() == ["choice-gone"]
    assert not Seat.objects.exists()


@pytest.mark.parametrize("step", [parent_step, child_step])
def test_a_unit_can_not_choose_itself(client: Client, mine: Registration, step: Step) -> None:
    response = client.post(step(mine), {"choice": "hf:0006B1124422"})

    assert response.status_code == 422
    assert Page(response).codes() == ["with-itself"]


def test_a_choice_that_became_a_secondary_meanwhile_is_refused_and_the_page_offers_what_is_left(
    client: Client, member: Membership, mine: Registration, first: Registration, second: Registration
) -> None:
    seated(second, first, member)

    response = client.post(parent_step(mine), {"choice": "hf:0006B1124416"})

    page = Page(response)
    assert response.status_code == 422
    assert page.codes() == ["parent-is-child"]
    assert offered(page) == [["HF Primary", "PRO 5060 2nd", "0006B112441C", "Shared already"]]


def test_a_refused_choice_stays_chosen_and_is_tied_to_its_reason(
    client: Client, mine: Registration, first: Registration
) -> None:
    other = RegistrationFactory(account=mine.account, unit__model_name="PRO 4060")

    page = Page(client.post(parent_step(mine), {"choice": f"hf:{other.unit.serial}"}))

    assert page.codes() == ["different-models"]
    assert page.root.one(id="choice_error").attrs["role"] == "alert"
    assert page.root.one("input", name="choice").attrs["aria-describedby"] == "choice_error"


def test_a_second_secondary_is_a_spare(
    client: Client, member: Membership, mine: Registration, first: Registration, second: Registration
) -> None:
    seated(first, second, member)

    client.post(parent_step(mine), {"choice": "hf:0006B1124416"})

    assert Seat.objects.live().get(registration=mine).is_spare


def test_a_primary_reads_that_a_chosen_child_becomes_a_spare(client: Client, member: Membership) -> None:
    primary, _, _ = pair(member.account, by=member.user)
    free = RegistrationFactory(account=member.account, friendly_name="Free")

    page = Page(client.get(child_step(primary)))

    assert offered(page) == [["HF Secondary", "Free", free.unit.serial, "Becomes a spare"]]


@pytest.mark.parametrize(
    ("model", "step", "is_promised"),
    [
        ("PRO 5060", parent_step, True),
        ("PRO 5060", child_step, True),
        ("TZ 170", child_step, False),
        ("SonicPoint", parent_step, False),
    ],
)
def test_only_a_model_that_the_type_lists_reads_of_failover_pairs(
    client: Client, member: Membership, model: str, step: Step, is_promised: bool
) -> None:
    alone = RegistrationFactory(account=member.account, unit__model_name=model)

    page = Page(client.get(step(alone)))

    assert ("failover" in page.root.one("div", class_="empty").text) is is_promised


def test_a_secondary_is_promised_no_child_of_its_own(client: Client, member: Membership) -> None:
    _, secondary, _ = pair(member.account, by=member.user)

    page = Page(client.get(child_step(secondary)))

    assert "failover" not in page.root.one("div", class_="empty").text


# Models without HF, and units that have their place


def test_a_model_without_hf_goes_straight_to_its_children(client: Client, member: Membership) -> None:
    firewall = RegistrationFactory(account=member.account, unit__model_name="TZ 170")
    point = RegistrationFactory(account=member.account, unit__model_name="SonicPoint", friendly_name="Roof")

    response = client.get(parent_step(firewall), follow=True)

    assert response.redirect_chain == [(child_step(firewall), 302)]
    assert offered(Page(response)) == [["SonicPoint", "Roof", point.unit.serial]]


def test_an_access_point_is_offered_firewalls_and_stays_alone_without_one(
    client: Client, member: Membership
) -> None:
    point = RegistrationFactory(account=member.account, unit__model_name="SonicPoint")
    firewall = RegistrationFactory(account=member.account, unit__model_name="TZ 170", friendly_name="Door")

    page = Page(client.get(parent_step(point)))
    response = client.post(parent_step(point), {})

    assert offered(page) == [["Firewall", "Door", firewall.unit.serial]]
    assert response["Location"] == f"/products/{point.unit.serial}/"


def test_a_secondary_is_offered_no_second_parent(client: Client, member: Membership) -> None:
    _, secondary, _ = pair(member.account, by=member.user)
    RegistrationFactory(account=member.account)

    response = client.get(parent_step(secondary), follow=True)

    assert [url for url, _ in response.redirect_chain] == [child_step(secondary)]
    assert "HF Secondary" not in {row[0] for row in _rows(Page(response))}


def _rows(page: Page) -> list[list[str]]:
    return offered(page) if list(page.root.all("table")) else []
