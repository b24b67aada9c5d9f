"""What rules once read in the audit trail is copied from there into columns of its own."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from associations.models import AssociationType, Seat
from associations.services import associate
from licensing.moves.release import release_to_account, release_to_stock
from licensing.moves.swap import swap_roles
from portal.clock import today
from portal.models import Account, User
from products.models import Registration
from products.ownership import end_registration
from products.services import create_registration
from tests.factories import AccountFactory, RegistrationFactory, UserFactory, pair

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]

BEFORE = [("products", "0006_find_by_name"), ("associations", "0004_names")]


def copy() -> None:
    """Take the columns away and have them filled by the migrations."""
    try:
        MigrationExecutor(connection).migrate(BEFORE)
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())


def swap_to_and_fro(account: Account, by: User) -> None:
    """Two swaps, an access point with the primary's role, and what no swap made before, between and after."""
    primary, secondary, seat = pair(account, by)
    point = AssociationType.objects.get(slug="sonicpoint")
    first, second, third = RegistrationFactory.create_batch(3, account=account, unit__model_name="SonicPoint")
    associate(parent=primary, child=first, type=point, by=by, today=today())
    seat = swap_roles(seat=seat, by=by, today=today())
    associate(parent=primary, child=second, type=point, by=by, today=today())
    swap_roles(seat=seat, by=by, today=today())
    associate(parent=secondary, child=third, type=point, by=by, today=today())


def seats() -> list[tuple[object, ...]]:
    return list(Seat.objects.order_by("pk").values_list("pk", "side", "swapped_with"))


def releases() -> list[tuple[object, ...]]:
    rows = Registration.objects.order_by("pk")
    return list(rows.values_list("pk", "released_by", "released_to", "release_reason"))


def test_seats_of_a_swap_name_who_was_primary() -> None:
    swap_to_and_fro(AccountFactory(), UserFactory())
    before = seats()

    copy()

    assert seats() == before
    assert len({former for *_, former in before if former}) == 2
    assert sum(former is not None for *_, former in before) == 3


def test_registrations_say_how_they_were_released() -> None:
    by, account, facts = UserFactory(), AccountFactory(), {"today": today(), "now": timezone.now()}
    moved, returned, stocked = RegistrationFactory.create_batch(3, account=account)
    for home in (AccountFactory(name="Globex"), account, AccountFactory(name="Initech")):
        moved = release_to_account(registration=moved, account=home, reason=home.name, by=by, **facts)
    end_registration(returned, now=timezone.now())
    again = create_registration(unit=returned.unit, account=account, friendly_name="Again", by=by)
    for unit, code in ((again, "WXYZ-9876"), (stocked, "WXYZ-9877")):
        release_to_stock(registration=unit, authentication_code=code, reason="sold", by=by, **facts)
    before = releases()

    copy()

    assert releases() == before
    assert [to for _, _, to, _ in before if to] == ["Globex", account.name, "Initech"]
    assert [why for _, _, to, why in before if not to and why] == ["sold", "sold"]
