"""The Activity page: what was changed in one's own account, one row for an action, in words."""

import re
import uuid
from itertools import chain

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from associations.services import associate, change_parent, make_standby, remove_association
from licensing.grants.giving import grant_licence
from licensing.grants.trials import start_trial
from licensing.keysets.applied import confirm_applied
from licensing.keysets.issuing import read_keyset
from licensing.moves.one_licence import move_licence
from licensing.moves.pools import move_counts
from licensing.moves.swap import swap_roles
from licensing.undo.undoing import undo_act
from portal import audit
from portal.activity import MOST_ENTRIES, PAGE_ACTIONS
from portal.activity_views import MOST_UNITS, SENTENCES, in_words
from portal.clock import today
from portal.models import Act, AuditEntry, Membership
from portal.services import remove_membership, save_membership
from products.services import rename
from tests.factories import (
    MembershipFactory,
    RegistrationFactory,
    UserFactory,
    log_in,
    pair,
    sharing,
)
from tests.licensing.support import CLIENT_AV, GATEWAY_AV, give, make, redeem, service
from tests.pages import Page
from tests.test_architecture import FILES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

WITHOUT_FACTS = ["licence-revoked", "licence-extended", "keyset-reissued", "unit-released", "unit-taken-back"]
OF_A_CASE = ["requested", "opened", "approved", "declined", "cancelled", "completed", "undone", "received"]


def rows(client: Client, path: str = "/activity/") -> list[list[str]]:
    """When, What, Units, Who and Why of each row, without Undo."""
    return [row[:5] for table in Page(client.get(path)).root.all("table") for row in table.rows()]


def whats(client: Client, path: str = "/activity/") -> list[str]:
    return [row[1] for row in rows(client, path)]


def record(member: Membership, *serials: str, code: str = "registered", reason: str = "") -> None:
    audit.record(code, by=member.user, account=member.account, serials=serials or [""], reason=reason)


def many(member: Membership, count: int, serial: str = "0006B1124416") -> None:
    """Actions of one entry each, in one statement."""
    AuditEntry.objects.bulk_create(
        AuditEntry(
            action=uuid.uuid4(),
            actor=member.user,
            account=member.account,
            code="renamed",
            serial=serial,
            data={"before": str(number), "after": str(number + 1)},
        )
        for number in range(count)
    )


# Who sees what


@pytest.mark.parametrize("role", Membership.Role)
def test_every_member_sees_what_happened(client: Client, role: str) -> None:
    owner = MembershipFactory()
    record(owner, "0006B1124416", reason="bought")
    log_in(client, role, owner.account)

    (row,) = rows(client)

    entry = AuditEntry.objects.get(code="registered")
    assert row == [f"{entry.at:%d %b %Y, %H:%M}", "Registered", "0006B1124416", owner.user.username, "bought"]


def test_a_stranger_sees_an_empty_trail(client: Client) -> None:
    record(MembershipFactory(), "0006B1124416")
    log_in(client)

    page = Page(client.get("/activity/"))

    assert not list(page.root.all("table"))
    assert page.root.one("div", class_="empty").one("a").attrs["href"] == "/products/"


def test_nobody_sees_anything_without_a_login(client: Client) -> None:
    response = client.get("/activity/")

    assert (response.status_code, response["Location"]) == (302, "/login/?next=/activity/")


def test_what_concerns_all_accounts_is_nobodys(client: Client) -> None:
    log_in(client)
    audit.record("key-made", by=None)

    assert rows(client) == []


def test_of_a_unit_with_an_owner_before_the_new_one_sees_its_own_time_only(client: Client) -> None:
    former, member = MembershipFactory(), log_in(client)
    unit = RegistrationFactory(account=former.account, ended_at=timezone.now()).unit
    record(former, unit.serial, code="rma-opened")
    RegistrationFactory(account=member.account, unit=unit)
    record(member, unit.serial)

    assert whats(client) == whats(client, f"/activity/?serial={unit.serial}") == ["Registered"]


def test_an_action_over_two_accounts_shows_each_its_own_units(client: Client) -> None:
    former, member = MembershipFactory(), log_in(client)
    record(former, "00000000A001")
    record(member, "00000000A002")
    AuditEntry.objects.update(action=uuid.uuid4())

    assert [row[2] for row in rows(client)] == ["00000000A002"]


