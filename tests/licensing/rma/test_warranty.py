"""X2: a replacement takes over the rest of the failed unit's warranty where that is longer."""

from datetime import date, timedelta

import pytest
from pytest_django import Settings

from licensing.models import RmaCase
from licensing.rma.warranty import warranty_in_words
from portal.clock import today
from portal.models import AuditEntry
from products.models import Unit
from tests.licensing.rma.support import TRANSFER, Scene, complete, open_for, undo

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

SHORT, LONG = today() + timedelta(30), today() + timedelta(300)
PAST = today() - timedelta(1)


def case_with(scene: Scene, failed: date | None, new: date | None, waiver: str = "") -> RmaCase:
    Unit.objects.filter(pk=scene.primary.unit_id).update(warranty_ends_on=failed)
    Unit.objects.filter(pk=scene.new.pk).update(warranty_ends_on=new)
    scene.primary.unit.refresh_from_db()
    return open_for(scene.primary, scene.new, warranty_waiver=waiver)


def warranty(scene: Scene) -> date | None:
    return Unit.objects.get(pk=scene.new.pk).warranty_ends_on


def test_the_longer_one_goes_over_and_is_recorded(scene: Scene) -> None:
    case = case_with(scene, LONG, SHORT)

    complete(case)

    case.refresh_from_db()
    assert (warranty(scene), case.warranty_was, case.warranty_until) == (LONG, SHORT, LONG)
    assert AuditEntry.objects.filter(code="rma-completed").first().data["warranty"] == str(LONG)


@pytest.mark.parametrize(
    ("failed", "new"),
    [(SHORT, LONG), (SHORT, SHORT), (None, SHORT), (LONG, None), (PAST, PAST - timedelta(9))],
)
def test_otherwise_it_keeps_its_own(scene: Scene, failed: date | None, new: date | None) -> None:
    case = case_with(scene, failed, new, "as a favour")

    complete(case)

    case.refresh_from_db()
    assert (warranty(scene), case.warranty_until) == (new, None)


def test_an_operator_may_not_want_it(scene: Scene, settings: Settings) -> None:
    settings.REPLACEMENT_KEEPS_WARRANTY = False

    complete(case_with(scene, LONG, SHORT))

    assert warranty(scene) == SHORT


def test_undo_gives_it_back(scene: Scene) -> None:
    case = case_with(scene, LONG, SHORT)
    complete(case)

    undo(case)

    assert warranty(scene) == SHORT


def test_undo_leaves_what_was_corrected_since(scene: Scene) -> None:
    case = case_with(scene, LONG, SHORT)
    complete(case)
    corrected = LONG + timedelta(1)
    Unit.objects.filter(pk=scene.new.pk).update(warranty_ends_on=corrected)

    undo(case)

    assert warranty(scene) == corrected


def test_it_is_told_before_and_afterwards_alike(scene: Scene) -> None:
    case = case_with(scene, LONG, SHORT)

    before = warranty_in_words(case, today=today())
    complete(case)

    done = RmaCase.objects.select_related("failed__unit", "replacement").get(pk=case.pk)
    assert before == warranty_in_words(done, today=today())
    assert f"{LONG:%d %b %Y}, no longer {SHORT:%d %b %Y}" in before


def test_nothing_is_told_of_a_transfer_of_licenses(scene: Scene) -> None:
    case = case_with(scene, LONG, SHORT)
    case.kind = TRANSFER

    assert warranty_in_words(case, today=today()) == ""
