import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from associations.models import AssociationType, Seat
from associations.services import associate
from desk.unit.actions import offered
from desk.unit.selectors import MOST, UnitPage
from licensing.keysets.issuing import read_keyset
from licensing.models import Keyset, KeysetHead, LedgerEntry, PoolPart, RmaCase, TrialStart
from portal.clock import today
from portal.models import AuditEntry, User
from portal.roles import AGENT, LEAD, OPERATOR
from products.attempts import ATTEMPTS_PER_DAY, ATTEMPTS_PER_SERIAL, count_attempt
from products.models import Registration, Unit
from products.ownership import retire_unit
from tests.access_table import led_to_by
from tests.factories import (
    MembershipFactory,
    RegistrationFactory,
    UnitFactory,
    UserFactory,
    hf,
    pair,
    registrations,
    staff,
)
from tests.licensing.support import CLIENT_AV, CONTENT_FILTER, GLOBAL_VPN, VPN, give, service
from tests.pages import Page
from tests.rows import SESSIONS, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def owner() -> User:
    return MembershipFactory().user


@pytest.fixture
def desk(client: Client) -> Client:
    return log_in(client, AGENT)


def log_in(client: Client, role: str) -> Client:
    client.force_login(staff(role))
    return client


def show(client: Client, unit: Unit) -> Page:
    response = client.get(reverse("desk:unit", args=[unit.serial]))
    assert response.status_code == 200
    page = Page(response)
    assert page.problems == []
    return page


def read(client: Client, unit: Unit) -> UnitPage:
    """What the page is told of a unit."""
    found: UnitPage = client.get(reverse("desk:unit", args=[unit.serial])).context["page"]
    return found


def case_of(failed: Registration, **facts: object) -> RmaCase:
    facts = {"account": failed.account, "symptom": "dead", "asked_by": UserFactory(), **facts}
    return RmaCase.objects.create(failed=failed, **facts)


def test_a_unit_of_the_factorys_record_alone(desk: Client) -> None:
    unit = UnitFactory(warranty_ends_on=today() - datetime.timedelta(days=1))

    page = show(desk, unit)

    assert "Warranty ended" in page.root.text
    assert "No account has registered it yet." in page.section("record").text
    assert not list(page.root.all("section", aria_labelledby="services"))


def test_the_authentication_code_and_its_hash_are_never_shown(desk: Client) -> None:
    registration = RegistrationFactory()

    text = desk.get(reverse("desk:unit", args=[registration.unit.serial])).text

    assert registration.unit.code_mac not in text
    assert registration.unit.code_kid not in text
    assert "ABCD-1234" not in text


def test_present_and_earlier_registrations(desk: Client) -> None:
    unit = UnitFactory()
    former = RegistrationFactory(unit=unit, ended_at=timezone.now(), account__name="Former")
    present = RegistrationFactory(unit=unit, account__name="Present")

    page = show(desk, unit)

    assert page.section("record").rows()[0][:2] == ["Former", former.friendly_name]
    assert present.code in page.section("record").text
    (link,) = page.section("record").all("a", href=f"/support/accounts/{present.account.uuid}/")
    assert link.text == "Present"


def test_the_pair_its_spares_and_what_was_before(desk: Client, owner: User) -> None:
    primary, secondary, _ = pair(owner.membership.account, owner)
    spare = RegistrationFactory(account=primary.account)
    hf(primary, spare, by=owner)

    now, before = show(desk, secondary.unit).section("association").all("table")

    assert [row[:2] for row in now.rows()] == [
        ["HF Primary", primary.unit.serial],
        ["HF Secondary", "this unit"],
        ["HF Secondary Spare", spare.unit.serial],
    ]
    assert [row[:2] for row in before.rows()] == [["HF Secondary", primary.unit.serial]]


def test_each_entitlement_says_by_which_right(desk: Client, owner: User) -> None:
    primary, secondary, _ = pair(owner.membership.account, owner)
    give(primary, CONTENT_FILTER)
    lender = RegistrationFactory(account=primary.account)
    pool = give(lender, CLIENT_AV)
    PoolPart.objects.create(licence=pool, registration=secondary, count=4)

    section = show(desk, secondary.unit).section("services")
    runs, one_by_one = section.all("table")
    rows = {row[0]: row for row in runs.rows()}

    assert rows["Content Filter"][1:3] == ["Licensed", f"shared from {primary.unit.serial}"]
    assert rows["Client AV Enforcement"][2:4] == [f"part of the license of {lender.unit.serial}", "4"]
    assert rows["SonicOS Enhanced"][2] == "comes with the model"
    assert "Not Licensed: " in section.text
    assert [row[4] for row in one_by_one.rows()] == [f"part of the license of {lender.unit.serial}"]


