"""What stands in the way of undoing: it is named, and nothing is written (L8)."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from associations.catalogue import remove_type_model
from associations.models import Seat
from licensing.keysets.issuing import read_keyset
from licensing.models import Licence
from licensing.undo.errors import KeysetReadSince, UndoBlocked, UndoneAlready, UndoTooLate
from portal.clock import today
from portal.models import AuditEntry
from products.models import Registration, Unit
from tests.factories import UnitFactory
from tests.licensing.history import divide
from tests.licensing.rma.support import NEXT_YEAR, YEAR, Scene, ask, complete, of, open_for
from tests.licensing.rma.support import undo as undo_case
from tests.licensing.support import CLIENT_AV, GATEWAY_AV, refuses, service
from tests.licensing.undo.support import (
    ONE_OF_EACH,
    Prepared,
    a_change_of_parent,
    a_change_to_a_better_parent,
    a_change_to_be_a_spare,
    a_key_that_lengthens_a_licence,
    a_key_that_lengthens_a_pool,
    a_key_that_makes_a_licence,
    a_key_that_raises_a_count,
    a_removal,
    a_removal_beside_a_spare,
    a_standby,
    a_swap,
    a_swap_of_pools,
    change,
    counts_given,
    move,
    pool,
    promote,
    remove,
    state,
    swap,
    undo,
    use_key,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.mark.parametrize("prepared", ONE_OF_EACH)
def test_after_fourteen_days_it_is_too_late(scene: Scene, prepared: Prepared) -> None:
    act = prepared(scene)()

    refuses(UndoTooLate, partial(undo, act, scene.by, days=15))
    undo(act, scene.by, days=14)


@pytest.mark.parametrize("prepared", ONE_OF_EACH)
def test_an_act_is_undone_once(scene: Scene, prepared: Prepared) -> None:
    act = prepared(scene)()
    undo(act, scene.by)

    refuses(UndoneAlready, partial(undo, act, scene.by))


# What was built on it


def children(parent: Registration) -> QuerySet[Seat]:
    groups = parent.seats.live().filter(side="parent").values("group")
    return Seat.objects.live().with_units().filter(group__in=groups, side="child").order_by("pk")


def extended(scene: Scene) -> str:
    Licence.objects.filter(service__code=GATEWAY_AV).update(expires_on=NEXT_YEAR + 3 * YEAR)
    return f"for {service(GATEWAY_AV)} has been changed"


def lengthened_again(scene: Scene) -> str:
    use_key(scene, scene.primary, GATEWAY_AV)()
    return f"for {service(GATEWAY_AV)} has been changed"


def swapped(scene: Scene) -> str:
    swap(scene)
    return f"moved to {scene.secondary.unit}"


def swapped_back(scene: Scene) -> str:
    swap(scene)
    return f"moved to {scene.primary.unit}"


def revoked(scene: Scene) -> str:
    Licence.objects.filter(registration=scene.primary).exclude(service__code=CLIENT_AV).delete()
    return "is gone"


def shared_out_beyond(scene: Scene) -> str:
    third = scene.unit()
    divide(pool(scene), third, 7, by=scene.by)
    return third.unit.serial


def moved_on(scene: Scene) -> str:
    (part,) = pool(scene).parts.all()
    move(scene, part.registration, scene.unit(), 1)
    return f"Counts of a license for {service(CLIENT_AV)}"


def removed(scene: Scene) -> str:
    remove(scene, scene.secondary)
    return f"{scene.secondary.unit} isn't associated"


def removed_from_the_new_primary(scene: Scene) -> str:
    remove(scene, scene.primary)
    return f"{scene.primary.unit} isn't associated"


def associated_elsewhere(scene: Scene) -> str:
    scene.hf(scene.unit(), scene.secondary)
    return f"former place of {scene.secondary.unit} is taken"


def given_a_secondary(scene: Scene) -> str:
    scene.hf(scene.secondary, scene.unit())
    return f"former place of {scene.secondary.unit} is taken"


def shared_by_the_spare(scene: Scene) -> str:
    promote(scene, children(scene.primary).get().registration)
    return f"former place of {scene.secondary.unit} is taken"


def made_secondary(scene: Scene) -> str:
    scene.hf(scene.unit(), scene.primary)
    return f"former place of {scene.secondary.unit} is taken"


def changed_again(scene: Scene) -> str:
    change(scene, scene.secondary, scene.unit())
    return f"{scene.secondary.unit} isn't associated"


def no_longer_allowed(scene: Scene) -> str:
    type = scene.seat.type
    remove_type_model(
        entry=type.models.get(model=scene.primary.unit.model, side="child"), by=None, reason="…"
    )
    return str(scene.primary.unit.model)


def retired(scene: Scene) -> str:
    Unit.objects.filter(pk=scene.secondary.unit_id).update(retired_at=timezone.now())
    return f"{scene.secondary.unit} has been retired"


def released(scene: Scene) -> str:
    Registration.objects.filter(pk=scene.secondary.pk).update(ended_at=timezone.now())
    return f"{scene.secondary.unit} has left the account"


def asked_for_a_replacement(scene: Scene) -> str:
    return f"{ask(scene.primary, by=scene.by).number} is open"


def replaced(scene: Scene) -> str:
    case = open_for(scene.secondary, UnitFactory())
    complete(case)
    return f"{case.number} has been completed"


BUILT: list[tuple[Prepared, Callable[[Scene], str]]] = [
    (a_key_that_lengthens_a_licence, extended),
    (a_key_that_lengthens_a_licence, lengthened_again),
    (a_key_that_lengthens_a_licence, swapped),
    (a_key_that_makes_a_licence, revoked),
    (a_key_that_makes_a_licence, asked_for_a_replacement),
    (a_key_that_raises_a_count, shared_out_beyond),
    (counts_given, moved_on),
    (counts_given, asked_for_a_replacement),
    (a_swap, swapped_back),
    (a_swap, removed_from_the_new_primary),
    (a_swap, given_a_secondary),
    (a_swap, retired),
    (a_swap, released),
    (a_swap, asked_for_a_replacement),
    (a_standby, removed),
    (a_removal, associated_elsewhere),
    (a_removal, given_a_secondary),
    (a_removal, made_secondary),
    (a_removal, no_longer_allowed),
    (a_removal, retired),
    (a_removal, released),
    (a_removal, replaced),
    (a_removal_beside_a_spare, shared_by_the_spare),
    (a_change_of_parent, changed_again),
    (a_change_of_parent, removed),
]


@pytest.mark.parametrize(("prepared", "build"), BUILT)
def test_what_was_built_on_it_stands_in_the_way(
    scene: Scene, prepared: Prepared, build: Callable[[Scene], str]
) -> None:
    act = prepared(scene)()
    said = build(scene)
    AuditEntry.objects.all().delete()  # the trail may be pruned

    with pytest.raises(UndoBlocked) as refusal:
        undo(act, scene.by)

    assert said in str(refusal.value)
    refuses(UndoBlocked, partial(undo, act, scene.by))


@pytest.mark.parametrize("then", [shared_out_beyond, lengthened_again, changed_again])
def test_what_has_nothing_to_do_with_it_is_no_matter(scene: Scene, then: Callable[[Scene], str]) -> None:
    acts = {changed_again: counts_given, shared_out_beyond: a_swap, lengthened_again: a_removal}
    act = acts[then](scene)()
    if then is not shared_out_beyond:
        then(scene)

    undo(act, scene.by)

    act.refresh_from_db()
    assert act.undone_at


def test_once_what_was_built_on_it_is_undone_it_goes(scene: Scene) -> None:
    before = state()[0:3]
    key = a_key_that_lengthens_a_licence(scene)()
    swapped = swap(scene)
    refuses(UndoBlocked, partial(undo, key, scene.by))

    undo(swapped, scene.by)
    undo(key, scene.by)

    assert state()[0:3] == before


def test_a_case_that_was_undone_is_no_matter(scene: Scene) -> None:
    act = a_removal(scene)()
    case = open_for(scene.secondary, UnitFactory())
    complete(case)
    case.refresh_from_db()
    undo_case(case)

    undo(act, scene.by)

    assert children(scene.primary).get().registration == scene.secondary


# Keysets that were read

type Who = Callable[[Scene], Registration]


def primary(scene: Scene) -> Registration:
    return scene.primary


def secondary(scene: Scene) -> Registration:
    return scene.secondary


def holder(scene: Scene) -> Registration:
    return pool(scene).parts.get().registration


def associated_since(scene: Scene) -> Registration:
    remove(scene, scene.secondary)
    new = scene.unit()
    scene.hf(scene.primary, new)
    return new


def sharer(scene: Scene) -> Registration:
    return Seat.objects.live().get(shares=True).registration


GAINED: list[tuple[Prepared, Who]] = [
    (a_key_that_makes_a_licence, primary),
    (a_key_that_lengthens_a_licence, secondary),
    (a_key_that_lengthens_a_licence, associated_since),
    (a_key_that_lengthens_a_pool, holder),
    (counts_given, holder),
    (a_standby, sharer),
    (a_change_to_a_better_parent, secondary),
]


@pytest.mark.parametrize(("prepared", "who"), GAINED)
def test_once_a_keyset_of_a_unit_that_gained_was_read_support_decides(
    scene: Scene, prepared: Prepared, who: Who
) -> None:
    act = prepared(scene)()
    unit = who(scene)
    read_keyset(registration=of(unit.unit), today=today())

    with pytest.raises(KeysetReadSince) as refusal:
        undo(act, scene.by)

    assert unit.unit.serial in str(refusal.value)
    refuses(KeysetReadSince, partial(undo, act, scene.by))


NOT_GAINED: list[tuple[Prepared, Who]] = [
    (a_swap, primary),
    (a_swap, secondary),
    (a_swap_of_pools, secondary),
    (a_removal, secondary),
    (a_change_to_be_a_spare, secondary),
    (a_key_that_raises_a_count, holder),
    (counts_given, primary),
    (a_standby, secondary),
]


@pytest.mark.parametrize(("prepared", "who"), NOT_GAINED)
def test_keysets_of_other_units_are_no_matter(scene: Scene, prepared: Prepared, who: Who) -> None:
    act = prepared(scene)()
    read_keyset(registration=of(who(scene).unit), today=today())

    undo(act, scene.by)

    act.refresh_from_db()
    assert act.undone_by == scene.by
