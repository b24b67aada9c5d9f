"""What the benches stand on: a PostgreSQL server of their own with the portal's database."""

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import django
from django.db import connection, connections

from tests.postgres import PostgresServer

write = sys.stdout.write


@contextmanager
def portal() -> Iterator[Path]:
    """Serve a database with keys, roles and the shipped catalogue, and tidy up at the end. Gives a folder."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        server = PostgresServer(folder)
        try:
            os.environ |= {
                "PORTAL_DATA_DIR": str(folder / "data"),
                "PORTAL_URL": "http://localhost",
                "DATABASE_URL": server.url,
                "DJANGO_SETTINGS_MODULE": "portal.settings",
            }
            django.setup()
            _prepare()
            yield folder
        finally:
            connections.close_all()
            server.stop()


def _prepare() -> None:
    from django.core.management import call_command

    from licensing.keysets.signing import describe_signing_key, make_signing_key
    from portal.keys import describe_hash_key, make_hash_key, write_secret
    from portal.roles import load_roles

    for purpose, make, describe in (
        ("keysets", make_signing_key, describe_signing_key),
        ("codes", make_hash_key, describe_hash_key),
    ):
        secret = make()
        path = Path(os.environ["PORTAL_DATA_DIR"]) / "keys" / purpose / describe(secret).kid
        write_secret(path, secret)
    call_command("migrate", verbosity=0)
    for command in ("init_keys", "load_catalogue"):
        call_command(command, stdout=io.StringIO())
    load_roles()


def side_by_side[Sizes](sizes: Mapping[str, Sizes], fill: Callable[[Sizes], None]) -> None:
    """Copy the present database once for each name, and fill each copy with its rows."""
    present = connections.settings["default"]
    connection.close()
    maintenance = {**present, "NAME": "template1"}
    connections.settings |= {name: {**present, "NAME": name} for name in sizes} | {"other": maintenance}
    with connections["other"].cursor() as cursor:
        for name in sizes:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {present['NAME']}")
    for name, size in sizes.items():
        turn_to(name)
        fill(size)


def turn_to(name: str) -> None:
    """Let every query go to this copy; its connection stays open."""
    connections["default"] = connections[name]
