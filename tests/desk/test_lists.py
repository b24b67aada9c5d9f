"""The lists of Django's admin stay quick: nothing is counted to its end, and the search asks an index."""

import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from licensing.models import PoolPart
from portal.admin_base import MOST_COUNTED, CappedPaginator
from portal.models import AuditEntry, Membership
from tests.factories import AccountFactory, MembershipFactory, RegistrationFactory, UserFactory
from tests.licensing.support import CLIENT_AV, give

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def listed(client: Client, model: str, text: str) -> list[object]:
    response = client.get(f"/support/{model}/", {"q": text})
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def test_a_long_list_is_counted_no_further_than_people_page(desk: Client) -> None:
    AuditEntry.objects.bulk_create(
        AuditEntry(action=uuid.uuid4(), code="renamed") for _ in range(MOST_COUNTED + 5)
    )

    with CaptureQueriesContext(connection) as captured:
        response = desk.get("/support/portal/auditentry/", {"p": MOST_COUNTED // 100})

    assert "10,000+ audit entries" in " ".join(response.text.split())
    assert len(response.context["cl"].result_list) == 100
    assert all("LIMIT" in query["sql"] for query in captured if "COUNT(" in query["sql"])


def test_a_short_list_is_counted_exactly() -> None:
    AccountFactory.create_batch(3)

    paginator = CappedPaginator(Membership.objects.order_by("pk"), 100)

    assert (paginator.count, str(paginator.count)) == (0, "0")


@pytest.mark.parametrize("text", ["lisb", "BON", "A1B2C3D4", "a1b2-c3d4", "{serial}"])
def test_registrations_are_found_by_name_code_and_serial(desk: Client, text: str) -> None:
    wanted = RegistrationFactory(friendly_name="Lisbon", code="A1B2C3D4", search="lisbon")
    RegistrationFactory(friendly_name="Porto")

    assert listed(desk, "products/registration", text.format(serial=wanted.unit.serial.lower())) == [wanted]


def test_an_accounts_registrations_are_listed_alone(desk: Client) -> None:
    mine, _ = RegistrationFactory.create_batch(2)

    response = desk.get("/support/products/registration/", {"account__id__exact": mine.account.pk})

    assert list(response.context["cl"].result_list) == [mine]


def test_accounts_users_and_members_are_found_by_a_part_of_their_names(desk: Client) -> None:
    person = UserFactory(username="ann.logan", email="ann@acme.example")
    member = MembershipFactory(account__name="Acme Foods", user=person)
    MembershipFactory(account__name="Other", user__username="bob")

    assert listed(desk, "portal/account", "me foo") == [member.account]
    assert listed(desk, "portal/user", "LOGAN") == listed(desk, "portal/user", "@acme") == [member.user]
    assert (
        listed(desk, "portal/membership", "logan") == listed(desk, "portal/membership", "foods") == [member]
    )


def test_the_audit_trail_is_found_by_serial_number_and_by_what_was_done(desk: Client) -> None:
    entry = AuditEntry.objects.create(action=uuid.uuid4(), code="renamed", serial="0006B1124416")
    AuditEntry.objects.create(action=uuid.uuid4(), code="registered", serial="0006B1124417")

    assert listed(desk, "portal/auditentry", "00:06:b1:12:44:16") == [entry]
    assert listed(desk, "portal/auditentry", " renamed ") == [entry]
    assert listed(desk, "portal/auditentry", "nothing") == []


def test_shared_out_counts_are_found_by_either_unit(desk: Client) -> None:
    lender, borrower, other = RegistrationFactory.create_batch(3)
    part = PoolPart.objects.create(licence=give(lender, CLIENT_AV), registration=borrower, count=2)

    found = [listed(desk, "licensing/poolpart", r.unit.serial) for r in (lender, borrower, other)]

    assert found == [[part], [part], []]


@pytest.mark.parametrize("text", ["%", "'", "🔥", "A" * 100])
@pytest.mark.parametrize(
    "model", ["portal/account", "portal/user", "portal/membership", "products/registration", "products/unit"]
)
def test_odd_texts_break_no_list(desk: Client, model: str, text: str) -> None:
    assert desk.get(f"/support/{model}/", {"q": text}).status_code == 200


def test_the_fields_that_complete_themselves_take_any_text(desk: Client) -> None:
    account = AccountFactory(name="Acme Foods")
    field = {"app_label": "portal", "model_name": "membership", "field_name": "account"}

    found = [desk.get("/support/autocomplete/", {"term": term, **field}) for term in ("acme", " Foods ", "")]

    assert [[row["id"] for row in response.json()["results"]] for response in found] == [
        [str(account.pk)]
    ] * 3
