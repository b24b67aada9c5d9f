"""`manage.py demo` on a fresh data folder: what it prints, serves and keeps, and how it fails."""

import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.management import CommandError, call_command

from portal.management.commands.demo import SERVER
from tests.portal.processes import ROOT, environment, free_port, manage

FLEETING = {"django_session", "portal_cache"}


class Demo:
    """A demo that serves, in a process group of its own as at a prompt."""

    def __init__(self, data: Path, *options: str, **settings: str) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self._log = (data.parent / f"log-{port}").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", f"127.0.0.1:{port}", *options],
            cwd=ROOT,
            env=environment(data, **settings),
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self.wait()
        except BaseException:
            self.kill()
            raise

    @property
    def output(self) -> str:
        self._log.flush()
        return Path(self._log.name).read_text()

    def get(self, path: str) -> tuple[int, str]:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310 (its own address)
            return answer.status, answer.read().decode()

    def interrupt(self) -> float:
        """Ctrl-C goes to every process of the group; the seconds until the last word are returned."""
        started = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=30)
        return time.monotonic() - started

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._log.close()

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.get("/login/")
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        raise AssertionError(f"the demo doesn't answer: {self.output}")


@pytest.fixture
def start() -> Iterator[Callable[..., Demo]]:
    started: list[Demo] = []

    def _start(data: Path, *options: str, **settings: str) -> Demo:
        started.append(Demo(data, *options, **settings))
        return started[-1]

    yield _start
    for demo in started:
        demo.kill()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def rows(data: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the demo's database but for sessions and cache."""
    with sqlite3.connect(data / "portal.sqlite3") as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {
            name: sorted(database.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)  # noqa: S608
            for name in tables
            if name not in FLEETING
        }
    database.close()
    return found


def secrets(data: Path) -> dict[str, tuple[bytes, int]]:
    """Content and mode of every file that nobody else may read."""
    paths = [data / "secret_key", data / "demo_password", *(data / "keys").rglob("*")]
    return {
        str(path.relative_to(data)): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in paths
        if path.is_file()
    }


def password_in(output: str) -> str:
    return re.findall(r"password (\S+)", output)[0]


def fits(data: Path, login: str, password: str) -> bool:
    (user,) = (row for row in rows(data)["portal_user"] if login in row)
    (encoded,) = (str(value) for value in user if str(value).startswith("pbkdf2_"))
    return PBKDF2PasswordHasher().verify(password, encoded)


def units_in(output: str) -> list[tuple[str, str, str]]:
    return re.findall(r"^ +([0-9A-F]{12}) +([A-Z0-9]{4}-[A-Z0-9]{4}) +(\S.*)$", output, re.MULTILINE)


def test_a_fresh_start_serves_and_a_second_changes_nothing(start, data: Path) -> None:
    first = start(data)

    assert_says_what_a_newcomer_needs(first, data)
    assert_stops_without_a_word(first)

    kept, files = rows(data), secrets(data)
    second = start(data)
    assert second.output.replace(second.url, first.url).startswith(first.output.split("The portal is at")[0])
    assert_stops_without_a_word(second)
    assert rows(data) == kept
    assert secrets(data) == files


def assert_says_what_a_newcomer_needs(demo: Demo, data: Path) -> None:
    status, page = demo.get("/login/")
    output = demo.output
    password = password_in(output)
    units = units_in(output)

    assert status == 200
    assert 'name="password"' in page
    assert f"{demo.url}/" in output
    assert len(units) == 3
    assert sorted(model for _, _, model in units).count("PRO 5060") == 2
    assert not {serial for serial, _, _ in units} & registered(data)
    assert registered(data) == {"0006B1124416", "0006B112441C"}
    assert fits(data, "HFChanges", password)
    assert fits(data, "support", password)
    assert {mode for _, mode in secrets(data).values()} == {0o600}
    assert (data / "demo_password").read_text() == password


def registered(data: Path) -> set[str]:
    with sqlite3.connect(data / "portal.sqlite3") as database:
        found = database.execute(
            "SELECT serial FROM products_unit WHERE id IN (SELECT unit_id FROM products_registration)"
        ).fetchall()
    database.close()
    return {serial for (serial,) in found}


def assert_stops_without_a_word(demo: Demo) -> None:
    before = demo.output

    seconds = demo.interrupt()

    assert seconds < int(SERVER[SERVER.index("--workers-kill-timeout") + 1])
    assert demo.output == before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(demo.url.rsplit(":", 1)[1])), timeout=5)


