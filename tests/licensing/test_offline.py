"""The pages' keysets, verified by `python -m licensing.keyset` in an environment that has no Django."""

import html
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

import licensing.keyset
from portal.clock import today
from products.models import Registration
from tests.factories import MembershipFactory, pair
from tests.licensing.history import grant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

NEEDED = ("cryptography", "cffi", "_cffi_backend")


class Appliance:
    """A Python of its own: the reader copied, `cryptography` beside it, and nothing else installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        reader = Path(str(licensing.keyset.__file__)).parent
        shutil.copytree(reader, folder / "licensing" / "keyset", ignore=shutil.ignore_patterns("__pycache__"))
        for name in NEEDED:
            origin = Path(str(find_spec(name).origin))
            package = origin.parent if origin.name == "__init__.py" else origin
            (folder / package.name).symlink_to(package)

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run Python there: no site-packages (-S), and no module but those of its folder and Python's own."""
        return subprocess.run(
            [sys.executable, "-S", *arguments],
            cwd=self.folder,
            env={"PYTHONPATH": str(self.folder), "PYTHONWARNINGS": "error"},
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )

    def verify(self, keyset: str, serial: str, *options: str) -> tuple[int, str]:
        """The exit code and the first word of the reader's answer."""
        arguments = ["-m", "licensing.keyset", "verify", "--serial", serial, "--keys", "jwks.json", *options]
        done = self.run(*arguments, text=keyset)
        return done.returncode, done.stdout.partition(":")[0]


@pytest.fixture
def hf(client: Client) -> tuple[Registration, Registration]:
    """A pair whose primary has Gateway Anti-Virus for another year; its owner is logged in."""
    member = MembershipFactory()
    primary, secondary, _ = pair(member.account, member.user)
    grant(primary, 3, expires_on=today() + timedelta(365))
    client.force_login(member.user)
    return primary, secondary


@pytest.fixture
def appliance(tmp_path: Path, client: Client) -> Appliance:
    """An appliance that ships with the ring which the portal publishes."""
    appliance = Appliance(tmp_path / "appliance")
    (appliance.folder / "jwks.json").write_bytes(client.get("/.well-known/jwks.json").content)
    return appliance


def _shown(client: Client, unit: Registration) -> list[str]:
    """The keysets in the boxes of a unit's License Keyset page, its own first."""
    page = client.get(reverse("license_keyset", args=[unit.unit.serial])).content.decode()
    return [html.unescape(box) for box in re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)]


@pytest.mark.parametrize("name", ["django", "psycopg", "portal", "licensing.models"])
def test_there_is_no_portal(appliance: Appliance, name: str) -> None:
    assert appliance.run("-c", f"import {name}").returncode == 1


def test_the_reader_is_the_copy(appliance: Appliance) -> None:
    done = appliance.run("-c", "import licensing.keyset as k; print(k.__file__)")

    assert Path(done.stdout.strip()).is_relative_to(appliance.folder)


def test_both_keysets_of_a_pair_are_installed(
    client: Client, hf: tuple[Registration, Registration], appliance: Appliance
) -> None:
    for unit, other in (hf, hf[::-1]):
        own, others = _shown(client, unit)

        assert appliance.verify(own, unit.unit.serial, "--model", "8") == (0, "installed")
        assert appliance.verify(others, other.unit.serial, "--model", "8") == (0, "installed")
        assert appliance.verify(others, unit.unit.serial) == (1, "wrong-serial")


def test_the_secondary_runs_the_primarys_service(
    client: Client, hf: tuple[Registration, Registration], appliance: Appliance
) -> None:
    primary, secondary = hf
    keyset, _ = _shown(client, secondary)

    shown = appliance.run("-m", "licensing.keyset", "show", text=keyset).stdout

    assert primary.unit.serial in shown
    assert re.search(r"^3 +Gateway .* Licensed ", shown, re.MULTILINE)


def test_what_an_appliance_answers_to_a_page_read_again(
    client: Client, hf: tuple[Registration, Registration], appliance: Appliance
) -> None:
    """The same state shows the same text; a grant to the primary is the secondary's next generation."""
    primary, secondary = hf
    first, _ = _shown(client, secondary)
    (appliance.folder / "installed").write_text(first)
    serial, options = secondary.unit.serial, ("--installed", "installed")
    assert appliance.verify(_shown(client, secondary)[0], serial, *options) == (0, "already-installed")
    grant(primary, 4)

    second, _ = _shown(client, secondary)

    assert appliance.verify(second, serial, *options) == (0, "installed")
    (appliance.folder / "installed").write_text(second)
    assert appliance.verify(first, serial, *options) == (1, "older-generation")


def test_an_altered_keyset_is_refused(
    client: Client, hf: tuple[Registration, Registration], appliance: Appliance
) -> None:
    keyset, _ = _shown(client, hf[1])
    altered = keyset[:-20] + ("A" if keyset[-20] != "A" else "B") + keyset[-19:]

    assert appliance.verify(altered, hf[1].unit.serial) == (1, "bad-signature")
