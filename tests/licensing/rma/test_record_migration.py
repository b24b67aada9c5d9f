"""Records of cases from before licences had names, and what these cases left at the failed unit (0019)."""

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from licensing.ledger import writing as ledger
from licensing.ledger.verification import verify
from licensing.models import LedgerEntry, PoolPart, RmaCase, Service
from licensing.rma.record import record_of
from licensing.rma.undoing import undo_obstacles
from products.models import Registration
from tests.factories import LicenceFactory, MembershipFactory, RegistrationFactory, UnitFactory, pair
from tests.licensing.history import divide, grant
from tests.licensing.rma.support import Scene, complete, holdings, links, of, open_for, parts, undo
from tests.licensing.support import CLIENT_AV, GATEWAY_AV, SUPPORT, service

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]

BEFORE = [("licensing", "0018_licences_complete")]


def updated() -> None:
    """The rows of before, updated to today's."""
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def of_before(case: RmaCase, owners: dict[str, Any], parts: list[list[int | None]]) -> None:
    """A record as it was written before: by service, whose licence became whose, and which parts moved."""
    case.refresh_from_db(fields=["done"])  # the only column that every schema of before has
    record = record_of(case)
    assert record
    kept = {"heir", "replacement", "role", "ended", "begun", "after", "lines"}
    done = {name: value for name, value in case.done.items() if name in kept}
    done["lines"] = [line | {"verdict": "merges"} for line in done["lines"]]
    done |= {"registered": record.is_registered_by_it, "pair": list(record.pair or ()), "held": []}
    RmaCase.objects.filter(pk=case.pk).update(done=done | {"owners": owners, "parts": parts})
    MigrationExecutor(connection).migrate(BEFORE)


@pytest.fixture
def scene() -> Scene:
    member = MembershipFactory()
    primary, secondary, seat = pair(member.account, member.user)
    return Scene(member.user, primary, secondary, seat, UnitFactory())


def test_a_record_of_before_is_shown_and_undone(scene: Scene) -> None:
    third = scene.unit()
    licence = grant(scene.primary, CLIENT_AV)
    divide(licence, third, 4, by=scene.by)
    divide(licence, scene.secondary, 3, by=scene.by)
    before = links(), holdings(), parts()
    case = open_for(scene.primary, scene.new)
    complete(case)
    failed, heir, code = scene.primary.pk, scene.secondary.pk, licence.service_id

    of_before(case, {str(code): {str(failed): heir}}, [[code, failed, heir, None, 3]])
    updated()

    case.refresh_from_db()
    record = record_of(case)
    assert [move.licence for move in record.licences] == [licence.uuid]
    assert {line.verdict for line in record.lines} <= {"moves", "stays"}
    assert set(record.keysets) == {heir, of(scene.new).pk}
    undo(case)
    assert (links(), holdings(), parts()) == before
    verify(progress=lambda done: None)


def test_of_two_cases_of_one_licence_each_knows_it(scene: Scene) -> None:
    licence, alone = grant(scene.unit(), GATEWAY_AV), UnitFactory.create_batch(2)
    first = licence.registration
    cases = []
    for unit in alone:
        licence.refresh_from_db()
        cases.append(open_for(licence.registration, unit))
        complete(cases[-1])
    pks = [first.pk, *(Registration.objects.get(unit=unit).pk for unit in alone)]

    for case, (old, new) in zip(cases, [pks[:2], pks[1:]], strict=True):
        of_before(case, {str(licence.service_id): {str(old): new}}, [])
    updated()

    for case in reversed(cases):
        case.refresh_from_db()
        assert undo_obstacles(case) == []
        undo(case)
    licence.refresh_from_db()
    assert licence.registration == first


def test_what_stayed_with_a_replaced_unit_goes_to_its_heirs(scene: Scene) -> None:
    third = RegistrationFactory(account=scene.primary.account)
    case = open_for(scene.primary, scene.new)
    complete(case)
    with ledger.noted([scene.primary], right=LedgerEntry.Right.GRANT, by=None):
        LicenceFactory(registration=scene.primary, service=service(SUPPORT))
        stranded = LicenceFactory(registration=scene.primary, service=service(CLIENT_AV), count=10)
        for holder, count in ((third, 4), (scene.secondary, 2)):
            PoolPart.objects.create(licence=stranded, registration=holder, count=count)

    of_before(case, {}, [])
    updated()

    assert set(holdings()) == {(scene.secondary.unit.serial, CLIENT_AV), (scene.new.serial, SUPPORT)}
    assert parts() == {(scene.secondary.unit.serial, third.unit.serial): 4}
    entries = LedgerEntry.objects.filter(right="rma", licence=stranded.uuid).order_by("pk")
    assert [entry.unit for entry in entries] == [scene.primary.unit, scene.secondary.unit]
    assert all("replaced" in entry.reason for entry in entries)
    verify(progress=lambda done: None)


def test_what_is_not_transferable_stays(scene: Scene) -> None:
    case = open_for(scene.primary, scene.new)
    complete(case)
    Service.objects.filter(code=SUPPORT).update(is_transferable=False)
    LicenceFactory(registration=scene.primary, service=service(SUPPORT))

    of_before(case, {}, [])
    updated()

    assert set(holdings()) == {(scene.primary.unit.serial, SUPPORT)}