def test_what_is_to_begin_is_not_licensed_and_says_from_when(desk: Client) -> None:
    registration = RegistrationFactory()
    first, last = datetime.date(2100, 5, 1), datetime.date(2101, 4, 30)
    give(registration, CONTENT_FILTER, begins_on=first, expires_on=last)

    section = show(desk, registration.unit).section("services")

    assert "Content Filter (from 01 May 2100 licensed until 30 Apr 2101)" in section.text


def test_what_follows_a_licence_is_told(desk: Client) -> None:
    registration = RegistrationFactory()
    give(registration, GLOBAL_VPN, count=15, expires_on=datetime.date(2100, 5, 1))

    rows = {row[0]: row for row in show(desk, registration.unit).section("services").rows()}

    assert rows["Global VPN Client"][3:] == ["15", "01 May 2100 then for 5 for ever"]


def test_a_licence_that_is_over_is_expired_and_its_own(desk: Client) -> None:
    registration = RegistrationFactory()
    give(registration, CONTENT_FILTER, expires_on=datetime.date(2020, 5, 1))

    rows = {row[0]: row for row in show(desk, registration.unit).section("services").rows()}

    assert rows["Content Filter"][1:] == ["Expired", "own", "", "01 May 2020"]


def test_the_readiness_of_its_pair(desk: Client, owner: User) -> None:
    primary, secondary, _ = pair(owner.membership.account, owner)

    section = show(desk, primary.unit).section("association")

    assert [e.attrs["data-finding"] for e in section.all("li") if "data-finding" in e.attrs]
    assert secondary.friendly_name in section.text


def test_the_generations_of_its_keyset_who_applied_which_and_that_a_newer_one_is_due(
    desk: Client, owner: User
) -> None:
    registration = RegistrationFactory()
    first = read_keyset(registration=registration, today=today())
    give(registration, CONTENT_FILTER)
    Unit.objects.filter(pk=registration.unit_id).raise_version()
    read_keyset(registration=registration, today=today())
    KeysetHead.objects.update(applied=first, applied_at=timezone.now(), applied_by=owner)

    section = show(desk, registration.unit).section("keysets")

    assert [row[0] for row in section.rows()] == ["2", "1"]
    assert section.rows()[0][3] == ""
    assert owner.username in section.rows()[1][3]
    assert "Newest is current" in section.text
    Unit.objects.filter(pk=registration.unit_id).raise_version()
    assert "A newer one is due" in show(desk, registration.unit).section("keysets").text


def test_what_a_former_owner_confirmed_is_marked(desk: Client, owner: User) -> None:
    registration = RegistrationFactory()
    keyset = read_keyset(registration=registration, today=today())
    before = registration.registered_at - datetime.timedelta(days=1)
    KeysetHead.objects.update(applied=keyset, applied_at=before, applied_by=owner)

    assert "a former owner" in show(desk, registration.unit).section("keysets").text


def test_its_free_trials(desk: Client) -> None:
    registration = RegistrationFactory()
    TrialStart.objects.create(unit=registration.unit, service=service(CONTENT_FILTER))

    assert "Content Filter: started" in show(desk, registration.unit).section("trials").text


def test_its_rma_cases_and_as_what_it_was_in_each(desk: Client, owner: User) -> None:
    failed, partner = pair(owner.membership.account, owner)[:2]
    replacement = RegistrationFactory(account=failed.account)
    case = case_of(failed, replacement=replacement.unit, partner=partner, secondary=partner)

    roles = {
        registration: [row.role for row in read(desk, registration.unit).cases.rows]
        for registration in (failed, replacement, partner)
    }

    assert roles == {failed: ["failed"], replacement: ["replacement"], partner: ["partner"]}
    assert case.number in show(desk, failed.unit).section("cases").text
    assert "case-open" in show(desk, failed.unit).codes()


def test_a_secondary_in_grace_says_so(desk: Client, owner: User) -> None:
    failed, secondary = pair(owner.membership.account, owner)[:2]
    case_of(failed, secondary=secondary, grace_ends_on=today())

    give(failed, CONTENT_FILTER)
    Seat.objects.update(ended_at=timezone.now())

    assert "grace" in show(desk, secondary.unit).codes()
    rows = {row[0]: row for row in show(desk, secondary.unit).section("services").rows()}
    assert rows["Content Filter"][2] == f"kept while an RMA case is open, from {failed.unit.serial}"
    assert "grace" not in show(desk, failed.unit).codes()


