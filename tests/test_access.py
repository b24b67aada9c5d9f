"""Every address answers everybody, for own and foreign rows, as the access table says."""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.utils import timezone

from associations.models import Seat
from associations.services import remove_association
from licensing.activation.redeeming import make_activation_keys
from licensing.keysets.issuing import read_keyset
from licensing.models import Keyset, KeysetHead, Licence, Offer, PoolPart, RmaCase, Service, TrialStart
from licensing.moves.release import plan_release
from portal.clock import today
from portal.models import Account, Act, Mail, Membership, User
from portal.roles import AGENT, LEAD, OPERATOR
from products.models import Registration, Survey
from tests.access_table import (
    ACTORS,
    CORRECTIONS,
    DESK,
    DESK_MODELS,
    DESK_ROLES,
    DESK_ROLES_MODELS,
    PORTAL,
    ROLES,
    lines,
)
from tests.factories import (
    CODE,
    PASSWORD,
    AccountFactory,
    LicenceFactory,
    MembershipFactory,
    RegistrationFactory,
    UnitFactory,
    UserFactory,
    hf,
    pair,
    staff,
)
from tests.licensing.offers import offered
from tests.licensing.rma.support import ask as ask_for_case
from tests.rows import Rows, every_row

SHORT = {"account_login": "login", "admin:index": "support", "admin:login": "desk-login"}
SAYS_WHY = {"desk:decline_case", "desk:cancel_case", "desk:undo_case"}
# A correction that needs only a reason takes it, and goes on to the unit.
SAYS_WHY |= {name for name, *_, lead in lines(CORRECTIONS) if lead.endswith("/desk:unit")}
REFUSED = {"login", "desk-login", "403", "404"}
DESK_PAGES = ["changelist", "add", "change", "history", "delete"]


@dataclass(frozen=True)
class Address:
    """A URL pattern: its name (or its route, if it has none) and its route."""

    name: str
    route: str

    @property
    def names_a_row(self) -> bool:
        return bool(
            re.search("<serial:serial>|<(path:object_)?id>|(rma|activity|offers)/<uuid:uuid>", self.route)
        )

    def path(self, arguments: dict[str, object]) -> str:
        """The route, filled in. A placeholder is `<serial:serial>` or, in the admin's, `(?P<url>.*)$`."""
        holes = r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>"
        return "/" + re.sub(holes, lambda hole: str(arguments[hole[1] or hole[2]]), self.route).strip("^$")


def addresses(resolver: URLResolver, namespace: str = "", route: str = "") -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        here = route + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, pattern.namespace + ":" if pattern.namespace else namespace, here)
        elif isinstance(pattern, URLPattern):
            yield Address(namespace + pattern.name if pattern.name else here, here)


ADDRESSES = {address.name: address for address in addresses(get_resolver())}

type Table = dict[str, dict[tuple[str, str], list[str]]]


def table() -> Table:
    """By address: the answers by method and row owner; the owner is empty if the address names no row."""
    rows: Table = defaultdict(dict)
    for name, method, *rest in lines(PORTAL):
        whose = rest.pop(0) if rest[0] in {"own", "foreign"} else ""
        rows[name][method, whose] = rest
    for name, *cells in lines(DESK):
        add_desk_row(rows, name, "desk-login", cells)
    for name, _, _, lead in lines(CORRECTIONS):
        add_desk_row(rows, name, "desk-login", lead.split("/"))
    for model, *pages in lines(DESK_MODELS):
        for page, both in zip(DESK_PAGES, pages, strict=True):
            cells = both.replace("list", f"admin:{model}_changelist").split("/")
            add_desk_row(rows, f"admin:{model}_{page}", "login", cells)
        change = f"admin:{model}_change"
        add_desk_row(rows, f"support/{model.replace('_', '/')}/<path:object_id>/", "login", [change, change])
    return rows


