from collections.abc import Callable
from functools import partial

import pytest

from licensing.catalogue.changes import MOST_SERVICES, remove_model_service, save_service, set_model_service
from licensing.errors import (
    CatalogueFull,
    CountNeeded,
    CountNotAllowed,
    CountOutOfRange,
    PermanentServiceCode,
)
from licensing.keyset import read
from licensing.keysets.issuing import read_keyset
from licensing.models import CatalogueState, LedgerEntry, ModelService, Service
from portal.clock import today
from portal.models import AuditEntry, User
from products.models import ProductModel
from tests.factories import RegistrationFactory, UserFactory
from tests.licensing.support import refuses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def agent() -> User:
    return UserFactory(is_staff=True)


def _model(name: str = "PRO 5060") -> ProductModel:
    return ProductModel.objects.get(name=name)


def _service(code: int = 2) -> Service:
    return Service.objects.get(code=code)


def _version() -> int:
    return CatalogueState.objects.get().version


def _save(service: Service, by: User | None = None, **changes: object) -> Service:
    for field, value in changes.items():
        setattr(service, field, value)
    return save_service(service=service, by=by, reason="decided so")


def _set(code: int, count: int | None, by: User | None = None) -> ModelService:
    return set_model_service(model=_model(), service=_service(code), count=count, by=by, reason="an offer")


def test_a_changed_flag_is_in_the_ledger(agent: User) -> None:
    _save(_service(), agent, is_shareable=False)

    entry = LedgerEntry.objects.get(reason="decided so")
    assert (entry.actor, entry.service.code, entry.right) == (agent, 2, "catalogue")
    assert (entry.unit, entry.model) == (None, None)
    assert (entry.before["is_shareable"], entry.after["is_shareable"]) == (True, False)
    assert AuditEntry.objects.filter(code="service-saved", actor=agent).count() == 1


def test_a_changed_name_is_in_the_audit_only() -> None:
    ledger = LedgerEntry.objects.count()

    _save(_service(), name="Client Anti-Virus")

    assert LedgerEntry.objects.count() == ledger
    assert AuditEntry.objects.filter(code="service-saved", data__name="Client Anti-Virus").exists()


def test_a_new_service_is_in_the_ledger() -> None:
    service = _save(Service(code=300, name="Sandbox"))

    entry = LedgerEntry.objects.get(service=service)
    assert entry.before is None
    assert entry.after["is_shareable"] is True


@pytest.mark.parametrize(
    "change",
    [
        lambda: _save(_service(), is_shareable=False),
        lambda: _save(Service(code=300, name="Sandbox")),
        lambda: _set(2, 10),
        lambda: remove_model_service(
            entry=ModelService.objects.first(), by=UserFactory(), reason="withdrawn"
        ),
    ],
)
def test_each_change_raises_the_catalogues_version(change: Callable[[], object]) -> None:
    version = _version()

    change()

    assert _version() == version + 1


def test_a_services_code_is_permanent() -> None:
    refuses(PermanentServiceCode, lambda: _save(_service(), code=200))


def test_a_keyset_has_room_for_64_services_beside_the_nodes() -> None:
    present = Service.objects.count()
    for code in range(100, 100 + MOST_SERVICES - present):
        _set(_save(Service(code=code, name=f"Service {code}")).code, None)

    refuses(CatalogueFull, lambda: _save(Service(code=900, name="One too many")))

    for service in Service.objects.exclude(code=1):
        _set(service.code, 2**32 - 1 if service.is_counted else None)
    keyset = read_keyset(registration=RegistrationFactory(), today=today())
    assert len(read(keyset.text).services) == MOST_SERVICES - 1


def test_a_full_catalogue_can_be_changed() -> None:
    for code in range(100, 100 + MOST_SERVICES - Service.objects.count()):
        _save(Service(code=code, name=f"Service {code}"))

    assert _save(_service(), is_shareable=False).is_shareable is False


def test_what_a_model_comes_with_is_in_the_ledger(agent: User) -> None:
    _set(2, 10, agent)

    entry = LedgerEntry.objects.latest("pk")
    assert (entry.actor, entry.reason, entry.right) == (agent, "an offer", "model")
    assert (entry.model, entry.service, entry.unit) == (_model(), _service(), None)
    assert (entry.before, entry.after) == (None, {"count": 10})
    assert AuditEntry.objects.get(code="model-service-set", actor=agent).data["model"] == "PRO 5060"


def test_another_count_keeps_both_in_the_ledger() -> None:
    _set(9, 25)

    entry = LedgerEntry.objects.latest("pk")
    assert (entry.before, entry.after) == ({"count": 5}, {"count": 25})
    assert ModelService.objects.get(model=_model(), service__code=9).count == 25


def test_the_same_count_is_no_change() -> None:
    ledger = LedgerEntry.objects.count()

    _set(9, 5)

    assert LedgerEntry.objects.count() == ledger


@pytest.mark.parametrize(
    ("error", "code", "count"),
    [(CountNeeded, 2, None), (CountNotAllowed, 3, 1), (CountOutOfRange, 2, -2), (CountOutOfRange, 2, 2**32)],
)
def test_a_count_that_does_not_fit(error: type[Exception], code: int, count: int | None) -> None:
    refuses(error, partial(_set, code, count))


def test_a_model_comes_with_it_no_longer(agent: User) -> None:
    entry = ModelService.objects.get(model=_model(), service__code=9)

    remove_model_service(entry=entry, by=agent, reason="withdrawn")

    row = LedgerEntry.objects.latest("pk")
    assert (row.actor, row.reason, row.before, row.after) == (agent, "withdrawn", {"count": 5}, None)
    assert not ModelService.objects.filter(model=_model(), service__code=9).exists()


def test_the_ledger_has_what_was_removed_and_not_what_a_page_had_read(agent: User) -> None:
    stale = ModelService.objects.get(model=_model(), service__code=9)
    _set(9, 25)

    remove_model_service(entry=stale, by=agent, reason="withdrawn")

    assert LedgerEntry.objects.latest("pk").before == {"count": 25}


def test_removing_it_again_writes_nothing_more(agent: User) -> None:
    entry = ModelService.objects.get(model=_model(), service__code=9)
    stale = ModelService.objects.get(pk=entry.pk)
    remove_model_service(entry=entry, by=agent, reason="withdrawn")
    ledger = LedgerEntry.objects.count()

    remove_model_service(entry=stale, by=agent, reason="withdrawn")

    assert LedgerEntry.objects.count() == ledger
