"""Killed before any statement, or before COMMIT: afterwards everything is there, or nothing."""

from itertools import count

import pytest

from associations.models import Seat
from licensing.models import ActivationKey, Keyset, KeysetHead, LedgerEntry, Licence, PoolPart
from licensing.moves.swap import swap_roles
from licensing.rma.undoing import rehearse_undo
from portal.clock import today
from portal.models import Act, AuditEntry, Mail
from products.models import Registration, Unit
from tests.factories import AccountFactory, MembershipFactory, RegistrationFactory, UnitFactory, hf
from tests.killed import Mortal
from tests.licensing.rma.support import complete, links, open_for, rehearse
from tests.licensing.support import CLIENT_AV, give, make
from tests.rows import every_row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]

TOO_FEW_STEPS = 4
"""An action that dies at fewer steps than these wasn't killed where it matters."""


def _die_everywhere(mortal: Mortal) -> None:
    """Kill it before its first step, its second and so on, until a run survives. Nothing may be half done."""
    before = every_row()
    with mortal:
        for step in count(1):
            if not mortal.dies_before(step):
                break
            assert every_row() == before, f"killed before step {step}"
    assert step > TOO_FEW_STEPS
    assert every_row() != before


def test_killed_while_registering() -> None:
    member, unit = MembershipFactory(), UnitFactory()

    _die_everywhere(Mortal("register", account=member.account_id, serial=unit.serial, by=member.user_id))

    assert Registration.objects.get(unit=unit).account == member.account
    assert AuditEntry.objects.filter(code="registered").count() == 1


def test_killed_while_associating() -> None:
    member = MembershipFactory()
    parent, child = RegistrationFactory.create_batch(2, account=member.account)

    _die_everywhere(Mortal("associate", parent=parent.pk, child=child.pk, by=member.user_id))

    assert Seat.objects.live().get(registration=child, shares=True).group == parent.seats.live().get().group
    assert AuditEntry.objects.filter(code="associated").count() == 2
    assert Unit.objects.get(pk=child.unit_id).version == 1


def test_killed_while_a_second_child_is_associated() -> None:
    member = MembershipFactory()
    parent, child, spare = RegistrationFactory.create_batch(3, account=member.account)
    with Mortal("associate", parent=parent.pk, child=child.pk, by=member.user_id) as mortal:
        mortal.dies_before(0)

    _die_everywhere(Mortal("associate", parent=parent.pk, child=spare.pk, by=member.user_id))

    assert Seat.objects.live().get(registration=spare).is_spare


def test_killed_while_the_parent_is_changed() -> None:
    member = MembershipFactory()
    former, wanted, child = RegistrationFactory.create_batch(3, account=member.account)
    seat = hf(former, child, by=member.user)

    _die_everywhere(Mortal("change_parent", seat=seat.pk, parent=wanted.pk, by=member.user_id))

    changed = Seat.objects.live().get(registration=child, shares=True)
    assert set(Seat.objects.live()) == {changed, wanted.seats.live().get(group=changed.group)}
    assert AuditEntry.objects.filter(code="parent-changed").count() == 3


def test_killed_while_a_spare_is_made_standby() -> None:
    member = MembershipFactory()
    parent, child, spare = RegistrationFactory.create_batch(3, account=member.account)
    hf(parent, child, by=member.user)
    seat = hf(parent, spare, by=member.user)

    _die_everywhere(Mortal("make_standby", seat=seat.pk, by=member.user_id))

    assert Seat.objects.live().get(registration=spare).shares
    assert Seat.objects.live().get(registration=child).is_spare
    assert AuditEntry.objects.filter(code="made-standby").count() == 3


def test_killed_while_an_association_is_removed() -> None:
    member = MembershipFactory()
    parent, child = RegistrationFactory.create_batch(2, account=member.account)
    seat = hf(parent, child, by=member.user)

    _die_everywhere(Mortal("remove", seat=seat.pk, by=member.user_id))

    assert not Seat.objects.live().exists()
    assert AuditEntry.objects.filter(code="association-removed").count() == 2


def test_killed_while_granting() -> None:
    member = MembershipFactory()
    registration = RegistrationFactory(account=member.account)

    _die_everywhere(Mortal("grant", unit=registration.unit_id, service=3, by=member.user_id))

    assert Licence.objects.get().registration == registration
    assert LedgerEntry.objects.filter(unit=registration.unit).count() == 1


def test_killed_while_a_key_is_redeemed() -> None:
    member = MembershipFactory()
    registration = RegistrationFactory(account=member.account)
    (key,) = make(CLIENT_AV, count=25)

    _die_everywhere(Mortal("redeem", registration=registration.pk, key=key, by=member.user_id))

    assert Licence.objects.get().registration == registration
    assert ActivationKey.objects.get().redeemed_on == registration.unit
    assert LedgerEntry.objects.filter(unit=registration.unit).count() == 1


def test_killed_while_counts_are_moved() -> None:
    member = MembershipFactory()
    first, second, third = RegistrationFactory.create_batch(3, account=member.account)
    pool = give(first, CLIENT_AV, count=10)
    PoolPart.objects.create(licence=pool, registration=second, count=4)
    facts = {"licence": pool.pk, "source": second.pk, "target": third.pk, "count": 4}

    _die_everywhere(Mortal("move_counts", by=member.user_id, **facts))

    assert [(part.registration, part.count) for part in PoolPart.objects.all()] == [(third, 4)]
    assert LedgerEntry.objects.exclude(unit=None).count() == 2