@pytest.mark.parametrize(("is_staff", "who"), [(True, "Support"), (False, "jane")])
def test_support_is_named_as_support(client: Client, is_staff: bool, who: str) -> None:
    jane = UserFactory(username="jane", is_staff=is_staff)
    audit.record("registered", by=jane, account=log_in(client).account)

    assert [row[3] for row in rows(client)] == [who]


def test_what_nobody_did_the_portal_did(client: Client) -> None:
    audit.record("registered", by=None, account=log_in(client).account)

    assert [row[3] for row in rows(client)] == ["the portal"]


# Actions and units


def test_an_action_is_one_row_with_all_its_units(client: Client) -> None:
    member = log_in(client)
    primary, secondary, seat = pair(member.account, by=member.user)
    remove_association(seat=seat, by=member.user, reason="given back")

    units = f"{primary.unit.serial} {secondary.unit.serial}"
    assert [(what, where, why) for _, what, where, _, why in rows(client)] == [
        (
            f"{secondary.unit.serial} is no longer HF Secondary of {primary.unit.serial}",
            units,
            "given back",
        ),
        (f"{secondary.unit.serial} became HF Secondary of {primary.unit.serial}", units, ""),
    ]


def test_only_a_unit_that_the_account_has_leads_somewhere(client: Client) -> None:
    member = log_in(client)
    mine = RegistrationFactory(account=member.account)
    gone = RegistrationFactory(account=member.account, ended_at=timezone.now())
    foreign = RegistrationFactory(unit=gone.unit)
    record(member, mine.unit.serial, foreign.unit.serial)

    links = Page(client.get("/activity/")).root.one("tbody").all("a")

    assert [link.attrs["href"] for link in links] == [f"/products/{mine.unit.serial}/"]


def test_of_very_many_units_the_first_are_named_and_the_others_counted(client: Client) -> None:
    record(log_in(client), *(f"{number:012X}" for number in range(MOST_UNITS + 7)))

    (row,) = rows(client)

    assert row[2].split()[:MOST_UNITS] == [f"{number:012X}" for number in range(MOST_UNITS)]
    assert row[2].endswith("and 7 more")


def test_what_people_typed_is_shown_as_text(client: Client) -> None:
    member = log_in(client)
    unit = RegistrationFactory(account=member.account, friendly_name="old")
    rename(registration=unit, friendly_name="<b>{0.x}&</b>", by=member.user)

    assert whats(client) == ["Renamed from “old” to “<b>{0.x}&</b>”"]


# Words


def test_every_code_has_words_and_is_written_by_its_name() -> None:
    code = re.compile(r"\bAuditCode\.([A-Z_]+)\b")

    written = {name for path in FILES for name in code.findall(path.read_text())}

    assert len(written) > 25
    assert {name.lower().replace("_", "-") for name in written} == set(SENTENCES)
    assert all(SENTENCES.values())
    assert max(len(code) for code in SENTENCES) <= 40


@pytest.mark.parametrize("code", WITHOUT_FACTS)
def test_a_code_without_data_has_words_too(code: str) -> None:
    assert in_words(code, {}) not in {code, code.replace("-", " ").capitalize()}


@pytest.mark.parametrize("what", [*OF_A_CASE, "replacement-set"])
def test_what_happens_in_a_case_names_it(what: str) -> None:
    units = {"failed": "0006B1124416", "replacement": "0006B1124422", "licences": "0006B112441C"}

    assert "RMA-2026-000007" in in_words(f"rma-{what}", {"case": "RMA-2026-000007", **units})


@pytest.mark.parametrize("code", ["power-cut-noted", "renamed"])
def test_an_unknown_code_and_one_that_lacks_its_data_say_themselves(code: str) -> None:
    assert in_words(code, {}) == code.replace("-", " ").capitalize()


@pytest.mark.parametrize(
    "data", [{"service": ["x"], "type": {}, "licence": 3}, {"licence": {}, "service": 999}]
)
def test_data_of_another_shape_leaves_the_page_whole(client: Client, data: dict[str, object]) -> None:
    account = log_in(client).account
    for code in SENTENCES:
        audit.record(code, by=None, account=account, data=data)

    assert len(rows(client)) == min(len(SENTENCES), PAGE_ACTIONS)


