"""What the tests of Undo begin with. Django's models are there only once pytest is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.licensing.rma.support import Scene


@pytest.fixture
def scene(keys: None, catalogue: None) -> Scene:
    """A pair whose primary has licences to share, one of them in counts; the keysets of both were read."""
    from licensing.keysets.issuing import read_keyset
    from portal.clock import today
    from tests.factories import MembershipFactory, UnitFactory, pair
    from tests.licensing.history import grant
    from tests.licensing.rma.support import NEXT_YEAR, Scene
    from tests.licensing.support import CLIENT_AV, GATEWAY_AV

    member = MembershipFactory()
    primary, secondary, seat = pair(member.account, member.user)
    grant(primary, GATEWAY_AV, expires_on=NEXT_YEAR)
    grant(primary, CLIENT_AV, count=10, expires_on=NEXT_YEAR)
    for unit in (primary, secondary):
        read_keyset(registration=unit, today=today())
    return Scene(member.user, primary, secondary, seat, UnitFactory())
