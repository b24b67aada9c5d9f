"""Making, redeeming and revoking activation keys (rule L4; failed attempts are counted as in R3)."""

import datetime
import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from licensing.activation.codes import active_macs, draw_key, known_macs, normalize_key, show_key
from licensing.activation.terms import Terms, Verb, redeemed
from licensing.audit_codes import AuditCode
from licensing.entitlements.timeline import Right
from licensing.entitlements.today import Entitlement
from licensing.errors import (
    ActivationNotOffered,
    KeyAttemptsClosed,
    KeyEnded,
    KeyForOtherModel,
    KeyRevoked,
    KeyUsed,
    LicencesChanged,
    NumberOutOfRange,
    TermOutOfRange,
    UnknownKey,
)
from licensing.guards import check_count, check_given, live_registration
from licensing.ledger import writing as ledger
from licensing.models import ActivationKey, LedgerEntry, Licence, ModelService, Service
from portal import audit
from portal.models import Account, User
from products import attempts
from products.models import Attempt, ProductModel, Registration, Unit

MOST_MONTHS = 120
MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Redemption:
    """What a key would make of a unit's licence. `version` is the unit's at the time of the calculation."""

    service: Service
    key: ActivationKey
    present: Entitlement
    terms: Terms
    has_ended: bool
    version: int

    @property
    def loses_count(self) -> bool:
        """Whether a running licence would get a smaller count, because the key is for fewer."""
        return not self.has_ended and self.terms.verb == Verb.RENEW and self.terms.count != self.present.count

    @property
    def wastes_count(self) -> bool:
        """Whether a running licence is renewed for fewer than the key covers."""
        return self.terms.verb == Verb.RENEW and self.terms.count != self.key.count


@transaction.atomic
def make_activation_keys(
    *,
    service: Service,
    count: int | None,
    months: int | None,
    number: int,
    model: ProductModel | None,
    reason: str,
    by: User | None,
) -> tuple[uuid.UUID, list[str]]:
    """Make a batch of keys; return its id and the keys, which are shown now and never again.

    Raises ReasonNeeded, ActivationNotOffered, TermOutOfRange, NumberOutOfRange and what `check_count` raises.
    """
    audit.require_reason(reason)
    if not service.is_activation_offered:
        raise ActivationNotOffered(service=service)
    check_count(service, count)
    if months is not None and not 1 <= months <= MOST_MONTHS:
        raise TermOutOfRange
    if not 1 <= number <= MOST_KEYS:
        raise NumberOutOfRange
    batch, keys = uuid.uuid4(), [draw_key() for _ in range(number)]
    macs, kid = active_macs(keys)
    facts = {"service": service, "model": model, "count": count, "months": months, "made_by": by}
    ActivationKey.objects.bulk_create(
        (
            ActivationKey(batch=batch, mac=mac, kid=kid, last_four=key[-4:], **facts)
            for key, mac in zip(keys, macs, strict=True)
        ),
        batch_size=1000,
    )
    data: dict[str, object] = {"batch": str(batch), "service": service.code, "number": number}
    data |= {"count": count, "months": months, "model": model.name if model else None}
    audit.record(AuditCode.ACTIVATION_KEYS_MADE, by=by, reason=reason, data=data)
    return batch, [show_key(key) for key in keys]


@transaction.atomic
def revoke_key(*, key: ActivationKey, reason: str, by: User) -> None:
    """Revoke a key that nobody has redeemed. Raises ReasonNeeded and KeyEnded."""
    audit.require_reason(reason)
    present = ActivationKey.objects.filter(pk=key.pk, redeemed_at=None, revoked_at=None)
    if not present.update(revoked_at=timezone.now()):
        raise KeyEnded
    data: dict[str, object] = {"service": key.service.code, "last_four": key.last_four}
    audit.record(AuditCode.ACTIVATION_KEY_REVOKED, by=by, reason=reason, data=data)


