"""How the tests run: on a PostgreSQL server of their own or, with `--db sqlite`, on a file."""

import io
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_django

from tests.postgres import PostgresServer, ServerFailed

if TYPE_CHECKING:
    from django.db.models import Model
    from django.test import Client

    from portal.models import User

OWN_APPS = ["portal", "products", "associations", "licensing"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--db", choices=["postgres", "sqlite"], default="postgres", help="the database to test on"
    )
    parser.addoption(
        "--database-only",
        action="store_true",
        help="only the tests that use the database",
    )
    parser.addoption("--pictures", action="store_true", help="write the README's pictures anew")


def pytest_configure(config: pytest.Config) -> None:
    """Start the database before Django reads its settings. The workers of xdist inherit the environment."""
    is_worker = hasattr(config, "workerinput")
    if not is_worker:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # shut down in order, as after Ctrl-C
        _set_environment(config)
    else:
        _take_own_folder(config.workerinput["workerid"])
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    import django
    from django.conf import settings
    from django.core.management import call_command

    # Hashing a password takes half a second on purpose, and every test that logs in would need two.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Otherwise each test client would list all static files. Browser tests see them as deployed.
    settings.WHITENOISE_AUTOREFRESH = True
    django.setup()
    if not is_worker:
        call_command("collectstatic", interactive=False, verbosity=0)
        _write_key_files()
        if config.getoption("numprocesses", None):  # a worker that inherits it reads the settings too early
            del os.environ["DJANGO_SETTINGS_MODULE"]


