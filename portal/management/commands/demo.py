"""Start the portal with everything that a newcomer needs to try it."""

import io
import os
import re
import socket
import sys
from argparse import ArgumentParser
from typing import Any, NoReturn

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, connections

from licensing.keysets.signing import active_signer
from portal.clock import today
from portal.demo import OWNER, SUPPORT, demo_password, load_demo, unregistered_units, unused_keys
from portal.errors import RuleViolation
from products.codes import active_kid

DEFAULT_ADDRESS = "127.0.0.1:8000"
# The README and the image start granian the same way: a test compares all three.
SERVER = [
    *("--interface", "wsgi", "--workers", "2", "--blocking-threads", "4"),
    *("--blocking-threads-idle-timeout", "600", "--respawn-failed-workers", "--workers-kill-timeout", "5"),
    *("--no-access-log", "portal.wsgi:application"),
]
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104  (named to be recognised, not bound to)


class Command(BaseCommand):
    requires_system_checks = ()  # on SQLite they open the database: its errors are reported below
    help = "Prepare a portal with a demo account in the data folder and serve it until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "address", nargs="?", default=DEFAULT_ADDRESS, metavar="ADDR:PORT", help=DEFAULT_ADDRESS
        )
        parser.add_argument(
            "--password", help="set the password of both logins; without it a random one is kept"
        )

    def handle(self, *args: Any, address: str, password: str | None, **options: Any) -> None:
        host, port = _parse(address)
        _check_free(host, port)
        try:
            connection.ensure_connection()
        except DatabaseError as error:
            raise CommandError(f"The database can't be used: {str(error).splitlines()[0]}") from None
        try:
            self._prepare(password)
        except (RuleViolation, OSError) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise CommandError("Stopped before it was ready; the next start goes on.") from None
        connections.close_all()
        _serve(host, port)

    def _prepare(self, password: str | None) -> None:
        self.stdout.write("Preparing the database, the catalogue, the keys and the demo account …")
        call_command("migrate", verbosity=0)
        call_command("load_catalogue", stdout=io.StringIO())
        if connection.vendor == "sqlite":
            call_command("init_keys", stdout=io.StringIO())
        active_signer(), active_kid()
        call_command("collectstatic", interactive=False, verbosity=0)
        kept = demo_password(password)
        load_demo(password=kept, today=today())
        self._say(kept)

    def _say(self, password: str) -> None:
        self.stdout.write(f"\nLogins, both with the password {password}")
        self.stdout.write(f"  {OWNER:<10} administrator, owner of the demo account")
        self.stdout.write(f"  {SUPPORT:<10} support staff, at /support/")
        if units := unregistered_units():
            self.stdout.write("\nUnits that you can register (serial number, authentication code, model)")
            for unit in units:
                self.stdout.write(f"  {unit.serial}  {unit.code}  {unit.model}")
        if keys := unused_keys():
            self.stdout.write("\nActivation keys that you can redeem")
            for key, description in keys:
                self.stdout.write(f"  {key}  {description}")


def _parse(address: str) -> tuple[str, int]:
    """Split ADDR:PORT; either part may be left out."""
    match = re.fullmatch(
        r"(?:(?P<host>[^:]+|\[[0-9a-fA-F:]+\]):)?(?P<port>\d{1,5})", address.removeprefix(":")
    )
    if match is None or not 0 < int(match["port"]) < 65536:
        raise CommandError(
            f"“{address}” is no address to serve at: it takes ADDR:PORT, such as {DEFAULT_ADDRESS}."
        )
    return (match["host"] or "127.0.0.1").strip("[]"), int(match["port"])


def _check_free(host: str, port: int) -> None:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family):
            pass
    except OSError as error:
        raise CommandError(
            f"{host} port {port} can't be served at: {os.strerror(error.errno or 0)}. "
            f"Name another, such as: manage.py demo {host}:{port + 1 if port < 65535 else port - 1}"
        ) from None


def _serve(host: str, port: int) -> NoReturn:
    """Replace this process with the server, which then gets the signals."""
    shown = f"[{host}]" if ":" in host else host
    os.environ.setdefault("PORTAL_URL", f"http://{'localhost' if host in EVERYWHERE else shown}:{port}")
    if host in EVERYWHERE:
        os.environ.setdefault("ALLOWED_HOSTS", "*")
    sys.stdout.write(f"\nThe portal is at {os.environ['PORTAL_URL']}/ (Ctrl-C stops it)\n")
    sys.stdout.flush()
    own = ["--host", host, "--port", str(port), "--log-level", "warning"]
    granian = [sys.executable, "-m", "granian", *own, *SERVER]
    os.execv(sys.executable, granian)  # noqa: S606  (no shell is wanted)
