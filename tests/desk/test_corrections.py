"""The desk's pages of corrections: each through its service, with a reason, by who may."""

import importlib
import pkgutil
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from associations.models import Seat
from associations.services import parent_of
from desk import corrections
from desk.addresses import unit_url
from desk.corrections.base import Correction
from desk.corrections.registry import CORRECTIONS
from licensing.keysets.issuing import read_keyset
from licensing.models import LedgerEntry, Licence, PoolPart, RmaCase, Service
from licensing.moves.release import plan_release
from portal.clock import today
from portal.models import Account, AuditEntry, Mail, User
from portal.roles import AGENT, LEAD, OPERATOR
from products.models import Attempt, Registration, Unit
from tests.access_table import CORRECTIONS as ROWS
from tests.access_table import led_to_by, lines
from tests.factories import (
    CODE,
    AccountFactory,
    MembershipFactory,
    RegistrationFactory,
    UnitFactory,
    hf,
    log_in,
    pair,
    sharing,
    staff,
)
from tests.licensing.history import divide, grant
from tests.licensing.support import CLIENT_AV, CONTENT_FILTER, GATEWAY_AV, give
from tests.pages import Page
from tests.rows import SESSIONS, every_row, nothing_written
from tests.test_pages import policy_problems, problems_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

ALL = [correction.name.replace("_", "-") for correction in CORRECTIONS]
LEADS = [action for action in ALL if action != "open"]
NEW_CODE = "WXYZ-9876"


@pytest.fixture
def lead(client: Client) -> User:
    """The lead that the client is logged in as."""
    user = staff(LEAD)
    client.force_login(user)
    return user


@pytest.fixture
def desk(client: Client, lead: User) -> Client:
    """The client, logged in as a lead."""
    return client


@pytest.fixture
def unit() -> Registration:
    return RegistrationFactory(friendly_name="San Jose")


@pytest.fixture
def couple(lead: User) -> tuple[Registration, Registration, Seat]:
    return pair(AccountFactory(), lead)


def url(unit: Registration | Unit, action: str) -> str:
    serial = unit.serial if isinstance(unit, Unit) else unit.unit.serial
    return f"/support/units/{serial}/{action}/"


def post(client: Client, unit: Registration | Unit, action: str, **facts: str) -> HttpResponse:
    sent = {"reason": "as asked for by phone", **facts}
    response = client.post(url(unit, action), sent)
    if action in {"extend", "revoke"} and response.status_code == 200:  # it showed its effects first
        shown = Page(response).root.one("input", name="shown").attrs["value"]
        response = client.post(url(unit, action), sent | {"shown": shown})
    return response


def is_done(response: HttpResponse, unit: Registration | Unit) -> bool:
    """Whether it went on to the unit's page."""
    serial = unit.serial if isinstance(unit, Unit) else unit.unit.serial
    return (response.status_code, response.headers.get("Location")) == (302, unit_url(serial))


def codes(response: HttpResponse, field: str = "__all__") -> list[str]:
    """The codes of the refusals beside a field; `__all__` is above the form."""
    assert response.status_code == 422
    return [error.code for error in response.context["form"].errors.as_data().get(field, [])]


def audited(code: str, by: User) -> AuditEntry:
    entry = AuditEntry.objects.filter(code=code).latest("pk")
    assert (entry.actor, entry.reason) == (by, "as asked for by phone")
    return entry


def confirmed(client: Client, licence: Licence, to: Registration) -> dict[str, str]:
    """What the form to move a licence sends after its effects were shown."""
    facts = {"choice": str(licence.uuid), "serial_number": to.unit.serial}
    return looked_at(client, licence.registration, "move-license", **facts)


def looked_at(client: Client, unit: Registration | Unit, action: str, **facts: str) -> dict[str, str]:
    """What a form sends after its effects were shown."""
    page = Page(post(client, unit, action, **facts))
    return facts | {"shown": page.root.one("input", name="shown").attrs["value"]}


