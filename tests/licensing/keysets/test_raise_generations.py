import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from licensing.keyset import read
from licensing.keysets.issuing import read_keyset
from licensing.models import Keyset, KeysetHead
from portal.clock import today
from products.models import Unit
from tests.factories import RegistrationFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_a_unit_gets_a_new_keyset_beyond_all_that_was_issued() -> None:
    registration = RegistrationFactory()
    before = read_keyset(registration=registration, today=today())

    call_command("raise_generations", "--by", "50", verbosity=0)
    after = read_keyset(registration=registration, today=today())

    assert after.generation == before.generation + 51
    assert read(after.text).services == read(before.text).services


def test_a_lost_generation_is_not_issued_again_from_a_restored_backup() -> None:
    registration = RegistrationFactory()
    issued = read_keyset(registration=registration, today=today())
    KeysetHead.objects.all().delete()
    Keyset.objects.all().delete()
    Unit.objects.update(last_generation=0)  # as the backup, which was made before the keyset, has it

    call_command("raise_generations", verbosity=0)
    after = read_keyset(registration=registration, today=today())

    assert after.generation > issued.generation


def test_a_unit_that_was_never_read_is_lifted_too() -> None:
    registration = RegistrationFactory()

    call_command("raise_generations", "--by", "7", verbosity=0)

    assert read_keyset(registration=registration, today=today()).generation == 8


@pytest.mark.parametrize("by", ["0", "-1", "1000001"])
def test_generations_never_go_back(by: str) -> None:
    unit = RegistrationFactory().unit

    with pytest.raises(CommandError):
        call_command("raise_generations", f"--by={by}", verbosity=0)

    unit.refresh_from_db()
    assert unit.last_generation == 0
