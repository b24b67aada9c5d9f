"""One waiver for everything becomes two: what it was used for tells which (0009)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from licensing.models import RmaCase
from portal.clock import today
from products.models import Unit
from tests.factories import RegistrationFactory, UnitFactory
from tests.licensing.rma.support import open_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys", "catalogue")]

ONE, TWO = ("licensing", "0008_waivers"), ("licensing", "0009_fill_waivers")


def migrate(*targets: tuple[str, str]) -> type[RmaCase]:
    """Migrate to some states, or to the newest; return the model of a case as it is then."""
    executor = MigrationExecutor(connection)
    wanted = list(targets) or executor.loader.graph.leaf_nodes()
    return executor.migrate(wanted).apps.get_model("licensing", "RmaCase")


def a_case(*, has_ended: bool, model: str = "PRO 5060") -> int:
    failed = RegistrationFactory()
    day = today() + timedelta(-1 if has_ended else 1)
    Unit.objects.filter(pk=failed.unit_id).update(warranty_ends_on=day)
    facts = {"warranty_waiver": "w"} if has_ended else {}
    return open_for(failed, UnitFactory(model_name=model), model_waiver="m", **facts).pk


def test_a_waiver_becomes_what_it_was_used_for_and_one_again() -> None:
    cases = [
        a_case(has_ended=True),
        a_case(has_ended=False, model="PRO 4060"),
        a_case(has_ended=True, model="PRO 4060"),
        a_case(has_ended=False),
    ]
    plain = open_for(RegistrationFactory(), UnitFactory()).pk
    try:
        before = migrate(ONE)
        before.objects.update(warranty_waiver="", model_waiver="", waived_model=None)
        before.objects.filter(pk__in=cases).update(waiver="goodwill")

        after = migrate(TWO)
        told = {
            pk: after.objects.values_list("warranty_waiver", "model_waiver", "waived_model__name").get(pk=pk)
            for pk in [*cases, plain]
        }
        again = dict(migrate(ONE).objects.values_list("pk", "waiver"))
    finally:
        migrate()

    let_in = ("goodwill", "PRO 4060")
    assert list(told.values()) == [
        ("goodwill", "", None),
        ("", *let_in),
        ("goodwill", *let_in),
        ("", "", None),
        ("", "", None),
    ]
    assert [again[pk] for pk in [*cases, plain]] == ["goodwill", "goodwill", "goodwill", "", ""]


def test_two_reasons_become_one() -> None:
    pk = a_case(has_ended=True, model="PRO 4060")
    try:
        before = migrate(ONE).objects.get(pk=pk).waiver
    finally:
        migrate()

    assert before == "w; m"
