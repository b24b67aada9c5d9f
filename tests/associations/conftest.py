"""What the tests of associations begin with. Django's models are there only once pytest is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client

if TYPE_CHECKING:
    from portal.models import Membership
    from tests.associations.support import Pair


@pytest.fixture
def member(client: Client) -> Membership:
    """The owner that the client is logged in as."""
    from tests.factories import log_in

    return log_in(client)


@pytest.fixture
def mine(member: Membership) -> Pair:
    """A pair: primary, secondary and the secondary's seat. The primary has a licence for each to share."""
    from tests.associations.support import license_to
    from tests.factories import pair

    primary, secondary, seat = pair(member.account, by=member.user)
    license_to(primary)
    return primary, secondary, seat