def preview_key(
    *, registration: Registration, activation_key: str, today: datetime.date, now: datetime.datetime
) -> Redemption:
    """Return what a key would do on a unit; writes nothing except the count of a failed attempt.

    Raises InvalidKey, UnknownKey, KeyAttemptsClosed, KeyUsed, KeyRevoked, KeyForOtherModel, UnitRetired,
    NotRegistered, PartsGivenOut and what `terms.redeemed` raises.
    """
    text = normalize_key(activation_key)
    with transaction.atomic():
        key = _find_key(registration, text, now=now)
        if key is not None:
            present = live_registration(registration.unit, account=registration.account)
            return _redemption(key, present, today)
    raise UnknownKey


def redeem_key(
    *,
    registration: Registration,
    activation_key: str,
    version: int,
    by: User,
    today: datetime.date,
    now: datetime.datetime,
) -> Redemption:
    """Redeem a key on a unit, as previewed when the unit was at `version`; the ledger records it.

    Raises LicencesChanged if the unit is no longer at that version, and what `preview_key` raises.
    """
    text = normalize_key(activation_key)
    with transaction.atomic():
        key = _find_key(registration, text, now=now)
        if key is not None:
            return _redeem(key, registration, version, by=by, today=today, now=now)
    raise UnknownKey


def _redeem(
    key: ActivationKey,
    registration: Registration,
    version: int,
    *,
    by: User,
    today: datetime.date,
    now: datetime.datetime,
) -> Redemption:
    registration = live_registration(registration.unit, account=registration.account)
    redemption = _redemption(key, registration, today)
    if redemption.version != version:
        raise LicencesChanged
    with ledger.noted([registration], right=LedgerEntry.Right.KEY, detail=key.last_four, by=by):
        Licence.objects.update_or_create(
            registration=registration,
            service=key.service,
            defaults={
                "kind": Licence.Kind.LICENSED,
                "count": redemption.terms.count,
                "expires_on": redemption.terms.expires_on,
            },
        )
    ActivationKey.objects.filter(pk=key.pk).update(
        redeemed_at=now, redeemed_by=by, redeemed_on=registration.unit
    )
    Unit.objects.filter(pk=registration.unit_id).raise_version()
    data: dict[str, object] = {"service": key.service.code, "last_four": key.last_four}
    audit.record(
        AuditCode.KEY_REDEEMED,
        by=by,
        account=registration.account,
        serials=[registration.unit.serial],
        data=data,
    )
    return redemption


def _find_key(registration: Registration, key: str, *, now: datetime.datetime) -> ActivationKey | None:
    """Lock and return a key that can be redeemed on a unit; None counts as a failed attempt."""
    account, serial = registration.account, registration.unit.serial
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    if closed := attempts.closed(account, serial, kind=Attempt.Kind.KEY, now=now):
        raise KeyAttemptsClosed(until=closed.until, where=f"for {serial}" if closed.is_serial else "from you")
    row = (
        ActivationKey.objects.filter(mac__in=known_macs(key))
        .select_related("service", "model", "redeemed_on")
        .select_for_update(of=("self",), no_key=True)
        .first()
    )
    if row is None:
        attempts.count_attempt(account, serial, kind=Attempt.Kind.KEY, now=now)
        return None
    _check_usable(row, registration)
    return row


def _check_usable(key: ActivationKey, registration: Registration) -> None:
    if key.revoked_at:
        raise KeyRevoked(day=key.revoked_at)
    if key.redeemed_at:
        own = Registration.objects.live().filter(account=registration.account, unit=key.redeemed_on)
        raise KeyUsed(day=key.redeemed_at, where=f" on {key.redeemed_on}" if own.exists() else "")
    if key.model_id and key.model_id != registration.unit.model_id:
        raise KeyForOtherModel(wanted=key.model, present=registration.unit.model)


def _redemption(key: ActivationKey, registration: Registration, today: datetime.date) -> Redemption:
    licence = Licence.objects.filter(registration=registration, service=key.service).first()
    included = ModelService.objects.filter(model=registration.unit.model_id, service=key.service).first()
    present = Entitlement(key.service)
    if licence is not None:
        present = Entitlement(key.service, Right.OWN, licence.kind, licence.count, licence.expires_on)
    if included is not None and (licence is None or present.is_expired(today)):
        present = Entitlement(key.service, Right.MODEL, count=included.count)
    terms = redeemed(key, present, today)
    check_given(licence, terms.count)
    has_ended = present.is_expired(today)
    return Redemption(key.service, key, present, terms, has_ended, registration.unit.version)
