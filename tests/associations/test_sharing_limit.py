"""A9: a primary shares its licences with few different units in 90 days, even if swaps hand them on."""

import datetime
from itertools import pairwise

import pytest
from django.conf import settings

from associations.errors import TooManySharers
from associations.models import AssociationType
from associations.services import associate, remove_association
from licensing.moves.swap import swap_roles
from portal.models import AuditEntry
from products.models import Registration
from tests.factories import AccountFactory, RegistrationFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

TODAY = datetime.date(2026, 11, 23)


def hand_on(holder: Registration, target: Registration, today: datetime.date = TODAY) -> None:
    """Let one unit's licences become another's, by a swap and a removal; the audit trail is pruned then."""
    by, hf = UserFactory(), AssociationType.objects.get(slug="hf")
    seat = associate(parent=holder, child=target, type=hf, by=by, today=today)
    remove_association(seat=swap_roles(seat=seat, by=by, today=today), by=by)
    AuditEntry.objects.all().delete()


def test_handing_licences_on_by_swaps_shares_with_no_more_units() -> None:
    units = RegistrationFactory.create_batch(settings.MOST_SHARERS + 2, account=AccountFactory())
    for holder, target in pairwise(units[:-1]):
        hand_on(holder, target)

    with pytest.raises(TooManySharers):
        hand_on(units[-2], units[-1])


def test_a_unit_that_shared_before_can_share_again() -> None:
    units = RegistrationFactory.create_batch(settings.MOST_SHARERS + 1, account=AccountFactory())
    for holder, target in pairwise(units):
        hand_on(holder, target)

    hand_on(units[-1], units[0])

    assert not units[0].seats.live().exists()