def test_killed_while_a_licence_is_moved() -> None:
    member = MembershipFactory()
    first, second, third = RegistrationFactory.create_batch(3, account=member.account)
    licence = give(first, CLIENT_AV, count=10)
    for holder in (second, third):
        PoolPart.objects.create(licence=licence, registration=holder, count=4)

    _die_everywhere(Mortal("move_licence", licence=licence.pk, to=second.pk, by=member.user_id))

    assert Licence.objects.get().registration == second
    assert PoolPart.objects.get().registration == third
    units = {registration.unit_id for registration in (first, second, third)}
    assert set(LedgerEntry.objects.values_list("unit", flat=True)) >= units


def test_killed_while_roles_are_swapped() -> None:
    member = MembershipFactory()
    parent, child, spare, third = RegistrationFactory.create_batch(4, account=member.account)
    seat = hf(parent, child, by=member.user)
    hf(parent, spare, by=member.user)
    PoolPart.objects.create(licence=give(parent, CLIENT_AV, count=10), registration=third, count=4)
    give(child, CLIENT_AV, count=3, expires_on=today())

    _die_everywhere(Mortal("swap", seat=seat.pk, by=member.user_id))

    assert Seat.objects.live().get(side="parent").registration == child
    held = Licence.objects.order_by("count").values_list("registration", "count")
    assert list(held) == [(child.pk, 3), (child.pk, 10)]
    assert AuditEntry.objects.filter(code="roles-swapped").count() == 3


def test_killed_while_a_unit_is_released() -> None:
    member, target = MembershipFactory(), AccountFactory()
    unit, other = RegistrationFactory.create_batch(2, account=member.account)
    PoolPart.objects.create(licence=give(unit, CLIENT_AV, count=10), registration=other, count=4)
    PoolPart.objects.create(licence=give(other, CLIENT_AV, count=5), registration=unit, count=2)

    _die_everywhere(Mortal("release", registration=unit.pk, account=target.pk, by=member.user_id))

    new = Registration.objects.live().get(unit=unit.unit)
    assert (new.account, not PoolPart.objects.exists()) == (target, True)
    assert dict(Licence.objects.values_list("registration", "count")) == {new.pk: 10, other.pk: 5}
    assert AuditEntry.objects.filter(code="unit-released").count() == 2


def test_killed_while_a_case_is_completed() -> None:
    member = MembershipFactory(user__email="owner@example.com")
    primary, child, third = RegistrationFactory.create_batch(3, account=member.account)
    hf(primary, child, by=member.user)
    PoolPart.objects.create(licence=give(primary, CLIENT_AV, count=10), registration=third, count=4)
    case = open_for(primary, UnitFactory(), by=member.user)
    facts = {"case": case.pk, "partner": child.pk, "seen": rehearse(case).seen}

    _die_everywhere(Mortal("complete", by=member.user_id, **facts))

    assert links() == {(child.unit.serial, case.replacement.serial, True)}
    assert Licence.objects.get().registration == child
    assert Unit.objects.get(pk=primary.unit_id).retired_at
    assert Mail.objects.filter(about=case.number).count() == 2


def test_killed_while_a_case_is_undone() -> None:
    member = MembershipFactory(user__email="owner@example.com")
    primary, child, third = RegistrationFactory.create_batch(3, account=member.account)
    hf(primary, child, by=member.user)
    PoolPart.objects.create(licence=give(primary, CLIENT_AV, count=10), registration=third, count=4)
    case = open_for(primary, UnitFactory(), by=member.user)
    complete(case)

    seen = rehearse_undo(case=case, as_lead=True, by=member.user, today=today()).seen

    _die_everywhere(Mortal("undo", case=case.pk, seen=seen, by=member.user_id))

    assert links() == {(primary.unit.serial, child.unit.serial, True)}
    assert Licence.objects.get().registration == primary
    assert not Registration.objects.live().filter(unit=case.replacement).exists()
    assert Mail.objects.filter(about=case.number).count() == 3


def test_killed_while_a_swap_is_undone() -> None:
    member = MembershipFactory()
    primary, child, third = RegistrationFactory.create_batch(3, account=member.account)
    seat = hf(primary, child, by=member.user)
    PoolPart.objects.create(licence=give(primary, CLIENT_AV, count=10), registration=third, count=4)
    swap_roles(seat=seat, by=member.user, today=today())

    _die_everywhere(Mortal("undo_act", act=Act.objects.get().pk, by=member.user_id))

    assert links() == {(primary.unit.serial, child.unit.serial, True)}
    assert Licence.objects.get().registration == primary
    assert Act.objects.get().undone_by == member.user


def test_killed_while_a_keyset_is_issued() -> None:
    """Its COMMIT completes what belongs together; that somebody read it is recorded later."""
    registration = RegistrationFactory()
    with Mortal("read_keyset", registration=registration.pk) as mortal:
        step = 1
        while mortal.dies_before(step):
            issued = list(Keyset.objects.values_list("generation", flat=True))
            heads = KeysetHead.objects.values_list("keyset__generation", flat=True)
            assert issued == list(heads)
            assert Unit.objects.get(pk=registration.unit_id).last_generation == len(issued) <= 1
            step += 1

    assert step > TOO_FEW_STEPS
    assert Keyset.objects.get().first_read_at
