"""What the tables themselves refuse, whoever writes them."""

import datetime

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from products.models import ProductModel, Registration, Unit
from tests.factories import RegistrationFactory, UnitFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.mark.parametrize("serial", ["0006b112441c", "0006B112441", "", "0006B112441c"])
def test_a_serial_number_is_stored_canonically(serial: str) -> None:
    unit = UnitFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        Unit.objects.filter(pk=unit.pk).update(serial=serial)


def test_a_serial_number_has_no_more_than_12_digits() -> None:
    unit = UnitFactory()

    with pytest.raises(DatabaseError), transaction.atomic():
        Unit.objects.filter(pk=unit.pk).update(serial="0006B112441C0")


def test_a_serial_number_exists_once() -> None:
    unit = UnitFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        UnitFactory(serial=unit.serial)


def test_a_unit_has_one_live_registration() -> None:
    registration = RegistrationFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        RegistrationFactory(unit=registration.unit)


def test_a_unit_can_have_many_ended_registrations() -> None:
    ended_at = datetime.datetime(2026, 5, 3, tzinfo=datetime.UTC)
    unit = UnitFactory()

    RegistrationFactory.create_batch(2, unit=unit, ended_at=ended_at)
    RegistrationFactory(unit=unit)

    assert unit.registrations.count() == 3
    assert unit.registrations.live().count() == 1


def test_a_registration_code_exists_once() -> None:
    registration = RegistrationFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        RegistrationFactory(code=registration.code)


@pytest.mark.parametrize("generation", [2**32, -1])
def test_a_generation_has_32_bits(generation: int) -> None:
    unit = UnitFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        Unit.objects.filter(pk=unit.pk).update(last_generation=generation)


@pytest.mark.parametrize("code", [0, 65536, -1])
def test_a_models_code_has_16_bits(code: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ProductModel.objects.create(code=code, name="TZ 180", line="TZ 180", family="TZ")


@pytest.mark.parametrize("field", ["code", "name"])
def test_a_models_code_and_name_exist_once(field: str) -> None:
    present = ProductModel.objects.get(name="PRO 5060")
    values = {"code": 900, "name": "TZ 180", "line": "TZ 180", "family": "TZ", field: getattr(present, field)}

    with pytest.raises(IntegrityError), transaction.atomic():
        ProductModel.objects.create(**values)


def test_a_unit_with_registrations_cant_be_deleted() -> None:
    registration = RegistrationFactory()

    with pytest.raises(IntegrityError):
        registration.unit.delete()

    assert Registration.objects.filter(pk=registration.pk).exists()


@pytest.mark.parametrize(
    ("name", "full_name"),
    [("PRO 5060", "SONICWALL PRO 5060"), ("SonicWALL SonicPoint G", "SonicWALL SonicPoint G")],
)
def test_a_models_full_name_has_its_platform_once(name: str, full_name: str) -> None:
    assert ProductModel.objects.get(name=name).full_name == full_name


def test_live_and_visible_registrations() -> None:
    registration = RegistrationFactory()
    ended = RegistrationFactory(
        account=registration.account, ended_at=datetime.datetime(2026, 5, 3, tzinfo=datetime.UTC)
    )
    stranger = RegistrationFactory()

    assert set(Registration.objects.live()) == {registration, stranger}
    assert list(Registration.objects.visible_to(registration.account)) == [registration]
    assert ended not in Registration.objects.visible_to(registration.account)


def test_a_raised_version_is_one_more() -> None:
    unit, other = UnitFactory.create_batch(2)

    Unit.objects.filter(pk=unit.pk).raise_version()

    unit.refresh_from_db()
    other.refresh_from_db()
    assert (unit.version, other.version) == (1, 0)