def below(parent: type[Correction]) -> set[type[Correction]]:
    """The classes that stand on another."""
    return {found for child in parent.__subclasses__() for found in {child, *below(child)}}


def beside(primary: Registration, by: User) -> Seat:
    """A spare beside a primary."""
    return hf(primary, RegistrationFactory(account=primary.account), by=by)


# That they are all known


def test_every_correction_is_in_the_registry() -> None:
    for module in pkgutil.iter_modules(corrections.__path__, "desk.corrections."):
        importlib.import_module(module.name)
    named = {correction for correction in below(Correction) if "name" in vars(correction)}

    unknown = named - set(CORRECTIONS)

    assert not unknown, f"Name the modules of {unknown} in desk/corrections/registry.py."


def test_every_correction_has_its_row_in_the_access_table() -> None:
    rows = {name for name, *_ in lines(ROWS)}

    without = {f"desk:{correction.name}" for correction in CORRECTIONS} - rows

    assert not without, (
        f"Write a row for {without} under CORRECTIONS in tests/access_table.py: "
        "which units' pages lead there, and what agents and leads get."
    )


# Who may


@pytest.mark.parametrize("role", [AGENT, OPERATOR])
@pytest.mark.parametrize("action", LEADS)
def test_only_leads_correct(client: Client, unit: Registration, role: str, action: str) -> None:
    client.force_login(staff(role))

    with nothing_written():
        assert client.get(url(unit, action)).status_code == 403
        assert post(client, unit, action).status_code == 403


@pytest.mark.parametrize(("role", "status"), [(AGENT, 200), (LEAD, 200), (OPERATOR, 403)])
def test_agents_open_what_failed_attempts_have_closed(
    client: Client, unit: Registration, role: str, status: int
) -> None:
    client.force_login(staff(role))

    assert client.get(url(unit, "open")).status_code == status


@pytest.mark.parametrize("action", ALL)
def test_no_customer_gets_there(client: Client, action: str) -> None:
    unit = RegistrationFactory(account=log_in(client).account)

    with nothing_written():
        for response in (client.get(url(unit, action)), post(client, unit, action)):
            assert response.status_code == 302
            assert response["Location"].startswith("/support/login/")


@pytest.mark.parametrize(
    ("role", "count"), [(LEAD, 2 + len(led_to_by("registered"))), (AGENT, 1), (OPERATOR, 0)]
)
def test_each_role_is_offered_what_it_may(client: Client, unit: Registration, role: str, count: int) -> None:
    client.force_login(staff(role))

    page = Page(client.get(unit_url(unit.unit.serial)))

    links = [a.attrs["href"] for group in page.root.all("div", role="group") for a in group.all("a")]
    assert len(links) == count
    assert {client.get(link).status_code for link in links} <= {200}


# In every state of a unit


@pytest.mark.parametrize("action", ALL)
@pytest.mark.parametrize("state", ["alone", "paired", "retired", "in stock"])
def test_every_page_is_sound(client: Client, lead: User, action: str, state: str) -> None:
    primary, _, _ = pair(AccountFactory(), lead)
    beside(primary, lead)
    give(primary, CLIENT_AV)
    units = {
        "alone": RegistrationFactory().unit,
        "paired": primary.unit,
        "retired": UnitFactory(retired_at=timezone.now()),
        "in stock": UnitFactory(),
    }
    unit = units[state]
    if state == "alone":
        Attempt.objects.create(kind="code", account=AccountFactory(), subject=unit.serial, at=timezone.now())

    for response in (client.get(url(unit, action)), client.post(url(unit, action), {"reason": ""})):
        assert list(problems_of(Page(response))) == []
        assert list(policy_problems(response)) == []


