"""Whatever members did, undone in reverse: each step gives back the state before it (L8)."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from licensing.ledger.verification import verify
from portal.errors import RuleViolation
from portal.models import Act
from products.models import Registration
from tests.examples import examples
from tests.licensing.history import grant
from tests.licensing.rma.support import Scene
from tests.licensing.support import GATEWAY_AV, SUPPORT
from tests.licensing.undo.support import change, move, promote, remove, state, swap, undo, use_key

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

KINDS = ["key", "counts", "swap", "standby", "remove", "change"]
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 4), st.integers(0, 4)), max_size=7)


def step(scene: Scene, units: list[Registration], kind: str, one: int, other: int) -> None:
    """Something that a member tries; the rules may refuse it."""
    first, second = units[one], units[other]
    does: dict[str, Callable[[], object]] = {
        "key": lambda: use_key(scene, first, [GATEWAY_AV, SUPPORT][other % 2])(),
        "counts": lambda: move(scene, first, second, 2),
        "swap": lambda: swap(scene),
        "standby": lambda: promote(scene, first),
        "remove": lambda: remove(scene, first),
        "change": lambda: change(scene, first, second),
    }
    with suppress(RuleViolation, ObjectDoesNotExist), transaction.atomic():
        does[kind]()


def act_at_random(scene: Scene, steps: list[tuple[str, int, int]]) -> list[tuple[Act, object]]:
    """Do what the rules let pass; return each act with the state before it."""
    units = [scene.primary, scene.secondary, scene.spare(), scene.unit(), scene.unit()]
    grant(units[3], GATEWAY_AV)
    done: list[tuple[Act, object]] = []
    for kind, one, other in steps:
        before, count = state(), Act.objects.count()
        step(scene, units, kind, one, other)
        if Act.objects.count() > count:
            done.append((Act.objects.latest("pk"), before))
    return done


def test_undone_in_reverse_each_step_gives_back_the_state_before_it(scene: Scene) -> None:
    @settings(
        max_examples=examples(25), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(STEPS)
    def run(steps: list[tuple[str, int, int]]) -> None:
        with transaction.atomic():
            for act, before in reversed(act_at_random(scene, steps)):
                undo(act, scene.by)
                after = state()
                assert [after[0], after[1], after[2], after[4]] == [before[n] for n in (0, 1, 2, 4)]
            verify(progress=lambda done: None)
            transaction.set_rollback(True)

    run()
