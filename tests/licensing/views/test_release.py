"""Release this product, and what an account sees of a product that has left it."""

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from associations.services import remove_association
from licensing.models import Offer, PoolPart, RmaCase
from licensing.moves.release import plan_release, release_to_account, release_to_stock
from portal.clock import today
from portal.models import Account, AuditEntry, Membership
from products.models import Registration, Unit
from products.ownership import retire_unit
from tests.factories import (
    AccountFactory,
    MembershipFactory,
    RegistrationFactory,
    UnitFactory,
    UserFactory,
    log_in,
    pair,
)
from tests.licensing.history import grant
from tests.licensing.offers import accepted, given, offered
from tests.licensing.support import CLIENT_AV, CONTENT_FILTER, give
from tests.pages import Page
from tests.rows import every_row

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def member(client: Client) -> Membership:
    return log_in(client)


@pytest.fixture
def mine(member: Membership) -> Registration:
    return RegistrationFactory(account=member.account, friendly_name="San Jose")


@pytest.fixture
def target() -> Account:
    return AccountFactory(name="Globex")


def url(unit: Registration, end: str = "release/") -> str:
    return f"/products/{unit.unit.serial}/{end}"


def sent(unit: Registration, account: Account, **more: str) -> dict[str, str]:
    """What the second step sends."""
    return {"account": str(account.uuid), "seen": plan_release(unit).fingerprint, **more}


def release(unit: Registration, account: Account, by: Membership) -> Registration:
    """Release a unit; the audit trail is pruned then."""
    there = given(unit, account, by.user)
    AuditEntry.objects.all().delete()
    return there


@pytest.mark.parametrize("address", ["/", "/products/"])
@pytest.mark.parametrize("role", Membership.Role.values)
def test_every_member_finds_the_account_id(client: Client, address: str, role: str) -> None:
    member = log_in(client, role)

    page = Page(client.get(address))

    assert page.root.one(id="account-id").text == str(member.account.uuid)


@pytest.mark.parametrize(("role", "offers"), [("owner", True), ("admin", False), ("viewer", False)])
def test_only_owners_are_offered_to_release(client: Client, role: str, offers: bool) -> None:
    unit = RegistrationFactory(account=log_in(client, role).account)

    links = Page(client.get(url(unit, ""))).root.all("a", href=url(unit))

    assert bool(list(links)) == offers


def test_the_first_step_shows_what_goes_and_writes_nothing(
    client: Client, mine: Registration, target: Account
) -> None:
    other = RegistrationFactory(account=mine.account, friendly_name="Oakland")
    PoolPart.objects.create(licence=give(mine, CLIENT_AV, count=10), registration=other, count=4)
    PoolPart.objects.create(licence=give(other, CLIENT_AV, count=9), registration=mine, count=3)
    before = every_row()

    response = client.post(url(mine), {"account": f" {target.uuid} ", "friendly_name": ""})

    page = Page(response)
    effect = [line.text for line in page.section("effect").all("li")]
    assert response.status_code == 200
    assert page.section("confirm").one("strong").text == "Globex"
    assert [("Oakland" in line) for line in effect] == [False, True, True]
    assert every_row() == before


def test_the_second_step_offers_and_the_product_stays(
    client: Client, mine: Registration, target: Account
) -> None:
    response = client.post(url(mine), sent(mine, target, friendly_name="Paris"))

    offer = Offer.objects.get(registration=mine)
    assert response.headers["Location"] == url(mine, "")
    assert (offer.account, offer.friendly_name, offer.state) == (target, "Paris", "open")
    assert Registration.objects.live().get(unit=mine.unit) == mine


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"account": "Globex"}, "unknown-account"),
        ({"account": "00000000-0000-0000-0000-000000000000"}, "unknown-account"),
        ({"account": ""}, "required"),
        ({"friendly_name": "n" * 31}, "invalid-friendly-name"),
    ],
)
def test_what_is_typed_wrong_is_refused_beside_its_field(
    client: Client, mine: Registration, target: Account, facts: dict[str, str], code: str
) -> None:
    before = every_row()

    response = client.post(url(mine), sent(mine, target) | facts)

    page = Page(response)
    assert response.status_code == 422
    assert page.codes(page.field(next(iter(facts)))) == [code]
    assert every_row() == before


@pytest.mark.parametrize("step", [1, 2])
def test_a_product_is_not_released_to_its_own_account(client: Client, mine: Registration, step: int) -> None:
    form = sent(mine, mine.account) if step == 2 else {"account": str(mine.account.uuid)}
    before = every_row()

    response = client.post(url(mine), form)

    page = Page(response)
    assert response.status_code == 422
    assert page.codes(page.field("account")) == ["same-account"]
    assert every_row() == before


def test_what_was_changed_meanwhile_is_shown_again(
    client: Client, mine: Registration, target: Account
) -> None:
    form = sent(mine, target)
    give(mine, CONTENT_FILTER)
    before = every_row()

    page = Page(client.post(url(mine), form))

    assert page.codes() == ["licences-changed"]
    assert page.section("confirm").one("input", name="seen").attrs["value"] != form["seen"]
    assert every_row() == before