def add_desk_row(rows: Table, name: str, anonymous: str, cells: list[str]) -> None:
    names_a_row = name in ADDRESSES and ADDRESSES[name].names_a_row
    for row in ["own", "foreign"] if names_a_row else [""]:
        for method, superuser in zip(("GET", "POST"), cells, strict=True):
            rows[name][method, row] = [anonymous, *["desk-login"] * 4, superuser]


TABLE = table()


@dataclass(frozen=True)
class Side:
    """An account with a lone unit, another that could be its HF Primary, and a row of everything else.

    `spare` is the seat of a spare in a pair, `standby` that of the pair's secondary. `case` is requested,
    because of `other`. `act` removed an association of a third pair. The account `made` an offer of a third
    unit, and `offer` is made to it.
    """

    account: Account
    unit: Registration
    other: Registration
    spare: Seat
    standby: Seat
    key: str
    case: RmaCase
    act: Act
    made: Offer
    offer: Offer


@dataclass(frozen=True)
class World:
    """The users, and the rows to ask for. One client serves all: each new one loads the middleware."""

    client: Client
    users: dict[str, User]
    sessions: dict[str, str]
    own: Side
    foreign: Side
    unregistered: str
    counts: list[tuple[str, int]]


def side(member: Membership) -> Side:
    unit, other, primary, *children = RegistrationFactory.create_batch(
        5, account=member.account, unit__model_name="PRO 4060"
    )
    standby, spare = (hf(primary, child, by=member.user) for child in children)
    Survey.objects.create(registration=other, bought_at="Springfield")
    service = Service.objects.get(code=3)
    LicenceFactory(registration=other, service=service)
    TrialStart.objects.create(unit=other.unit, service=service)
    pool = LicenceFactory(registration=unit, service=Service.objects.get(code=2), count=3)
    PoolPart.objects.create(licence=pool, registration=other, count=1)
    for registration in (unit, other):
        read_keyset(registration=registration, today=today())
    _, (key,) = make_activation_keys(
        service=Service.objects.get(code=4),
        count=None,
        months=12,
        number=1,
        model=None,
        reason="the access table",
        by=member.user,
    )
    Mail.objects.create(to="ann@a.example", subject="Sent", account=member.account, sent_at=timezone.now())
    case, act = ask_for_case(other, by=member.user), remove_a_pair(member)
    made = offered(RegistrationFactory(account=member.account), AccountFactory(), member.user)
    giver = MembershipFactory()
    offer = offered(RegistrationFactory(account=giver.account), member.account, giver.user)
    return Side(member.account, unit, other, spare, standby, key, case, act, made, offer)


def remove_a_pair(member: Membership) -> Act:
    """Something that can be undone."""
    *_, seat = pair(member.account, member.user)
    remove_association(seat=seat, by=member.user)
    return Act.objects.get(account=member.account)