def everything(client: Client, lead: User) -> dict[str, tuple[Registration | Unit, dict[str, str]]]:
    """By action: a unit that it can be done to and what its form takes beside a reason. All units are one
    account's, whose owner has a mail address, but for the retired one."""
    account = MembershipFactory(role="owner", user__email="owner@a.example").account
    primary, secondary, seat = pair(account, lead)
    spare = beside(primary, lead)
    alone = RegistrationFactory(account=account)
    theirs, own = give(primary, CLIENT_AV), give(alone, CLIENT_AV, expires_on=today())
    retired = UnitFactory(retired_at=timezone.now())
    Attempt.objects.create(kind="code", account=account, subject=alone.unit.serial, at=timezone.now())
    seen = plan_release(alone).fingerprint
    return {
        "associate": (primary, {"choice": "hf:parent", "serial_number": alone.unit.serial}),
        "remove": (secondary, {"choice": str(seat.uuid)}),
        "change-parent": (secondary, {"choice": str(seat.uuid), "serial_number": alone.unit.serial}),
        "swap": (primary, {"choice": str(seat.uuid)}),
        "make-standby": (primary, {"choice": f"{spare.uuid}:{sharing(seat)}"}),
        "grant": (primary, looked_at(client, primary, "grant", service="3", expires_on="2199-12-31")),
        "record": (alone, looked_at(client, alone, "record", firmware="3.0")),
        "extend": (alone, {"choice": str(own.uuid), "for_ever": "on"}),
        "revoke": (primary, {"choice": str(theirs.uuid)}),
        "move-license": (alone, confirmed(client, own, spare.registration)),
        "reissue": (primary, {}),
        "move": (alone, {"account": str(AccountFactory().uuid), "seen": seen}),
        "release": (alone, {"authentication_code": NEW_CODE, "seen": seen}),
        "take-back": (retired, {"authentication_code": NEW_CODE}),
        "open": (alone, {"choice": f"unit:{account.uuid}"}),
    }


@pytest.mark.parametrize("action", ALL)
def test_nothing_is_done_without_a_reason(client: Client, lead: User, action: str) -> None:
    facts = everything(client, lead)
    assert action in facts, f"Say above which unit, and what beside a reason, {action} takes."
    unit, form = facts[action]
    before = every_row()

    refused = post(client, unit, action, **form, reason="  ")

    assert codes(refused, "reason") == ["required"]
    assert every_row() == before
    assert is_done(post(client, unit, action, **form), unit)
    assert every_row() != before


# Mails


@pytest.mark.parametrize("action", [action for action in ALL if action != "take-back"])
def test_each_owner_gets_one_mail_with_what_was_done_and_why(client: Client, lead: User, action: str) -> None:
    unit, form = everything(client, lead)[action]

    response = post(client, unit, action, **form)

    mail = Mail.objects.get()
    assert (mail.to, mail.about) == ("owner@a.example", unit.unit.serial)
    (said,) = [str(message) for message in get_messages(response.wsgi_request)]
    assert " ".join(said.split()) in " ".join(mail.body.split())
    assert "\nReason: as asked for by phone\n" in mail.body
    assert "Support has changed something" not in mail.body


def test_the_owners_of_the_other_account_get_a_mail_too(client: Client, lead: User) -> None:
    other = MembershipFactory(role="owner", user__email="owner@b.example").account
    unit, form = everything(client, lead)["move"]

    post(client, unit, "move", **form | {"account": str(other.uuid)})

    assert set(Mail.objects.values_list("to", flat=True)) == {"owner@a.example", "owner@b.example"}


def test_nobody_gets_a_mail_about_a_unit_that_nobody_owns(client: Client, lead: User) -> None:
    unit, form = everything(client, lead)["take-back"]

    assert is_done(post(client, unit, "take-back", **form), unit)

    assert not Mail.objects.exists()


def test_the_mail_names_the_keysets_that_change(client: Client, lead: User) -> None:
    unit, form = everything(client, lead)["revoke"]
    sharing_too = Seat.objects.live().get(shares=True).registration

    post(client, unit, "revoke", **form)

    named = set(re.findall("/products/([0-9A-F]{12})/keyset/", Mail.objects.get().body))
    assert named == {unit.unit.serial, sharing_too.unit.serial}


