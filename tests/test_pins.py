"""Every package is pinned to an exact version, and nothing in git says where packages come from."""

import re
import subprocess
import tomllib
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The tools that install packages aren't pinned.
INSTALLERS = {"pip", "setuptools", "uv", "wheel"}
# Packages that are needed on other systems only: their markers exclude them here.
ELSEWHERE = {"colorama", "tzdata"}
# Split, so that this file doesn't name one itself.
INDEX_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("pypi", "python", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("anaconda", "org"),
    )
]
LOCK_FILES = {
    "uv.lock",
    "poetry.lock",
    "Pipfile.lock",
    "pdm.lock",
    "pylock.toml",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins() -> dict[str, str]:
    constraints = project()["tool"]["uv"]["constraint-dependencies"]
    return {canonical(name): version for name, version in (pin.split("==") for pin in constraints)}


def installed() -> dict[str, str]:
    found = {canonical(each.name): each.version for each in distributions()}
    return {name: version for name, version in found.items() if name not in INSTALLERS}


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_every_installed_package_is_pinned_with_its_version() -> None:
    own = canonical(project()["project"]["name"])

    unpinned = {
        name: version for name, version in installed().items() if name != own and pins().get(name) != version
    }

    assert not unpinned


def test_every_pin_is_installed_or_needed_elsewhere() -> None:
    assert set(pins()) - set(installed()) <= ELSEWHERE


def test_every_pin_is_one_exact_version_named_once() -> None:
    constraints = project()["tool"]["uv"]["constraint-dependencies"]

    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", pin) for pin in constraints)
    assert len(pins()) == len(constraints)


def test_everything_that_is_asked_for_is_pinned() -> None:
    asked = [*project()["project"]["dependencies"], *project()["dependency-groups"]["dev"]]

    names = {canonical(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]) for requirement in asked}

    assert names <= set(pins())


def test_no_lock_file_is_tracked() -> None:
    assert not [path for path in tracked_files() if path.name in LOCK_FILES]


def test_no_tracked_file_names_a_package_index() -> None:
    named = {
        str(path.relative_to(ROOT))
        for path in tracked_files()
        for host in INDEX_HOSTS
        if host.encode() in path.read_bytes()
    }

    assert not named


def test_no_index_is_configured_for_uv() -> None:
    assert not {"index", "index-url", "extra-index-url", "find-links"} & set(project()["tool"]["uv"])
