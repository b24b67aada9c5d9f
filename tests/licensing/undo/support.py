"""What the tests of Undo share: acts of every kind, and the state that undoing gives back."""

import datetime
from collections.abc import Callable
from functools import partial

from django.utils import timezone

from associations.models import Seat
from associations.services import change_parent, make_standby
from licensing.entitlements.today import entitlements, sharing_primary
from licensing.models import ActivationKey, Licence
from licensing.moves.pools import move_counts
from licensing.moves.swap import swap_roles
from licensing.undo.undoing import Undoing, undo_act
from licensing.wording import entitlement_in_words
from portal.clock import today
from portal.models import Act, User
from products.models import Registration
from tests.factories import sharing
from tests.licensing.history import divide, grant
from tests.licensing.rma.support import Scene, links, parts
from tests.licensing.support import CLIENT_AV, GATEWAY_AV, SUPPORT, make, redeem

type Acting = Callable[[], Act]
type Prepared = Callable[[Scene], Acting]
"""Arranges what there is before an act; what it returns acts."""


def last() -> Act:
    return Act.objects.latest("pk")


def undo(act: Act, by: User, *, days: int = 0) -> Undoing:
    """Undo an act so many days from now."""
    return undo_act(act=act, by=by, now=timezone.now() + datetime.timedelta(days))


def state() -> tuple[object, ...]:
    """Who is associated with whom, whose what is, which keys were redeemed, and what every unit may run."""
    live = Registration.objects.live().select_related("unit__model").order_by("pk")
    runs = {
        unit.unit.serial: [
            entitlement_in_words(held, today())
            for held in entitlements(unit, source=sharing_primary(unit), today=today())
        ]
        for unit in live
    }
    days = ("begins_on", "expires_on", "counted_from")
    licences = set(Licence.objects.values_list("uuid", "registration", "kind", "count", *days))
    redeemed = set(ActivationKey.objects.values_list("pk", "redeemed_at", "redeemed_by", "redeemed_on"))
    return links(), parts(), licences, redeemed, runs


def seat_of(unit: Registration) -> Seat:
    return Seat.objects.live().with_units().get(registration=unit, side="child")


def pool(scene: Scene) -> Licence:
    """The pair's licence that counts are shared out of."""
    found = Licence.objects.select_related("registration__unit").filter(service__code=CLIENT_AV)
    return found.get(registration__in=[scene.primary, scene.secondary])


def use_key(scene: Scene, unit: Registration, code: int, **terms: object) -> Acting:
    (key,) = make(code, **terms)
    return lambda: redeemed(scene, unit, key)


def redeemed(scene: Scene, unit: Registration, key: str) -> Act:
    redeem(unit, key, by=scene.by, now=timezone.now())
    return last()


def move(scene: Scene, source: Registration, target: Registration, count: int = 3) -> Act:
    facts = {"licence": pool(scene), "by": scene.by, "today": today()}
    move_counts(source=source, target=target, count=count, **facts)
    return last()


def swap(scene: Scene) -> Act:
    seat = (
        Seat.objects.live().with_units().get(shares=True, registration__in=[scene.primary, scene.secondary])
    )
    swap_roles(seat=seat, by=scene.by, today=today())
    return last()


def promote(scene: Scene, spare: Registration) -> Act:
    seat = seat_of(spare)
    make_standby(seat=seat, instead=sharing(seat), by=scene.by, today=today())
    return last()


def remove(scene: Scene, unit: Registration) -> Act:
    scene.remove(seat_of(unit))
    return last()


def change(scene: Scene, child: Registration, parent: Registration) -> Act:
    change_parent(seat=seat_of(child), parent=parent, by=scene.by, today=today())
    return last()


# What members do


def a_key_that_makes_a_licence(scene: Scene) -> Acting:
    return use_key(scene, scene.primary, SUPPORT)


def a_key_of_a_secondary(scene: Scene) -> Acting:
    return use_key(scene, scene.secondary, GATEWAY_AV)


def a_key_that_lengthens_a_licence(scene: Scene) -> Acting:
    return use_key(scene, scene.primary, GATEWAY_AV)