def test_a_correction_that_is_refused_sends_no_mail(desk: Client, unit: Registration) -> None:
    MembershipFactory(account=unit.account, role="owner", user__email="owner@a.example")
    elsewhere = RegistrationFactory()

    with nothing_written():
        post(desk, unit, "associate", choice="hf:parent", serial_number=elsewhere.unit.serial)


# Associations


@pytest.mark.parametrize("side", ["parent", "child"])
def test_two_units_are_associated(client: Client, lead: User, unit: Registration, side: str) -> None:
    other = RegistrationFactory(account=unit.account)

    response = post(client, unit, "associate", choice=f"hf:{side}", serial_number=other.unit.serial)

    assert is_done(response, unit)
    child = Seat.objects.live().get(side="child", shares=True)
    assert (child.registration == unit) == (side == "child")
    assert child.reason == "as asked for by phone"
    audited("associated", lead)


@pytest.mark.parametrize(
    ("typed", "code"),
    [("1", "invalid-serial"), ("FFFFFFFFFFFF", "not-registered"), ("", "required")],
)
def test_the_other_unit_is_judged_beside_its_field(
    desk: Client, unit: Registration, typed: str, code: str
) -> None:
    with nothing_written():
        response = post(desk, unit, "associate", choice="hf:parent", serial_number=typed)

    assert codes(response, "serial_number") == [code]


def test_what_a_rule_refuses_is_said_above_the_form(desk: Client, unit: Registration) -> None:
    elsewhere = RegistrationFactory()

    with nothing_written():
        response = post(desk, unit, "associate", choice="hf:parent", serial_number=elsewhere.unit.serial)

    assert codes(response) == ["not-one-account"]


def test_support_may_share_beyond_the_limit(
    client: Client, lead: User, unit: Registration, settings: object
) -> None:
    settings.MOST_SHARERS = 0
    other, third = RegistrationFactory.create_batch(2, account=unit.account)

    assert is_done(post(client, unit, "associate", choice="hf:parent", serial_number=other.unit.serial), unit)
    seat = Seat.objects.live().get(side="child")
    form = {"choice": str(seat.uuid), "serial_number": third.unit.serial}
    assert is_done(post(client, other, "change-parent", **form), other)
    spare = beside(third, lead)
    seat = Seat.objects.live().get(shares=True)
    assert is_done(post(client, third, "make-standby", choice=f"{spare.uuid}:{seat.uuid}"), third)


@pytest.mark.parametrize("which", [0, 1])
def test_an_association_is_removed_from_either_page(
    client: Client, lead: User, couple: tuple, which: int
) -> None:
    seat = couple[2]
    give(couple[0], GATEWAY_AV)

    page = client.get(url(couple[which], "remove"))
    response = post(client, couple[which], "remove", choice=str(seat.uuid))

    assert "Gateway Anti-Virus" in Page(page).root.one("ul", class_="preview points").text
    assert is_done(response, couple[which])
    assert not Seat.objects.live().exists()
    audited("association-removed", lead)


def test_a_page_from_before_touches_no_other_association(desk: Client, couple: tuple) -> None:
    primary, secondary, seat = couple
    post(desk, primary, "remove", choice=str(seat.uuid))
    post(desk, primary, "associate", choice="hf:parent", serial_number=secondary.unit.serial)
    desk.get(url(primary, "remove"))  # which takes the messages out of the session

    with nothing_written():
        response = post(desk, primary, "remove", choice=str(seat.uuid))

    assert codes(response, "choice") == ["invalid_choice"]


def test_a_parent_is_changed(client: Client, lead: User, couple: tuple) -> None:
    _, secondary, seat = couple
    wanted = RegistrationFactory(account=secondary.account)

    form = {"choice": str(seat.uuid), "serial_number": wanted.unit.serial}
    response = post(client, secondary, "change-parent", **form)

    assert is_done(response, secondary)
    assert parent_of(Seat.objects.live().get(registration=secondary)) == wanted
    audited("parent-changed", lead)


