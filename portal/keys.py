"""The portal's keys: secrets are files of mode 0600 in the data folder; rows say which one is active.

A file is read when a keyset is signed or a code hashed, not when a command starts. No key is overwritten.
"""

import hashlib
import os
import secrets
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction

from portal import audit
from portal.audit_codes import AuditCode
from portal.errors import RuleViolation
from portal.models import Key, User


class KeyMissing(RuleViolation):
    """This node lacks the file of a key that the database names."""

    code = "key-missing"
    message = (
        "This node lacks the file of the key {kid} ({purpose}). "
        "Copy keys/{purpose}/{kid} from a node that has it, or from the backup, into this node's data folder."
    )


class NoActiveKey(RuleViolation):
    """No key was made yet for a purpose."""

    code = "no-active-key"
    message = "There is no active key for {purpose} yet. Run `manage.py init_keys` once."


class KeysUnclear(RuleViolation):
    """Files of several keys lie in the data folder and no row says which one is active."""

    code = "keys-unclear"
    message = (
        "The folder keys/{purpose} holds {count} keys that the database doesn't know. "
        "Leave the right one there."
    )


class KeyFileUnknown(RuleViolation):
    """A key's file on this node is damaged, or isn't the key that its name and the database say."""

    code = "key-file-unknown"
    message = (
        "On this node keys/{purpose}/{name} isn't the key that its name says: it was renamed, replaced, or "
        "cut short while it was written. Put the right file there, from a node that has it or from the "
        "backup, or remove this one."
    )


class Described(NamedTuple):
    """What a row stores of a secret: its id (lower-case hexadecimal) and its public half, if it has one."""

    kid: str
    public: str


def describe_hash_key(secret: bytes) -> Described:
    """Derive a hash key's id from its digest, so that the file alone identifies the key."""
    return Described(kid=hashlib.sha256(b"portal hash key id" + secret).hexdigest()[:16], public="")


def make_hash_key() -> bytes:
    """Return a new random key of 32 bytes."""
    return secrets.token_bytes(32)


def active_key(purpose: Key.Purpose) -> Key:
    """Return the row of the purpose's active key. Raises NoActiveKey."""
    key = Key.objects.filter(purpose=purpose, state=Key.State.ACTIVE).first()
    if key is None:
        raise NoActiveKey(purpose=purpose)
    return key


@cache
def read_secret(purpose: str, key: Described, describe: Callable[[bytes], Described]) -> bytes:
    """Return a key's secret from its file, which a process reads once; `key` is what the file must contain.

    Raises KeyMissing and KeyFileUnknown; the next call tries again.
    """
    path = _folder(purpose) / key.kid
    try:
        secret = path.read_bytes()
    except OSError:
        raise KeyMissing(kid=key.kid, purpose=purpose) from None
    if _described(secret, describe) != key:
        raise KeyFileUnknown(purpose=purpose, name=path.name)
    return secret


def read_hash_key(kid: str) -> bytes:
    """Return the secret that codes and activation keys are hashed with, as `read_secret` does."""
    return read_secret(Key.Purpose.CODES, Described(kid=kid, public=""), describe_hash_key)


@transaction.atomic
def ensure_key(
    *,
    purpose: Key.Purpose,
    make: Callable[[], bytes],
    describe: Callable[[bytes], Described],
    by: User | None,
) -> Key:
    """Return the active key of a purpose; if there is none, adopt the only key file there is, or make one.

    Raises KeyMissing if the active key's file is gone, KeysUnclear if several files could be the key, and
    KeyFileUnknown if the file to adopt, or the active key's, isn't the key that its name says.
    """
    key = Key.objects.filter(purpose=purpose, state=Key.State.ACTIVE).first()
    if key is not None:
        read_secret(purpose, Described(key.kid, key.public), describe)
        return key
    known = set(Key.objects.filter(purpose=purpose).values_list("kid", flat=True))
    strays = [path for path in _folder(purpose).glob("*") if path.name not in known]
    if len(strays) > 1:
        raise KeysUnclear(purpose=purpose, count=len(strays))
    if strays:
        described = _describe_file(strays[0], purpose, describe)
    else:
        secret = make()
        described = describe(secret)
        write_secret(_folder(purpose) / described.kid, secret)
    try:
        with transaction.atomic():
            key = Key.objects.create(
                purpose=purpose, state=Key.State.ACTIVE, kid=described.kid, public=described.public
            )
    except IntegrityError:  # another node was quicker: its key counts
        if not strays:
            (_folder(purpose) / described.kid).unlink()
        key = active_key(purpose)
        read_secret(purpose, Described(key.kid, key.public), describe)
        return key
    audit.record(AuditCode.KEY_MADE, by=by, data={"kid": described.kid, "purpose": purpose})
    return key


def _describe_file(path: Path, purpose: str, describe: Callable[[bytes], Described]) -> Described:
    try:
        described = _described(path.read_bytes(), describe)
    except OSError:
        described = None
    if described is None or described.kid != path.name:
        raise KeyFileUnknown(purpose=purpose, name=path.name)
    return described


def _described(secret: bytes, describe: Callable[[bytes], Described]) -> Described | None:
    """Describe the key in a file's content; None if it isn't one."""
    try:
        return describe(secret)
    except ValueError:
        return None


def _folder(purpose: str) -> Path:
    return Path(settings.DATA_DIR) / "keys" / purpose


def write_secret(path: Path, secret: bytes) -> None:
    """Write a new file that only its owner can read. Raises FileExistsError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
