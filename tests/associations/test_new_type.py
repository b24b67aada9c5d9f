"""A type of associations made of rows alone: its pages come by themselves."""

import pytest
from django.test import Client

from associations.catalogue import add_type_model, save_association_type
from associations.models import AssociationType, Seat, Side
from associations.selectors import history
from portal.models import Membership
from products.models import ProductModel
from tests.associations.support import act, rows, seated, typed, unit, url
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def new_type(member: Membership) -> AssociationType:
    """Hubs and spokes, for one model."""
    hub = AssociationType(
        slug="hub", parent_label="Hub", child_label="Spoke", is_same_model=False, shares_licences=False
    )
    type = save_association_type(type=hub, by=member.user, reason="VPN hubs")
    model = ProductModel.objects.get(name="TZ 170")
    for side in Side:
        add_type_model(type=type, model=model, side=side, by=member.user, reason="VPN hubs")
    return type


def test_a_type_of_rows_is_walked_from_the_label_to_the_pair(client: Client, member: Membership) -> None:
    new_type(member)
    hub, spoke = unit(member, "Hub A", "TZ 170"), unit(member, "Spoke A", "TZ 170")

    (link,) = [a for a in Page(client.get(url(hub))).section("children").all("a") if a.text == "Spoke"]
    response = client.post(link.attrs["href"] + "register/", typed(spoke.unit.serial), follow=True)

    page = Page(response)
    assert "Spoke associated with Hub A" in page.root.one("div", class_="title").text
    assert rows(page) == [["1. Spoke A", spoke.unit.serial]]
    assert Page(client.get(url(spoke))).section("parent").one("table").rows()[0][:3] == [
        "Hub",
        "Hub A",
        hub.unit.serial,
    ]


def test_a_type_of_rows_changes_its_parent_and_is_removed(client: Client, member: Membership) -> None:
    new_type(member)
    hub, spoke, other = (unit(member, name, "TZ 170") for name in ("Hub A", "Spoke A", "Hub B"))
    seat = seated(hub, spoke, member, "hub")

    client.post(act(spoke, seat, "parent"), {"to": other.unit.serial})
    changed = Seat.objects.live().get(registration=spoke)
    gone = client.post(act(other, changed, "remove"), follow=True)

    assert [(c.role, c.other.friendly_name) for c in history(spoke)] == [
        ("Spoke", "Hub B"),
        ("Spoke", "Hub A"),
    ]
    assert not Seat.objects.live().exists()
    assert "Spoke A" in Page(gone).root.one("div", class_="notes").text


def test_a_type_of_rows_is_offered_on_create_association(client: Client, member: Membership) -> None:
    new_type(member)
    spoke, hub = unit(member, "Spoke A", "TZ 170"), unit(member, "Hub A", "TZ 170")

    page = Page(client.get(f"{url(spoke)}association/"))
    client.post(f"{url(spoke)}association/", {"choice": f"hub:{hub.unit.serial}"})

    offered = [row[1:] for row in page.root.one("table", class_="choices").rows()]
    assert offered == [["Hub", "Hub A", hub.unit.serial]]
    assert Seat.objects.live().get(registration=spoke).label == "Spoke"