def test_roles_are_swapped_with_what_moves_shown_before(client: Client, lead: User, couple: tuple) -> None:
    primary, secondary, seat = couple
    give(primary, CONTENT_FILTER)

    page = client.get(url(secondary, "swap"))
    response = post(client, secondary, "swap", choice=str(seat.uuid))

    assert (
        "Content Filter, licensed for ever: goes to"
        in Page(page).root.one("ul", class_="preview points").text
    )
    assert is_done(response, secondary)
    assert Licence.objects.get().registration == secondary
    audited("roles-swapped", lead)


def test_a_spare_is_made_standby(client: Client, lead: User, couple: tuple) -> None:
    primary, _, seat = couple
    spare = beside(primary, lead)

    response = post(client, primary, "make-standby", choice=f"{spare.uuid}:{seat.uuid}")

    assert is_done(response, primary)
    assert Seat.objects.live().get(shares=True).registration == spare.registration
    audited("made-standby", lead)


# Licences and keysets


def test_a_licence_is_extended(client: Client, lead: User, unit: Registration) -> None:
    licence, beside = (grant(unit, CLIENT_AV, count=n, expires_on=today()) for n in (3, 4))
    day = today() + timedelta(days=9)

    response = post(client, unit, "extend", choice=str(licence.uuid), expires_on=str(day))

    assert is_done(response, unit)
    assert [Licence.objects.get(pk=row.pk).expires_on for row in (licence, beside)] == [day, today()]
    assert LedgerEntry.objects.latest("pk").reason == "as asked for by phone"
    audited("licence-extended", lead)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({}, "required"),
        ({"expires_on": "2099-01-01", "for_ever": "on"}, "required"),
        ({"expires_on": "soon"}, "invalid"),
        ({"expires_on": "2004-11-17"}, "not-later"),
    ],
)
def test_a_licence_is_not_extended_to_just_any_day(
    desk: Client, unit: Registration, facts: dict[str, str], code: str
) -> None:
    licence = grant(unit, CLIENT_AV, expires_on=today())

    with nothing_written():
        response = post(desk, unit, "extend", choice=str(licence.uuid), **facts)

    assert codes(response, "expires_on") == [code]


def test_a_licence_is_revoked(client: Client, lead: User, unit: Registration) -> None:
    licence, beside = (grant(unit, CLIENT_AV, count=n) for n in (3, 4))

    response = post(client, unit, "revoke", choice=str(licence.uuid))

    assert is_done(response, unit)
    assert Licence.objects.get() == beside
    audited("licence-revoked", lead)


def test_parts_elsewhere_stand_in_the_way_of_revoking(client: Client, lead: User, unit: Registration) -> None:
    licence = grant(unit, CLIENT_AV)
    divide(licence, RegistrationFactory(account=unit.account), 2, by=lead)

    with nothing_written():
        assert codes(post(client, unit, "revoke", choice=str(licence.uuid))) == ["parts-elsewhere"]


def test_each_licence_is_offered_with_its_days_and_where_it_came_from(
    desk: Client, unit: Registration
) -> None:
    grant(unit, CLIENT_AV, count=3, expires_on=date(9000, 1, 31))
    give(unit, CLIENT_AV, count=5, begins_on=date(2020, 2, 1))

    page = Page(desk.get(url(unit, "revoke")))

    offered = [label.text for label in page.root.all("label") if "licensed for" in label.text]
    assert offered == [
        "Client AV Enforcement: licensed for 5 from 01 Feb 2020 for ever",
        f"Client AV Enforcement: licensed for 3 from {today():%d %b %Y} until 31 Jan 9000, "
        "granted by Support",
    ]


