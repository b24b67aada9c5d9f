from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from portal.models import User
from tests.factories import PASSWORD, MembershipFactory, UserFactory, log_in
from tests.pages import Page

pytestmark = pytest.mark.django_db

ATTEMPTS = 5
"""allauth's own limit: so many failed attempts for one name in five minutes."""


@pytest.fixture
def user() -> User:
    return MembershipFactory(user__username="HFChanges", user__email="hf@example.com").user


def log_in_with(client: Client, password: str, login: str = "HFChanges", **form: str) -> HttpResponse:
    return client.post("/login/", {"login": login, "password": password, **form})


def is_logged_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("login", ["HFChanges", "hfchanges", "hf@example.com", "HF@EXAMPLE.COM"])
def test_name_and_address_log_in(client: Client, user: User, login: str) -> None:
    response = log_in_with(client, PASSWORD, login)

    assert response["Location"] == "/"
    assert is_logged_in(client)


class CountingHasher(MD5PasswordHasher):
    """Counts the hashes that were reckoned: they are what a login's time is made of."""

    hashes = 0

    def encode(self, password: str, salt: str) -> str:
        CountingHasher.hashes += 1
        return super().encode(password, salt)


@pytest.fixture
def hashes(user: User, settings: Settings) -> Callable[[Callable[[], object]], int]:
    """Count the hashes that something takes. The user's was made before."""
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]

    def count(act: Callable[[], object]) -> int:
        CountingHasher.hashes = 0
        act()
        return CountingHasher.hashes

    return count


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
@pytest.mark.parametrize("login", ["HFChanges", "hf@example.com", "nobody", "nobody@example.com"])
@pytest.mark.parametrize(
    "state", ["active", "inactive", "without a password", "of a shared address", "twice"]
)
def test_every_login_takes_one_hash(
    client: Client, user: User, hashes: Callable[..., int], login: str, password: str, state: str
) -> None:
    if state == "inactive":
        User.objects.update(is_active=False)
    elif state == "without a password":
        User.objects.update(password=make_password(None))
    elif state == "of a shared address":
        UserFactory(email="hf@example.com")
    elif state == "twice":  # one's user name is the other's address
        UserFactory(username="hf@example.com")

    assert hashes(lambda: log_in_with(client, password, login)) == 1


def test_a_login_that_fails_asks_the_database_the_same_for_every_name(client: Client, user: User) -> None:
    queries = []
    for login in ("HFChanges", "hf@example.com", "nobody", "nobody@example.com"):
        with CaptureQueriesContext(connection) as found:
            log_in_with(client, "wrong", login)
        queries.append(len(found))

    assert len(set(queries)) == 1


def test_whose_name_is_anothers_address_is_asked_by_name(client: Client, user: User) -> None:
    named = UserFactory(username="hf@example.com")

    log_in_with(client, PASSWORD, "hf@example.com")

    assert client.session["_auth_user_id"] == str(named.pk)


def test_an_address_of_several_users_logs_none_of_them_in(client: Client, user: User) -> None:
    UserFactory(email="hf@example.com")

    log_in_with(client, PASSWORD, "hf@example.com")
    assert not is_logged_in(client)

    log_in_with(client, PASSWORD, "HFChanges")
    assert is_logged_in(client)


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(client: Client, user: User) -> None:
    wrong_password = Page(log_in_with(client, "wrong"))
    wrong_name = Page(log_in_with(client, PASSWORD, "nobody"))

    assert wrong_name.root.one(id="login_failed").text == wrong_password.root.one(id="login_failed").text
    assert not is_logged_in(client)


def test_a_failed_login_keeps_the_name_and_not_the_password(client: Client, user: User) -> None:
    page = Page(log_in_with(client, "wrong"))

    assert page.root.one("input", name="login").attrs["value"] == "HFChanges"
    assert "value" not in page.root.one("input", name="password").attrs


@pytest.mark.parametrize(
    "form", [{}, {"login": "a\0b", "password": "x"}, {"login": "n" * 5000, "password": "\0"}]
)
def test_any_input_is_taken(client: Client, user: User, form: dict[str, str]) -> None:
    response = client.post("/login/", form)

    assert response.status_code in {200, 422}
    assert not is_logged_in(client)


def test_too_many_attempts_close_the_name_even_to_the_right_password(client: Client, user: User) -> None:
    for _ in range(ATTEMPTS):
        log_in_with(client, "wrong")

    response = log_in_with(client, PASSWORD)

    assert not is_logged_in(client)
    assert list(Page(response).root.all(id="login_failed"))


