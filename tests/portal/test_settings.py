"""The settings that a process gets from its environment."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.management.commands.demo import SERVER
from portal.settings import SERVING_LIMITS
from tests.portal.processes import ROOT, manage, settings_of

HTTPS = "https://portal.example"
LOGIN = {"username": "portal", "password": "p@ss"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_nothing_is_debugged_unless_asked_for(data: Path) -> None:
    assert settings_of(data, "DEBUG") == {"DEBUG": False}
    assert settings_of(data, "DEBUG", DEBUG="1") == {"DEBUG": True}


def test_without_an_address_it_is_reached_on_this_machine(data: Path) -> None:
    found = settings_of(data, "PORTAL_URL", "IS_HTTPS", "ALLOWED_HOSTS", "TRUSTED_PROXIES")

    assert found["PORTAL_URL"] == "http://localhost:8000"
    assert found["IS_HTTPS"] is False
    assert set(found["ALLOWED_HOSTS"]) == {"localhost", "127.0.0.1", "[::1]"}
    assert found["TRUSTED_PROXIES"] == 0


def test_an_https_address_turns_everything_on_that_goes_with_it(data: Path) -> None:
    switches = ["SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS"]

    found = settings_of(data, *switches, PORTAL_URL=HTTPS)

    assert all(found.values())


def test_an_https_address_is_the_one_host_and_origin(data: Path) -> None:
    found = settings_of(data, "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", PORTAL_URL=f"{HTTPS}:8443/")

    assert found == {"ALLOWED_HOSTS": ["portal.example"], "CSRF_TRUSTED_ORIGINS": [f"{HTTPS}:8443"]}


@pytest.mark.parametrize(("proxies", "header"), [("", True), ("0", False), ("2", True)])
def test_a_proxys_headers_are_believed_only_where_there_is_one(
    data: Path, proxies: str, header: bool
) -> None:
    given = {"TRUSTED_PROXIES": proxies} if proxies else {}

    found = settings_of(data, "SECURE_PROXY_SSL_HEADER", PORTAL_URL=HTTPS, **given)

    assert (found["SECURE_PROXY_SSL_HEADER"] is not None) is header


def test_on_plain_http_no_header_of_a_proxy_is_believed(data: Path) -> None:
    names = ["SECURE_PROXY_SSL_HEADER", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "SECURE_HSTS_SECONDS"]

    assert not any(settings_of(data, *names).values())


def refusal(data: Path, **settings: str) -> str:
    """What is told of a setting that is wrong: one line."""
    with pytest.raises(ImproperlyConfigured) as refused:
        settings_of(data, **settings)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_command_answers_a_wrong_setting_with_that_line_alone(data: Path) -> None:
    done = manage("check", data=data, PORTAL_URL="nowhere")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"The settings are wrong: {refusal(data, PORTAL_URL='nowhere')}\n"


@pytest.mark.parametrize("url", ["", "portal.example", "ftp://portal.example", "https://", "http://[::1"])
def test_a_wrong_address_is_answered_with_one_line(data: Path, url: str) -> None:
    assert "PORTAL_URL" in refusal(data, PORTAL_URL=url)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "many"),
        ("DATABASE_URL", "portal"),
        ("DATABASE_URL", "mysql://portal:geheim@db/portal"),
        ("DATABASE_URL", "postgres://portal:geheim@db:port/portal"),
        ("DATABASE_URL", "postgres://portal:geheim@db/portal?statement_timeout=30s"),
        ("DATABASE_URL", "postgres://portal:geheim@db/portal?lock_timeout=-1"),
        ("MAIL_URL", "mail.example"),
        ("MAIL_URL", "http://portal:geheim@mail.example"),
        ("MAIL_URL", "smtp://portal:geheim@mail.example:port"),
        ("MAIL_URL", "smtp://portal:ge/heim@mail.example"),
        ("MAIL_URL", "smtp://portal:ge#heim@mail.example"),
        ("MAIL_URL", "smtp://portal:geheim@"),
        ("MAIL_URL", "smtp://geheim@mail.example"),
        ("MAIL_URL", "smtp://portal:geheim@mail.example/?tls=no"),
        ("MAIL_URL", "smtp+plain://portal:geheim@mail.example"),
        ("MAIL_FROM", "the portal"),
        ("MAIL_FROM", "portal@"),
        ("MAIL_FROM", "portal@portal.example\nBcc: eve@e.example"),
    ],
)
def test_a_wrong_setting_is_answered_with_one_line(data: Path, name: str, value: str) -> None:
    told = refusal(data, **{name: value})

    assert name in told
    assert "heim" not in told


def test_a_data_folder_that_cant_be_used_is_answered_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = manage("check", data=tmp_path / "file" / "data")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "PORTAL_DATA_DIR" in done.stderr


@pytest.mark.parametrize("given", [{}, {"DATABASE_URL": ""}])
def test_the_database_is_a_file_in_the_data_folder(data: Path, given: dict[str, str]) -> None:
    database = settings_of(data, "DATABASES", **given)["DATABASES"]["default"]

    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == str(data / "portal.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]


def test_an_address_of_postgresql_leads_there(data: Path) -> None:
    url = "postgres://portal:geheim@db.example:5433/units"

    database = settings_of(data, "DATABASES", DATABASE_URL=url)["DATABASES"]["default"]

    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example", 5433, "units")
    assert (database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"]) == (600, True)
    assert "transaction_mode" not in database.get("OPTIONS", {})


LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")


def limits_of(first: str, query: str = "") -> dict[str, str]:
    """What PostgreSQL holds a process to, one that has imported `first` before all else."""
    program = (
        f"import {first}, django; django.setup(); import json; from django.db import connection as c;"
        f"show = lambda name: c.cursor().execute('SHOW ' + name).fetchone()[0];"
        f"print(json.dumps({{name: show(name) for name in {LIMITS!r}}}))"
    )
    address = os.environ["DATABASE_URL"].partition("?")[0]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": f"{address}?{query}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.postgres
def test_requests_wait_for_postgresql_for_so_long_and_no_longer() -> None:
    assert list(limits_of("portal.wsgi").values()) == ["10s", "4s", "1min", "9min"]


@pytest.mark.postgres
@pytest.mark.parametrize("query", ["", "statement_timeout=30"])
def test_commands_statements_may_take_their_time(query: str) -> None:
    assert list(limits_of("manage", query).values()) == ["0", "4s", "1min", "0"]


@pytest.mark.postgres
@pytest.mark.parametrize(
    "query",
    [
        "statement_timeout=30&lock_timeout=0&idle_in_transaction_session_timeout=5&idle_session_timeout=100",
        "options=-c%20statement_timeout%3D30s%20-c%20lock_timeout%3D0"
        "%20-c%20idle_in_transaction_session_timeout%3D5s%20-c%20idle_session_timeout%3D100s",
    ],
)
def test_the_databases_address_names_other_time_outs(query: str) -> None:
    assert list(limits_of("portal.wsgi", query).values()) == ["30s", "0", "5s", "100s"]


@pytest.mark.parametrize(("query", "seconds"), [("", 2), ("?connect_timeout=7", 7)])
def test_a_connection_is_waited_for(data: Path, query: str, seconds: int) -> None:
    url = f"postgres://portal@db.example/units{query}"

    database = settings_of(data, "DATABASES", DATABASE_URL=url)["DATABASES"]["default"]

    assert database["OPTIONS"]["connect_timeout"] == seconds


def test_a_session_ends_before_the_thread_that_has_it() -> None:
    thread_ends = int(SERVER[SERVER.index("--blocking-threads-idle-timeout") + 1])

    assert SERVING_LIMITS["idle_session_timeout"] < thread_ends


def test_without_a_mail_server_mail_becomes_files_in_the_data_folder(data: Path) -> None:
    mailer = settings_of(data, "MAILERS")["MAILERS"]["default"]

    assert mailer == {
        "BACKEND": "portal.outbox.FileBackend",
        "OPTIONS": {"file_path": str(data / "mail")},
    }


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("smtp://mail.example", {"port": 587, "use_tls": True}),
        ("smtp://portal:p%40ss@mail.example:2525", {"port": 2525, "use_tls": True, **LOGIN}),
        ("smtps://portal:p%40ss@mail.example/", {"port": 465, "use_ssl": True, **LOGIN}),
        ("smtp+plain://mail.example", {"port": 25}),
    ],
)
def test_an_address_of_a_mail_server_leads_there(data: Path, url: str, options: dict[str, object]) -> None:
    mailer = settings_of(data, "MAILERS", MAIL_URL=url)["MAILERS"]["default"]

    assert mailer["BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    assert mailer["OPTIONS"] == {"host": "mail.example", "timeout": 10, **options}


@pytest.mark.parametrize(
    ("given", "sender"),
    [
        ({}, "MySonicWALL <portal@localhost>"),
        ({"PORTAL_URL": HTTPS}, "MySonicWALL <portal@portal.example>"),
        ({"PORTAL_URL": "http://[::1]:8000"}, "MySonicWALL <portal@localhost>"),
        ({"MAIL_FROM": "Pörtal <p@a.example>"}, "Pörtal <p@a.example>"),
    ],
)
def test_who_mail_is_from(data: Path, given: dict[str, str], sender: str) -> None:
    assert settings_of(data, "DEFAULT_FROM_EMAIL", **given) == {"DEFAULT_FROM_EMAIL": sender}


def test_the_secret_key_is_made_once_and_its_owners_alone(data: Path) -> None:
    first = settings_of(data, "SECRET_KEY")

    second = settings_of(data, "SECRET_KEY")

    assert second == first
    assert len(str(first["SECRET_KEY"])) >= 50
    assert (data / "secret_key").read_text() == first["SECRET_KEY"]
    assert [path.name for path in data.iterdir()] == ["secret_key"]
    assert stat.S_IMODE((data / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_a_secret_key_of_the_environment_leaves_no_file(data: Path) -> None:
    found = settings_of(data, "SECRET_KEY", SECRET_KEY="from the environment")  # noqa: S106

    assert found == {"SECRET_KEY": "from the environment"}
    assert not data.exists()


def test_an_https_deployment_passes_djangos_checks(data: Path) -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", data=data, PORTAL_URL=HTTPS)

    assert (done.returncode, done.stderr) == (0, "")


def test_each_process_of_the_tests_has_a_data_folder_of_its_own() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")

    assert settings.DATA_DIR.name.endswith(worker)
    assert os.environ["PORTAL_DATA_DIR"] == str(settings.DATA_DIR)