def test_a_retired_unit_says_where_everything_went(desk: Client, owner: User) -> None:
    failed, partner = pair(owner.membership.account, owner)[:2]
    replacement = RegistrationFactory(account=failed.account)
    case_of(failed, replacement=replacement.unit, partner=partner, state=RmaCase.State.COMPLETED)
    for unit, code in ((replacement.unit, CONTENT_FILTER), (partner.unit, VPN)):
        LedgerEntry.objects.create(
            unit=unit,
            service=service(code),
            right=LedgerEntry.Right.RMA,
            detail=failed.unit.serial,
            after={"kind": "licensed", "count": None, "expires_on": None},
        )
    Seat.objects.update(ended_at=timezone.now())
    retire_unit(failed, now=timezone.now())

    page = show(desk, failed.unit)
    note = page.root.one("div", data_code="went-to")

    assert replacement.unit.serial in note.text
    assert f"Content Filter to {replacement.unit.serial}" in note.text
    assert f"VPN to {partner.unit.serial}" in note.text
    assert "Gets none" in page.section("keysets").text
    assert [row[1] for row in page.section("record").rows()] == [failed.friendly_name]


def test_a_unit_retired_without_a_case_says_that_too(desk: Client) -> None:
    registration = RegistrationFactory()
    retire_unit(registration, now=timezone.now())

    assert "retired" in show(desk, registration.unit).codes()


def test_what_failed_attempts_have_closed_and_until_when(desk: Client) -> None:
    registration = RegistrationFactory()
    for _ in range(ATTEMPTS_PER_SERIAL):
        count_attempt(registration.account, registration.unit.serial, now=timezone.now())

    page = show(desk, registration.unit)

    assert page.codes() == ["closed"]
    assert page.codes() != show(desk, RegistrationFactory().unit).codes()


def test_ledger_and_audit_trail_say_who_when_and_why(desk: Client, owner: User) -> None:
    registration = RegistrationFactory()
    LedgerEntry.objects.create(
        unit=registration.unit,
        service=service(CONTENT_FILTER),
        right=LedgerEntry.Right.KEY,
        detail="WXYZ",
        actor=owner,
        reason="asked for",
        after={"kind": "licensed", "count": None, "expires_on": "2027-01-31"},
    )
    AuditEntry.objects.create(
        action=registration.uuid, code="renamed", serial=registration.unit.serial, actor=owner, reason="typo"
    )

    page = show(desk, registration.unit)

    (entry,) = page.section("ledger").rows()
    assert entry[1:] == [
        owner.username,
        "Content Filter",
        "nothing",
        "licensed until 31 Jan 2027",
        "key ending WXYZ",
        "asked for",
    ]
    (done,) = page.section("audit").rows()
    assert (done[1], done[2], done[4]) == (owner.username, "renamed", "typo")
    assert "All of it" in page.section("ledger").text


def test_the_full_lists_that_it_leads_to_show_this_unit_alone(desk: Client, owner: User) -> None:
    unit, other = RegistrationFactory().unit, RegistrationFactory().unit
    for each in (unit, other):
        LedgerEntry.objects.create(unit=each, service=service(VPN), right=LedgerEntry.Right.GRANT)
        AuditEntry.objects.create(action=owner.membership.account.uuid, code="renamed", serial=each.serial)
    page = show(desk, unit)

    for name in ("ledger", "audit"):
        (link,) = [a for a in page.section(name).all("a") if a.text == "All of it"]
        assert desk.get(link.attrs["href"]).context["cl"].result_count == 1


def lengthen(registration: Registration, secondary: Registration, owner: User, count: int) -> None:
    """Make every history of a unit longer."""
    unit, now = registration.unit, timezone.now()
    hf = AssociationType.objects.get(slug="hf")
    Registration.objects.bulk_create(
        RegistrationFactory.build(unit=unit, account=registration.account, ended_at=now) for _ in range(count)
    )
    other = registrations(registration.account, count)
    for each in other:
        each.refresh_from_db()
    first = Keyset.objects.filter(unit=unit).count() + 1
    Keyset.objects.bulk_create(
        Keyset(unit=unit, generation=first + n, issued=0, text="") for n in range(count)
    )
    LedgerEntry.objects.bulk_create(
        LedgerEntry(unit=unit, service=service(VPN), right=LedgerEntry.Right.GRANT, actor=owner)
        for _ in range(count)
    )
    AuditEntry.objects.bulk_create(
        AuditEntry(action=registration.uuid, code="renamed", serial=unit.serial, actor=owner)
        for _ in range(count)
    )
    for each in other:
        case_of(registration, replacement=each.unit, partner=secondary, state=RmaCase.State.DECLINED)
        seat = associate(parent=registration, child=each, type=hf, by=owner, today=today())
        Seat.objects.filter(pk=seat.pk).update(ended_at=now, ended_by=owner)


