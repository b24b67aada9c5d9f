"""Every outcome, in the order of checking, and each service's status as of today."""

import datetime
from dataclasses import replace

import pytest

from licensing.keyset import KeyRing, Malformed, Outcome, Reason, Result, Service, Status, sign, verify
from tests.licensing.keyset.support import FOLLOWED, PAYLOAD, RING, SECONDARY, SIGNER, STRANGER, TODAY

TEXT = sign(PAYLOAD, SIGNER)
OLDER = sign(replace(PAYLOAD, generation=6), SIGNER)
NEWER = sign(replace(PAYLOAD, generation=8), SIGNER)
BOTH = KeyRing([SIGNER.public_key, STRANGER.public_key])
CHANGED = sign(replace(PAYLOAD, model=6), SIGNER)


def answer(text: str, **options: object) -> Result:
    return verify(text, **{"serial": PAYLOAD.serial, "keys": RING, "model": 5, "today": TODAY} | options)


@pytest.mark.parametrize(
    ("outcome", "text", "options"),
    [
        (Outcome.MALFORMED, TEXT[:-1], {}),
        (Outcome.UNKNOWN_KEY, sign(PAYLOAD, STRANGER), {}),
        (Outcome.UNKNOWN_KEY, TEXT, {"keys": KeyRing([])}),
        (Outcome.BAD_SIGNATURE, TEXT[:-8] + "AAAAAA==", {}),
        (Outcome.WRONG_SERIAL, sign(SECONDARY, SIGNER), {}),
        (Outcome.WRONG_MODEL, CHANGED, {}),
        (Outcome.OLDER_GENERATION, OLDER, {"installed": TEXT}),
        (Outcome.ALREADY_INSTALLED, TEXT, {"installed": TEXT}),
        (Outcome.ALREADY_INSTALLED, f"\ufeff{TEXT[:64]}\n{TEXT[64:]}", {"installed": f"{TEXT}\n"}),
        (Outcome.GENERATION_CONFLICT, CHANGED, {"installed": TEXT, "model": None}),
        (Outcome.GENERATION_CONFLICT, sign(PAYLOAD, STRANGER), {"installed": TEXT, "keys": BOTH}),
        (Outcome.INSTALLED, TEXT, {}),
        (Outcome.INSTALLED, CHANGED, {"model": None}),
        (Outcome.INSTALLED, NEWER, {"installed": TEXT}),
        (Outcome.INSTALLED, TEXT, {"serial": "00:06:b1-12 44:16"}),
    ],
)
def test_outcome(outcome: Outcome, text: str, options: dict) -> None:
    assert answer(text, **options).outcome is outcome


def test_all_that_is_wrong_at_once_is_answered_in_order() -> None:
    wrong = replace(PAYLOAD, serial="FFFFFFFFFFFF", model=6, generation=6)
    text = sign(wrong, SIGNER)
    options = {"installed": TEXT}

    assert answer(sign(wrong, STRANGER)[:-1], **options).outcome is Outcome.MALFORMED
    assert answer(sign(wrong, STRANGER), **options).outcome is Outcome.UNKNOWN_KEY
    assert answer(text[:-8] + "AAAAAA==", **options).outcome is Outcome.BAD_SIGNATURE
    assert answer(text, **options).outcome is Outcome.WRONG_SERIAL
    right_serial = sign(replace(wrong, serial=PAYLOAD.serial), SIGNER)
    assert answer(right_serial, **options).outcome is Outcome.WRONG_MODEL


def test_outcomes_are_those_of_the_format() -> None:
    values = (
        "malformed unknown-key bad-signature wrong-serial wrong-model older-generation already-installed "
        "generation-conflict installed"
    )

    assert [outcome.value for outcome in Outcome] == values.split()
    assert {o for o in Outcome if o.is_success} == {Outcome.INSTALLED, Outcome.ALREADY_INSTALLED}
    assert len({outcome.text for outcome in Outcome}) == len(Outcome)


def test_malformed_carries_its_reason() -> None:
    result = answer(TEXT[:100])

    assert result.reason is Reason.INCOMPLETE
    assert f"100 of {len(TEXT)}" in result.text


@pytest.mark.parametrize("text", [TEXT[:-8] + "AAAAAA==", sign(PAYLOAD, STRANGER), TEXT[:-1]])
def test_nothing_unsigned_is_handed_on(text: str) -> None:
    assert answer(text).payload is None
    assert answer(text).statuses == {}


def test_an_expired_service_shows_expired_and_refuses_nothing() -> None:
    result = answer(TEXT)

    assert result.outcome is Outcome.INSTALLED
    assert result.statuses == {
        2: Status.EXPIRED,
        3: Status.LICENSED,  # its last day is today
        4: Status.FREE_TRIAL,
        8: Status.LICENSED,
        9: Status.LICENSED,
        300: Status.FREE_TRIAL,
    }


def test_a_trial_that_ended_is_expired() -> None:
    assert answer(TEXT, today=datetime.date(2026, 12, 2)).statuses[4] is Status.EXPIRED


def test_what_follows_runs_from_its_day_on() -> None:
    text = sign(FOLLOWED, SIGNER)

    assert answer(text).statuses[2] is Status.EXPIRED
    assert answer(text).states[2].follows[0].first == datetime.date(2026, 12, 1)
    assert answer(text, today=datetime.date(2026, 12, 1)).statuses[2] is Status.LICENSED
    assert answer(text, today=datetime.date(2027, 12, 1)).statuses[2] is Status.EXPIRED


def test_a_clock_set_back_revives_nothing() -> None:
    ended = replace(PAYLOAD, services=(Service(2, expiry=datetime.date(2026, 11, 20)),))

    result = answer(sign(ended, SIGNER), today=datetime.date(2020, 1, 1))

    assert result.today == datetime.date(2026, 11, 21)
    assert result.statuses == {2: Status.EXPIRED}


def test_the_installed_keysets_issue_counts_as_a_day_seen() -> None:
    earlier = sign(replace(PAYLOAD, issued=0, generation=8), SIGNER)

    result = answer(earlier, installed=TEXT, today=datetime.date(2020, 1, 1))

    assert result.today == datetime.date(2026, 11, 21)


def test_a_forged_issue_moves_no_day() -> None:
    forged = sign(replace(PAYLOAD, issued=2**40 - 1), STRANGER)

    assert answer(forged).today == TODAY


def test_an_issue_beyond_the_calendar_counts_as_its_last_day() -> None:
    result = answer(sign(replace(PAYLOAD, issued=2**40 - 1), SIGNER))

    assert (result.outcome, result.today) == (Outcome.INSTALLED, datetime.date.max)


def test_without_a_day_the_clock_counts() -> None:
    before = datetime.datetime.now(datetime.UTC).date()

    assert answer(TEXT, today=None).today >= before


def test_what_is_installed_must_be_readable_and_this_appliances() -> None:
    with pytest.raises(Malformed):
        answer(TEXT, installed=TEXT[:-1])
    with pytest.raises(ValueError, match=SECONDARY.serial):
        answer(TEXT, installed=sign(SECONDARY, SIGNER))


@pytest.mark.parametrize("serial", ["", "6.0E+11", "0006B112441", "0006B11244166", "0006B112441G"])
def test_a_serial_that_is_none_is_the_callers_mistake(serial: str) -> None:
    with pytest.raises(ValueError, match="12 hexadecimal"):
        answer(TEXT, serial=serial)
