"""Who gets in where, as far as the access table of the pages doesn't say it."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.template import Context, Template
from django.test import Client, RequestFactory

from portal.access import AccountAdapter, editor_required, member_required, roles
from portal.models import User
from tests.factories import PASSWORD, MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db

DECORATORS = [member_required, editor_required]


def ask(decorator, user: User) -> HttpResponse:
    """Answer a request by a view that says whose account it was let into."""
    request = RequestFactory().get("/")
    request.user = user
    view = decorator(lambda request, **arguments: HttpResponse(f"{request.membership.account}{arguments}"))
    return view(request, serial="0006B112441C")


@pytest.mark.parametrize("decorator", DECORATORS)
@pytest.mark.parametrize("role", ["owner", "admin"])
def test_owners_and_admins_get_in_with_their_account(decorator, role: str) -> None:
    member = MembershipFactory(role=role)

    answer = ask(decorator, member.user)

    assert answer.content.decode() == f"{member.account}{ {'serial': '0006B112441C'} }"


def test_a_viewer_may_look_and_not_change() -> None:
    viewer = MembershipFactory(role="viewer")

    assert ask(member_required, viewer.user).status_code == 200
    with pytest.raises(PermissionDenied):
        ask(editor_required, viewer.user)


@pytest.mark.parametrize("decorator", DECORATORS)
def test_who_belongs_to_no_account_is_refused(decorator) -> None:
    user = UserFactory()

    with pytest.raises(PermissionDenied):
        ask(decorator, user)


@pytest.mark.parametrize("decorator", DECORATORS)
def test_staff_are_led_to_the_support_desk(decorator) -> None:
    staff = MembershipFactory(user__is_staff=True).user

    answer = ask(decorator, staff)

    assert (answer.status_code, answer["Location"]) == (302, "/support/")


@pytest.mark.parametrize("path", ["/", "/products/"])
def test_a_member_who_lost_the_account_gets_the_page_of_refusals(client: Client, path: str) -> None:
    client.force_login(UserFactory())

    answer = client.get(path)

    assert answer.status_code == 403
    assert "403.html" in [template.name for template in answer.templates]


def can_register(user: User | AnonymousUser) -> bool:
    """What a template is told, on a page that isn't a member's own (such as a help page)."""
    request = RequestFactory().get("/")
    request.user = user
    return Template("{{ can_register }}").render(Context(roles(request))) == "True"


@pytest.mark.parametrize(("role", "answer"), [("owner", True), ("admin", True), ("viewer", False)])
def test_templates_know_who_may_register(role: str, answer: bool) -> None:
    assert can_register(MembershipFactory(role=role).user) is answer


def test_templates_know_that_nobody_else_may_register() -> None:
    assert not can_register(UserFactory())
    assert not can_register(MembershipFactory(user__is_staff=True).user)
    assert not can_register(AnonymousUser())


def test_nobody_signs_up_alone() -> None:
    assert not AccountAdapter().is_open_for_signup(RequestFactory().get("/"))


# Parts of pages, which htmx asks for

SITE = "http://testserver"


def lead(client: Client, path: str, *, came_from: str | None = None, method: str = "get") -> tuple[str, str]:
    """Where a request for a part leads the whole page, and whereto that leads back."""
    headers = {"HX-Request": "true"} | ({"HX-Current-URL": came_from} if came_from else {})
    answer = getattr(client, method)(path, headers=headers)
    assert (answer.status_code, answer.content, answer.has_header("Location")) == (204, b"", False)
    assert "HX-Request" in answer["Vary"]
    address = urlsplit(answer["HX-Redirect"])
    return address.path, parse_qs(address.query).get("next", [""])[0]


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    ("path", "login"),
    [
        ("/products/?q=san+j&sort=name", "/login/"),
        ("/products/0006B112441C/association/", "/login/"),
        ("/support/products/unit/", "/login/"),
        ("/support/search/", "/support/login/"),
    ],
    ids=["members", "editors", "the desk's lists", "the desk's own pages"],
)
def test_a_part_leads_who_is_logged_out_to_the_login_and_back_to_the_page(
    client: Client, path: str, login: str, method: str
) -> None:
    assert lead(client, path, came_from=f"{SITE}/products/?q=san", method=method) == (
        login,
        "/products/?q=san",
    )


@pytest.mark.parametrize(
    "came_from",
    [None, "", "https://elsewhere.example/products/", "//elsewhere.example/", "x:y", "http://["],
)
def test_it_leads_back_to_no_other_site(client: Client, came_from: str | None) -> None:
    assert lead(client, "/products/", came_from=came_from) == ("/login/", "/")


def test_the_login_leads_back_to_the_page(client: Client) -> None:
    member = MembershipFactory()
    client.force_login(member.user)
    client.logout()
    answer = client.get(
        "/products/?q=san+jose", headers={"HX-Request": "true", "HX-Current-URL": f"{SITE}/products/?q=san"}
    )

    done = client.post(answer["HX-Redirect"], {"login": member.user.username, "password": PASSWORD})

    assert done["Location"] == "/products/?q=san"


def test_a_part_leads_staff_to_the_desk_as_a_whole_page(client: Client) -> None:
    client.force_login(MembershipFactory(user__is_staff=True).user)

    assert lead(client, "/products/", came_from=f"{SITE}/products/") == ("/support/", "")


@pytest.mark.parametrize("header", ["", "HX-Boosted", "HX-History-Restore-Request"])
def test_a_whole_page_is_redirected_as_ever(client: Client, header: str) -> None:
    headers = {"HX-Request": "true", header: "true"} if header else {}

    answer = client.get("/products/?q=san", headers=headers)

    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/products/%3Fq%3Dsan")