@pytest.mark.parametrize("action", ["extend", "revoke", "move-license"])
def test_a_page_from_before_touches_no_other_licence(desk: Client, unit: Registration, action: str) -> None:
    licence, other = give(unit, CLIENT_AV), RegistrationFactory(account=unit.account)
    give(unit, CLIENT_AV)
    Licence.objects.filter(pk=licence.pk).update(registration=other)
    facts = {"choice": str(licence.uuid), "serial_number": other.unit.serial, "for_ever": "on"}

    with nothing_written():
        assert codes(post(desk, unit, action, **facts), "choice") == ["invalid_choice"]


def test_a_licence_is_moved_once_its_effects_were_seen(
    client: Client, lead: User, unit: Registration
) -> None:
    licence, other = grant(unit, CONTENT_FILTER), RegistrationFactory(account=unit.account)
    facts = {"choice": str(licence.uuid), "serial_number": other.unit.serial}

    with nothing_written(but=SESSIONS):
        shown = post(client, unit, "move-license", **facts)
    response = post(client, unit, "move-license", **confirmed(client, licence, other))

    effects = [line.text for line in Page(shown).root.one("ul", class_="effects points").all("li")]
    assert effects == [
        f"Content Filter on {unit} ({unit.unit}). Before: licensed for ever. After: not licensed.",
        f"Content Filter on {other} ({other.unit}). Before: not licensed. After: licensed for ever.",
    ]
    assert is_done(response, unit)
    assert Licence.objects.get().registration == other
    audited("licence-moved", lead)


def test_a_move_that_would_do_something_else_by_now_is_shown_again(
    client: Client, lead: User, unit: Registration
) -> None:
    licence, other = grant(unit, CONTENT_FILTER), RegistrationFactory(account=unit.account)
    facts = confirmed(client, licence, other)
    give(other, CONTENT_FILTER, expires_on=today())

    with nothing_written(but=SESSIONS):
        response = post(client, unit, "move-license", **facts)

    assert response.status_code == 200
    assert Page(response).root.one("input", name="shown").attrs["value"] != facts["shown"]


@pytest.mark.parametrize(
    ("code", "field", "where"),
    [
        ("same-unit", "serial_number", "unit"),
        ("not-one-account", "__all__", "elsewhere"),
        ("not-transferable", "choice", "other"),
    ],
)
def test_a_licence_that_may_not_move_is_refused_before_it_is_shown(
    desk: Client, unit: Registration, code: str, field: str, where: str
) -> None:
    targets = {
        "unit": unit,
        "elsewhere": RegistrationFactory(),
        "other": RegistrationFactory(account=unit.account),
    }
    licence = give(unit, CONTENT_FILTER)
    Service.objects.filter(code=CONTENT_FILTER).update(is_transferable=where != "other")
    facts = {"choice": str(licence.uuid), "serial_number": targets[where].unit.serial}

    with nothing_written():
        response = post(desk, unit, "move-license", **facts)

    assert codes(response, field) == [code]


def test_a_keyset_is_reissued(client: Client, lead: User, unit: Registration) -> None:
    first = read_keyset(registration=unit, today=today())

    response = post(client, unit, "reissue")

    assert is_done(response, unit)
    assert read_keyset(registration=unit, today=today()).generation > first.generation
    audited("keyset-reissued", lead)


# Out of an account, and back


@pytest.mark.parametrize("named", [lambda a: str(a.uuid), lambda a: a.name, lambda a: a.name.upper()])
def test_a_unit_is_moved_to_an_account_by_id_or_name(
    client: Client, lead: User, unit: Registration, named: Callable[[Account], str]
) -> None:
    grant(unit, CONTENT_FILTER)
    target = AccountFactory(name="Globex")
    page = client.get(url(unit, "move"))
    seen = Page(page).root.one("input", name="seen").attrs["value"]

    response = post(client, unit, "move", account=named(target), friendly_name="Paris", seen=seen)

    assert "Content Filter" in Page(page).root.one("ul", class_="changes").text
    assert is_done(response, unit)
    new = Registration.objects.live().get(unit=unit.unit)
    assert (new.account, new.friendly_name, Licence.objects.get().registration) == (target, "Paris", new)
    audited("unit-released", lead)


