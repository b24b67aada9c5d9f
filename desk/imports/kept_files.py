"""Factory files between preview and import: kept in the data folder of the node that took them.

They name authentication codes, so the folder is its owner's alone (0700), the files too (0600). A file's
name is drawn at random and bound to the user who sent it. It goes when it is imported or cancelled, and after
a day with whoever opens the page next. Another node doesn't have it: there the file is to be sent again.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from portal.errors import RuleViolation
from portal.models import User

KEPT_SECONDS = 24 * 3600


class UploadTooLarge(RuleViolation):
    """A file is larger than the portal takes in a browser."""

    code = "upload-too-large"
    field = "file"
    message = (
        "At most {megabytes} MB are taken here. Split the file, or give it to "
        "`manage.py import_units`, which takes any length."
    )


class ImportGone(RuleViolation):
    """The file to preview or import isn't kept on this node, or not for this user."""

    code = "import-gone"
    field = "file"
    message = (
        "That file isn't here any more: it was imported or cancelled, its import is under way, it was sent "
        "more than a day ago, or another node of the portal has it. If in doubt send it again: units that "
        "are there already with the same values stay as they are."
    )


class ImportChanged(RuleViolation):
    """The file isn't the one that was previewed."""

    code = "import-changed"
    field = "file"
    message = (
        "The file changed since it was previewed. Nothing was written. Look at it again before you import."
    )


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that a user sent, by the name drawn for it."""

    token: str
    path: Path

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size

    @property
    def sent_at(self) -> datetime:
        """When it was sent."""
        return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)

    def digest(self) -> str:
        """The digest of what is in it."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def folder() -> Path:
    """Return the folder of the files, made where it is missing; what arrives is written there at once."""
    path = Path(settings.IMPORTS_FOLDER)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def keep_file(arrived: Path, *, user: User) -> str:
    """Keep a file that has arrived in the folder; return the name drawn for it."""
    token = secrets.token_urlsafe(16)
    arrived.rename(_path(token, user))
    return token


def find_file(token: str, *, user: User) -> KeptFile:
    """Return a user's file. Raises ImportGone."""
    path = _path(token, user)
    if not path.is_file():
        raise ImportGone
    return KeptFile(token, path)


def files_of(user: User) -> list[KeptFile]:
    """The files of a user on this node, the newest first."""
    names = re.compile(rf"{user.pk}\.([\w-]+)\.csv")
    found = ((names.fullmatch(path.name), path) for path in folder().iterdir())
    kept = [KeptFile(match[1], path) for match, path in found if match]
    return sorted(kept, key=lambda file: file.sent_at, reverse=True)


def discard_file(token: str, *, user: User) -> None:
    """Delete a user's file, if it is there."""
    _path(token, user).unlink(missing_ok=True)


def discard_old() -> None:
    """Delete whatever lies in the folder for more than a day."""
    for path in folder().iterdir():
        with suppress(OSError):  # another visitor was quicker
            if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                path.unlink()


def claim_file(token: str, digest: str, *, user: User) -> KeptFile:
    """Take a user's file for an import: from now on it isn't found. Raises ImportGone, ImportChanged."""
    path = _path(token, user)
    claimed = KeptFile(token, path.with_suffix(".claimed"))
    try:
        path.rename(claimed.path)
    except OSError:
        raise ImportGone from None
    if claimed.digest() != digest:
        claimed.path.rename(path)
        raise ImportChanged
    return claimed


def give_back(claimed: KeptFile) -> None:
    """Let a claimed file be found again, unless it was used up."""
    with suppress(FileNotFoundError):
        claimed.path.rename(claimed.path.with_suffix(".csv"))


@contextmanager
def used_up(claimed: KeptFile) -> Iterator[None]:
    """Delete a claimed file after the block; where that fails or is left, give the file back."""
    try:
        yield
    except BaseException:
        give_back(claimed)
        raise
    claimed.path.unlink(missing_ok=True)


def _path(token: str, user: User) -> Path:
    return folder() / f"{user.pk}.{token}.csv"
