import datetime

import pytest

from associations.models import Seat
from associations.services import remove_association
from licensing.models import Licence, RmaCase, Service
from licensing.rma.undoing import undo_case, undo_hindrances
from licensing.verification import verify
from portal.clock import today
from products.models import Registration
from tests.factories import MembershipFactory, UnitFactory, pair
from tests.licensing.history import grant
from tests.licensing.oracle import derived, shown
from tests.licensing.rma.support import complete, open_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]
YEAR = datetime.timedelta(days=365)


def roles() -> dict[str, str]:
    seats = Seat.objects.live().select_related("registration__unit", "type")
    return {s.registration.unit.serial: f"{s.label}{' (spare)' if s.is_spare else ''}" for s in seats}


def test_a_failed_primary_hands_its_role_and_licences_to_its_secondary() -> None:
    member = MembershipFactory()
    primary, secondary, _ = pair(member.account, member.user)
    grant(primary, 3, expires_on=today() + YEAR)
    new = UnitFactory()
    case = open_for(primary, new)

    outcome = complete(case)

    replacement = Registration.objects.live().get(unit=new)
    assert roles() == {secondary.unit.serial: "HF Primary", new.serial: "HF Secondary"}
    assert Seat.objects.live().get(registration=replacement).shares
    assert Licence.objects.get().registration == secondary
    assert replacement.friendly_name == primary.friendly_name
    primary.refresh_from_db()
    primary.unit.refresh_from_db()
    assert primary.ended_at
    assert primary.unit.retired_at
    assert outcome.heir == secondary
    for unit in (secondary, replacement):
        unit.refresh_from_db()
        assert shown(unit, today()) == derived(unit, today())
    verify(progress=lambda done: None)

    case.refresh_from_db()
    assert undo_hindrances(case) == []
    undo_case(case=case, as_lead=True, reason="wrong unit", by=case.asked_by, today=today())

    assert roles() == {primary.unit.serial: "HF Primary", secondary.unit.serial: "HF Secondary"}
    assert Licence.objects.get().registration == primary
    assert not Registration.objects.live().filter(unit=new).exists()
    verify(progress=lambda done: None)


def test_a_secondary_keeps_its_rights_while_the_case_is_open() -> None:
    member = MembershipFactory()
    primary, secondary, seat = pair(member.account, member.user)
    grant(primary, 3, expires_on=today() + YEAR)
    case = open_for(primary, None)

    remove_association(seat=seat, by=member.user)

    row = next(s for s in shown(secondary, today()).services if s.code == 3)
    assert row.expiry == case.grace_ends_on


def test_a_transfer_moves_licences_only() -> None:
    member = MembershipFactory()
    primary, secondary, seat = pair(member.account, member.user)
    grant(primary, 3, expires_on=today() + YEAR)
    remove_association(seat=seat, by=member.user)
    case = open_for(primary, secondary.unit, kind=RmaCase.Kind.TRANSFER)

    complete(case)

    assert Licence.objects.get().registration == secondary
    assert Service.objects.get(code=3).is_transferable
