"""Every page that anybody can reach is sound HTML under a strict policy, and every link works."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.http import HttpResponse
from django.test import Client
from django.urls import path, resolve, reverse
from django.utils import timezone
from django.utils.http import urlsafe_base64_encode
from pytest_django import Settings

from associations.services import remove_association
from licensing.models import Service
from portal.clock import today
from portal.models import Account, Membership, User
from portal.urls import urlpatterns as portals_own
from products.models import Unit
from tests.factories import (
    LicenceFactory,
    MembershipFactory,
    RegistrationFactory,
    UnitFactory,
    UserFactory,
    hf,
    log_in,
    pair,
    registrations,
)
from tests.licensing.offers import offered
from tests.licensing.rma.support import complete, open_for
from tests.pages import Element, Page

# One process runs each crawl once: the tests only read its answers.
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("keys", "catalogue"),
    pytest.mark.xdist_group("crawls"),
]

ATTRIBUTES_OF_IDS = ["for", "aria-describedby", "aria-labelledby", "aria-controls", "data-copy"]

type Pages = dict[str, HttpResponse]
CRAWLED: dict[str, Pages] = {}


def fill(account: Account, by: User) -> None:
    """Create units in every state that pages distinguish."""
    primary, _, _ = pair(account, by=by)
    spare = RegistrationFactory(account=account, friendly_name="<b>& \"a spare\" 'quoted'")
    hf(primary, spare, by=by)
    _, heir, removed = pair(account, by=by)
    remove_association(seat=removed, by=by)
    new = RegistrationFactory(account=account)
    hf(heir, new, by=by)
    firewall = RegistrationFactory(account=account, unit__model_name="TZ 170")
    point = RegistrationFactory(account=account, unit__model_name="SonicPoint")
    hf(firewall, point, by=by, slug="sonicpoint")
    retired = RegistrationFactory(account=account)
    Unit.objects.filter(pk=retired.unit_id).update(retired_at=timezone.now())
    LicenceFactory(registration=primary, service=Service.objects.get(code=4), expires_on=today())
    LicenceFactory(registration=firewall, service=Service.objects.get(code=2), count=5, expires_on=today())
    complete(open_for(RegistrationFactory(account=account, friendly_name="<i>failed</i>"), UnitFactory()))
    open_for(primary, UnitFactory())
    giver = MembershipFactory()
    offered(RegistrationFactory(account=giver.account), account, giver.user)
    offered(RegistrationFactory(account=account), giver.account, by)


def crawl(client: Client, start: str, key: Callable[[str], str] = str) -> Pages:
    """Every page reached by links from one; of pages with the same key only the first."""
    pages: Pages = {}
    seen, waiting = {key(start)}, [start]
    while waiting:
        url = waiting.pop()
        pages[url] = response = client.get(url, follow=True)
        if not response.get("Content-Type", "").startswith("text/html"):
            continue
        for link in Page(response).root.all("a"):
            target = urljoin(response.request["PATH_INFO"], link.attrs.get("href", "")).partition("#")[0]
            if key(target) not in seen:
                seen.add(key(target))
                waiting.append(target)
    return pages


def view_name(url: str) -> str:
    return resolve(urlsplit(url).path).view_name


@pytest.fixture
def pages(client: Client) -> Pages:
    """The pages that the owner reaches, and the answers to wrongly sent forms."""
    return once("pages", lambda: crawl_as_owner(client))


@pytest.fixture
def other_pages(client: Client, settings: Settings) -> Pages:
    """The pages for a viewer, a user without an account and anonymous users, and errors."""
    return once("other_pages", lambda: crawl_as_others(client, settings))


@pytest.fixture
def desk_pages(client: Client) -> Pages:
    """One page of every kind of the support desk."""
    return once("desk_pages", lambda: crawl_the_desk(client))


def once(name: str, make: Callable[[], Pages]) -> Pages:
    if name not in CRAWLED:
        CRAWLED[name] = make()
    return CRAWLED[name]


def crawl_as_owner(client: Client) -> Pages:
    member = log_in(client)
    fill(member.account, member.user)
    alone, other = RegistrationFactory(account=member.account), RegistrationFactory()
    refused = {
        "/products/register/": {"serial_number": "1", "friendly_name": "n" * 31},
        f"/products/{alone.unit.serial}/survey/": {"bought_at": "s" * 81},
        f"/products/{alone.unit.serial}/association/": {"choice": f"hf:{other.unit.serial}"},
        f"/products/{alone.unit.serial}/name/": {"friendly_name": "n" * 31},
        f"/products/{alone.unit.serial}/associated/hf/register/": {"serial_number": "1"},
    }
    sent = {f"POST {url}": client.post(url, form) for url, form in refused.items()}
    reached = crawl(client, "/")
    registrations(member.account, 110)
    steps = [
        f"/products/{alone.unit.serial}/{step}/" for step in ("survey", "association", "association/child")
    ]
    long = {url: client.get(url) for url in [*steps, "/products/", "/products/?sort=serial", "/nowhere/"]}
    return {**reached, **long, **sent}


def crawl_as_others(client: Client, settings: Settings) -> Pages:
    settings.ROOT_URLCONF = "tests.test_pages"
    entrance = crawl(client, "/login/") | {"failed": client.post("/login/", {"login": "a", "password": "b"})}
    strict = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory())
    nobody = {"no account": client.get("/"), "400": client.get("/?q=%00")}
    person = UserFactory()
    names = [urlsafe_base64_encode(str(person.pk).encode()), default_token_generator.make_token(person)]
    links = {
        "used up": client.get("/password/x/y/"),
        "link": client.get(reverse("set_password", args=names), follow=True),
    }
    member = log_in(client, Membership.Role.VIEWER)
    fill(member.account, member.user)
    client.raise_request_exception = False
    faults = {"/broken/": client.get("/broken/"), "csrf": strict.post("/login/"), "405": client.post("/")}
    return {**entrance, **nobody, **links, **crawl(client, "/"), **faults, "/logout/": client.get("/logout/")}


def crawl_the_desk(client: Client) -> Pages:
    member = log_in(client)
    fill(member.account, member.user)
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return crawl(client, "/support/", key=view_name)


def broken(request: object) -> None:
    raise ZeroDivisionError


urlpatterns = [*portals_own, path("broken/", broken)]


def problems_of(page: Page) -> Iterator[str]:
    """What is wrong with a page's HTML."""
    yield from page.problems
    elements = list(page.root.all())
    ids = Counter(element.attrs["id"] for element in elements if "id" in element.attrs)
    yield from (f"{count} elements have the id {id}" for id, count in ids.items() if count > 1 or not id)
    for element in elements:
        for name in ATTRIBUTES_OF_IDS:
            missing = set(element.attrs.get(name, "").split()) - set(ids)
            yield from (f"<{element.tag} {name}> names {id}, which isn't there" for id in missing)
    yield from (f"a control without a name: {e.attrs}" for e in controls(page) if not has_name(e, page))
    if (count := len(list(page.root.all("h1")))) != 1:
        yield f"{count} elements <h1>"


