import pytest

from products.errors import NoMatch
from products.models import Registration
from products.services import register
from tests.factories import CODE, MembershipFactory, UnitFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_register_gives_the_unit_to_the_account() -> None:
    member, unit = MembershipFactory(), UnitFactory()

    registration = register(
        account=member.account,
        serial_number=unit.serial,
        authentication_code=CODE,
        friendly_name="",
        by=member.user,
    )

    assert registration.account == member.account
    assert registration.friendly_name == "PRO 5060"


def test_register_refuses_a_wrong_code() -> None:
    member, unit = MembershipFactory(), UnitFactory()

    with pytest.raises(NoMatch):
        register(
            account=member.account,
            serial_number=unit.serial,
            authentication_code="ABCD-1235",
            friendly_name="",
            by=member.user,
        )

    assert not Registration.objects.exists()