def session(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def staff_by_role() -> dict[str, User]:
    """A staff user for each role at the desk, and one without a role."""
    return {actor: staff(role) for actor, role in zip(ROLES, ["", AGENT, LEAD, OPERATOR], strict=True)}


@pytest.fixture
def world(keys: None, catalogue: None) -> World:
    owner, stranger, third = MembershipFactory.create_batch(3)
    users = {
        "owner": owner.user,
        "admin": MembershipFactory(account=owner.account, role=Membership.Role.ADMIN).user,
        "viewer": MembershipFactory(account=owner.account, role=Membership.Role.VIEWER).user,
        "stranger": stranger.user,
        "staff": UserFactory(is_staff=True, is_superuser=True),
        **staff_by_role(),
    }
    sessions = {actor: session(user) for actor, user in users.items()}
    return World(Client(), users, sessions, side(owner), side(third), UnitFactory().serial, counts())


def arguments(world: World, address: Address, whose: str) -> dict[str, object]:
    """The values of the address's placeholders. At the desk a model's first row is own, its last foreign."""
    place = world.foreign if whose == "foreign" else world.own
    seat = place.standby if address.name in {"swap_roles", "pair_keysets_file"} else place.spare
    needs_seat = "uuid" in address.route or address.name == "pair_keysets_file"
    unit = seat.registration.unit if needs_seat else place.unit.unit
    unit = place.made.registration.unit if address.name == "withdraw_offer" else unit
    named = {
        "withdraw/": place.made,
        "offers/": place.offer,
        "rma/": place.case,
        "activity/": place.act,
        "accounts/": place.account,
    }
    filled = {
        "serial": unit.serial,
        "slug": "hf",
        "uuid": next((row.uuid for name, row in named.items() if name in address.route), seat.uuid),
        "code": 2 if address.name == "share_licenses" else 5,
        "topic": "index",
        "name": "desk-unit",
        "token": "nowhere",
        "uidb64": "nowhere",
        "app_label": "products",
        "url": "nowhere/",
    }
    if re.search("<(path:object_)?id>", address.route):
        label, model = address.route.split("/")[1:3]
        if label == "r":
            label, model = "products", "unit"
        rows = apps.get_model(label, model)._default_manager.order_by("pk")
        row = rows.last() if whose == "foreign" else rows.first()
        filled |= {
            "object_id": row.pk,
            "id": row.pk,
            "content_type_id": ContentType.objects.get_for_model(row).pk,
        }
    return filled


def form(world: World, name: str, whose: str) -> dict[str, str]:
    """The least that the address accepts from somebody who may send it."""
    place = world.foreign if whose == "foreign" else world.own
    choice = {"choice": f"hf:{place.other.unit.serial}"}
    why_it_failed = {"symptom": "no link light"}
    forms = {
        "account_login": {"login": world.users["owner"].username, "password": PASSWORD},
        "replace_appliance": why_it_failed,
        "desk:open_case": {"kind": "replacement", **why_it_failed},
        "desk:add_note": {"text": "the access table"},
        "register": {"serial_number": world.unregistered, "authentication_code": CODE},
        "desk:search": {"q": "Shelbyville"},
        "desk:note_account": {"text": "pays late"},
        "desk:open_customer": {
            "organisation": "Shelbyville",
            "username": "shelby",
            "email": "shelby@s.example",
            "reason": "a new customer",
        },
        "product_survey": {"bought_at": "Shelbyville"},
        "create_association": choice,
        "choose_child": choice,
        "associate_product": {"serial_number": place.other.unit.serial},
        "change_parent": {"to": place.other.unit.serial},
        "release_product": {
            "account": str(world.users["stranger"].membership.account.uuid),
            "seen": plan_release(place.unit).fingerprint,
        },
        "accept_offer": {"seen": plan_release(place.offer.registration).fingerprint},
        "redeem_key": {"activation_key": place.key, "version": str(place.unit.unit.version)},
        "share_licenses": {
            "licence": str(place.unit.licences.get(service__code=2).uuid),
            "source": place.unit.unit.serial,
            "to": place.other.unit.serial,
            "count": "1",
        },
    }
    says_why = name.endswith(("_delete", "_resend")) or name in SAYS_WHY
    why = {"post": "yes", "reason": "the access table"} if says_why else {}
    return forms.get(name, why)


def counts() -> list[tuple[str, int]]:
    """The number of rows of each table, except sessions, which come and go with the requests."""
    tables = sorted(model._meta.db_table for model in apps.get_models(include_auto_created=True))
    queries = [f"SELECT '{name}', COUNT(*) FROM {name}" for name in tables if name != Session._meta.db_table]  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(queries))
        return sorted(cursor.fetchall())


@contextmanager
def taken_back() -> Iterator[None]:
    """Roll back the block, so that everybody meets the same rows."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def answer(response: HttpResponse) -> str:
    """A response in the table's notation."""
    if response.status_code not in {301, 302}:
        return str(response.status_code)
    name = resolve(urlsplit(response["Location"]).path).view_name
    return SHORT.get(name, name)