def a_key_that_lengthens_a_pool(scene: Scene) -> Acting:
    divide(pool(scene), scene.unit(), 4, by=scene.by)
    return use_key(scene, scene.primary, CLIENT_AV, count=10)


def a_key_that_raises_a_count(scene: Scene) -> Acting:
    divide(pool(scene), scene.unit(), 4, by=scene.by)
    return use_key(scene, scene.primary, CLIENT_AV, count=5, months=None)


def counts_given(scene: Scene) -> Acting:
    return partial(move, scene, scene.primary, scene.unit())


def counts_given_once_more(scene: Scene) -> Acting:
    third = scene.unit()
    move(scene, scene.primary, third)
    return partial(move, scene, scene.primary, third, 2)


def counts_returned(scene: Scene) -> Acting:
    third = scene.unit()
    move(scene, scene.primary, third)
    return partial(move, scene, third, scene.primary, 2)


def counts_between_two_others(scene: Scene) -> Acting:
    third = scene.unit()
    move(scene, scene.primary, third)
    return partial(move, scene, third, scene.unit())


def a_swap(scene: Scene) -> Acting:
    return partial(swap, scene)


def a_swap_with_all_that_goes_along(scene: Scene) -> Acting:
    scene.spare()
    for unit in (scene.primary, scene.secondary):
        scene.point(unit)
        grant(unit, SUPPORT)
    grant(scene.secondary, GATEWAY_AV)
    return partial(swap, scene)


def a_swap_of_pools(scene: Scene) -> Acting:
    """The secondary has a part of the primary's pool, both have parts of a third unit's."""
    move(scene, scene.primary, scene.secondary)
    third = scene.unit()
    for unit, count in ((scene.primary, 4), (scene.secondary, 2)):
        licence = third.licences.first() or grant(third, CLIENT_AV, count=20)
        divide(licence, unit, count, by=scene.by)
    return partial(swap, scene)


def a_standby(scene: Scene) -> Acting:
    return partial(promote, scene, scene.spare())


def a_standby_where_nobody_shared(scene: Scene) -> Acting:
    spare = scene.spare()
    scene.remove()
    return partial(promote, scene, spare)


def a_removal(scene: Scene) -> Acting:
    return partial(remove, scene, scene.secondary)


def a_removal_beside_a_spare(scene: Scene) -> Acting:
    scene.spare()
    return partial(remove, scene, scene.secondary)


def a_removal_of_a_spare(scene: Scene) -> Acting:
    return partial(remove, scene, scene.spare())


def a_removal_of_an_access_point(scene: Scene) -> Acting:
    return partial(remove, scene, scene.point(scene.primary))


def a_change_of_parent(scene: Scene) -> Acting:
    return partial(change, scene, scene.secondary, scene.unit())


def a_change_to_a_better_parent(scene: Scene) -> Acting:
    wanted = scene.unit()
    grant(wanted, SUPPORT)
    grant(wanted, GATEWAY_AV)
    return partial(change, scene, scene.secondary, wanted)


def a_change_to_be_a_spare(scene: Scene) -> Acting:
    wanted = scene.unit()
    scene.hf(wanted, scene.unit())
    return partial(change, scene, scene.secondary, wanted)


ACTS: list[Prepared] = [
    a_key_that_makes_a_licence,
    a_key_of_a_secondary,
    a_key_that_lengthens_a_licence,
    a_key_that_lengthens_a_pool,
    a_key_that_raises_a_count,
    counts_given,
    counts_given_once_more,
    counts_returned,
    counts_between_two_others,
    a_swap,
    a_swap_with_all_that_goes_along,
    a_swap_of_pools,
    a_standby,
    a_standby_where_nobody_shared,
    a_removal,
    a_removal_beside_a_spare,
    a_removal_of_a_spare,
    a_removal_of_an_access_point,
    a_change_of_parent,
    a_change_to_a_better_parent,
    a_change_to_be_a_spare,
]
ONE_OF_EACH: list[Prepared] = [
    a_key_that_makes_a_licence,
    counts_given,
    a_swap,
    a_standby,
    a_removal,
    a_change_to_a_better_parent,
]
