"""Who of the staff may make whom what: roles are an operator's to give, superusers a superuser's."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from portal.models import AuditEntry, User
from portal.roles import AGENT, LEAD, MAY, OPERATOR, load_roles, roles_of
from tests.factories import PASSWORD, MembershipFactory, UserFactory
from tests.pages import Page
from tests.rows import every_row

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "a longer pass phrase 7"  # noqa: S105  (a test's)
PASSWORDS = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}

type LogIn = Callable[[str], User]


@pytest.fixture
def log_in(client: Client) -> LogIn:
    """Log the client in as somebody new who has a role, or as a superuser."""
    load_roles()

    def as_role(role: str) -> User:
        user = UserFactory(is_staff=True, is_superuser=role == "superuser")
        user.groups.set(Group.objects.filter(name=role))
        client.force_login(user)
        return user

    return as_role


def page_of(user: User, rest: str = "change/") -> str:
    return f"/support/portal/user/{user.pk}/{rest}"


def sent_for(user: User, *roles: str, **changed: str) -> dict[str, object]:
    """What the form of a user sends where nothing but this was changed."""
    flags = {name: "on" for name in ("is_active", "is_staff", "is_superuser") if getattr(user, name)}
    chosen = [str(Group.objects.get(name=role).pk) for role in roles]
    return {"username": user.username, **flags, "roles": chosen, **changed}


def kept() -> dict[str, list[tuple[object, ...]]]:
    return {table: rows for table, rows in every_row().items() if table != "sessions.Session"}


def names_of_fields(page: Page) -> set[str]:
    return {e.attrs.get("name", "") for tag in ("input", "select") for e in page.root.all(tag)}


def test_an_operator_puts_staff_into_roles(client: Client, log_in: LogIn) -> None:
    operator, user = log_in(OPERATOR), UserFactory(is_staff=True)

    client.post(page_of(user), sent_for(user, AGENT))
    client.post(page_of(user), sent_for(user, LEAD, AGENT))

    first, second = AuditEntry.objects.filter(code="user-saved").order_by("pk")
    assert roles_of(user) == [AGENT, LEAD]
    assert User.objects.get(pk=user.pk).has_perm("portal.lead")
    assert (first.actor, first.data["roles_before"], first.data["roles"]) == (operator, [], [AGENT])
    assert (second.data["roles_before"], second.data["roles"]) == ([AGENT], [AGENT, LEAD])


def test_an_operator_takes_roles_away_and_leaves_other_groups(client: Client, log_in: LogIn) -> None:
    log_in(OPERATOR)
    user, other = UserFactory(is_staff=True), Group.objects.create(name="night shift")
    user.groups.set([other, Group.objects.get(name=LEAD)])

    client.post(page_of(user), sent_for(user))

    assert list(user.groups.all()) == [other]


def test_an_operator_makes_a_login_of_the_staff(client: Client, log_in: LogIn) -> None:
    log_in(OPERATOR)

    client.post("/support/portal/user/add/", {"username": "ann", **PASSWORDS})
    ann = User.objects.get(username="ann")
    client.post(page_of(ann), sent_for(ann, AGENT, is_staff="on"))

    ann.refresh_from_db()
    assert (ann.is_staff, ann.is_superuser, roles_of(ann)) == (True, False, [AGENT])


@pytest.mark.parametrize("roles", [[OPERATOR], [AGENT, LEAD]], ids=str)
def test_only_the_staff_has_roles(client: Client, log_in: LogIn, roles: list[str]) -> None:
    log_in(OPERATOR)
    user = MembershipFactory().user
    before = kept()

    response = client.post(page_of(user), sent_for(user, *roles))

    assert response.context["adminform"].form.errors.as_data()["roles"][0].code == "staff-only"
    assert kept() == before


def test_an_operator_makes_nobody_a_superuser(client: Client, log_in: LogIn) -> None:
    operator, user = log_in(OPERATOR), UserFactory(is_staff=True)

    for whom in (user, operator):
        client.post(page_of(whom), sent_for(whom, OPERATOR, is_superuser="on"))
    client.post("/support/portal/user/add/", {"username": "ann", "is_superuser": "on", **PASSWORDS})

    assert User.objects.filter(username="ann").exists()
    assert not User.objects.filter(is_superuser=True).exists()
    assert "is_superuser" not in names_of_fields(Page(client.get(page_of(user))))


def test_permissions_and_groups_come_by_roles_alone(client: Client, log_in: LogIn) -> None:
    log_in(OPERATOR)
    user, other = UserFactory(is_staff=True), Group.objects.create(name="everything")
    other.permissions.set(Permission.objects.all())
    lead = Permission.objects.get(codename="lead")

    page = Page(client.get(page_of(user)))
    client.post(page_of(user), sent_for(user, user_permissions=str(lead.pk), groups=str(other.pk)))
    refused = client.post(page_of(user), sent_for(user, roles=str(other.pk)))

    assert not {"user_permissions", "groups"} & names_of_fields(page)
    assert refused.context["adminform"].form.errors
    assert [user.user_permissions.count(), user.groups.count()] == [0, 0]


@pytest.mark.parametrize("rest", ["change/", "password/"])
def test_an_operator_changes_nothing_of_a_superuser(client: Client, log_in: LogIn, rest: str) -> None:
    log_in(OPERATOR)
    root = UserFactory(is_staff=True, is_superuser=True)
    before = kept()

    sent = sent_for(root, email="mine@example.org") | PASSWORDS
    response = client.post(page_of(root, rest), sent)

    assert response.status_code == 403
    assert client.get(page_of(root)).status_code == 200
    assert not {"username", "is_active"} & names_of_fields(Page(client.get(page_of(root))))
    assert kept() == before


def test_a_superuser_makes_another_one(client: Client, log_in: LogIn) -> None:
    log_in("superuser")
    user = UserFactory(is_staff=True)

    client.post(page_of(user), sent_for(user, is_superuser="on"))

    assert User.objects.get(pk=user.pk).is_superuser
    assert AuditEntry.objects.get(code="user-saved").data["superuser"] is True


@pytest.mark.parametrize("role", [AGENT, LEAD])
def test_agents_and_leads_make_nobody_anything(client: Client, log_in: LogIn, role: str) -> None:
    me, other = log_in(role), UserFactory(is_staff=True)
    before = kept()

    answers = {
        client.post(
            page_of(user, rest), sent_for(user, LEAD, OPERATOR, is_superuser="on") | PASSWORDS
        ).status_code
        for user in (me, other)
        for rest in ("change/", "password/")
    }
    answers.add(client.post("/support/portal/user/add/", {"username": "ann", **PASSWORDS}).status_code)

    assert answers == {403}
    assert kept() == before


@pytest.mark.parametrize("role", [*MAY, "superuser"])
def test_nobody_edits_what_a_role_may(client: Client, log_in: LogIn, role: str) -> None:
    log_in(role)
    group = Group.objects.get(name=AGENT)

    pages = ["auth/group/", "auth/group/add/", f"auth/group/{group.pk}/change/", "auth/permission/"]
    answers = {client.post(f"/support/{page}", {"name": "mine"}).status_code for page in pages}

    assert answers == {404}


@pytest.mark.parametrize("role", list(MAY))
def test_a_password_is_shown_to_nobody(client: Client, log_in: LogIn, role: str) -> None:
    me = log_in(role)
    users = [me, MembershipFactory().user, UserFactory(is_staff=True, is_superuser=True)]

    pages = [client.get(page_of(user)).content.decode() for user in users]

    hashes = [user.password.rsplit("$", 1)[1] for user in users]
    assert not [page for page in pages for secret in [*hashes, PASSWORD] if secret in page]


def test_a_role_without_the_staffs_flag_opens_nothing(client: Client, log_in: LogIn) -> None:
    log_in(LEAD)
    User.objects.update(is_staff=False)

    answers = [client.get(page) for page in ("/support/", "/support/rma/", "/support/portal/user/")]

    assert {answer.status_code for answer in answers} == {302}
    assert all(answer.url.startswith("/support/login/") for answer in answers)