def ask(world: World, address: Address, method: str, whose: str, actor: str) -> str:
    """One user's answer. A POST that is refused for who sends it leaves every table as it was."""
    path, client = address.path(arguments(world, address, whose)), world.client
    client.cookies.clear()
    if actor != "anonymous":
        client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions[actor]
    with taken_back():
        if method == "GET":
            return answer(client.get(path))
        given = answer(client.post(path, form(world, address.name, whose)))
        assert given not in REFUSED or counts() == world.counts, f"{actor} was refused and changed something"
    return given


def test_every_address_has_its_row_and_every_row_its_address() -> None:
    whole = [(method, whose) for method in ("GET", "POST") for whose in ("own", "foreign")]
    expected = {
        name: whole if address.names_a_row else [("GET", ""), ("POST", "")]
        for name, address in ADDRESSES.items()
    }

    written = {name: list(rows) for name, rows in TABLE.items()}

    assert {name: sorted(rows) for name, rows in written.items()} == {
        name: sorted(rows) for name, rows in expected.items()
    }


def roles_table() -> Table:
    """By address of the desk: the answers of each role by method, regardless of whose row it is."""
    rows: Table = defaultdict(dict)
    for name, *cells in lines(DESK_ROLES):
        add_roles(rows, name, dict(zip(ROLES, cells, strict=True)))
    for name, _, agent, lead in lines(CORRECTIONS):
        add_roles(rows, name, dict(zip(ROLES, ["403/403", agent, lead, "403/403"], strict=True)))
    written = {(model, role): pages for model, role, *pages in lines(DESK_ROLES_MODELS)}
    for model, *_ in lines(DESK_MODELS):
        for number, page in enumerate(DESK_PAGES):
            cells = {role: written.get((model, role), written["every", role])[number] for role in ROLES}
            add_roles(rows, f"admin:{model}_{page}", cells, model)
        change = f"admin:{model}_change"
        old = f"support/{model.replace('_', '/')}/<path:object_id>/"
        add_roles(rows, old, dict.fromkeys(ROLES, f"{change}/{change}"), model)
    return rows


def add_roles(rows: Table, name: str, cells: dict[str, str], model: str = "") -> None:
    whose = "own" if name in ADDRESSES and ADDRESSES[name].names_a_row else ""
    pairs = [cell.replace("list", f"admin:{model}_changelist").split("/") for cell in cells.values()]
    for method, answers in zip(("GET", "POST"), zip(*pairs, strict=True), strict=True):
        rows[name][method, whose] = list(answers)


ROLES_TABLE = roles_table()
ENTRANCES = {"admin:login", "admin:logout"}


def test_every_address_of_the_desk_says_what_each_role_may() -> None:
    desk = {name for name, address in ADDRESSES.items() if address.route.startswith("support/")}

    assert set(ROLES_TABLE) == desk - ENTRANCES


# One world serves all addresses that begin alike: making one takes longer than rolling an answer back.
GROUPS: dict[str, list[str]] = defaultdict(list)
for name in TABLE:
    first, _, rest = ADDRESSES[name].route.partition("/")
    GROUPS[f"{first}/{rest.partition('/')[0]}" if first == "support" else first].append(name)


@pytest.mark.django_db
@pytest.mark.parametrize("group", GROUPS)
def test_everybody_gets_the_answer_of_the_table(group: str, world: World) -> None:
    expected = {
        (name, *key, actor): cell
        for rows, actors in ((TABLE, ACTORS), (ROLES_TABLE, ROLES))
        for name in GROUPS[group]
        for key, cells in rows.get(name, {}).items()
        for actor, cell in zip(actors, cells, strict=True)
    }

    given = {
        (name, method, whose, actor): ask(world, ADDRESSES[name], method, whose, actor)
        for name, method, whose, actor in expected
    }

    assert {key: given[key] for key in expected if given[key] != expected[key]} == {}


# What nobody may do through any page of the desk

