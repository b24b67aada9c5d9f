"""The factory's record of a unit is corrected: its warranty, its firmware, its authentication code."""

import datetime
from dataclasses import dataclass

from django.db import transaction

from portal import audit
from portal.days import check_last_day
from portal.models import User
from products.audit_codes import AuditCode
from products.codes import active_kid, code_mac, code_matches
from products.errors import FirmwareTooLong, RecordUnchanged
from products.models import Registration, Unit
from products.serials import normalize_code

FIRMWARE_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a unit's record: warranty and firmware before and after, and whether its code is other.

    No code is ever told.
    """

    serial: str
    warranty: tuple[datetime.date | None, datetime.date | None]
    firmware: tuple[str, str]
    is_other_code: bool

    @property
    def parts(self) -> list[str]:
        """Each thing that changes, in words."""
        (warranty, warranty_now), (firmware, firmware_now) = self.warranty, self.firmware
        parts = [f"warranty {_day(warranty)} → {_day(warranty_now)}"] if warranty != warranty_now else []
        if firmware != firmware_now:
            parts.append(f"firmware {firmware or 'not recorded'} → {firmware_now or 'not recorded'}")
        return parts + (["another authentication code"] if self.is_other_code else [])

    def __str__(self) -> str:
        return f"{self.serial}: {', '.join(self.parts)}"


def record_change(
    unit: Unit, *, warranty_ends_on: datetime.date | None, firmware: str, authentication_code: str
) -> Change:
    """What correcting a unit's record would change; an empty code stays what it is. Writes nothing.

    Raises DayTooLate, FirmwareTooLong, InvalidCode, and RecordUnchanged if it says all of this already.
    """
    check_last_day(warranty_ends_on)
    firmware = firmware.strip()
    if len(firmware) > FIRMWARE_CHARACTERS or not firmware.isprintable():
        raise FirmwareTooLong(most=FIRMWARE_CHARACTERS)
    code = normalize_code(authentication_code) if authentication_code.strip() else ""
    is_other = bool(code) and not code_matches(unit.serial, code, mac=unit.code_mac, kid=unit.code_kid)
    warranty = (unit.warranty_ends_on, warranty_ends_on)
    change = Change(unit.serial, warranty, (unit.firmware, firmware), is_other)
    if not change.parts:
        raise RecordUnchanged(serial=unit.serial)
    return change


@transaction.atomic
def correct_record(
    *,
    unit: Unit,
    warranty_ends_on: datetime.date | None,
    firmware: str,
    authentication_code: str,
    reason: str,
    by: User,
) -> Change:
    """Correct a unit's record; return what changed. Its keysets name none of it, so they stay as they are.

    Raises ReasonNeeded and what `record_change` raises.
    """
    audit.require_reason(reason)
    (present,) = Unit.objects.locked([unit.pk])
    change = record_change(
        present,
        warranty_ends_on=warranty_ends_on,
        firmware=firmware,
        authentication_code=authentication_code,
    )
    present.warranty_ends_on, present.firmware = warranty_ends_on, change.firmware[1]
    if change.is_other_code:
        present.code_kid = active_kid()
        present.code_mac = code_mac(present.serial, normalize_code(authentication_code), kid=present.code_kid)
    present.save(update_fields=["warranty_ends_on", "firmware", "code_mac", "code_kid"])
    live = Registration.objects.live().select_related("account").filter(unit=present).first()
    audit.record(
        AuditCode.RECORD_CORRECTED,
        by=by,
        account=live.account if live else None,
        serials=[present.serial],
        reason=reason,
        data=facts_of(change),
    )
    return change


def facts_of(change: Change) -> dict[str, object]:
    """A change as the audit trail keeps it."""
    days = [str(day or "") for day in change.warranty]
    facts: dict[str, object] = {"changes": ", ".join(change.parts), "warranty": days}
    return facts | {"firmware": list(change.firmware), "code": change.is_other_code}


def _day(day: datetime.date | None) -> str:
    return f"{day:%d %b %Y}" if day else "not recorded"
