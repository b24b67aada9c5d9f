"""Two changes of licences or of the catalogue at once: the second sees what the first did."""

from datetime import date
from functools import partial

import pytest
from django.db import IntegrityError

from licensing.catalogue import save_service, set_model_service
from licensing.errors import CatalogueFull
from licensing.models import CatalogueState, LedgerEntry, Licence, Service
from licensing.services import grant_licence
from products.models import ProductModel, Unit
from tests.factories import RegistrationFactory
from tests.races import race, take_locks_away

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]


@pytest.fixture
def unit() -> Unit:
    return RegistrationFactory().unit


def _grant(unit: Unit, count: int) -> Licence:
    return grant_licence(
        unit=unit,
        service=Service.objects.get(code=2),
        count=count,
        expires_on=None,
        reason="bought",
        by=None,
        today=date(2026, 11, 22),
    )


def test_two_grants_of_one_service_at_once(unit: Unit) -> None:
    race(partial(_grant, unit, 3), partial(_grant, unit, 5))

    first, second = LedgerEntry.objects.filter(unit=unit).order_by("pk")
    assert second.before == first.after
    assert Licence.objects.get().count == 5
    assert Unit.objects.get(pk=unit.pk).version == 2


def test_what_a_model_comes_with_is_changed_twice_at_once() -> None:
    model, service = ProductModel.objects.get(name="PRO 5060"), Service.objects.get(code=2)
    change = partial(set_model_service, model=model, service=service, by=None, reason="an offer")

    race(partial(change, count=3), partial(change, count=5))

    first, second = LedgerEntry.objects.filter(model=model, service=service).order_by("pk")
    assert (first.before, first.after) == (None, {"count": 3})
    assert (second.before, second.after) == ({"count": 3}, {"count": 5})


def test_a_service_is_changed_twice_at_once() -> None:
    version = CatalogueState.objects.get().version
    one, other = Service.objects.get(code=2), Service.objects.get(code=2)
    one.is_shareable = other.is_trial_offered = False

    race(
        lambda: save_service(service=one, by=None, reason="decided so"),
        lambda: save_service(service=other, by=None, reason="decided so"),
    )

    first, second = LedgerEntry.objects.filter(service=one, reason="decided so").order_by("pk")
    assert second.before == first.after
    assert CatalogueState.objects.get().version == version + 2


def test_the_last_place_of_the_catalogue_is_taken_twice_at_once() -> None:
    Service.objects.bulk_create(
        Service(code=code, name=f"Service {code}") for code in range(100, 164 - Service.objects.count())
    )

    with pytest.raises(CatalogueFull):
        race(
            lambda: save_service(service=Service(code=900, name="One"), by=None, reason="new"),
            lambda: save_service(service=Service(code=901, name="Other"), by=None, reason="new"),
        )


@pytest.mark.postgres
def test_control_without_the_lock_one_grant_fails(monkeypatch: pytest.MonkeyPatch, unit: Unit) -> None:
    take_locks_away(monkeypatch)

    with pytest.raises(IntegrityError):
        race(partial(_grant, unit, 3), partial(_grant, unit, 5))
