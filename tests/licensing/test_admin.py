import datetime

import pytest
from django.test import Client

from licensing.models import CatalogueState, LedgerEntry, Licence, ModelService, Service
from portal.clock import today
from portal.models import Mail, User
from products.models import ProductModel
from tests.factories import MembershipFactory, RegistrationFactory, UnitFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]
GRANT = "/support/licensing/licence/add/"


def grant(serial: str, **changes: str) -> dict[str, str]:
    """What a complete grant form sends, with some of it changed."""
    service = Service.objects.get(name="Client AV Enforcement")
    return {
        "serial_number": serial,
        "service": str(service.pk),
        "count": "3",
        "expires_on": str(today() + datetime.timedelta(days=365)),
        "reason": "bought by phone",
        **changes,
    }


def test_a_grant_writes_licence_and_ledger(desk: Client, admin_user: User) -> None:
    registration = RegistrationFactory()

    response = desk.post(GRANT, grant(registration.unit.serial))

    assert response.status_code == 302
    licence, entry = Licence.objects.get(), LedgerEntry.objects.get(unit=registration.unit)
    assert (licence.registration, licence.count) == (registration, 3)
    assert (entry.actor, entry.reason, entry.before) == (admin_user, "bought by phone", None)


def test_a_grant_is_told_to_the_owners(desk: Client) -> None:
    owner = MembershipFactory(user__email="owner@a.example")
    registration = RegistrationFactory(account=owner.account)

    desk.post(GRANT, grant(registration.unit.serial))

    mail = Mail.objects.get()
    assert mail.to == "owner@a.example"
    assert "Client AV Enforcement: licensed for 3 until" in mail.body
    assert "Reason: bought by phone" in mail.body
    assert f"/products/{registration.unit.serial}/keyset/" in mail.body


def test_a_grant_takes_any_notation_and_unlimited(desk: Client) -> None:
    registration = RegistrationFactory()
    typed = "-".join(registration.unit.serial[i : i + 2].lower() for i in range(0, 12, 2))

    response = desk.post(GRANT, grant(typed, count="unlimited", expires_on=""))

    assert response.status_code == 302
    assert (Licence.objects.get().count, Licence.objects.get().expires_on) == (-1, None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"serial_number": "6.0E+11"}, "serial_number"),
        ({"serial_number": "FFFFFFFFFFFF"}, "serial_number"),
        ({"count": ""}, "count"),
        ({"count": "three"}, "count"),
        ({"count": "9999999999"}, "count"),
        ({"expires_on": "2004-11-17"}, "expires_on"),
        ({"expires_on": "03/04/2028"}, "expires_on"),
        ({"expires_on": "9999-12-31"}, "expires_on"),
        ({"reason": " "}, "reason"),
    ],
)
def test_a_refused_grant_writes_nothing_and_says_where(
    desk: Client, changes: dict[str, str], field: str
) -> None:
    registration = RegistrationFactory()
    before = LedgerEntry.objects.count()

    response = desk.post(GRANT, grant(registration.unit.serial, **changes))

    assert field in response.context["adminform"].form.errors
    assert (Licence.objects.count(), LedgerEntry.objects.count()) == (0, before)


def test_a_unit_that_nobody_registered_gets_no_licence(desk: Client) -> None:
    response = desk.post(GRANT, grant(UnitFactory().serial))

    assert response.status_code == 422
    assert response.context["adminform"].form.errors.as_data()["serial_number"][0].code == "not-registered"


def test_a_unit_leads_to_its_grant(desk: Client) -> None:
    unit = RegistrationFactory().unit

    page = desk.get(f"/support/products/unit/{unit.pk}/change/")
    form = desk.get(GRANT, {"serial_number": unit.serial})

    assert f"{GRANT}?serial_number={unit.serial}" in page.text
    assert form.context["adminform"].form["serial_number"].value() == unit.serial


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
    desk.post(GRANT, grant(registration.unit.serial))
    row = {"ledgerentry": LedgerEntry, "licence": Licence}[table].objects.last()

    change = desk.post(f"/support/licensing/{table}/{row.pk}/change/", {"count": "9"})
    delete = desk.post(f"/support/licensing/{table}/{row.pk}/delete/", {"post": "yes"})

    assert change.status_code in {302, 403}
    assert delete.status_code in {302, 403}
    assert Licence.objects.get().count == 3


def test_a_grant_that_never_runs_asks_before_it_is_saved(desk: Client) -> None:
    registration = RegistrationFactory()
    desk.post(GRANT, grant(registration.unit.serial))

    asked = desk.post(GRANT, grant(registration.unit.serial, count="2"))

    errors = asked.context["adminform"].form.errors.as_data()
    assert (asked.status_code, errors["all_the_same"][0].code) == (422, "grant-never-runs")
    assert Licence.objects.get().count == 3


def test_a_grant_that_never_runs_is_saved_all_the_same(desk: Client) -> None:
    registration = RegistrationFactory()
    desk.post(GRANT, grant(registration.unit.serial))

    done = desk.post(GRANT, grant(registration.unit.serial, count="2", all_the_same="on"))

    assert done["Location"] == f"/support/units/{registration.unit.serial}/"
    assert sorted(licence.count for licence in Licence.objects.all()) == [2, 3]


def test_a_grant_that_adds_nothing_is_refused_beside_its_service(desk: Client) -> None:
    registration = RegistrationFactory()
    once = grant(registration.unit.serial, service=str(Service.objects.get(code=3).pk), count="")
    desk.post(GRANT, once)

    refused = desk.post(GRANT, once | {"all_the_same": "on"})

    errors = refused.context["adminform"].form.errors.as_data()
    assert (refused.status_code, errors["service"][0].code) == (422, "grant-adds-nothing")
    assert Licence.objects.count() == 1


def test_nodes_with_a_last_day_are_refused_beside_it(desk: Client) -> None:
    nodes = str(Service.objects.get(code=1).pk)

    refused = desk.post(GRANT, grant(RegistrationFactory().unit.serial, service=nodes))

    assert refused.context["adminform"].form.errors.as_data()["expires_on"][0].code == "nodes-for-ever"


def test_keys_for_nodes_with_a_term_are_refused_beside_it(desk: Client) -> None:
    nodes = Service.objects.get(code=1)
    nodes.is_activation_offered = True
    nodes.save()
    sent = {"service": nodes.pk, "count": "5", "months": "12", "number": "1", "reason": "sold"}

    refused = desk.post("/support/licensing/activationkey/add/", sent)

    assert refused.context["adminform"].form.errors.as_data()["months"][0].code == "nodes-for-ever"
