"""The catalogue as it is shipped, against the source."""

import pytest
from django.core.management import call_command

from associations.catalogue import remove_type_model
from associations.models import AssociationType, TypeModel
from licensing.catalogue.changes import remove_model_service, save_service, set_model_service
from licensing.catalogue.shipped import load_catalogue
from licensing.models import ModelService, Service
from products.models import ProductModel
from products.services import save_product_model
from tests.factories import UserFactory
from tests.rows import nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

PLATFORMS = ["CSM 2100", "CSM 2200", "CSM 3200", "PRO 2040", "PRO 3060", "PRO 4060", "PRO 4100", "PRO 5060"]
"""The source's section Platforms."""
SERVICES = [
    "Nodes/Users",
    "Client AV Enforcement",
    "Gateway Anti-Virus, Anti-Spyware & Intrusion Prevention Service",
    "Server Anti-Virus",
    "Content Filter",
    "Premium Content Filtering Service",
    "E-Mail Filtering Service",
    "VPN",
    "Global VPN Client",
    "Global VPN Client Enterprise",
    "Global Security Client",
    "ViewPoint",
]
"""The source's last table, from top to bottom."""


def _models(slug: str, side: str) -> list[str]:
    entries = TypeModel.objects.filter(type__slug=slug, side=side)
    return sorted(entries.values_list("model__name", flat=True))


def _included(model: str) -> dict[str, int | None]:
    return dict(ModelService.objects.filter(model__name=model).values_list("service__name", "count"))


@pytest.mark.parametrize("side", ["parent", "child"])
def test_the_sources_eight_models_support_hf(side: str) -> None:
    assert _models("hf", side) == PLATFORMS


def test_the_services_of_the_sources_last_table_and_two_more() -> None:
    assert list(Service.objects.values_list("name", flat=True)) == [*SERVICES, "SonicOS Enhanced", "Support"]


def test_common_codes_take_one_byte_in_a_keyset() -> None:
    assert all(code < 24 for code in Service.objects.values_list("code", flat=True))


def test_what_is_not_shareable() -> None:
    names = set(Service.objects.filter(is_shareable=False).values_list("name", flat=True))

    assert names == {"Nodes/Users", "SonicOS Enhanced", "Support"}


def test_what_is_licensed_for_a_number() -> None:
    names = list(Service.objects.filter(is_counted=True).values_list("name", flat=True))

    assert names == [
        "Nodes/Users",
        "Client AV Enforcement",
        "Global VPN Client",
        "Global VPN Client Enterprise",
        "Global Security Client",
    ]


@pytest.mark.parametrize("model", PLATFORMS)
def test_what_the_eight_models_come_with(model: str) -> None:
    assert _included(model) == {
        "Nodes/Users": -1,
        "VPN": None,
        "Global VPN Client": 5,
        "ViewPoint": None,
        "SonicOS Enhanced": None,
    }


@pytest.mark.parametrize("model", ["TZ 170", "PRO 1260"])
def test_models_without_hf(model: str) -> None:
    assert "SonicOS Enhanced" not in _included(model)
    assert _included(model)["Nodes/Users"] > 0


def test_access_points_come_with_nothing() -> None:
    assert _included("SonicPoint") == _included("SonicWALL SonicPoint G") == {}


def test_the_association_types_are_those_of_figure_2() -> None:
    types = AssociationType.objects.values_list("child_label", "shares_licences", "is_same_model")

    assert list(types) == [
        ("SonicPoint", False, False),
        ("SonicWALL SonicPoint G", False, False),
        ("HF Secondary", True, True),
    ]
    assert AssociationType.objects.get(slug="hf").parent_label == "HF Primary"


@pytest.mark.parametrize(
    ("slug", "point"), [("sonicpoint", "SonicPoint"), ("sonicpoint-g", "SonicWALL SonicPoint G")]
)
def test_every_firewall_takes_access_points(slug: str, point: str) -> None:
    assert _models(slug, "child") == [point]
    assert set(_models(slug, "parent")) > {*PLATFORMS, "TZ 170", "PRO 1260"}


def test_a_model_is_shown_in_full() -> None:
    assert ProductModel.objects.get(name="PRO 5060").full_name == "SONICWALL PRO 5060"
    assert ProductModel.objects.get(name="SonicWALL SonicPoint G").full_name == "SonicWALL SonicPoint G"


def test_loading_again_changes_nothing() -> None:
    call_command("load_catalogue", verbosity=0)

    with nothing_written():
        call_command("load_catalogue", verbosity=0)


def test_what_staff_changed_stays_so() -> None:
    agent = UserFactory()
    service, model = Service.objects.get(code=4), ProductModel.objects.get(name="PRO 5060")
    service.is_shareable, service.name = False, "Server AV"
    save_service(service=service, by=agent, reason="decided so")
    set_model_service(model=model, service=Service.objects.get(code=9), count=50, by=agent, reason="an offer")
    model.name = "PRO 5060 G2"
    save_product_model(model=model, by=agent, reason="renamed")

    with nothing_written():
        load_catalogue()


def test_what_staff_took_out_stays_out() -> None:
    agent = UserFactory()
    for entry in ModelService.objects.filter(model__name="PRO 5060"):
        remove_model_service(entry=entry, by=agent, reason="withdrawn")
    for entry in TypeModel.objects.filter(type__slug="hf", model__name="PRO 4100"):
        remove_type_model(entry=entry, by=agent, reason="withdrawn")

    with nothing_written():
        load_catalogue()


def test_what_a_release_adds_finds_models_that_staff_renamed() -> None:
    ProductModel.objects.filter(name="PRO 5060").update(name="PRO 5060 G2")
    TypeModel.objects.filter(type__slug="hf").delete()
    AssociationType.objects.get(slug="hf").delete()
    Service.objects.filter(code=12).update(code=99, name="what was before")

    load_catalogue()

    assert "PRO 5060 G2" in _models("hf", "parent")
    assert "ViewPoint" in _included("PRO 5060 G2")
