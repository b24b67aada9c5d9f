"""The demo account: what is loaded once, and the password that every start can print."""

import datetime
import stat
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from licensing.activation.codes import known_macs, normalize_key
from licensing.models import ActivationKey, Licence
from licensing.moves.release import release_to_stock
from portal.demo import demo_password, load_demo, unregistered_units, unused_keys
from portal.models import Membership, User
from products.models import Registration, Unit
from tests.factories import registered
from tests.rows import every_row, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

TODAY = datetime.date(2026, 11, 22)


def test_the_demo_account_has_the_units_of_the_figures() -> None:
    load_demo(password="first", today=TODAY)  # noqa: S106

    registrations = Registration.objects.order_by("unit__serial")
    assert [(r.unit.serial, r.friendly_name) for r in registrations] == [
        ("0006B1124416", "PRO 5060 1st"),
        ("0006B112441C", "PRO 5060 2nd"),
    ]
    assert not any(registration.seats.exists() for registration in registrations)
    assert Membership.objects.get(user__username="HFChanges").role == "owner"
    assert User.objects.get(username="support").is_superuser


def test_the_first_unit_has_the_licences_of_the_last_table() -> None:
    load_demo(password="first", today=TODAY)  # noqa: S106

    licences = {
        licence.service.code: (licence.count, licence.expires_on > TODAY)
        for licence in Licence.objects.filter(registration__unit__serial="0006B1124416")
    }
    assert licences == {2: (3, False), 3: (None, True), 5: (None, False), 6: (None, True)}
    assert Licence.objects.count() == 4


def test_three_units_wait_to_be_registered_with_the_codes_that_are_printed() -> None:
    load_demo(password="first", today=TODAY)  # noqa: S106
    member = Membership.objects.get()
    waiting = unregistered_units()

    for unit in waiting:
        registered(member, unit.serial, code=unit.code)

    assert len(waiting) == 3
    assert unregistered_units() == []
    assert Unit.objects.count() == 5


def _release(unit: Unit, code: str) -> None:
    registration = Registration.objects.live().select_related("unit", "account").get(unit=unit)
    facts = {"reason": "sold", "by": User.objects.get(username="support"), "today": TODAY}
    release_to_stock(registration=registration, authentication_code=code, now=timezone.now(), **facts)


def test_what_was_retired_or_has_another_code_by_now_is_not_offered() -> None:
    load_demo(password="first", today=TODAY)  # noqa: S106
    first, second = Unit.objects.order_by("serial").filter(registrations__isnull=False)
    waiting = unregistered_units()
    _release(first, "7KMD-P2QY")

    Registration.objects.filter(unit=second).update(ended_at=timezone.now())
    assert [unit.serial for unit in unregistered_units()] == [second.serial, *(u.serial for u in waiting)]

    Unit.objects.filter(pk=second.pk).update(retired_at=timezone.now())
    assert unregistered_units() == waiting


def test_loading_again_on_another_day_changes_nothing() -> None:
    load_demo(password="first", today=TODAY)  # noqa: S106

    with nothing_written():
        load_demo(password="first", today=TODAY + datetime.timedelta(days=400))  # noqa: S106


def test_another_password_is_set_for_both_logins_and_nothing_else() -> None:
    load_demo(password="first", today=TODAY)  # noqa: S106
    before = every_row()

    load_demo(password="second", today=TODAY)  # noqa: S106

    assert all(user.check_password("second") for user in User.objects.all())
    assert {label for label, rows in every_row().items() if rows != before[label]} == {"portal.User"}


@pytest.fixture
def folder(settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_a_password_is_drawn_once_and_kept(folder: Path) -> None:
    first = demo_password(None)

    assert demo_password(None) == first
    assert len(first) >= 16
    assert stat.S_IMODE((folder / "demo_password").stat().st_mode) == 0o600


def test_each_portal_draws_its_own_password(folder: Path) -> None:
    first = demo_password(None)
    (folder / "demo_password").unlink()

    assert demo_password(None) != first


def test_a_given_password_takes_the_place_of_the_one_before(folder: Path) -> None:
    demo_password(None)

    assert demo_password("correct-horse") == "correct-horse"

    assert demo_password(None) == "correct-horse"
    assert stat.S_IMODE((folder / "demo_password").stat().st_mode) == 0o600


def test_keys_that_were_redeemed_are_offered_no_more() -> None:
    load_demo(password="first", today=TODAY)  # noqa: S106
    (key, _), *rest = unused_keys()
    ActivationKey.objects.filter(mac__in=known_macs(normalize_key(key))).update(redeemed_at=timezone.now())

    assert unused_keys() == rest


def test_the_file_of_the_keys_is_its_owners_alone(settings: Settings) -> None:
    load_demo(password="first", today=TODAY)  # noqa: S106

    assert stat.S_IMODE((settings.DATA_DIR / "demo_keys").stat().st_mode) == 0o600
