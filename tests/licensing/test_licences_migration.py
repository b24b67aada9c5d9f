"""The update to licences as they were bought (0016 to 0020), from rows that the models of before wrote."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps
from django.utils import timezone

from licensing.entitlements.on_a_day import entitlements_on
from licensing.keyset import Status, read
from licensing.keysets.issuing import current_heads, read_keyset
from licensing.ledger.verification import Differs, verify
from licensing.models import CatalogueState, KeysetHead, LedgerEntry, Licence
from portal.clock import today
from products.models import Registration, Unit
from tests.factories import AccountFactory, RegistrationFactory
from tests.licensing.history import grant
from tests.licensing.support import CLIENT_AV, CONTENT_FILTER, GATEWAY_AV, NODES, VPN, service

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]

BEFORE = ("licensing", "0015_keysets_looked_at_again")
LONG_BEFORE = ("licensing", "0014_ledger_rights")
REGISTERED, FIRST, SECOND, THIRD = (datetime(year, 3, 5, 12, tzinfo=UTC) for year in (2023, 2024, 2025, 2026))


def value(last_day: str | None, count: int | None = None, **given: int) -> dict[str, Any]:
    """A licence or part as the ledger told of it before."""
    return {"kind": "licensed", "count": count, "expires_on": last_day, **given}


class Old:
    """The database as it was before, and units whose licences are written to it."""

    def __init__(self) -> None:
        self.alike = RegistrationFactory()
        grant(self.alike, GATEWAY_AV, expires_on=today() + timedelta(days=100))
        self.keyset = read_keyset(registration=self.alike, today=today())
        account = AccountFactory()
        with time_machine.travel(REGISTERED, tick=False):
            self.unit, self.other, self.bare = RegistrationFactory.create_batch(3, account=account)
            self.sold = RegistrationFactory(ended_at=THIRD)
        with time_machine.travel(THIRD + timedelta(hours=1), tick=False):
            self.bought = RegistrationFactory(unit=self.sold.unit)
        self.apps = self.back(BEFORE)
        self.catalogue = CatalogueState.objects.get().version

    def back(self, target: tuple[str, str]) -> StateApps:
        return MigrationExecutor(connection).migrate([target]).apps

    def licence(self, registration: Registration, code: int, terms: dict[str, Any]) -> Any:
        facts = {name: terms[name] for name in ("kind", "count", "expires_on")}
        rows = self.apps.get_model("licensing", "Licence").objects
        return rows.create(registration_id=registration.pk, service_id=service(code).pk, **facts)

    def tell(self, unit: Unit, code: int, *values: Any, at: datetime, **facts: str) -> None:
        """Write an entry with the values before and after."""
        before, after = values
        entries = self.apps.get_model("licensing", "LedgerEntry").objects
        with time_machine.travel(at, tick=False):
            about = {"unit_id": unit.pk, "service_id": service(code).pk}
            entries.create(before=before, after=after, **about, **{"right": "grant", **facts})

    def grant(
        self, registration: Registration, code: int, terms: dict[str, Any], at: datetime = FIRST
    ) -> Any:
        self.tell(registration.unit, code, None, terms, at=at)
        return self.licence(registration, code, terms)

    def update(self) -> None:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture
def old() -> Iterator[Old]:
    old = Old()
    try:
        yield old
    finally:
        old.update()


def days(registration: Registration, code: int) -> tuple[date, date | None, int]:
    licence = Licence.objects.get(registration=registration, service__code=code)
    return licence.begins_on, licence.expires_on, licence.counted_from


def named(registration: Registration, code: int) -> list[bool]:
    """Whether each entry about a unit's service names the licence that the registration has now."""
    licence = Licence.objects.get(registration=registration, service__code=code)
    entries = LedgerEntry.objects.filter(unit=registration.unit, service__code=code).order_by("pk")
    return [entry.licence == licence.uuid for entry in entries]


def test_what_stands_gets_its_days_and_its_entries_its_name(old: Old) -> None:
    unit, renewed, again = old.unit.unit, value("2028-01-31"), value("2027-05-30")
    old.tell(unit, GATEWAY_AV, None, value("2027-01-31"), at=FIRST)
    old.tell(unit, GATEWAY_AV, value("2027-01-31"), renewed, at=SECOND)
    old.licence(old.unit, GATEWAY_AV, renewed)
    old.tell(unit, VPN, None, value(None), at=FIRST)
    old.tell(unit, VPN, value(None), None, at=SECOND, right="revoke")
    old.grant(old.unit, VPN, again, at=THIRD)
    old.grant(old.unit, CONTENT_FILTER, value("9999-12-31"))

    old.update()

    assert days(old.unit, GATEWAY_AV) == (FIRST.date(), date(2028, 1, 31), 31)
    assert days(old.unit, VPN) == (THIRD.date(), date(2027, 5, 30), 30)
    assert days(old.unit, CONTENT_FILTER) == (FIRST.date(), date.max, 31)
    assert named(old.unit, GATEWAY_AV) == [True, True]
    assert named(old.unit, VPN) == [False, False, True]
    assert verify(progress=lambda done: None).entries == LedgerEntry.objects.count()
    assert date.max in [
        row.expiry for row in read(read_keyset(registration=old.unit, today=today()).text).services
    ]