def _set_environment(config: pytest.Config) -> None:
    """Give the run a folder of its own, and settings that don't depend on anybody's shell."""
    folder = Path(tempfile.mkdtemp(prefix="portal-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    for name in ("ALLOWED_HOSTS", "DEBUG", "MAIL_FROM", "MAIL_URL", "SECRET_KEY", "TRUSTED_PROXIES"):
        os.environ.pop(name, None)
    os.environ |= {
        "PORTAL_DATA_DIR": str(folder / "data"),
        "PORTAL_URL": "http://localhost",
        "DATABASE_URL": _database_url(config, folder),
        # Playwright's event loop runs in the tests' thread, and Django would take that for asynchronous code.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
    }


def _take_own_folder(worker: str) -> None:
    """Copy the data folder with keys and collected files: what one worker writes is no other's."""
    os.environ["PORTAL_DATA_DIR"] = shutil.copytree(
        os.environ["PORTAL_DATA_DIR"], f"{os.environ['PORTAL_DATA_DIR']}-{worker}"
    )


def _database_url(config: pytest.Config, folder: Path) -> str:
    if config.getoption("--db") == "sqlite":
        return f"sqlite:///{folder}/portal.sqlite3"
    if url := os.environ.get("TEST_DATABASE_URL"):
        return url
    try:
        server = PostgresServer(folder)
    except ServerFailed as failure:
        raise pytest.UsageError(str(failure)) from None
    config.add_cleanup(server.stop)
    # On a busy machine a test may hold locks for long, and restoring the catalogue's rows waits for them.
    return f"{server.url}?lock_timeout=0&idle_in_transaction_session_timeout=0"


def _write_key_files() -> None:
    """Write the keys' files once, for all workers: `init_keys` adopts them when their rows are gone."""
    from django.conf import settings

    from licensing.keysets.signing import describe_signing_key, make_signing_key
    from portal.keys import describe_hash_key, make_hash_key, write_secret

    for purpose, make, describe in (
        ("keysets", make_signing_key, describe_signing_key),
        ("codes", make_hash_key, describe_hash_key),
    ):
        secret = make()
        write_secret(settings.DATA_DIR / "keys" / purpose / describe(secret).kid, secret)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On SQLite neither browser tests nor the races' controls are collected: they need PostgreSQL."""
    left = set()
    if config.getoption("--db") == "sqlite":
        left |= {item for item in items if item.get_closest_marker("postgres")}
    if config.getoption("--database-only"):
        left |= {item for item in items if not uses_database(item)}
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=list(left))


def uses_database(item: pytest.Item) -> bool:
    """Whether a test uses Django's database: some only start processes, which choose their own."""
    names = set(getattr(item, "fixturenames", []))
    return bool({"db", "transactional_db", "live_server"} & names or item.get_closest_marker("django_db"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test fails the run: nobody would notice it otherwise."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.ensure_newline()
        reporter.section("tests were skipped, and CI is set: the run has failed", red=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once why tests were skipped, so that what is missing gets installed."""
    for reason in sorted({report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])}):
        terminalreporter.write_line(reason)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Each worker of xdist has a database of its own."""


@pytest.fixture(scope="session")
def shipped() -> dict[type["Model"], list["Model"]]:
    """The rows of the shipped catalogue with its audit and ledger entries, once the database is set up."""
    return {}


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None,
    django_db_blocker: pytest_django.DjangoDbBlocker,
    shipped: dict[type["Model"], list["Model"]],
) -> None:
    """Load the catalogue once, in 1,100 queries, and keep its rows for tests whose database was flushed."""
    from django.apps import apps

    from licensing.catalogue.shipped import load_catalogue

    with django_db_blocker.unblock():
        load_catalogue()
        models = [model for label in OWN_APPS for model in apps.get_app_config(label).get_models()]
        shipped |= {model: rows for model in models if (rows := list(model._base_manager.all()))}


@pytest.fixture(scope="session", autouse=True)
def ledger_survives_flush() -> Iterator[None]:
    """On SQLite a transactional test's flush deletes rows, which the ledger's triggers refuse: lift them."""
    from django.db import connection
    from django.test import TransactionTestCase

    from licensing.ledger.append_only import expose, protect

    flush = TransactionTestCase._fixture_teardown

    def flush_all(case: TransactionTestCase) -> None:
        if connection.vendor != "sqlite":
            return flush(case)
        with connection.schema_editor() as editor:
            expose(editor, "licensing_ledgerentry")
        flush(case)
        with connection.schema_editor() as editor:
            protect(editor, "licensing_ledgerentry")
        return None

    TransactionTestCase._fixture_teardown = flush_all
    yield
    TransactionTestCase._fixture_teardown = flush


@pytest.fixture(autouse=True)
def empty_cache(request: pytest.FixtureRequest) -> None:
    """Login attempts are counted in the cache: clear it, so that every test starts at zero."""
    if uses_database(request.node):
        request.getfixturevalue("_django_db_helper")
        from django.core.cache import cache

        cache.clear()


@pytest.fixture
def keys(db: None) -> None:
    """The portal's keys, files and rows."""
    from django.core.management import call_command

    call_command("init_keys", stdout=io.StringIO())


@pytest.fixture
def by(db: None) -> "User":
    """Who acts, where it doesn't matter who."""
    from tests.factories import UserFactory

    return UserFactory()


@pytest.fixture
def desk(client: "Client", admin_user: "User") -> "Client":
    """The client, logged in at the desk as a superuser."""
    client.force_login(admin_user)
    return client


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """For controls of races (tests.races.without_locks)."""
    from tests.races import take_locks_away

    take_locks_away(monkeypatch)


@pytest.fixture
def damage_key(
    keys: None, settings: pytest_django.Settings, tmp_path: Path
) -> Iterator[Callable[[str], None]]:
    """A separate node, whose file of a purpose's active key can be truncated; it is then read again."""
    from licensing.keysets import signing
    from portal.keys import active_key, read_secret

    def forget_secrets() -> None:
        read_secret.cache_clear()
        signing._signer.cache_clear()

    def damage(purpose: str) -> None:
        path = settings.DATA_DIR / "keys" / purpose / active_key(purpose).kid
        path.write_bytes(path.read_bytes()[:10])
        forget_secrets()

    settings.DATA_DIR = shutil.copytree(settings.DATA_DIR / "keys", tmp_path / "node" / "keys").parent
    yield damage
    forget_secrets()


@pytest.fixture
def catalogue(db: None, shipped: dict[type["Model"], list["Model"]]) -> None:
    """The shipped catalogue. A transactional test's flush deletes it, and the next test restores it."""
    from django.db import transaction

    from licensing.models import Service

    if Service.objects.exists():
        return
    with transaction.atomic():  # foreign keys are checked at its end, so the order doesn't matter
        for model, rows in shipped.items():
            model._base_manager.bulk_create(rows)