def test_the_page_costs_as_many_queries_however_long_its_histories_are(desk: Client, owner: User) -> None:
    primary, secondary, _ = pair(owner.membership.account, owner)
    read_keyset(registration=primary, today=today())
    queries(desk, primary.unit)  # from now on it is the latest of the recent units
    lengthen(primary, secondary, owner, 2)
    few = queries(desk, primary.unit)
    lengthen(primary, secondary, owner, 2 * MOST)

    many = queries(desk, primary.unit)

    assert many == few == 43
    page = read(desk, primary.unit)
    for history in (
        page.registrations,
        page.association_history,
        page.keysets.issued,
        page.cases,
        page.ledger,
        page.audit,
    ):
        assert (len(history.rows), history.has_more) == (MOST, True)


def queries(desk: Client, unit: Unit) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert desk.get(reverse("desk:unit", args=[unit.serial])).status_code == 200
    return len(captured)


def test_looking_at_a_unit_writes_nothing(desk: Client, owner: User) -> None:
    primary, secondary, _ = pair(owner.membership.account, owner)
    read_keyset(registration=primary, today=today())
    Keyset.objects.update(first_read_at=None)
    Unit.objects.all().raise_version()

    with nothing_written(but=SESSIONS):  # the recent units
        for unit in (primary.unit, secondary.unit, UnitFactory.build()):
            desk.get(reverse("desk:unit", args=[unit.serial]))


@pytest.mark.parametrize("serial", ["FFFFFFFFFFFF", "ffffffffffff"])
def test_an_unknown_unit_offers_the_search(desk: Client, serial: str) -> None:
    response = desk.get(f"/support/units/{serial}/")

    assert response.status_code == 404
    assert Page(response).codes() == ["unknown-serial", "nothing-to-open"]
    assert Page(response).root.one("input", name="q").attrs["value"] == "FFFFFFFFFFFF"


@pytest.mark.parametrize(
    ("role", "grants"), [(AGENT, False), (LEAD, True), (OPERATOR, False)], ids=["agent", "lead", "operator"]
)
def test_only_who_may_grant_is_offered_it(client: Client, role: str, grants: bool) -> None:
    unit = RegistrationFactory().unit

    page = show(log_in(client, role), unit)

    assert bool(list(page.root.all("a", href=f"/support/units/{unit.serial}/grant/"))) == grants


OWNED, ASSOCIATED, RETIRED = (led_to_by(units) for units in ("registered", "associated", "retired"))


def names(client: Client, unit: Unit) -> set[str]:
    response = client.get(reverse("desk:unit", args=[unit.serial]))
    return {action.name for action in offered(response.context["page"], response.context["user"])}


def test_actions_are_offered_by_role_and_by_how_the_unit_stands(client: Client, owner: User) -> None:
    alone, primary, retired = (
        RegistrationFactory(),
        pair(owner.membership.account, owner)[0],
        RegistrationFactory(),
    )
    retire_unit(retired, now=timezone.now())
    units = [alone.unit, primary.unit, retired.unit, UnitFactory()]

    of = {role: [names(log_in(client, role), unit) for unit in units] for role in (AGENT, LEAD, OPERATOR)}

    case = {"open_case"}
    assert of[AGENT] == [case, case, set(), set()]
    assert of[LEAD] == [
        {"record"} | case | OWNED,
        {"record"} | case | OWNED | ASSOCIATED,
        {"record"} | RETIRED,
        {"record"},
    ]
    assert of[OPERATOR] == [set()] * 4


def test_to_open_again_is_offered_where_somebody_failed(client: Client) -> None:
    tried, elsewhere = RegistrationFactory(), RegistrationFactory()
    count_attempt(elsewhere.account, tried.unit.serial, now=timezone.now())
    for _ in range(ATTEMPTS_PER_DAY):
        count_attempt(elsewhere.account, "FFFFFFFFFFFF", now=timezone.now())
    agent = log_in(client, AGENT)

    assert "open" in names(agent, tried.unit)
    assert "open" in names(agent, elsewhere.unit)  # all is closed to its owner
    assert "open" not in names(agent, RegistrationFactory().unit)


def test_no_second_case_is_offered_while_one_is_open(desk: Client) -> None:
    registration = RegistrationFactory()
    case_of(registration)

    assert "open_case" not in names(desk, registration.unit)


def test_every_action_has_its_page(client: Client, owner: User) -> None:
    primary = pair(owner.membership.account, owner)[0]
    page = show(log_in(client, LEAD), primary.unit)

    found = {link.attrs["href"] for group in page.root.all("div", role="group") for link in group.all("a")}

    assert len(found) == len(OWNED | ASSOCIATED) + 2
    assert {client.get(link).status_code for link in found} == {200}