ACTION = {
    "action": "delete_selected",
    "_selected_action": ["1", "2", "3"],
    "select_across": "1",
    "post": "yes",
}
NOT_COMPARED = {Session._meta.label, LogEntry._meta.label}
# Buttons that need nothing typed.
BUTTONS = {"desk:resend_mail", "desk:approve_case"}
# Addresses that no junk can change anything through, even with a reason.
SAFE = {
    model._meta.label
    for model in (Keyset, KeysetHead, Licence, Offer, PoolPart, Registration, Seat, TrialStart, User)
}


def junk_for(kind: str) -> dict[str, object]:
    """What no page would send: nothing, a bulk action, or junk in every field."""
    if kind == "junk":
        fields = [field for model in apps.get_models() for field in model._meta.get_fields()]
        typed = ["choice", "seen", "reason", "replacement", "serial_number", "form-TOTAL_FORMS"]
        sent = dict.fromkeys([*(field.name for field in fields), *typed], "junk")
        rows = {field.name: "0" for field in fields if field.is_relation}
        return sent | rows | {"replacement": "junk"}  # Django's choice of a row accepts no word
    return ACTION if kind == "action" else {}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["nothing", "action", "junk"])
def test_whatever_is_sent_to_the_desk_goes_through_services(kind: str, world: World) -> None:
    changed = changed_by(world, kind)

    assert kind == "junk" or set(changed) <= BUTTONS
    assert {name: tables for name, tables in changed.items() if "portal.AuditEntry" not in tables} == {}
    assert {name: tables for name, tables in changed.items() if tables & SAFE} == {}


def changed_by(world: World, kind: str) -> dict[str, set[str]]:
    """The tables in which each address of the desk changes rows when a superuser sends it junk."""
    world.client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions["staff"]
    before, changed = kept_rows(), {}
    for name in ROLES_TABLE:
        path = ADDRESSES[name].path(arguments(world, ADDRESSES[name], "own"))
        with taken_back():
            world.client.post(path, junk_for(kind))
            after = kept_rows()
            changed[name] = {table for table in after if after[table] != before[table]}
    return {name: tables for name, tables in changed.items() if tables}


def kept_rows() -> dict[str, Rows]:
    return {table: rows for table, rows in every_row().items() if table not in NOT_COMPARED}


# A NUL, which PostgreSQL's texts can't hold

NUL = "\0"


@pytest.mark.django_db
def test_a_nul_in_an_address_or_a_cookie_is_refused(world: World) -> None:
    paths = [address.path(arguments(world, address, "own")) for address in ADDRESSES.values()]

    for actor in ("anonymous", "owner", "staff"):
        world.client.cookies.clear()
        if actor != "anonymous":
            world.client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions[actor]
        asked = [f"{path}{rest}" for path in paths for rest in ("?q=%00", "?a%00=", "%00", "%00/change/")]
        assert {world.client.get(path).status_code for path in asked} == {400}
    quoted = r"\000" * 32
    world.client.cookies.clear()
    cookie = {"cookie": f'{settings.SESSION_COOKIE_NAME}="{quoted}"'}
    assert world.client.get("/", headers=cookie).status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize("group", GROUPS)
def test_a_nul_in_a_form_is_refused_or_ignored(group: str, world: World) -> None:
    world.client.raise_request_exception = False
    for name in GROUPS[group]:
        actor = "staff" if ADDRESSES[name].route.startswith("support/") else "owner"
        path = ADDRESSES[name].path(arguments(world, ADDRESSES[name], "own"))
        for sent in forms_with_nul(form(world, name, "own")):
            world.client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions[actor]
            with taken_back():
                assert world.client.post(path, sent).status_code < 500, (name, sent)
                assert "\\x00" not in repr(kept_rows()), (name, sent)


def forms_with_nul(sound: dict[str, str]) -> Iterator[dict[str, object]]:
    """What a page accepts with a NUL in one of its fields, or in all of them."""
    yield dict.fromkeys(junk_for("junk"), f"a{NUL}") | sound
    yield from (
        {**junk_for("junk"), **sound, name: f"{sound.get(name, '')}{NUL}"} for name in [*sound, "reason"]
    )
