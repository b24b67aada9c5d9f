import uuid

import pytest
from django.test import Client

from licensing.models import CatalogueState, LedgerEntry, Licence, ModelService, Service
from products.models import ProductModel
from tests.factories import RegistrationFactory
from tests.licensing.history import grant
from tests.licensing.support import CLIENT_AV

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_old_links_lead_to_the_grant(desk: Client) -> None:
    unit = RegistrationFactory().unit

    page = desk.get(f"/support/products/unit/{unit.pk}/change/")
    old = desk.get("/support/licensing/licence/add/", {"serial_number": unit.serial})

    assert f"/support/units/{unit.serial}/grant/" in page.text
    assert old["Location"] == f"/support/units/{unit.serial}/grant/"


def test_what_a_model_comes_with_goes_through_its_service(desk: Client) -> None:
    model, service = ProductModel.objects.get(name="TZ 170"), Service.objects.get(name="Support")
    version = CatalogueState.objects.get().version

    desk.post(
        "/support/licensing/modelservice/add/",
        {"model": model.pk, "service": service.pk, "count": "", "reason": "a gift"},
    )

    assert ModelService.objects.filter(model=model, service=service).exists()
    assert CatalogueState.objects.get().version == version + 1
    assert LedgerEntry.objects.filter(model=model, service=service, reason="a gift").exists()


def test_a_removal_needs_its_reason(desk: Client) -> None:
    entry = ModelService.objects.first()

    desk.post(f"/support/licensing/modelservice/{entry.pk}/delete/", {"post": "yes", "reason": " "})
    assert ModelService.objects.filter(pk=entry.pk).exists()

    desk.post(f"/support/licensing/modelservice/{entry.pk}/delete/", {"post": "yes", "reason": "an error"})
    assert not ModelService.objects.filter(pk=entry.pk).exists()
    assert LedgerEntry.objects.filter(reason="an error", after__isnull=True).exists()


def test_a_services_flags_are_kept_in_the_ledger(desk: Client) -> None:
    service = Service.objects.get(name="VPN")

    desk.post(f"/support/licensing/service/{service.pk}/change/", {"name": "VPN", "reason": "a decision"})

    service.refresh_from_db()
    assert (service.is_shareable, service.code) == (False, 8)
    assert LedgerEntry.objects.get(reason="a decision").before["is_shareable"] is True


@pytest.mark.parametrize("table", ["ledgerentry", "licence"])
def test_nothing_of_a_licences_history_is_edited_or_deleted(desk: Client, table: str) -> None:
    registration = RegistrationFactory()
    grant(registration, CLIENT_AV, count=3)
    row = {"ledgerentry": LedgerEntry, "licence": Licence}[table].objects.last()

    change = desk.post(f"/support/licensing/{table}/{row.pk}/change/", {"count": "9"})
    delete = desk.post(f"/support/licensing/{table}/{row.pk}/delete/", {"post": "yes"})

    assert change.status_code in {302, 403}
    assert delete.status_code in {302, 403}
    assert Licence.objects.get().count == 3


def test_keys_for_nodes_with_a_term_are_refused_beside_it(desk: Client) -> None:
    nodes = Service.objects.get(code=1)
    nodes.is_activation_offered = True
    nodes.save()
    sent = {"service": nodes.pk, "count": "5", "months": "12", "number": "1", "reason": "sold"}
    sent["token"] = str(uuid.uuid4())

    refused = desk.post("/support/licensing/activationkey/add/", sent)

    assert refused.context["adminform"].form.errors.as_data()["months"][0].code == "nodes-for-ever"