@pytest.mark.parametrize(
    ("typed", "code"), [("Nobody", "unknown-account"), ("Twice", "ambiguous-account"), ("", "required")]
)
def test_the_account_is_judged_beside_its_field(
    desk: Client, unit: Registration, typed: str, code: str
) -> None:
    AccountFactory.create_batch(2, name="Twice")

    with nothing_written():
        response = post(desk, unit, "move", account=typed, seen=plan_release(unit).fingerprint)

    assert codes(response, "account") == [code]


def test_its_own_account_is_refused_beside_its_field(desk: Client, unit: Registration) -> None:
    facts = {"account": str(unit.account.uuid), "seen": plan_release(unit).fingerprint}

    assert codes(post(desk, unit, "move", **facts), "account") == ["same-account"]


@pytest.mark.parametrize("action", ["move", "release"])
def test_what_was_changed_meanwhile_is_shown_again(desk: Client, unit: Registration, action: str) -> None:
    facts = {"account": str(AccountFactory().uuid), "authentication_code": NEW_CODE}
    seen = plan_release(unit).fingerprint
    give(unit, CONTENT_FILTER)

    with nothing_written():
        refused = post(desk, unit, action, **facts, seen=seen)

    assert codes(refused) == ["licences-changed"]
    seen = Page(refused).root.one("input", name="seen").attrs["value"]
    assert is_done(post(desk, unit, action, **facts, seen=seen), unit)


@pytest.mark.parametrize("action", ["move", "release"])
@pytest.mark.parametrize("obstacle", ["still-associated", "unit-in-open-case", "unit-retired"])
def test_what_stands_in_the_way_is_said_before_anything_is_typed(
    client: Client, lead: User, couple: tuple, unit: Registration, action: str, obstacle: str
) -> None:
    if obstacle == "still-associated":
        unit = couple[0]
    elif obstacle == "unit-retired":
        Unit.objects.filter(pk=unit.unit_id).update(retired_at=timezone.now())
    else:
        RmaCase.objects.create(account=unit.account, failed=unit, symptom="dead", asked_by=lead)

    with nothing_written():
        page, refused = client.get(url(unit, action)), post(client, unit, action)

    assert [Page(r).codes() for r in (page, refused)] == [[obstacle], [obstacle]]
    assert (page.status_code, refused.status_code) == (200, 422)


def test_parts_given_out_stand_in_the_way_to_stock(desk: Client, unit: Registration) -> None:
    other = RegistrationFactory(account=unit.account)
    PoolPart.objects.create(licence=give(unit, CLIENT_AV, count=10), registration=other, count=4)

    page = desk.get(url(unit, "release"))

    assert Page(page).codes() == ["parts-elsewhere"]
    assert not Page(desk.get(url(unit, "move"))).codes()


@pytest.mark.parametrize(("code", "refusal"), [(CODE, "same-code"), ("1", "invalid-code"), ("", "required")])
@pytest.mark.parametrize("action", ["release", "take-back"])
def test_stock_needs_a_new_code(
    desk: Client, unit: Registration, action: str, code: str, refusal: str
) -> None:
    retired = UnitFactory(retired_at=timezone.now())
    facts = {"authentication_code": code, "seen": plan_release(unit).fingerprint}

    with nothing_written():
        response = post(desk, unit if action == "release" else retired, action, **facts)

    assert codes(response, "authentication_code") == [refusal]


def test_a_unit_is_released_to_stock(client: Client, lead: User, unit: Registration) -> None:
    seen = plan_release(unit).fingerprint

    response = post(client, unit, "release", authentication_code=NEW_CODE, seen=seen)

    assert is_done(response, unit)
    assert not Registration.objects.live().exists()
    assert audited("unit-released", lead).data["to"] == "stock"


