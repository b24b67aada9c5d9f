"""Cases of before get the history that their own columns tell (0025)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from licensing.models import CaseStep, RmaCase
from tests.factories import RegistrationFactory, UserFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue")]

BEFORE = [("licensing", "0024_case_history")]
NOW = timezone.now()
MOMENTS = {"completed_at": NOW - timedelta(days=3), "received_at": NOW - timedelta(days=2)}


def a_case(state: str, **facts: object) -> RmaCase:
    failed, by = RegistrationFactory(), UserFactory()
    facts |= {"account": failed.account, "symptom": "dead", "asked_by": by}
    return RmaCase.objects.create(failed=failed, state=state, **facts)


def steps_of(case: RmaCase) -> list[tuple[str, object, str]]:
    return list(CaseStep.objects.filter(case=case).order_by("pk").values_list("state", "by", "reason"))


def test_a_case_of_before_tells_what_its_columns_know() -> None:
    approved, undone = (
        a_case("approved"),
        a_case("undone", closed_at=NOW, decision="wrong unit", completed_by=UserFactory(), **MOMENTS),
    )
    try:
        MigrationExecutor(connection).migrate(BEFORE)
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())

    assert steps_of(approved) == [("requested", approved.asked_by_id, "")]
    assert steps_of(undone) == [
        ("requested", undone.asked_by_id, ""),
        ("completed", undone.completed_by_id, ""),
        ("received", None, ""),
        ("undone", None, "wrong unit"),
    ]
    approved.refresh_from_db()
    undone.refresh_from_db()
    assert (approved.state_since, undone.state_since) == (approved.asked_at, NOW)