@pytest.mark.parametrize("method", ["get", "post"])
def test_what_stands_in_the_way_is_said_before_anything_is_typed(
    client: Client, member: Membership, target: Account, method: str
) -> None:
    primary, *_ = pair(member.account, member.user)
    before = every_row()

    response = getattr(client, method)(url(primary), sent(primary, target))

    page = Page(response)
    assert response.status_code == (200 if method == "get" else 422)
    assert page.codes() == ["still-associated"]
    assert not list(page.root.one("main").all("button"))
    assert every_row() == before


# Afterwards


def test_a_released_product_keeps_its_page(client: Client, member: Membership, target: Account) -> None:
    primary, secondary, seat = pair(member.account, member.user)
    remove_association(seat=seat, by=member.user)
    release(secondary, target, member)

    page = Page(client.get(url(secondary, "")))

    assert "Globex" in page.section("became").text
    assert member.user.username in page.section("became").text
    assert primary.unit.serial in page.section("history").text
    assert not list(page.root.one("main").all("form"))


def test_the_former_partners_history_leads_to_it(client: Client, member: Membership, target: Account) -> None:
    primary, secondary, seat = pair(member.account, member.user)
    remove_association(seat=seat, by=member.user)
    release(secondary, target, member)

    (link,) = Page(client.get(url(primary, ""))).section("history").all("a")

    assert client.get(link.attrs["href"]).status_code == 200


def test_what_went_to_stock_says_so(client: Client, mine: Registration) -> None:
    lead = UserFactory(is_staff=True)
    facts = {"authentication_code": "WXYZ-9876", "reason": "bought back", "by": lead}
    release_to_stock(registration=mine, **facts, today=today(), now=timezone.now())
    AuditEntry.objects.all().delete()

    became = Page(client.get(url(mine, ""))).section("became").text

    assert "stock" in became
    assert "bought back" in became


def test_a_replaced_product_names_its_case(client: Client, mine: Registration, member: Membership) -> None:
    case = RmaCase.objects.create(
        account=mine.account,
        failed=mine,
        replacement=UnitFactory(),
        state="completed",
        symptom="dead",
        asked_by=member.user,
    )
    retire_unit(mine, now=timezone.now())

    became = Page(client.get(url(mine, ""))).section("became").text

    assert "replaced" in became
    assert case.number in became
    assert case.replacement.serial in became


def test_a_product_that_left_in_another_way_has_a_page_too(client: Client, mine: Registration) -> None:
    Registration.objects.filter(pk=mine.pk).update(ended_at=timezone.now())

    assert "left your account" in Page(client.get(url(mine, ""))).section("became").text


def test_the_last_time_is_shown_of_a_product_that_came_and_went(
    client: Client, mine: Registration, member: Membership, target: Account
) -> None:
    lead = UserFactory(is_staff=True)
    facts = {"by": lead, "reason": "sold", "today": today(), "now": timezone.now()}
    there = release(mine, target, member)
    back = release_to_account(registration=there, account=member.account, **facts)
    assert client.get(url(mine, "")).templates[0].name == "licensing/service_management.html"
    retire_unit(back, now=timezone.now())

    page = Page(client.get(url(mine, "")))

    assert "returned" in page.section("became").text
    assert "Globex" not in page.section("became").text


@pytest.mark.parametrize("end", ["keyset/", "key/", "name/", "associated/hf/", "release/", "survey/"])
def test_nothing_else_of_an_ended_one_is_there(
    client: Client, mine: Registration, member: Membership, target: Account, end: str
) -> None:
    release(mine, target, member)

    assert client.get(url(mine, end)).status_code == 404


def test_each_account_reads_its_own_entitlements(
    client: Client, mine: Registration, member: Membership, target: Account
) -> None:
    grant(mine, CONTENT_FILTER)
    new = MembershipFactory(account=target)
    accepted(offered(mine, target, member.user), new.user)

    before = Page(client.get(url(mine, "entitlements/")))
    csv = client.get(url(mine, "entitlements.csv"))
    log_in(client, account=target)
    after = Page(client.get(url(mine, "entitlements/")))

    rights = [{row[0]: row[4] for row in page.section("services").rows()} for page in (before, after)]
    assert [right["Content Filter"] for right in rights] == [
        "own, granted by Support",
        "own, moved with the unit",
    ]
    assert csv.status_code == 200
    assert [row[3] for row in after.section("changes").rows()] == ["moved with the unit"]
    assert [row[2] for row in after.section("changes").rows()] == [new.user.username]


def test_a_stranger_sees_nothing_of_an_ended_one(
    client: Client, mine: Registration, member: Membership, target: Account
) -> None:
    release(mine, target, member)
    log_in(client)

    for end in ("", "entitlements/", "entitlements.csv"):
        assert client.get(url(mine, end)).status_code == 404


def test_an_ended_page_costs_few_queries(
    client: Client,
    member: Membership,
    target: Account,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    _, secondary, seat = pair(member.account, member.user)
    remove_association(seat=seat, by=member.user)
    release(secondary, target, member)

    with django_assert_num_queries(7):
        client.get(url(secondary, ""))


def test_a_page_from_before_changes_nothing_of_an_ended_one(
    client: Client, mine: Registration, member: Membership, target: Account
) -> None:
    form = sent(mine, target)
    release(mine, AccountFactory(), member)
    before = every_row()

    assert client.post(url(mine), form).status_code == 404
    assert every_row() == before
    assert Unit.objects.get(pk=mine.unit_id).retired_at is None
