"""A unit is replaced by a case, or by the source's own steps with a transfer: the ends are the same.

Source: Replacing an HF Primary Unit, steps 6 to 8; Replacing an HF Secondary Unit, steps 1 and 2.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import pytest

from associations.models import Seat
from associations.services import remove_association
from licensing.grants.trials import start_trial
from licensing.keyset import Payload
from licensing.models import Licence
from portal.clock import today
from portal.models import User
from products.models import Registration, Unit
from tests.factories import MembershipFactory, RegistrationFactory, UnitFactory, hf, pair, registered
from tests.licensing.history import divide, grant
from tests.licensing.oracle import shown
from tests.licensing.rma.support import TRANSFER, YEAR, check_truth, complete, of, open_for
from tests.licensing.support import CLIENT_AV, CONTENT_FILTER, GATEWAY_AV, SUPPORT, service

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


class World(NamedTuple):
    """An account with a pair and a further unit, and a unit in stock."""

    by: User
    primary: Registration
    secondary: Registration
    third: Registration
    seat: Seat
    new: Unit


def world() -> World:
    """Both units have licences, one for the same service; counts are shared out, and a trial runs."""
    member = MembershipFactory()
    primary, secondary, seat = pair(member.account, member.user)
    third = RegistrationFactory(account=member.account)
    grant(primary, GATEWAY_AV, expires_on=today() + YEAR)
    grant(primary, SUPPORT)
    grant(secondary, GATEWAY_AV, expires_on=today())
    divide(grant(primary, CLIENT_AV), third, 4, by=member.user)
    start_trial(registration=primary, service=service(CONTENT_FILTER), by=member.user, today=today())
    return World(member.user, primary, secondary, third, seat, UnitFactory())


def by_case(world: World, failed: Registration) -> None:
    """Support does it all."""
    complete(open_for(failed, world.new))


def by_steps(world: World, failed: Registration) -> None:
    """The administrator removes, registers and associates; Support transfers the failed unit's licences."""
    remove_association(seat=world.seat, by=world.by)
    member = failed.account.memberships.get()
    replacement = registered(member, world.new.serial, name=failed.friendly_name)
    primary = world.secondary if failed == world.primary else world.primary
    hf(primary, replacement, by=world.by)
    complete(open_for(failed, primary.unit, kind=TRANSFER))


class End(NamedTuple):
    """How it all stands, with the units' roles of before in place of their serial numbers."""

    places: set[tuple[str, str, bool]]
    licences: dict[tuple[str, int], tuple[object, ...]]
    payloads: dict[str, Payload]
    retired: set[str]

    def held_by(self, unit: str) -> dict[int, tuple[object, ...]]:
        """The licences of one unit, by service."""
        return {code: terms for (name, code), terms in self.licences.items() if name == unit}


def end_of(world: World) -> End:
    units = {"primary": world.primary.unit, "secondary": world.secondary.unit, "third": world.third.unit}
    named = {unit.serial: name for name, unit in {**units, "new": world.new}.items()}
    seats = list(Seat.objects.live().filter(registration__unit__serial__in=named).with_units())
    parents = {seat.group: named[seat.registration.unit.serial] for seat in seats if seat.side == "parent"}
    rows = Licence.objects.filter(registration__unit__serial__in=named).select_related("registration__unit")
    live = Registration.objects.live().filter(unit__serial__in=named)
    return End(
        {(parents[s.group], named[s.registration.unit.serial], s.shares) for s in seats if s.side == "child"},
        {
            (named[row.registration.unit.serial], row.service.code): (row.kind, row.count, row.expires_on)
            for row in rows
        },
        {named[serial]: _said(of(Unit.objects.get(serial=serial)), named) for serial in _serials(live)},
        {named[unit.serial] for unit in Unit.objects.filter(serial__in=named).exclude(retired_at=None)},
    )


def _serials(live: object) -> list[str]:
    return list(live.values_list("unit__serial", flat=True))


def _said(registration: Registration, named: dict[str, str]) -> Payload:
    """What a unit's keyset says, with names in place of serial numbers."""
    said = shown(registration, today())
    return replace(said, serial=named[said.serial], primary=said.primary and named[said.primary])


@pytest.mark.parametrize("role", ["primary", "secondary"])
def test_the_ends_are_the_same(role: str) -> None:
    ends = []
    for replaced in (by_case, by_steps):
        played = world()

        replaced(played, getattr(played, role))

        ends.append(end_of(played))
    other = "secondary" if role == "primary" else "primary"
    assert ends[0].places == ends[1].places == {(other, "new", True)}
    assert ends[0].payloads == ends[1].payloads
    assert ends[0].retired == ends[1].retired == {role}
    assert ends[0].held_by(other) == ends[1].held_by(other)
    assert sorted(ends[0].licences.values(), key=str) == sorted(ends[1].licences.values(), key=str)
    check_truth()


@pytest.mark.parametrize("replaced", [by_case, by_steps])
@pytest.mark.parametrize("role", ["primary", "secondary"])
def test_the_pair_runs_everything_that_the_former_pair_ran(role: str, replaced: Callable) -> None:
    played = world()
    before = {row.code for row in shown(played.primary, today()).services}

    replaced(played, getattr(played, role))

    heir = played.secondary if role == "primary" else played.primary
    in_its_place = {row.code for row in shown(of(played.new), today()).services}
    is_primarys = {SUPPORT} if role == "primary" else set()
    assert {row.code for row in shown(heir, today()).services} == before - is_primarys
    assert in_its_place == before - {SUPPORT} | is_primarys
