"""Who of the staff may make whom what: roles and the staff are a superuser's, passwords their owners'."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from portal.models import AuditEntry, User
from portal.roles import AGENT, LEAD, MAY, OPERATOR, load_roles, roles_of
from tests.factories import PASSWORD, MembershipFactory, UserFactory
from tests.pages import Page
from tests.rows import SESSIONS, nothing_written

pytestmark = pytest.mark.django_db

NEW = {"username": "ann", "email": "ann@a.example", "reason": "a new colleague"}
PASSWORD_FIELDS = {"password", "password1", "password2", "usable_password", "new_password1"}

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


def names_of_fields(page: Page) -> set[str]:
    return {e.attrs.get("name", "") for tag in ("input", "select") for e in page.root.all(tag)}


def test_a_superuser_puts_staff_into_roles(client: Client, log_in: LogIn) -> None:
    root, user = log_in("superuser"), UserFactory(is_staff=True)

    client.post(page_of(user), sent_for(user, AGENT))
    client.post(page_of(user), sent_for(user, LEAD, AGENT))

    first, second = AuditEntry.objects.filter(code="user-saved").order_by("pk")
    assert roles_of(user) == [AGENT, LEAD]
    assert User.objects.get(pk=user.pk).has_perm("portal.lead")
    assert (first.actor, first.data["roles_before"], first.data["roles"]) == (root, [], [AGENT])
    assert (second.data["roles_before"], second.data["roles"]) == ([AGENT], [AGENT, LEAD])


def test_a_superuser_takes_roles_away_and_leaves_other_groups(client: Client, log_in: LogIn) -> None:
    log_in("superuser")
    user, other = UserFactory(is_staff=True), Group.objects.create(name="night shift")
    user.groups.set([other, Group.objects.get(name=LEAD)])

    client.post(page_of(user), sent_for(user))

    assert list(user.groups.all()) == [other]


def test_a_superuser_makes_a_login_of_the_staff(client: Client, log_in: LogIn) -> None:
    log_in("superuser")

    client.post("/support/portal/user/add/", NEW)
    ann = User.objects.get(username="ann")
    client.post(page_of(ann), sent_for(ann, AGENT, is_staff="on"))

    ann.refresh_from_db()
    assert (ann.is_staff, ann.is_superuser, roles_of(ann)) == (True, False, [AGENT])


@pytest.mark.parametrize("roles", [[OPERATOR], [AGENT, LEAD]], ids=str)
def test_only_the_staff_has_roles(client: Client, log_in: LogIn, roles: list[str]) -> None:
    log_in("superuser")
    user = MembershipFactory().user

    with nothing_written(but=SESSIONS):
        response = client.post(page_of(user), sent_for(user, *roles))

    assert response.context["adminform"].form.errors.as_data()["roles"][0].code == "staff-only"


def test_an_operator_makes_nobody_staff_and_gives_no_role(client: Client, log_in: LogIn) -> None:
    operator, person, staff = log_in(OPERATOR), UserFactory(), UserFactory(is_staff=True)
    raised = {"is_staff": "on", "is_superuser": "on"}

    for whom in (operator, person, staff):
        client.post(page_of(whom), sent_for(whom, OPERATOR, LEAD, **raised))
    client.post("/support/portal/user/add/", NEW | raised | sent_for(person, LEAD) | NEW)

    ann = User.objects.get(username="ann")
    assert not User.objects.filter(is_superuser=True).exists()
    assert set(User.objects.filter(is_staff=True)) == {operator, staff}
    assert [roles_of(user) for user in (operator, person, staff, ann)] == [[OPERATOR], [], [], []]
    offered = names_of_fields(Page(client.get(page_of(person))))
    assert not {"is_staff", "is_superuser", "roles", "email"} & offered


def test_an_operator_switches_a_login_off_and_on(client: Client, log_in: LogIn) -> None:
    log_in(OPERATOR)
    user = UserFactory()

    for is_active in (False, True):
        client.post(page_of(user), {"username": user.username} | ({"is_active": "on"} if is_active else {}))
        user.refresh_from_db()
        assert user.is_active is is_active


def test_an_operator_leads_nobodys_link_to_another_address(client: Client, log_in: LogIn) -> None:
    log_in(OPERATOR)
    owner = MembershipFactory(user__email="owner@a.example").user

    client.post(page_of(owner), sent_for(owner, email="mine@example.org"))

    assert User.objects.get(pk=owner.pk).email == "owner@a.example"


def test_permissions_and_groups_come_by_roles_alone(client: Client, log_in: LogIn) -> None:
    log_in("superuser")
    user, other = UserFactory(is_staff=True), Group.objects.create(name="everything")
    other.permissions.set(Permission.objects.all())
    lead = Permission.objects.get(codename="lead")

    page = Page(client.get(page_of(user)))
    client.post(page_of(user), sent_for(user, user_permissions=str(lead.pk), groups=str(other.pk)))
    refused = client.post(page_of(user), sent_for(user, roles=str(other.pk)))

    assert not {"user_permissions", "groups"} & names_of_fields(page)
    assert refused.context["adminform"].form.errors
    assert [user.user_permissions.count(), user.groups.count()] == [0, 0]


@pytest.mark.parametrize("flags", [{"is_staff": True}, {"is_superuser": True}], ids=str)
@pytest.mark.parametrize("rest", ["change/", "link/"])
def test_an_operator_changes_nothing_of_the_staff(
    client: Client, log_in: LogIn, rest: str, flags: dict[str, bool]
) -> None:
    log_in(OPERATOR)
    user = UserFactory(email="root@a.example", **flags)
    sent = sent_for(user, email="mine@example.org", reason="why") | {"is_active": ""}

    with nothing_written(but=SESSIONS):
        response, shown = client.post(page_of(user, rest), sent), client.get(page_of(user))

    assert (response.status_code, shown.status_code) == (403, 200)
    assert not {"username", "is_active"} & names_of_fields(Page(shown))


@pytest.mark.parametrize("role", [OPERATOR, "superuser"])
def test_nobody_sets_another_ones_password(client: Client, log_in: LogIn, role: str) -> None:
    log_in(role)
    user = UserFactory()
    typed = dict.fromkeys(PASSWORD_FIELDS, "a longer pass phrase 7")

    client.post(page_of(user), sent_for(user) | typed)
    client.post(page_of(user, "link/"), {"reason": "why"} | typed)
    client.post("/support/portal/user/add/", NEW | typed)

    pages = [page_of(user), page_of(user, "link/"), "/support/portal/user/add/"]
    assert User.objects.get(pk=user.pk).password == user.password
    assert not User.objects.get(username="ann").has_usable_password()
    assert not [page for page in pages if names_of_fields(Page(client.get(page))) & PASSWORD_FIELDS]
    assert client.get(page_of(user, "password/")).status_code in {302, 404}


def test_a_superuser_makes_another_one(client: Client, log_in: LogIn) -> None:
    log_in("superuser")
    user = UserFactory(is_staff=True)

    client.post(page_of(user), sent_for(user, is_superuser="on"))

    assert User.objects.get(pk=user.pk).is_superuser
    assert AuditEntry.objects.get(code="user-saved").data["superuser"] is True


@pytest.mark.parametrize("role", [AGENT, LEAD])
def test_agents_and_leads_make_nobody_anything(client: Client, log_in: LogIn, role: str) -> None:
    me, other = log_in(role), UserFactory(is_staff=True)

    with nothing_written(but=SESSIONS):
        answers = {
            client.post(
                page_of(user, rest), sent_for(user, LEAD, OPERATOR, is_superuser="on", reason="why")
            ).status_code
            for user in (me, other)
            for rest in ("change/", "link/")
        }
        answers.add(client.post("/support/portal/user/add/", NEW).status_code)

    assert answers == {403}


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
