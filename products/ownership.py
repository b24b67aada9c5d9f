"""Whose a unit is, and whether it is in use: steps for the services of later apps (X2, X5, X7).

None of these is a service of its own: callers hold a transaction, have locked the unit and write the
audit entry of the whole.
"""

import datetime

from products.codes import active_kid, code_mac, code_matches
from products.errors import SameCode
from products.models import Registration, Unit
from products.serials import normalize_code


def end_registration(registration: Registration, *, now: datetime.datetime) -> None:
    """End a unit's ownership; the account keeps the page."""
    Registration.objects.filter(pk=registration.pk, ended_at=None).update(ended_at=now)
    Unit.objects.filter(pk=registration.unit_id).raise_version()


def retire_unit(registration: Registration, *, now: datetime.datetime) -> None:
    """Take a failed unit out of use: it has no owner, gets no keyset (K3) and can't be registered (R4)."""
    end_registration(registration, now=now)
    Unit.objects.filter(pk=registration.unit_id).update(retired_at=now)


def revive_unit(registration: Registration) -> None:
    """Put a retired unit back into use, in its former registration."""
    Unit.objects.filter(pk=registration.unit_id).update(retired_at=None)
    Unit.objects.filter(pk=registration.unit_id).raise_version()
    Registration.objects.filter(pk=registration.pk).update(ended_at=None)


def set_code(unit: Unit, authentication_code: str) -> None:
    """Give a unit another authentication code; the former one is void.

    Raises InvalidCode, and SameCode if the code is the former one, which the last owner knows.
    """
    code = normalize_code(authentication_code)
    if code_matches(unit.serial, code, mac=unit.code_mac, kid=unit.code_kid):
        raise SameCode(serial=unit.serial)
    kid = active_kid()
    mac = code_mac(unit.serial, code, kid=kid)
    Unit.objects.filter(pk=unit.pk).update(code_mac=mac, code_kid=kid)