def test_too_many_attempts_from_one_address_are_answered_with_429(client: Client, user: User) -> None:
    statuses = [log_in_with(client, "wrong", f"name{n}").status_code for n in range(40)]

    response = log_in_with(client, "wrong")

    assert 429 in statuses
    assert response.status_code == 429
    assert Page(response).root.one("p", class_="stage").text == "429"


@pytest.mark.parametrize("others", [500, 5_000, 20_000])
def test_a_flood_of_other_names_opens_no_name_that_is_closed(client: Client, user: User, others: int) -> None:
    for _ in range(ATTEMPTS):
        log_in_with(client, "wrong")
    fill_cache(others, timezone.now() + timedelta(minutes=5))

    response = log_in_with(client, PASSWORD)

    assert not is_logged_in(client)
    assert list(Page(response).root.all(id="login_failed"))


def test_counters_that_have_expired_are_thrown_out(client: Client, user: User) -> None:
    fill_cache(20_000, timezone.now() - timedelta(minutes=5))

    log_in_with(client, "wrong")

    assert cached() < 20


def fill_cache(entries: int, expires: datetime) -> None:
    """As many other entries of the cache; those that are thrown out first come first by their keys."""
    expiry = connection.ops.adapt_datetimefield_value(expires.replace(microsecond=0))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO portal_cache (cache_key, value, expires) VALUES (%s, %s, %s)",
            [(f":1:other:{n}", "gARLAS4=", expiry) for n in range(entries)],
        )


def cached() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM portal_cache")
        return int(cursor.fetchone()[0])


def test_another_name_is_not_closed_by_the_attempts_for_one(client: Client, user: User) -> None:
    other = UserFactory()
    for _ in range(ATTEMPTS):
        log_in_with(client, "wrong")

    log_in_with(client, PASSWORD, other.username)

    assert is_logged_in(client)


def test_who_is_not_logged_in_is_led_on_after_login(client: Client, user: User) -> None:
    led = client.get("/products/?q=San%20Jose&sort=-name")

    page = Page(client.get(led["Location"]))
    following = page.root.one("input", name="next").attrs["value"]
    response = log_in_with(client, PASSWORD, next=following)

    assert led["Location"].startswith("/login/?next=/products/")
    assert response["Location"] == "/products/?q=San%20Jose&sort=-name"


def test_a_wrong_password_keeps_where_one_wanted_to_go(client: Client, user: User) -> None:
    page = Page(log_in_with(client, "wrong", next="/products/"))

    assert page.root.one("input", name="next").attrs["value"] == "/products/"


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "https:evil.example",
        "\0",
    ],
)
def test_login_leads_to_no_other_site(client: Client, user: User, following: str) -> None:
    response = log_in_with(client, PASSWORD, next=following)

    assert response["Location"] == "/"


@pytest.mark.parametrize("following", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_logout_leads_to_no_other_site(client: Client, following: str) -> None:
    log_in(client)

    response = client.post("/logout/", {"next": following})

    assert response["Location"] == "/login/"


def test_a_switched_off_login_is_called_so(client: Client, user: User) -> None:
    user.is_active = False
    user.save()

    response = log_in_with(client, PASSWORD)

    assert response["Location"] == "/login/inactive/"
    assert not is_logged_in(client)


def test_staff_log_in_by_the_same_page_and_are_led_to_the_desk(client: Client) -> None:
    support = UserFactory(is_staff=True, is_superuser=True)

    response = log_in_with(client, PASSWORD, support.username)

    assert client.get(response["Location"])["Location"] == "/support/"


def test_the_desk_leads_to_the_portals_login(client: Client) -> None:
    response = client.get("/support/", follow=True)

    assert response.redirect_chain[-1][0].startswith("/login/?next=")
    assert Page(response).root.one("h1").text == "Login"


def test_the_desk_refuses_who_is_not_of_the_staff(client: Client) -> None:
    log_in(client)

    response = client.get("/support/", follow=True)

    assert response.status_code == 403


def test_logging_out_takes_a_click(client: Client) -> None:
    log_in(client)

    asked = client.get("/logout/")

    assert Page(asked).root.one("h1").text == "Log out"
    assert is_logged_in(client)


def test_logging_out_ends_the_session(client: Client) -> None:
    log_in(client)

    client.post("/logout/")

    assert not is_logged_in(client)
    assert client.get("/products/")["Location"] == "/login/?next=/products/"


def test_nobody_signs_up_alone(client: Client) -> None:
    assert client.get("/signup/").status_code == 404


def test_the_login_page_asks_the_database_nothing(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        client.get("/login/")
