"""The update from which on keysets say what follows lets every keyset be looked at again."""

from dataclasses import replace
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps

from licensing.keyset import read, sign
from licensing.keysets.issuing import read_keyset
from licensing.keysets.signing import active_signer
from licensing.models import Keyset
from tests.factories import RegistrationFactory
from tests.licensing.support import GLOBAL_VPN, TODAY, give

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def test_a_keyset_of_before_is_issued_anew_where_it_says_too_little() -> None:
    unit, other = RegistrationFactory.create_batch(2)
    give(unit, GLOBAL_VPN, count=15, expires_on=TODAY + timedelta(days=200))
    for registration in (unit, other):
        read_keyset(registration=registration, today=TODAY)
    before = Keyset.objects.get(unit=unit.unit)
    content = read(before.text)
    only = {row.code: row for row in reversed(content.services)}
    before.text = sign(replace(content, services=tuple(reversed(only.values()))), active_signer())
    before.save()
    assert len(read(before.text).services) == len(content.services) - 1

    import_module("licensing.migrations.0015_keysets_looked_at_again").raise_version(apps, None)

    after = read_keyset(registration=unit, today=TODAY)
    assert after.generation == before.generation + 1
    assert read(after.text).services == content.services
    assert read_keyset(registration=other, today=TODAY).generation == 1