def do_everything(member: Membership) -> list[str]:
    """Whatever members and Support do; what the page says of it, the newest first."""
    account, by, day = member.account, member.user, today()
    first, second, third = RegistrationFactory.create_batch(3, account=account)
    a, b, c = (unit.unit.serial for unit in (first, second, third))
    give(first, CLIENT_AV)
    grant = {"count": None, "expires_on": day, "reason": "…", "by": by, "today": day}
    grant_licence(unit=first.unit, service=service(GATEWAY_AV), **grant)
    start_trial(registration=second, service=service(5), by=by, today=day)
    (key,) = make(4)
    redeem(first, key, by=by, now=timezone.now())
    move = {"source": first, "target": second, "count": 4, "by": by, "today": day}
    move_counts(licence=first.licences.get(service__code=CLIENT_AV), **move)
    move_counts(
        licence=first.licences.get(service__code=CLIENT_AV), **move | {"source": second, "target": first}
    )
    move_licence(licence=first.licences.get(service__code=CLIENT_AV), to=third, reason="…", by=by, today=day)
    read_keyset(registration=first, today=day)
    confirm_applied(registration=first, generation=1, by=by)
    hf = pair(account, by)[2].type
    AuditEntry.objects.filter(account=account, code="associated").delete()
    seat = associate(parent=first, child=second, type=hf, by=by, today=day)
    spare = associate(parent=first, child=third, type=hf, by=by, today=day)
    seat = make_standby(seat=spare, instead=sharing(spare), by=by, today=day)
    swap_roles(seat=seat, by=by, today=day)
    undo_act(act=Act.objects.latest("pk"), by=by, now=timezone.now())
    viewer = MembershipFactory(account=account, user__username="jane", role="viewer")
    save_membership(membership=viewer, by=by, reason="asked")
    remove_membership(membership=viewer, by=by, reason="asked")
    av, until = service(CLIENT_AV).name, f"{day:%d %b %Y}"
    return [
        "jane is no member any more",
        "jane is a member: viewer",
        f"Undone: swap of roles, {until}",
        f"Roles swapped: {c} is HF Primary now, {a} HF Secondary",
        f"{c} became the standby of {a}, in place of {b}",
        f"{c} became a spare HF Secondary of {a}",
        f"{b} became HF Secondary of {a}",
        "Keyset 1 noted as applied",
        f"{av} moved from {a} to {c}",
        f"4 of {a}'s {av} moved from {b} to {a}",
        f"4 of {a}'s {av} moved from {a} to {b}",
        f"Activation key ending {key[-4:]} redeemed: {service(4).name}",
        f"Free trial of {service(5).name} started",
        f"{service(GATEWAY_AV).name} granted: licensed until {until}",
    ]


def test_what_was_done_is_shown_in_words(client: Client) -> None:
    told = do_everything(log_in(client))

    assert whats(client) == told


def test_a_change_of_parent_names_the_one_before(client: Client) -> None:
    member = log_in(client)
    former, child, seat = pair(member.account, by=member.user)
    wanted = RegistrationFactory(account=member.account)
    change_parent(seat=seat, parent=wanted, by=member.user, today=today())

    assert whats(client)[0] == (
        f"{child.unit.serial} became HF Secondary of {wanted.unit.serial}; before, of {former.unit.serial}"
    )


# One unit


@pytest.mark.parametrize("typed", ["0006B1124416", "00:06:b1:12:44:16", " 0006-b112 4416 "])
def test_one_units_actions_are_found_by_its_serial_number(client: Client, typed: str) -> None:
    member = log_in(client)
    record(member, "0006B1124416", "0006B112441C", code="associated")
    record(member, "0006B112441C")

    page = Page(client.get("/activity/", {"serial": typed}))

    assert [row[2] for row in page.root.one("table").rows()] == ["0006B1124416 0006B112441C"]


def test_a_units_activity_leads_back_to_its_page(client: Client) -> None:
    unit = RegistrationFactory(account=log_in(client).account)
    path = f"/activity/?serial={unit.unit.serial}"

    there = Page(client.get(f"/products/{unit.unit.serial}/")).root.all("a", href=path)
    back = Page(client.get(path)).root.all("a", href=f"/products/{unit.unit.serial}/")

    assert [link.text for link in [*there, *back]] == ["Activity", "BACK"]


