"""Whose a unit is, and whether it is in use: the steps that services of later apps put together (X2, X5, X7).

None of these is a service of its own: callers hold a transaction, have locked the unit and write the
audit entry of the whole.
"""

import datetime

from products.codes import active_kid, code_mac, code_matches
from products.errors import SameCode
from products.models import Registration, Unit
from products.serials import normalize_code


def end_registration(registration: Registration, *, now: datetime.datetime) -> None:
    """Let a unit belong to nobody from now on; its account keeps the page."""
    Registration.objects.filter(pk=registration.pk, ended_at=None).update(ended_at=now)
    Unit.objects.filter(pk=registration.unit_id).raise_version()


def retire_unit(registration: Registration, *, now: datetime.datetime) -> None:
    """Take a failed unit out of use: nobody owns it, it gets no keyset (K3), nobody registers it (R4)."""
    end_registration(registration, now=now)
    Unit.objects.filter(pk=registration.unit_id).update(retired_at=now)


def revive_unit(registration: Registration) -> None:
    """Put a retired unit back into use, in the registration that it had."""
    Unit.objects.filter(pk=registration.unit_id).update(retired_at=None)
    Unit.objects.filter(pk=registration.unit_id).raise_version()
    Registration.objects.filter(pk=registration.pk).update(ended_at=None)


def set_code(unit: Unit, authentication_code: str) -> None:
    """Give a unit another authentication code: the one before opens nothing any more.

    Raises InvalidCode, and SameCode where it is no other: whoever had the unit knows that one.
    """
    code = normalize_code(authentication_code)
    if code_matches(unit.serial, code, mac=unit.code_mac, kid=unit.code_kid):
        raise SameCode(serial=unit.serial)
    kid = active_kid()
    mac = code_mac(unit.serial, code, kid=kid)
    Unit.objects.filter(pk=unit.pk).update(code_mac=mac, code_kid=kid)