def test_owners_and_parts_are_told_apart(old: Old) -> None:
    old.grant(old.sold, CONTENT_FILTER, value("2027-01-31"))
    old.grant(old.bought, CONTENT_FILTER, value("2029-02-28"), at=THIRD + timedelta(hours=2))
    pool = old.grant(old.other, CLIENT_AV, value(None, 10))
    old.tell(old.other.unit, CLIENT_AV, value(None, 10), value(None, 10, given=3), at=SECOND, right="pool")
    own = {"right": "part", "detail": old.other.unit.serial}
    old.tell(old.unit.unit, CLIENT_AV, None, value(None, 3), at=SECOND, **own)
    old.apps.get_model("licensing", "PoolPart").objects.create(
        licence=pool, registration_id=old.unit.pk, count=3
    )
    old.grant(old.unit, CLIENT_AV, value("2027-01-31", 4), at=THIRD)

    old.update()

    assert named(old.sold, CONTENT_FILTER) == [True, False]
    assert named(old.bought, CONTENT_FILTER) == [False, True]
    assert named(old.other, CLIENT_AV) == [True, True]
    assert named(old.unit, CLIENT_AV) == [False, True]
    (part,) = LedgerEntry.objects.filter(right="part")
    assert part.licence == Licence.objects.get(registration=old.other).uuid
    assert verify(progress=lambda done: None).entries == LedgerEntry.objects.count()


def test_a_licence_without_entries_began_when_its_unit_was_registered(old: Old) -> None:
    old.licence(old.bare, GATEWAY_AV, value(None))
    old.licence(old.bare, CONTENT_FILTER, value("2022-11-17"))

    old.update()

    assert days(old.bare, GATEWAY_AV) == (REGISTERED.date(), None, 5)
    assert days(old.bare, CONTENT_FILTER) == (date(2022, 11, 17), date(2022, 11, 17), 17)
    with pytest.raises(Differs):
        verify(progress=lambda done: None)


def test_nodes_that_have_not_ended_have_no_end_any_more(old: Old) -> None:
    old.tell(old.unit.unit, NODES, None, value("2030-01-31", 50), at=FIRST, right="key", detail="ABCD")
    old.licence(old.unit, NODES, value("2030-01-31", 50))
    old.grant(old.other, NODES, value("2025-01-31", 50))

    old.update()

    assert days(old.unit, NODES) == (FIRST.date(), None, 31)
    assert days(old.other, NODES) == (FIRST.date(), date(2025, 1, 31), 31)
    entry = LedgerEntry.objects.filter(unit=old.unit.unit).latest("pk")
    assert (entry.before["expires_on"], entry.after["expires_on"]) == ("2030-01-31", None)
    assert (entry.right, entry.detail, entry.reason[:11]) == ("key", "ABCD", "Nodes/Users")
    assert verify(progress=lambda done: None).entries == LedgerEntry.objects.count()


def test_the_past_is_told_from_entries_of_before(old: Old) -> None:
    granted, renewed, revoked = (timezone.now() + timedelta(days=n) for n in (1, 2, 4))  # after the catalogue
    old.tell(old.unit.unit, GATEWAY_AV, None, value("2045-01-31"), at=granted)
    old.tell(old.unit.unit, GATEWAY_AV, value("2045-01-31"), value("2046-01-31"), at=renewed)
    old.tell(old.unit.unit, GATEWAY_AV, value("2046-01-31"), None, at=revoked, right="revoke")

    old.update()

    told, after = (
        next(row for row in entitlements_on(old.unit, day) if row.entitlement.service.code == GATEWAY_AV)
        for day in (renewed.date(), revoked.date())
    )
    assert (told.status, after.status) == (Status.LICENSED, Status.NOT_LICENSED)
    assert told.right == "own, granted by Support"
    days = (told.entitlement.begins_on, told.entitlement.expires_on)
    assert days == (granted.date(), date(2046, 1, 31))


@pytest.mark.parametrize(("since", "times"), [(BEFORE, 1), (LONG_BEFORE, 2)], ids=str)
def test_every_keyset_is_looked_at_again_and_stays_where_nothing_changed(
    old: Old, since: tuple[str, str], times: int
) -> None:
    old.back(since)

    old.update()

    assert CatalogueState.objects.get().version == old.catalogue + times
    assert not current_heads(today()).exists()
    after = read_keyset(registration=old.alike, today=today())
    assert (after.generation, after.text) == (1, old.keyset.text)
    assert KeysetHead.objects.get(unit=old.alike.unit).catalogue == old.catalogue + times


def test_the_ledger_refuses_changes_again(old: Old) -> None:
    old.grant(old.unit, GATEWAY_AV, value(None))

    old.update()

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(licence=None)
