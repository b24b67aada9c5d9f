"""The audit trail: one entry for each unit that an action concerns."""

import pytest
from django.db import transaction
from django.db.models import ProtectedError

from portal import audit
from portal.models import AuditEntry
from tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_trail() -> None:
    AuditEntry.objects.all().delete()


def test_each_unit_of_an_action_gets_its_entry() -> None:
    member = MembershipFactory()

    audit.record("associated", by=member.user, account=member.account, serials=["0A", "0B"], reason="why")

    entries = AuditEntry.objects.order_by("serial")
    assert [entry.serial for entry in entries] == ["0A", "0B"]
    assert len({entry.action for entry in entries}) == 1
    assert {(entry.actor, entry.account, entry.code, entry.reason) for entry in entries} == {
        (member.user, member.account, "associated", "why")
    }


def test_each_action_has_a_number_of_its_own() -> None:
    audit.record("registered", by=None, serials=["0A"])
    audit.record("registered", by=None, serials=["0A"])

    assert len(set(AuditEntry.objects.values_list("action", flat=True))) == 2


def test_what_concerns_no_unit_has_one_entry() -> None:
    audit.record("key-made", by=None, data={"kid": "00"})

    entry = AuditEntry.objects.get()
    assert (entry.serial, entry.actor, entry.account, entry.data) == ("", None, None, {"kid": "00"})


def test_an_entry_is_part_of_the_transaction_that_it_reports() -> None:
    with transaction.atomic():
        audit.record("registered", by=None)
        transaction.set_rollback(True)

    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("kind", ["user", "account"])
def test_who_is_in_the_trail_cant_be_deleted(kind: str) -> None:
    member = MembershipFactory()
    audit.record("registered", by=member.user, account=member.account)

    with pytest.raises(ProtectedError):
        getattr(member, kind).delete()
