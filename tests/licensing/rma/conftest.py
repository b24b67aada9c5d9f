"""What the tests of cases begin with. Django's models are there only once pytest is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.licensing.rma.support import Scene


@pytest.fixture
def scene(keys: None, catalogue: None) -> Scene:
    from tests.factories import MembershipFactory, UnitFactory, pair
    from tests.licensing.history import grant
    from tests.licensing.rma.support import NEXT_YEAR, Scene
    from tests.licensing.support import GATEWAY_AV

    member = MembershipFactory()
    primary, secondary, seat = pair(member.account, member.user)
    grant(primary, GATEWAY_AV, expires_on=NEXT_YEAR)
    return Scene(member.user, primary, secondary, seat, UnitFactory())
