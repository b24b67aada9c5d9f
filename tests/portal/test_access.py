"""Who gets in where, as far as the access table of the pages doesn't say it."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.template import Context, Template
from django.test import Client, RequestFactory

from portal.access import AccountAdapter, editor_required, member_required, roles
from portal.models import User
from tests.factories import MembershipFactory, UserFactory

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