def test_a_retired_unit_is_taken_back(client: Client, lead: User) -> None:
    retired = UnitFactory(retired_at=timezone.now())

    response = post(client, retired, "take-back", authentication_code=NEW_CODE)

    assert is_done(response, retired)
    retired.refresh_from_db()
    assert retired.retired_at is None
    audited("unit-taken-back", lead)


def test_a_unit_in_use_is_not_taken_back(desk: Client, unit: Registration) -> None:
    with nothing_written():
        response = post(desk, unit, "take-back", authentication_code=NEW_CODE)

    assert (response.status_code, Page(response).codes()) == (422, ["not-retired"])


@pytest.mark.parametrize("action", [action for action in LEADS if action not in {"take-back", "record"}])
def test_a_unit_that_nobody_registered_has_nothing_to_correct(desk: Client, action: str) -> None:
    unit = UnitFactory()

    with nothing_written():
        response = post(desk, unit, action)

    assert (response.status_code, Page(response).codes()) == (422, ["not-registered"])
    assert desk.get(f"/support/units/FFFFFFFFFFFF/{action}/").status_code == 404


# Failed attempts (R3)


def attempts(account: Account, serial: str, count: int) -> None:
    now = datetime.now(UTC)
    Attempt.objects.bulk_create(
        Attempt(kind="code", account=account, subject=serial, at=now) for _ in range(count)
    )


@pytest.mark.parametrize(("scope", "left"), [("unit", 3), ("account", 0)])
def test_a_unit_or_an_account_is_opened(client: Client, unit: Registration, scope: str, left: int) -> None:
    agent = staff(AGENT)
    client.force_login(agent)
    account = AccountFactory(name="Globex")
    attempts(account, unit.unit.serial, 5)
    attempts(account, "FFFFFFFFFFFF", 3)

    page = client.get(url(unit, "open"))
    response = post(client, unit, "open", choice=f"{scope}:{account.uuid}")

    assert (
        "Globex: this unit (5 failed attempts, closed until"
        in Page(page).root.one("form", method="post", novalidate="").text
    )
    assert is_done(response, unit)
    assert Attempt.objects.filter(forgiven_at=None).count() == left
    assert audited("tries-forgiven", agent).account == account


def test_attempts_at_a_serial_number_that_is_none_are_forgiven_too(desk: Client) -> None:
    account = AccountFactory()
    attempts(account, "FFFFFFFFFFFF", 5)
    address = "/support/units/FFFFFFFFFFFF/open/"

    form = {"choice": f"unit:{account.uuid}", "reason": "a typo"}
    response = desk.post(address, form)

    assert (response.status_code, response["Location"]) == (302, address)
    assert "failed attempts" in Page(desk.get(address)).root.text
    assert not Attempt.objects.filter(forgiven_at=None).exists()


def test_nothing_is_opened_where_nothing_was_tried(desk: Client, unit: Registration) -> None:
    account = AccountFactory()
    attempts(account, "FFFFFFFFFFFF", 3)

    with nothing_written():
        response = post(desk, unit, "open", choice=f"account:{account.uuid}")

    assert response.status_code == 422
    assert Page(response).root.one("p", class_="note nothing").text


def test_what_revoking_takes_from_a_secondary_is_shown_first(client: Client, lead: User) -> None:
    account = AccountFactory()
    primary, secondary, _ = pair(account, lead)
    licence = grant(primary, CONTENT_FILTER)
    facts = {"choice": str(licence.uuid), "reason": "not paid"}

    with nothing_written(but=SESSIONS):
        response = client.post(url(primary, "revoke"), facts)

    effects = [line.text for line in Page(response).root.one("ul", class_="effects points").all("li")]
    assert [unit.unit.serial in line for unit, line in zip((primary, secondary), effects, strict=True)] == [
        True
    ] * 2
    assert all("Before: licensed for ever. After: not licensed." in line for line in effects)
