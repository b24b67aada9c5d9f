"""The portal's keys: files of mode 0600, rows that say which is active, and nothing that is ever replaced."""

import io
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from licensing.activation.codes import known_macs
from licensing.keysets import signing
from licensing.keysets.signing import active_signer, describe_signing_key, key_ring, make_signing_key
from portal.keys import (
    KeyFileUnknown,
    KeyMissing,
    KeysUnclear,
    NoActiveKey,
    active_key,
    describe_hash_key,
    ensure_key,
    make_hash_key,
    read_secret,
    write_secret,
)
from portal.models import AuditEntry, Key
from products.codes import active_kid, code_mac
from tests.rows import nothing_written, whole_rows

pytestmark = pytest.mark.django_db

PURPOSES = {
    Key.Purpose.KEYSETS: (make_signing_key, describe_signing_key),
    Key.Purpose.CODES: (make_hash_key, describe_hash_key),
}


def forget_secrets() -> None:
    """As a process that has just started: no secret was read yet."""
    read_secret.cache_clear()
    signing._signer.cache_clear()


@pytest.fixture(autouse=True)
def folder(settings, tmp_path: Path) -> Iterator[Path]:
    """A data folder of the test's own, without keys."""
    settings.DATA_DIR = tmp_path / "data"
    forget_secrets()
    yield tmp_path / "data" / "keys"
    forget_secrets()


def init_keys() -> list[str]:
    out = io.StringIO()
    call_command("init_keys", stdout=out)
    return out.getvalue().splitlines()


