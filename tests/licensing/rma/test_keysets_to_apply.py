"""Every unit whose keyset changes by a case stands in its dry run, and is named in page and mail (X2, K2)."""

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from django.test import Client

from licensing.keyset import Payload
from licensing.models import RmaCase
from licensing.rma.mails import resend_mails
from portal.clock import today
from portal.models import AuditEntry, Mail, User
from products.models import Registration
from tests.licensing.history import divide, grant
from tests.licensing.oracle import derived
from tests.licensing.rma.support import Scene, complete, open_for, undo
from tests.licensing.support import CLIENT_AV, SERVER_AV
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture(autouse=True)
def address(scene: Scene) -> None:
    """The account's member gets mails."""
    User.objects.filter(pk=scene.by.pk).update(email="homer@example.org")


class Planned(NamedTuple):
    """A case, who changes beside the failed unit, the heir and the replacement, and how it is completed."""

    case: RmaCase
    changes: Registration
    how: dict[str, object]


def who_keeps_in_a_pair_of_its_own(scene: Scene) -> Planned:
    scene.remove()
    scene.hf(scene.unit(), scene.secondary)
    return Planned(open_for(scene.primary, scene.new), scene.secondary, {})


def who_shares_the_replacements(scene: Scene) -> Planned:
    scene.remove()
    scene.hf(scene.register(), scene.secondary)
    return Planned(open_for(scene.primary, scene.new), scene.secondary, {})


def who_is_left_without_a_pair(scene: Scene) -> Planned:
    return Planned(open_for(scene.primary, scene.new), scene.secondary, {"is_alone": True})


def who_shares_the_chosen_spares(scene: Scene) -> Planned:
    return Planned(open_for(scene.primary, scene.new), scene.secondary, {"partner": scene.spare()})


def who_gets_its_counts_back(scene: Scene) -> Planned:
    divide(grant(scene.primary, CLIENT_AV), scene.secondary, 4, by=scene.by)
    return Planned(open_for(scene.secondary, scene.new), scene.primary, {})


def who_keeps_of_the_heir(scene: Scene) -> Planned:
    """The primary has failed too: who shared its licences before keeps what it gets by the first case."""
    scene.remove()
    scene.ask()
    heir = scene.spare()
    grant(heir, SERVER_AV)
    return Planned(open_for(heir, scene.new), scene.secondary, {})


PLANS = [
    who_keeps_in_a_pair_of_its_own,
    who_shares_the_replacements,
    who_is_left_without_a_pair,
    who_shares_the_chosen_spares,
    who_gets_its_counts_back,
    who_keeps_of_the_heir,
]


def said() -> dict[str, Payload]:
    """What the keyset of every unit has to say."""
    live = Registration.objects.live().select_related("unit__model")
    return {registration.unit.serial: derived(registration, today()) for registration in live}


def changed(before: dict[str, Payload], after: dict[str, Payload]) -> set[str]:
    return {serial for serial, payload in after.items() if payload != before.get(serial)}


def told(case: RmaCase) -> set[str]:
    """Whose keysets the latest mail names."""
    body = Mail.objects.filter(about=case.number).latest("pk").body
    return set(re.findall("/products/([0-9A-F]{12})/keyset/", body))


@pytest.mark.parametrize("plan", PLANS)
def test_every_changed_unit_is_shown_and_mailed(scene: Scene, plan: Callable[[Scene], Planned]) -> None:
    case, other, how = plan(scene)
    bystander, before = scene.unit(), said()

    outcome = complete(case, **how)

    serials = changed(before, said())
    shown = {old.serial: old != new for old, new in zip(outcome.before, outcome.after, strict=True)}
    assert other.unit.serial in serials
    assert {serial for serial, is_changed in shown.items() if is_changed} >= serials
    assert bystander.unit.serial not in shown
    assert told(case) == {unit.unit.serial for unit in outcome.keysets} == serials
    entries = AuditEntry.objects.filter(code="rma-completed").values_list("serial", flat=True)
    assert set(entries) >= serials


@pytest.mark.parametrize("plan", PLANS)
def test_every_unit_changed_by_undoing_is_mailed(scene: Scene, plan: Callable[[Scene], Planned]) -> None:
    case, _, how = plan(scene)
    complete(case, **how)
    between = said()

    case = undo(case)

    first = told(case)
    assert changed(between, said()) <= first
    resend_mails(case=case, by=scene.by)
    assert told(case) == first


@pytest.mark.parametrize("plan", PLANS)
def test_every_changed_unit_is_named_on_the_pages(
    client: Client, scene: Scene, admin_user: User, plan: Callable[[Scene], Planned]
) -> None:
    case, other, how = plan(scene)
    complete(case, **how)

    client.force_login(scene.by)
    pages = [Page(client.get(f"/rma/{case.uuid}/"))]
    client.force_login(admin_user)
    pages.append(Page(client.get(f"/support/rma/{case.uuid}/")))

    assert all(other.unit.serial in page.section("steps").text for page in pages)
    assert list(pages[0].root.all("a", href=f"/products/{other.unit.serial}/"))


def test_a_unit_that_left_the_account_since_gets_no_keyset(scene: Scene) -> None:
    case, other, _ = who_keeps_in_a_pair_of_its_own(scene)
    complete(case)
    case.refresh_from_db()
    Registration.objects.filter(pk=other.pk).update(ended_at=case.completed_at)

    resend_mails(case=case, by=scene.by)

    assert told(case) == {scene.new.serial}
