"""Start the README's first command in an empty data folder, ask it three things, stop it as Ctrl-C does."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

STARTS_WITHIN, ENDS_WITHIN = 120, 30


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "demo.log"
        with log.open("wb") as said:
            demo = subprocess.Popen(
                ["uv", "run", "manage.py", "demo", address],
                env={**os.environ, "PORTAL_DATA_DIR": f"{folder}/data"},
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        try:
            ask(demo, f"http://{address}")
            os.killpg(demo.pid, signal.SIGINT)  # like a terminal: to the whole group
            demo.wait(timeout=ENDS_WITHIN)  # its status is 0 or 130: uv may end before the portal
            wait_for_all(demo.pid)
        except BaseException:
            print(log.read_text(), file=sys.stderr)
            raise
        finally:
            with suppress(ProcessLookupError):
                os.killpg(demo.pid, signal.SIGKILL)


def ask(demo: subprocess.Popen[bytes], portal: str) -> None:
    page = wait_for(demo, f"{portal}/login/")
    assert "<form" in page, page
    stylesheet = re.search(r'href="(/static/portal\.[0-9a-f]+\.css)"', page)
    assert stylesheet, page
    assert get(portal + stylesheet[1])
    assert '"keys"' in get(f"{portal}/.well-known/jwks.json")


def wait_for(demo: subprocess.Popen[bytes], url: str) -> str:
    began = time.monotonic()
    while demo.poll() is None and time.monotonic() - began < STARTS_WITHIN:
        try:
            page = get(url)
        except OSError:
            time.sleep(0.2)
        else:
            print(f"answered after {time.monotonic() - began:.1f} s")
            return page
    raise SystemExit(f"{url} did not answer")


def wait_for_all(group: int) -> None:
    """Wait for the last process of the demo to end. Raises TimeoutError."""
    began = time.monotonic()
    while time.monotonic() - began < ENDS_WITHIN:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            print(f"ended, {time.monotonic() - began:.1f} s after its first process")
            return
        time.sleep(0.1)
    raise TimeoutError("a process of the demo is still there")


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read(), "utf-8")


if __name__ == "__main__":
    main()