def test_a_password_that_is_given_is_set_for_both_logins_and_kept(start, data: Path) -> None:
    given = start(data, "--password", "correct-horse")
    given.interrupt()

    assert password_in(given.output) == "correct-horse"
    assert fits(data, "HFChanges", "correct-horse")
    assert fits(data, "support", "correct-horse")
    assert secrets(data)["demo_password"] == (b"correct-horse", 0o600)


def assert_one_line(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_answered_with_one_line(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = manage("demo", f"127.0.0.1:{port}", data=data)

    assert_one_line(done)
    assert str(port) in done.stderr
    assert not (data / "portal.sqlite3").exists()


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:0", "127.0.0.1:70000", "a:b:1", "127.0.0.1:"])
def test_what_is_no_address_is_answered_with_one_line(address: str) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("demo", address)

    assert address in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_data_folder_that_cant_be_used_is_answered_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = manage("demo", f"127.0.0.1:{free_port()}", data=tmp_path / "file" / "data")

    assert_one_line(done)
    assert str(tmp_path / "file" / "data") in done.stderr


def test_keys_that_cant_be_written_are_answered_with_one_line(data: Path) -> None:
    data.mkdir()
    (data / "keys").write_text("a file where the folder is due")

    done = manage("demo", f"127.0.0.1:{free_port()}", data=data)

    assert_one_line(done)


@pytest.mark.parametrize("name", ["portal", "nobody"])
def test_a_database_that_doesnt_answer_is_reported_in_one_line(data: Path, name: str) -> None:
    url = f"postgres://{name}:geheim@127.0.0.1:{free_port()}/portal"

    done = manage("demo", f"127.0.0.1:{free_port()}", data=data, DATABASE_URL=url)

    assert_one_line(done)
    assert "geheim" not in done.stderr


@pytest.mark.parametrize("kind", ["a folder", "no database"])
def test_a_database_file_that_isnt_one_is_reported_in_one_line(data: Path, kind: str) -> None:
    data.mkdir()
    path = data / "portal.sqlite3"
    path.mkdir() if kind == "a folder" else path.write_text("no database, but text\n" * 100)

    done = manage("demo", f"127.0.0.1:{free_port()}", data=data)

    assert_one_line(done)


@pytest.fixture
def scratch_url() -> Iterator[str]:
    """An empty PostgreSQL database of the test's own."""
    database = settings.DATABASES["default"]
    name = f"demo_{uuid.uuid4().hex}"
    where = {"host": database["HOST"], "port": database["PORT"], "user": database["USER"]}
    password = database["PASSWORD"] or None
    with psycopg.connect(**where, password=password, dbname="postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        login = database["USER"] + (f":{password}" if password else "")
        yield f"postgres://{login}@{database['HOST']}:{database['PORT']}/{name}"
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.postgres
def test_on_postgresql_the_demo_makes_no_keys_but_says_who_does(start, data: Path, scratch_url: str) -> None:
    refused = manage("demo", f"127.0.0.1:{free_port()}", data=data, DATABASE_URL=scratch_url)

    assert_one_line(refused)
    assert "init_keys" in refused.stderr
    assert not (data / "keys").exists()

    assert manage("init_keys", data=data, DATABASE_URL=scratch_url).returncode == 0
    assert len(units_in(start(data, DATABASE_URL=scratch_url).output)) == 3


def test_the_server_is_started_alike_everywhere() -> None:
    readme = (ROOT / "README.md").read_text().replace("\\\n", " ")
    image = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")

    (told,) = re.findall(r"^uv run (granian .+)$", readme, re.MULTILINE)
    (built,) = re.findall(r"^CMD (\[.+\])$", image, re.MULTILINE)

    assert told.split() == json.loads(built) == ["granian", *SERVER]
    assert not re.findall(r"GRANIAN_(?!HOST|PORT)", image)
    assert "granian" not in (ROOT / "docker-compose.yml").read_text().lower()


def test_workers_that_are_killed_come_back_and_the_server_still_ends(start, data: Path) -> None:
    demo = start(data)
    killed = workers(demo)
    assert len(killed) == 2

    for worker in killed:
        os.kill(worker, signal.SIGKILL)

    wait_until(lambda: len(workers(demo) - killed) == 2)
    demo.wait()
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(timeout=10) == 0
    assert not workers(demo)


def workers(demo: Demo) -> set[int]:
    """The living processes that the server's first one has started."""
    children = Path(f"/proc/{demo.process.pid}/task/{demo.process.pid}/children")
    return {int(pid) for pid in children.read_text().split()} if children.exists() else set()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