def test_of_another_accounts_unit_nothing_is_shown(client: Client) -> None:
    owner = MembershipFactory()
    unit = RegistrationFactory(account=owner.account)
    record(owner, unit.unit.serial)
    log_in(client)

    of_foreign, of_none = (
        Page(client.get("/activity/", {"serial": serial})).root.one("div", class_="empty").text
        for serial in (unit.unit.serial, "FFFFFFFFFFFF")
    )

    assert of_foreign == of_none


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("6.0E+11", "invalid-serial"),
        ("12", "invalid-serial"),
    ],
)
def test_what_is_no_serial_number_is_refused_beside_its_field(client: Client, typed: str, code: str) -> None:
    record(log_in(client), "0006B1124416")

    response = client.get("/activity/", {"serial": typed})

    page = Page(response)
    assert (response.status_code, page.codes(page.field("serial"))) == (422, [code])
    assert page.field("serial").one("input").attrs["value"] == typed
    assert not list(page.root.all("table"))


@pytest.mark.parametrize("before", ["1", "٣", "9" * 400, str(uuid.UUID(int=7))])
def test_a_cursor_that_leads_nowhere_shows_the_newest(client: Client, before: str) -> None:
    record(log_in(client), "0006B1124416")

    assert len(rows(client, f"/activity/?before={before}")) == 1


# Pages


def through(client: Client, url: str) -> list[list[str]]:
    """What every page says, from one on to the oldest."""
    pages = []
    while url:
        page = Page(client.get(url))
        pages.append([row[1] for table in page.root.all("table") for row in table.rows()])
        url = next((link.attrs["href"] for link in page.root.all("a", rel="next")), "")
    return pages


@pytest.mark.parametrize("path", ["/activity/", "/activity/?serial=0006B1124416"])
def test_the_pages_show_every_action_once_and_the_newest_first(client: Client, path: str) -> None:
    many(log_in(client), 2 * PAGE_ACTIONS + 1)

    pages = through(client, path)

    expected = [f"Renamed from “{n}” to “{n + 1}”" for n in reversed(range(2 * PAGE_ACTIONS + 1))]
    assert [len(page) for page in pages] == [PAGE_ACTIONS, PAGE_ACTIONS, 1]
    assert [*chain(*pages)] == expected


def test_older_pages_lead_back_to_the_newest(client: Client) -> None:
    many(log_in(client), PAGE_ACTIONS + 1)

    first = Page(client.get("/activity/"))
    (older,) = first.root.all("a", rel="next")
    second = Page(client.get(older.attrs["href"]))

    assert [link.text for link in first.root.one("nav", aria_label="Pages").all("a")] == ["Older"]
    links = second.root.one("nav", aria_label="Pages").all("a")
    assert [(link.text, link.attrs["href"]) for link in links] == [("Newest", "/activity/")]


def test_a_large_action_is_one_row_wherever_the_page_ends(client: Client) -> None:
    member = log_in(client)
    for number in range(3):
        record(member, *(f"{number:06X}{unit:06X}" for unit in range(MOST_ENTRIES - 50)))
        many(member, PAGE_ACTIONS - 10)

    shown = [*chain(*through(client, "/activity/"))]

    assert (shown.count("Registered"), len(shown)) == (3, 3 * (PAGE_ACTIONS - 9))


def test_actions_written_at_the_same_time_are_each_shown_once(client: Client) -> None:
    member, actions = log_in(client), [uuid.uuid4() for _ in range(PAGE_ACTIONS + 10)]
    AuditEntry.objects.bulk_create(
        AuditEntry(action=action, account=member.account, code="registered", serial=f"{number:012X}")
        for number in range(2)
        for action in actions
    )
    AuditEntry.objects.update(at=timezone.now())

    pages = through(client, "/activity/")

    assert [len(page) for page in pages] == [PAGE_ACTIONS, 10]


@pytest.mark.parametrize("count", [10, 1000])
@pytest.mark.parametrize(("query", "queries"), [("", 9), ("?serial=0006B1124416", 9)], ids=["all", "unit"])
def test_activity_asks_as_much_for_many_entries(
    client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
    query: str,
    queries: int,
) -> None:
    many(log_in(client), count)

    with django_assert_num_queries(queries):
        client.get(f"/activity/{query}")


def test_a_page_far_behind_costs_one_query_more(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    many(log_in(client), 1000)
    at = AuditEntry.objects.order_by("pk")[100].action

    with django_assert_num_queries(10):
        client.get(f"/activity/?before={at}")


def test_no_page_is_sought_by_counting_rows(client: Client) -> None:
    many(log_in(client), 1000)
    at = AuditEntry.objects.order_by("pk")[100].action

    with CaptureQueriesContext(
        connection,
    ) as asked:
        client.get(f"/activity/?before={at}")

    assert not [query["sql"] for query in asked if re.search(r"OFFSET|COUNT\(", query["sql"])]