def controls(page: Page) -> Iterator[Element]:
    for tag in ("input", "select", "textarea"):
        yield from (e for e in page.root.all(tag) if e.attrs.get("type") not in {"hidden", "submit"})


def has_name(control: Element, page: Page) -> bool:
    labels = list(page.root.all("label"))
    return (
        bool({"aria-label", "aria-labelledby"} & set(control.attrs))
        or control.attrs.get("id") in {label.attrs.get("for") for label in labels}
        or any(control in label.all() for label in labels)
    )


def policy_problems(response: HttpResponse) -> Iterator[str]:
    """What a nonce-only policy would refuse in a page, and the headers that it lacks."""
    policy = response.get("Content-Security-Policy", "")
    nonces = set(re.findall("'nonce-([^']+)'", policy))
    if "unsafe" in policy or "default-src 'none'" not in policy or "frame-ancestors 'none'" not in policy:
        yield f"a policy that allows too much: {policy}"
    if response.get("X-Frame-Options") != "DENY" or response.get("X-Content-Type-Options") != "nosniff":
        yield "it may be framed or sniffed"
    for element in Page(response).root.all():
        is_inline = element.tag in {"script", "style"} and "src" not in element.attrs
        is_data = element.attrs.get("type") == "application/json"
        if is_inline and not is_data and element.attrs.get("nonce") not in nonces:
            yield f"<{element.tag}> without the nonce"
        yield from (
            f"<{element.tag} {name}>" for name in element.attrs if re.fullmatch("style|on.*|hx-on.*", name)
        )
        address = element.attrs.get("src") or (
            element.tag in {"link", "form", "a"} and element.attrs.get("href")
        )
        if address and urlsplit(address).netloc:
            yield f"{address} is on another host"


