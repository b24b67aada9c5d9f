"""Activation keys as text, how they are made, kept and revoked, and the command that makes them."""

import io
import re

import pytest
from django.core.management import CommandError, call_command

from licensing.activation.codes import draw_key, known_macs, normalize_key, show_key
from licensing.activation.redeeming import revoke_key
from licensing.errors import (
    ActivationNotOffered,
    CountNeeded,
    CountNotAllowed,
    CountOutOfRange,
    InvalidKey,
    KeyEnded,
    NumberOutOfRange,
    TermOutOfRange,
)
from licensing.models import ActivationKey
from portal.errors import ReasonNeeded, RuleViolation
from portal.models import AuditEntry, User
from products.models import ProductModel
from tests.factories import RegistrationFactory, UserFactory
from tests.licensing.support import CLIENT_AV, CONTENT_FILTER, VPN, make, redeem, refuses
from tests.rows import nothing_written, whole_rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

SHOWN = "[A-HJ-NP-Z2-9]{4}(-[A-HJ-NP-Z2-9]{4}){3}"


@pytest.fixture
def by() -> User:
    return UserFactory(is_staff=True)


# As text


def test_a_key_is_read_in_any_notation() -> None:
    key = draw_key()
    shown = show_key(key)

    assert re.fullmatch(SHOWN, shown)
    for typed in (key, shown, shown.lower(), f" {shown.replace('-', ' ')}\n", shown.replace("-", ":")):
        assert normalize_key(typed) == key


@pytest.mark.parametrize(
    "typed", ["", "ABCD", "A" * 15, "A" * 17, "ABCD-EFGH-JKLM-NPQ0", "ÄBCD-EFGH-JKLM-NPQR"]
)
def test_what_was_never_a_key_is_refused(typed: str) -> None:
    with pytest.raises(InvalidKey):
        normalize_key(typed)


@pytest.mark.parametrize("place", range(16))
def test_one_wrong_character_is_no_unknown_key(place: int) -> None:
    key = draw_key()
    wrong = "A" if key[place] != "A" else "B"

    with pytest.raises(InvalidKey):
        normalize_key(key[:place] + wrong + key[place + 1 :])


def test_two_swapped_neighbours_are_no_unknown_key() -> None:
    """But for one swap in five hundred: that is what the check character of ISO 7064 can do."""
    swaps, found = 0, 0
    for key in (draw_key() for _ in range(100)):
        for place in range(15):
            swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
            swaps += swapped != key
            found += not _is_key(swapped)

    assert found > 0.97 * swaps


def _is_key(text: str) -> bool:
    try:
        return bool(normalize_key(text))
    except InvalidKey:
        return False


# Making


def test_only_hash_and_last_four_are_kept(by: User) -> None:
    (shown,) = make(by=by)
    key = normalize_key(shown)

    row = ActivationKey.objects.get()
    assert (row.mac, row.last_four) == (*known_macs(key), key[-4:])
    assert not [
        cell for rows in whole_rows().values() for cell in rows if key in str(cell) or shown in str(cell)
    ]


def test_a_batch_is_what_was_ordered(by: User) -> None:
    model = ProductModel.objects.get(name="PRO 5060")

    keys = make(CLIENT_AV, count=25, months=36, number=3, model=model, by=by)

    rows = ActivationKey.objects.all()
    assert len(set(keys)) == len(rows) == 3
    assert {(row.service.code, row.count, row.months, row.model) for row in rows} == {(2, 25, 36, model)}
    assert {row.made_by for row in rows} == {by}
    assert len({row.batch for row in rows}) == 1


def test_a_batch_is_in_the_audit(by: User) -> None:
    make(CLIENT_AV, count=-1, months=None, number=2, reason="order 7", by=by)

    entry = AuditEntry.objects.get(code="activation-keys-made")
    assert (entry.actor, entry.reason, entry.data["batch"]) == (
        by,
        "order 7",
        str(ActivationKey.objects.first().batch),
    )
    assert {name: entry.data[name] for name in ("service", "number", "count", "months")} == {
        "service": CLIENT_AV,
        "number": 2,
        "count": -1,
        "months": None,
    }