def files(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def ensure(purpose: Key.Purpose) -> Key:
    make, describe = PURPOSES[purpose]
    return ensure_key(purpose=purpose, make=make, describe=describe, by=None)


def write_key(folder: Path, purpose: Key.Purpose, name: str = "", secret: bytes | None = None) -> str:
    """Put a key's file there without its row; return its kid."""
    make, describe = PURPOSES[purpose]
    secret = make() if secret is None else secret
    kid = name or describe(secret).kid
    write_secret(folder / purpose / kid, secret)
    return kid


def test_init_keys_makes_a_key_for_each_purpose(folder: Path) -> None:
    lines = init_keys()

    assert set(files(folder)) == {f"{key.purpose}/{key.kid}" for key in Key.objects.all()}
    assert {key.purpose for key in Key.objects.filter(state="active")} == set(PURPOSES)
    assert [line.rsplit(" ", 1)[1] for line in lines] == [active_key(purpose).kid for purpose in PURPOSES]
    assert AuditEntry.objects.filter(code="key-made").count() == 2


def test_secrets_are_their_owners_alone(folder: Path) -> None:
    init_keys()

    assert {stat.S_IMODE(mode) for _, mode, _ in files(folder).values()} == {0o600}
    for purpose in PURPOSES:
        assert stat.S_IMODE((folder / purpose).stat().st_mode) == 0o700


def test_no_secret_is_in_the_database(folder: Path) -> None:
    init_keys()

    stored = repr(whole_rows())

    for content, _, _ in files(folder).values():
        assert content.hex() not in stored
        assert repr(content) not in stored


def test_the_keys_that_are_made_work() -> None:
    init_keys()

    assert active_signer().kid.hex() == active_key(Key.Purpose.KEYSETS).kid
    assert key_ring().get(active_signer().kid) is not None
    assert len(code_mac("0006B112441C", "7KMDP2QX", kid=active_kid())) == 64


def test_a_second_run_changes_nothing(folder: Path) -> None:
    first = init_keys()
    contents = files(folder)
    forget_secrets()

    with nothing_written():
        assert init_keys() == first

    assert files(folder) == contents


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_lone_file_is_taken_in(folder: Path, purpose: Key.Purpose) -> None:
    kid = write_key(folder, purpose)
    before = files(folder)

    key = ensure(purpose)

    assert (key.kid, key.state) == (kid, "active")
    assert files(folder) == before


def test_a_signing_key_that_is_taken_in_signs(folder: Path) -> None:
    kid = write_key(folder, Key.Purpose.KEYSETS)

    init_keys()

    assert active_signer().kid.hex() == kid
    assert Key.objects.get(kid=kid).public == active_signer().public_key.public_bytes_raw().hex()


@pytest.mark.parametrize("purpose", PURPOSES)
def test_of_two_unknown_files_none_is_chosen(folder: Path, purpose: Key.Purpose) -> None:
    write_key(folder, purpose)
    write_key(folder, purpose)
    contents = files(folder)

    with nothing_written(), pytest.raises(KeysUnclear):
        ensure(purpose)

    assert files(folder) == contents


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("name", ["backup", ".DS_Store", "0123456789abcdef"])
def test_a_file_under_another_name_is_not_taken_in(folder: Path, purpose: Key.Purpose, name: str) -> None:
    write_key(folder, purpose, name)
    contents = files(folder)

    with nothing_written(), pytest.raises(KeyFileUnknown):
        ensure(purpose)

    assert files(folder) == contents


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_file_that_was_cut_short_is_not_taken_in(folder: Path, purpose: Key.Purpose) -> None:
    make, describe = PURPOSES[purpose]
    secret = make()
    write_key(folder, purpose, describe(secret).kid, secret[:10])

    with pytest.raises(KeyFileUnknown):
        ensure(purpose)

    assert not Key.objects.exists()


@pytest.mark.parametrize("purpose", PURPOSES)
def test_an_active_key_whose_file_is_gone_is_not_replaced(folder: Path, purpose: Key.Purpose) -> None:
    init_keys()
    (folder / purpose / active_key(purpose).kid).unlink()
    forget_secrets()
    contents = files(folder)

    with nothing_written(), pytest.raises(KeyMissing):
        ensure(purpose)

    assert files(folder) == contents


def test_a_file_put_back_is_found_without_a_restart(folder: Path) -> None:
    init_keys()
    path = folder / Key.Purpose.CODES / active_kid()
    kept = path.rename(folder / "kept")
    forget_secrets()
    with pytest.raises(KeyMissing):
        code_mac("0006B112441C", "7KMDP2QX", kid=active_kid())

    kept.rename(path)

    assert code_mac("0006B112441C", "7KMDP2QX", kid=active_kid())


def use(purpose: Key.Purpose) -> object:
    """Do what a key is for."""
    if purpose == Key.Purpose.KEYSETS:
        return active_signer()
    return code_mac("0006B112441C", "7KMDP2QX", kid=active_kid())


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("damage", ["another key", "cut short", "empty"])
def test_a_file_that_isnt_the_key_it_should_be_is_not_used(
    folder: Path, purpose: Key.Purpose, damage: str
) -> None:
    init_keys()
    path = folder / purpose / active_key(purpose).kid
    right, (make, _) = path.read_bytes(), PURPOSES[purpose]
    path.write_bytes({"another key": make(), "cut short": right[:-10], "empty": b""}[damage])
    forget_secrets()

    for act in (use, ensure):
        with pytest.raises(KeyFileUnknown):
            act(purpose)

    path.write_bytes(right)
    assert use(purpose)


@pytest.mark.parametrize("hashing", [known_macs, lambda key: code_mac("0006B112441C", key, kid=active_kid())])
def test_codes_and_activation_keys_alike_are_hashed_with_the_right_key_only(folder: Path, hashing) -> None:
    init_keys()
    (folder / Key.Purpose.CODES / active_kid()).write_bytes(make_hash_key())
    forget_secrets()

    with pytest.raises(KeyFileUnknown):
        hashing("A" * 16)


def test_a_signing_key_is_compared_with_its_public_half_too() -> None:
    init_keys()
    public = describe_signing_key(make_signing_key()).public
    Key.objects.filter(purpose=Key.Purpose.KEYSETS).update(public=public)
    forget_secrets()

    with pytest.raises(KeyFileUnknown):
        active_signer()


def test_a_key_of_before_is_not_taken_in_again(folder: Path) -> None:
    init_keys()
    former = active_kid()
    Key.objects.filter(kid=former).update(state="retired")

    key = ensure(Key.Purpose.CODES)

    assert key.kid != former
    assert Key.objects.get(kid=former).state == "retired"
    assert len(list((folder / Key.Purpose.CODES).iterdir())) == 2


@pytest.mark.parametrize("purpose", PURPOSES)
def test_without_a_key_its_use_is_refused(purpose: Key.Purpose) -> None:
    with pytest.raises(NoActiveKey):
        active_key(purpose)


def test_the_command_answers_a_refusal_with_one_line(folder: Path) -> None:
    write_key(folder, Key.Purpose.CODES)
    write_key(folder, Key.Purpose.CODES)

    with pytest.raises(CommandError) as caught:
        init_keys()

    assert caught.value.returncode == 1
    assert "\n" not in str(caught.value)


def test_a_secret_is_never_written_over(folder: Path) -> None:
    write_secret(folder / "secret", b"first")

    with pytest.raises(FileExistsError):
        write_secret(folder / "secret", b"second")

    assert (folder / "secret").read_bytes() == b"first"


@pytest.mark.parametrize("state", ["staged", "active", "retired", "revoked"])
def test_a_revoked_key_is_in_no_ring(state: str) -> None:
    init_keys()
    signer = active_signer()
    Key.objects.filter(kid=signer.kid.hex()).update(state=state)

    assert (key_ring().get(signer.kid) is not None) == (state != "revoked")
