"""Undo in the browser: offered where an act is told, shown first, refused with its reason (L8)."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from associations.services import remove_association
from licensing.keysets.issuing import read_keyset
from licensing.models import ActivationKey
from licensing.moves.swap import swap_roles
from portal.clock import today
from portal.models import Act, Membership
from products.models import Registration, Unit
from tests.factories import RegistrationFactory, add_points, hf, log_in, pair, pairs
from tests.licensing.history import grant
from tests.licensing.support import CLIENT_AV, GATEWAY_AV, make, redeem
from tests.pages import Page
from tests.rows import SESSIONS, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def removed(member: Membership) -> Act:
    """A removed pair, whose primary had a licence to share."""
    primary, _, seat = pair(member.account, member.user)
    grant(primary, GATEWAY_AV)
    remove_association(seat=seat, by=member.user)
    return Act.objects.latest("pk")


def path(act: Act) -> str:
    return f"/activity/{act.uuid}/undo/"


def offers(page: Page) -> list[str]:
    """Where the links Undo of a page lead."""
    return [link.attrs["href"] for link in page.root.all("a") if link.text == "Undo"]


# Where it is offered


@pytest.mark.parametrize(("role", "is_offered"), [("owner", True), ("admin", True), ("viewer", False)])
def test_activity_offers_undo_to_those_who_may(client: Client, role: str, is_offered: bool) -> None:
    member = log_in(client, role)
    act = removed(member)

    assert offers(Page(client.get("/activity/"))) == ([path(act)] if is_offered else [])


@pytest.mark.parametrize(("days", "count"), [(14, 1), (15, 0)])
def test_it_is_offered_for_fourteen_days(client: Client, days: int, count: int) -> None:
    act = removed(log_in(client))
    Act.objects.filter(pk=act.pk).update(at=timezone.now() - timedelta(days))

    assert len(offers(Page(client.get("/activity/")))) == count


def test_activity_says_who_undid_it(client: Client) -> None:
    member = log_in(client)
    client.post(path(removed(member)))

    page = Page(client.get("/activity/"))

    assert offers(page) == []
    told = [row[5] for row in page.root.one("table").rows()]
    assert f"undone by {member.user.username}, {today():%d %b %Y}" in told


def act_of(kind: str, member: Membership) -> tuple[str, dict[str, str]]:
    """The address that a member posts to for an act of a kind, and what is sent."""
    primary, _, seat = pair(member.account, member.user)
    other = RegistrationFactory(account=member.account)
    licence = grant(primary, CLIENT_AV)
    spare = hf(primary, RegistrationFactory(account=member.account), by=member.user)
    key = {"activation_key": make(GATEWAY_AV)[0]}
    counts = {
        "licence": str(licence.uuid),
        "source": primary.unit.serial,
        "to": other.unit.serial,
        "count": "2",
    }
    address, sent = {
        "key": ("key/", key | {"version": str(Unit.objects.get(pk=primary.unit_id).version)}),
        "counts": (f"services/{CLIENT_AV}/share/", counts | {"to": other.unit.serial}),
        "swap": (f"associations/{seat.uuid}/swap/", {}),
        "standby": (f"associations/{spare.uuid}/standby/", {"instead": str(seat.uuid)}),
        "remove": (f"associations/{seat.uuid}/remove/", {}),
        "change-parent": (f"associations/{seat.uuid}/parent/", {"to": other.unit.serial}),
    }[kind]
    return f"/products/{primary.unit.serial}/{address}", sent


@pytest.mark.parametrize("kind", Act.Kind)
def test_the_message_right_after_an_act_offers_to_undo_it(client: Client, kind: str) -> None:
    address, sent = act_of(kind, log_in(client))

    page = Page(client.post(address, sent, follow=True))

    act = Act.objects.get()
    assert act.kind == kind
    notes = page.root.one("div", class_="notes")
    assert [link.attrs["href"] for link in notes.all("a") if link.text == "Undo"] == [path(act)]


# The page


def test_the_page_says_what_changes_and_does_it_by_its_button(client: Client) -> None:
    act = removed(log_in(client))
    primary, secondary = Registration.objects.order_by("pk")

    effect = Page(client.get(path(act))).section("effect").text
    response = client.post(path(act), follow=True)

    assert f"HF Secondary of {primary.friendly_name} ({primary.unit.serial})" in effect
    assert f"{secondary.friendly_name} {secondary.unit.serial}" in effect
    assert "not licensed → licensed for ever" in effect
    assert response.redirect_chain == [("/activity/", 302)]
    assert Page(response).root.one("div", class_="notes").text.startswith("Undone.")
    assert hf_pairs(primary) == [secondary.pk]


def hf_pairs(primary: Registration) -> list[int]:
    groups = primary.seats.live().values("group")
    seats = primary.seats.model.objects.live().filter(group__in=groups, side="child")
    return list(seats.values_list("registration", flat=True))


def test_what_stands_in_the_way_is_named_and_there_is_no_button(client: Client) -> None:
    member = log_in(client)
    unit = RegistrationFactory(account=member.account)
    redeem(unit, *make(GATEWAY_AV), by=member.user, now=timezone.now())
    act = Act.objects.get()
    read_keyset(registration=unit, today=today())

    with nothing_written(but=SESSIONS):
        asked, sent = client.get(path(act)), client.post(path(act))

    assert (asked.status_code, sent.status_code) == (200, 422)
    for page in (Page(asked), Page(sent)):
        assert page.codes() == ["keyset-read-since"]
        assert not list(page.root.one("main").all("button"))
    assert ActivationKey.objects.get().last_four in Page(asked).root.one("main").text


def test_looking_writes_nothing(client: Client) -> None:
    act = removed(log_in(client))

    with nothing_written(but=SESSIONS):
        client.get(path(act))


# What it costs


@pytest.mark.parametrize("count", [10, 300])
def test_activity_asks_as_much_for_many_acts(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    member = log_in(client)
    for _, _, seat in pairs(member.account, count):
        remove_association(seat=seat, by=member.user)

    with django_assert_num_queries(9):
        client.get("/activity/")


@pytest.mark.parametrize("count", [10, 300])
def test_the_page_asks_as_much_for_many_units(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    member = log_in(client)
    primary, _, seat = pair(member.account, member.user)
    grant(primary, CLIENT_AV)
    add_points(primary, count)
    swap_roles(seat=seat, by=member.user, today=today())
    act = Act.objects.get()

    with django_assert_num_queries(70):
        client.get(path(act))