def test_a_large_batch_asks_as_little_as_a_small_one(django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(9):
        make(number=900)


REFUSED = [
    (ReasonNeeded, {"reason": ""}),
    (ReasonNeeded, {"reason": " \t"}),
    (ActivationNotOffered, {"code": VPN}),
    (CountNeeded, {"code": CLIENT_AV}),
    (CountNotAllowed, {"count": 5}),
    (CountOutOfRange, {"code": CLIENT_AV, "count": 0}),
    (CountOutOfRange, {"code": CLIENT_AV, "count": 2**32}),
    (TermOutOfRange, {"months": 0}),
    (TermOutOfRange, {"months": 121}),
    (NumberOutOfRange, {"number": 0}),
    (NumberOutOfRange, {"number": 10_001}),
]


@pytest.mark.parametrize(("error", "facts"), REFUSED)
def test_a_batch_that_is_refused_writes_nothing(error: type[RuleViolation], facts: dict) -> None:
    refuses(error, lambda: make(**facts))


# Revoking


def test_a_revoked_key_is_kept_as_such(by: User) -> None:
    make()
    key = ActivationKey.objects.get()

    revoke_key(key=key, reason="never paid", by=by)

    key.refresh_from_db()
    assert key.revoked_at
    entry = AuditEntry.objects.get(code="activation-key-revoked")
    assert (entry.actor, entry.reason, entry.data["last_four"]) == (by, "never paid", key.last_four)


def test_a_key_is_revoked_for_a_reason(by: User) -> None:
    make()

    refuses(ReasonNeeded, lambda: revoke_key(key=ActivationKey.objects.get(), reason=" ", by=by))


def test_a_key_is_revoked_once(by: User) -> None:
    make()
    revoke_key(key=ActivationKey.objects.get(), reason="never paid", by=by)

    refuses(KeyEnded, lambda: revoke_key(key=ActivationKey.objects.get(), reason="once more", by=by))


def test_a_redeemed_key_is_not_revoked(by: User) -> None:
    redeem(RegistrationFactory(), *make(), by=by)

    refuses(KeyEnded, lambda: revoke_key(key=ActivationKey.objects.get(), reason="too late", by=by))


# The command


def _run(*arguments: str) -> tuple[list[str], str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("make_activation_keys", *arguments, stdout=out, stderr=err)
    return out.getvalue().splitlines(), err.getvalue()


def test_the_command_prints_the_keys_and_nothing_else() -> None:
    lines, err = _run("Client AV Enforcement", "--count=5", "--term=12", "--number=3", "--reason=order 7")

    assert err == ""
    macs = [mac for line in lines for mac in known_macs(normalize_key(line))]
    assert sorted(macs) == sorted(ActivationKey.objects.values_list("mac", flat=True))
    assert {(k.service.code, k.count, k.months) for k in ActivationKey.objects.all()} == {(CLIENT_AV, 5, 12)}
    assert AuditEntry.objects.get(code="activation-keys-made").reason == "order 7"


@pytest.mark.parametrize("named", ["5", "Content Filter", "content filter"])
def test_the_command_takes_a_services_code_or_name(named: str) -> None:
    _run(named, "--term=12", "--number=1", "--reason=sold")

    assert ActivationKey.objects.get().service.code == CONTENT_FILTER


def test_the_command_makes_unlimited_keys_for_ever_and_for_one_model() -> None:
    _run("2", "--count=Unlimited", "--number=1", "--model=pro 5060", "--reason=sold")

    key = ActivationKey.objects.get()
    assert (key.count, key.months, key.model.name) == (-1, None, "PRO 5060")


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("count-needed", ["2", "--number=1", "--reason=x"]),
        ("count-not-allowed", ["5", "--count=3", "--number=1", "--reason=x"]),
        ("count-out-of-range", ["2", "--count=0", "--number=1", "--reason=x"]),
        ("activation-not-offered", ["8", "--number=1", "--reason=x"]),
        ("term-out-of-range", ["5", "--term=0", "--number=1", "--reason=x"]),
        ("number-out-of-range", ["5", "--number=0", "--reason=x"]),
        ("reason-needed", ["5", "--number=1", "--reason= "]),
        ("unknown-service", ["99", "--number=1", "--reason=x"]),
        ("unknown-service", ["9" * 40, "--number=1", "--reason=x"]),
        ("unknown-service", ["Coffee", "--number=1", "--reason=x"]),
        ("unknown-model", ["5", "--model=TZ 9", "--number=1", "--reason=x"]),
    ],
)
def test_the_command_says_by_its_code_what_is_refused(code: str, arguments: list[str]) -> None:
    with nothing_written(), pytest.raises(CommandError) as caught:
        _run(*arguments)

    assert str(caught.value).partition(":")[0] == code


@pytest.mark.parametrize(
    "arguments", [["5"], ["5", "--number=1"], ["5", "--number=1", "--reason=x", "--count=many"]]
)
def test_the_command_needs_its_arguments(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        _run(*arguments)

    assert not ActivationKey.objects.exists()
