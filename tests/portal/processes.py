"""The portal as a process of its own, as whoever starts it at a prompt gets it."""

import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (
    "ALLOWED_HOSTS",
    "DATABASE_URL",
    "DEBUG",
    "DJANGO_ALLOW_ASYNC_UNSAFE",
    "DJANGO_SETTINGS_MODULE",
    "MAIL_FROM",
    "MAIL_URL",
    "PORTAL_DATA_DIR",
    "PORTAL_URL",
    "SECRET_KEY",
    "TRUSTED_PROXIES",
)


def environment(data: Path, **settings: str) -> dict[str, str]:
    """This process's environment without the tests' own settings, and with these."""
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return {**kept, "PORTAL_DATA_DIR": str(data), **settings}


def manage(*arguments: str, data: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command of manage.py to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(data, **settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def settings_of(data: Path, *names: str, **settings: str) -> dict[str, object]:
    """The values that the settings file gives in this environment. Raises ImproperlyConfigured."""
    with mock.patch.dict(os.environ, environment(data, **settings), clear=True):
        found = runpy.run_path(str(ROOT / "portal" / "settings.py"))
    return {name: found.get(name) for name in names}


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