def html_of(pages: Pages) -> Pages:
    return {
        url: r for url, r in pages.items() if r.get("Content-Type", "").startswith("text/html") and r.content
    }


def test_the_owners_pages_are_sound(pages: Pages) -> None:
    problems = {url: list(problems_of(Page(response))) for url, response in html_of(pages).items()}

    assert {url: found for url, found in problems.items() if found} == {}
    assert len(problems) > 30


def test_everybody_elses_pages_are_sound(other_pages: Pages) -> None:
    problems = {url: list(problems_of(Page(response))) for url, response in html_of(other_pages).items()}

    assert {url: found for url, found in problems.items() if found} == {}


def test_the_desks_own_pages_are_sound(desk_pages: Pages) -> None:
    own = {url: r for url, r in html_of(desk_pages).items() if view_name(url).startswith("desk:")}
    problems = {url: list(problems_of(Page(response))) for url, response in own.items()}

    assert {url: found for url, found in problems.items() if found} == {}
    assert {view_name(url) for url in own} >= {"desk:unit", "desk:cases", "desk:case", "desk:search"}


def test_every_link_leads_the_owner_somewhere(pages: Pages) -> None:
    statuses = {url: response.status_code for url, response in pages.items() if not url.startswith("POST")}

    assert statuses.pop("/nowhere/") == 404
    retired = {url for url, status in statuses.items() if status == 409}
    assert len(retired) == 1
    assert {status for url, status in statuses.items() if url not in retired} == {200}
    assert {r.status_code for url, r in pages.items() if url.startswith("POST")} == {422}


def test_every_kind_of_page_is_reached(pages: Pages) -> None:
    reached = {view_name(url) for url in pages if url.startswith("/") and url != "/nowhere/"}

    assert reached >= {
        "main_page",
        "activity",
        "my_products",
        "help_page",
        "product_survey",
        "create_association",
        "choose_child",
        "service_management",
        "license_keyset",
        "readiness",
        "entitlements",
        "entitlements_csv",
        "readiness_csv",
        "associated_products",
        "change_parent",
        "release_product",
        "offer",
        "replace_appliance",
        "transfer_licenses",
        "redeem_key",
        "free_trial",
        "swap_roles",
        "share_licenses",
        "undo_act",
        "rma_cases",
        "rma_case",
    }


@pytest.mark.parametrize("whose", ["pages", "other_pages", "desk_pages"])
def test_no_page_needs_more_than_the_policy_allows(whose: str, request: pytest.FixtureRequest) -> None:
    pages = html_of(request.getfixturevalue(whose))

    problems = {url: list(policy_problems(response)) for url, response in pages.items()}

    assert {url: found for url, found in problems.items() if found} == {}


def test_each_answer_has_a_nonce_of_its_own(client: Client) -> None:
    policies = [client.get("/login/")["Content-Security-Policy"] for _ in range(2)]

    assert policies[0] != policies[1]


def test_what_is_no_page_is_not_sniffed_either(client: Client) -> None:
    response = client.get("/.well-known/jwks.json")

    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"


# What these tell belongs to no section: nothing is there, or it is about the login itself.
SECTIONLESS = {"403.html", "404.html", "account/logout.html", "account/set_password.html"}


def marks(response: HttpResponse, navigation: str) -> list[int]:
    """How many entries each navigation of a page with this label marks as the current one."""
    navigations = Page(response).root.all("nav", aria_label=navigation)
    return [len([e for e in nav.all() if "aria-current" in e.attrs]) for nav in navigations]


@pytest.mark.parametrize("whose", ["pages", "other_pages"])
def test_the_navigation_marks_the_section_of_each_page(whose: str, request: pytest.FixtureRequest) -> None:
    pages = html_of(request.getfixturevalue(whose)).values()

    signed_in = [(page.templates[0].name, found) for page in pages if (found := marks(page, "Main"))]

    assert {template for template, found in signed_in if found != [1]} <= SECTIONLESS
    assert {template for template, found in signed_in if found != [0]}.isdisjoint(SECTIONLESS)


def test_the_trail_marks_where_each_page_of_the_desk_is(desk_pages: Pages) -> None:
    found = {url: marks(response, "Breadcrumbs") for url, response in html_of(desk_pages).items()}

    assert found.pop("/support/") == []
    assert {url: count for url, count in found.items() if count != [1]} == {}
