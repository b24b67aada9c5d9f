"""Undoing what a member did: everything is as it was (L8)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from associations.models import Seat
from associations.services import remove_association
from licensing.acts import record_of
from licensing.keysets.issuing import read_keyset
from licensing.models import ActivationKey, LedgerEntry, Licence
from licensing.undo.undoing import rehearse_undo
from portal.clock import today
from portal.models import Act, AuditEntry
from products.models import Unit
from tests.factories import UserFactory
from tests.licensing.rma.support import Scene, check_truth
from tests.licensing.support import GATEWAY_AV, make
from tests.licensing.undo.support import (
    ACTS,
    ONE_OF_EACH,
    Prepared,
    a_key_that_lengthens_a_licence,
    a_key_that_makes_a_licence,
    a_removal,
    a_swap,
    counts_given,
    redeemed,
    state,
    swap,
    undo,
)
from tests.rows import nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.mark.parametrize("prepared", ACTS)
def test_everything_is_as_it_was(scene: Scene, prepared: Prepared) -> None:
    acting = prepared(scene)
    before = state()
    act = acting()
    assert state() != before

    undo(act, scene.by)

    assert state() == before
    check_truth()


@pytest.mark.parametrize("prepared", ACTS)
def test_a_rehearsal_writes_nothing(scene: Scene, prepared: Prepared) -> None:
    act = prepared(scene)()

    with nothing_written():
        planned = rehearse_undo(act=act, by=scene.by, now=timezone.now())

    assert planned.changes == undo(act, scene.by).changes


def test_any_editor_undoes_what_another_did(scene: Scene) -> None:
    act, other = a_removal(scene)(), UserFactory()

    undo(act, other)

    act.refresh_from_db()
    assert (act.by, act.undone_by) == (scene.by, other)
    assert timezone.now() - act.undone_at < timedelta(minutes=1)


def test_what_support_does_is_no_act(scene: Scene) -> None:
    remove_association(seat=scene.seat, by=UserFactory(is_staff=True), reason="asked by phone")

    assert not Act.objects.exists()


@pytest.mark.parametrize("prepared", ONE_OF_EACH)
def test_the_audit_names_the_units(scene: Scene, prepared: Prepared) -> None:
    act = prepared(scene)()

    undo(act, scene.by)

    done, undone = (
        AuditEntry.objects.filter(**which) for which in ({"action": act.uuid}, {"code": "act-undone"})
    )
    assert {entry.serial for entry in undone} <= {entry.serial for entry in done}
    assert {(entry.actor, entry.account) for entry in undone} == {(scene.by, scene.primary.account)}


def test_the_ledger_keeps_both(scene: Scene) -> None:
    act = a_key_that_lengthens_a_licence(scene)()

    undo(act, scene.by)

    done, undone = LedgerEntry.objects.filter(unit=scene.primary.unit, right__in=["key", "undo"]).order_by(
        "pk"
    )
    assert (done.right, undone.right, undone.actor) == ("key", "undo", scene.by)
    assert (undone.before, undone.after) == (done.after, done.before)


def test_an_undone_key_is_redeemed_again(scene: Scene) -> None:
    (key,) = make(GATEWAY_AV)
    undo(redeemed(scene, scene.primary, key), scene.by)

    act = redeemed(scene, scene.secondary, key)

    assert ActivationKey.objects.get().redeemed_on == scene.secondary.unit
    assert Licence.objects.filter(registration=scene.secondary).count() == 1
    assert record_of(act).registrations == {scene.secondary.pk}
    check_truth()


def test_acts_are_undone_in_reverse_order(scene: Scene) -> None:
    before = state()
    first, second = swap(scene), swap(scene)

    undo(second, scene.by)
    undo(first, scene.by)

    assert state() == before
    check_truth()


def test_the_seats_that_an_undo_makes_count_for_the_sharing_limit(scene: Scene) -> None:
    undo(a_swap(scene)(), scene.by)

    parent = Seat.objects.live().get(side="parent")
    assert (parent.registration, parent.swapped_with) == (scene.primary, scene.secondary)
    assert not Seat.objects.filter(by_rma=True).exists()


@pytest.mark.parametrize("prepared", [a_swap, a_removal])
def test_no_generation_goes_back(scene: Scene, prepared: Prepared) -> None:
    act = prepared(scene)()
    units = (scene.primary, scene.secondary)
    between = [read_keyset(registration=unit, today=today()).generation for unit in units]

    undo(act, scene.by)

    after = [read_keyset(registration=unit, today=today()).generation for unit in units]
    assert all(one >= other for one, other in zip(after, between, strict=True))
    assert after != between


@pytest.mark.parametrize("prepared", [counts_given, a_key_that_makes_a_licence])
def test_what_nobody_read_leaves_the_keyset_as_it_was(scene: Scene, prepared: Prepared) -> None:
    acting = prepared(scene)
    before = read_keyset(registration=scene.primary, today=today())

    undo(acting(), scene.by)

    assert read_keyset(registration=scene.primary, today=today()) == before
    assert Unit.objects.get(pk=scene.primary.unit_id).last_generation == before.generation
