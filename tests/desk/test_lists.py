"""The lists of Django's admin stay quick: nothing is counted to its end, and the search asks an index."""

import re
import uuid
from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models.options import Options
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from licensing.activation.redeeming import make_activation_keys
from licensing.keyset import UNLIMITED
from licensing.keysets.issuing import read_keyset
from licensing.models import LedgerEntry, PoolPart, TrialStart
from portal import audit
from portal.admin_base import MOST_COUNTED, CappedPaginator
from portal.audit_codes import AuditCode
from portal.clock import today
from portal.models import AuditEntry, Mail, Membership
from portal.roles import AGENT, LEAD, OPERATOR
from products.models import Registration, Survey, Unit
from tests.factories import (
    AccountFactory,
    MembershipFactory,
    RegistrationFactory,
    UserFactory,
    pair,
    staff,
)
from tests.licensing.rma.support import open_for
from tests.licensing.support import CLIENT_AV, CONTENT_FILTER, give
from tests.pages import Page

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


# What is shown in every list, of every role


WRONG = re.compile(r"\bNone\b|(?<![\w-])-1(?![\w-])|\b\d{4}-\d\d-\d\d\b(?!-)|[A-Z][a-z]+\.? \d{1,2}, \d{4}")
"""What no list shows: Python's None, the count that means Unlimited, a day that isn't like 30 Nov 2026."""
LISTS = [kind.opts for kind in admin.site._registry.values()]
ABOUT_UNITS = {
    *("unit", "registration", "survey", "seat", "licence", "poolpart", "trialstart"),
    *("activationkey", "keyset", "ledgerentry", "rmacase", "auditentry"),
}


def every_kind_of_row() -> Registration:
    """A row in every list, with what is easily shown wrongly: no end, no limit, nobody."""
    member = MembershipFactory()
    primary, *_ = pair(member.account, by=member.user)
    other = RegistrationFactory(account=member.account)
    pool = give(primary, CLIENT_AV, count=UNLIMITED)
    PoolPart.objects.create(licence=pool, registration=other, count=2)
    give(primary, CONTENT_FILTER, expires_on=today())
    TrialStart.objects.create(unit=primary.unit, service=pool.service)
    Survey.objects.create(registration=primary, bought_at="Springfield")
    Unit.objects.filter(pk=primary.unit_id).update(warranty_ends_on=today())
    read_keyset(registration=primary, today=today())
    open_for(primary, None)
    facts = {"service": pool.service, "count": UNLIMITED, "months": None, "model": None}
    make_activation_keys(**facts, number=1, reason="x", by=member.user)
    Mail.objects.create(to="ann@a.example", subject="Sent")
    audit.record(AuditCode.KEY_MADE, by=None)
    facts = {"unit": primary.unit, "service": pool.service, "right": LedgerEntry.Right.KEY}
    LedgerEntry.objects.create(**facts, after={"kind": "licensed", "count": UNLIMITED, "expires_on": None})
    return primary


@pytest.mark.parametrize("role", [AGENT, LEAD, OPERATOR, ""])
def test_lists_show_no_none_no_minus_one_and_no_computers_days(client: Client, role: str) -> None:
    primary = every_kind_of_row()
    client.force_login(staff(role) if role else UserFactory(is_staff=True, is_superuser=True))

    wrong = {}
    for opts in LISTS:
        page = Page(client.get(reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")))
        cells = [cell for row in page.root.one("table", id="result_list").rows() for cell in row]
        wrong |= {f"{opts.model_name}: {cell}": "" for cell in cells if WRONG.search(cell)}
        if opts.model_name in ABOUT_UNITS - {"activationkey"}:
            assert any(primary.unit.serial in cell for cell in cells), opts
    assert wrong == {}


@pytest.mark.parametrize("opts", LISTS, ids=str)
def test_an_empty_list_says_what_to_do(desk: Client, opts: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = admin.site._registry[opts.model]
    monkeypatch.setattr(kind, "get_queryset", lambda request: opts.model._default_manager.none())

    page = Page(desk.get(reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")))

    assert page.codes() == ["nothing-yet"]
    assert kind.nothing_yet
    assert kind.nothing_yet in page.root.text


def test_a_list_is_sorted_and_filtered_only_by_what_it_names(desk: Client) -> None:
    first, second = (RegistrationFactory(unit__serial=f"0006B112441{n}") for n in (7, 6))
    ordered = {o: units_in_order(desk, o) for o in ("0", "-0", "2", "")}

    assert ordered["0"] == ["0006B1124416", "0006B1124417"]
    assert ordered["-0"] == ["0006B1124417", "0006B1124416"]
    assert ordered["2"] == ordered[""] == [first.unit.serial, second.unit.serial]


def units_in_order(desk: Client, order: str) -> list[str]:
    return [
        unit.serial for unit in desk.get("/support/products/unit/", {"o": order}).context["cl"].result_list
    ]


def test_rows_are_filtered_by_the_day_on_which_they_were_written(desk: Client) -> None:
    old, new = RegistrationFactory(), RegistrationFactory()
    Registration.objects.filter(pk=old.pk).update(registered_at=timezone.now() - timedelta(days=400))

    asked = {"registered_at__gte": str(timezone.now() - timedelta(days=7))}
    response = desk.get("/support/products/registration/", asked)

    assert list(response.context["cl"].result_list) == [new]


def test_a_lists_cells_name_their_columns_for_phones(desk: Client) -> None:
    RegistrationFactory()

    table = Page(desk.get("/support/products/registration/")).root.one("table", id="result_list")

    labels = [cell.attrs.get("data-label") for cell in [*table.all("th"), *table.all("td")]]
    assert [label for label in labels if label] == [
        "Friendly name",
        "Serial number",
        "Account",
        "Code",
        "Registered at",
        "Ended at",
    ]


# The records, by task


def test_each_role_sees_the_lists_of_its_work(client: Client) -> None:
    seen = {}
    for role in (AGENT, LEAD, OPERATOR, ""):
        client.force_login(staff(role) if role else UserFactory(is_staff=True, is_superuser=True))
        page = Page(client.get("/support/records/"))
        seen[role] = [
            a.text for ul in page.root.all("ul", class_="body") for a in ul.all("a") if a.text != "Add"
        ]

    assert seen[AGENT] == ["Units", "Registrations", "RMA cases", "Mail", "Accounts", "Users"]
    assert len(seen[LEAD]) == 16
    assert len(seen[OPERATOR]) == 11
    assert len(seen[""]) == len(LISTS)


def test_the_front_page_leads_to_the_records_and_the_guide(client: Client) -> None:
    client.force_login(staff(AGENT))
    page = Page(client.get("/support/"))

    links = {a.text: a.attrs["href"] for a in page.root.all("a", class_="action quiet")}

    assert {"Records", "Guide"} <= set(links)
    assert {client.get(link).status_code for link in links.values()} == {200}


def test_the_guide_shows_its_pictures_and_no_other_file(desk: Client) -> None:
    page = Page(desk.get("/support/guide/"))
    pictures = [image.attrs["src"] for image in page.root.all("img")]

    assert len(pictures) > 5
    assert {desk.get(f"/support/guide/{src}")["Content-Type"] for src in pictures} == {"image/png"}
    links = {a.attrs["href"] for a in page.root.all("a") if a.attrs.get("href", "").startswith("#")}
    assert links - {"#content-start"} <= {f"#{h.attrs['id']}" for h in page.root.all("h2")}
    assert desk.get("/support/guide/pictures/nothing.png").status_code == 404
    assert len(list(page.root.all("h1"))) == 1
