"""Making, redeeming and revoking activation keys (rule L4; failed attempts are counted as in R3)."""

import datetime
import uuid
from dataclasses import dataclass, replace

from django.db import IntegrityError, transaction
from django.utils import timezone

from licensing.activation.codes import active_macs, draw_key, known_macs, normalize_key, show_key
from licensing.activation.terms import Terms, possible_terms
from licensing.acts import KeyUse, Record
from licensing.audit_codes import AuditCode
from licensing.entitlements.today import Entitlement, Holdings, read_holdings, sharing_primary
from licensing.errors import (
    ActivationNotOffered,
    BatchEnded,
    BatchMade,
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
from licensing.guards import check_count, check_endless, live_registration
from licensing.ledger import writing as ledger
from licensing.models import ActivationKey, KeyBatch, LedgerEntry, Licence, Service
from portal import acts, audit
from portal.models import Account, Act, User
from products import attempts
from products.models import Attempt, ProductModel, Registration, Unit

MOST_MONTHS = 120
MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that a key can do on a unit, and what the unit then holds itself and runs.

    `given` is how much of the changed licence other units have.
    """

    terms: Terms
    own: Entitlement
    runs: Entitlement
    given: int


@dataclass(frozen=True, slots=True)
class Redemption:
    """What a key would do on a unit: `effects` to choose from, the rule's first; once redeemed, the one.

    `own` is what the unit holds itself as yet, `runs` what it runs with what it shares of `primary` or keeps
    of another unit. `version` is the unit's at the time of the calculation.
    """

    key: ActivationKey
    primary: Registration | None
    own: Entitlement
    runs: Entitlement
    effects: tuple[Effect, ...]
    version: int

    @property
    def service(self) -> Service:
        """What the key is for."""
        return self.key.service

    @property
    def terms(self) -> Terms:
        """What the rule chooses; once redeemed, what was done."""
        return self.effects[0].terms

    @property
    def runs_more(self) -> bool:
        """Whether the unit runs anything else than by what it holds itself, before or afterwards."""
        return self.own != self.runs or any(effect.own != effect.runs for effect in self.effects)

    def chosen(self, begins_on: datetime.date | None) -> "Redemption":
        """With the effect alone that begins on a day; None: the rule's. Raises LicencesChanged."""
        effects = [each for each in self.effects if begins_on in {None, each.terms.begins_on}]
        if not effects:
            raise LicencesChanged
        return replace(self, effects=(effects[0],))


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
    batch: uuid.UUID | None = None,
) -> tuple[uuid.UUID, list[str]]:
    """Make a batch of keys; return its id and the keys, which are shown now and never again.

    `batch` is the id that a form brought: sent twice, it makes one batch. Raises BatchMade, ReasonNeeded,
    ActivationNotOffered, TermOutOfRange, NumberOutOfRange, NodesForEver and what `check_count` raises.
    """
    audit.require_reason(reason)
    if not service.is_activation_offered:
        raise ActivationNotOffered(service=service)
    check_count(service, count)
    check_endless(service, has_end=months is not None, field="months")
    if months is not None and not 1 <= months <= MOST_MONTHS:
        raise TermOutOfRange
    if not 1 <= number <= MOST_KEYS:
        raise NumberOutOfRange
    batch = batch or uuid.uuid4()
    try:
        with transaction.atomic():
            KeyBatch.objects.create(uuid=batch)
    except IntegrityError:
        raise BatchMade from None
    keys = [draw_key() for _ in range(number)]
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


@transaction.atomic
def revoke_batch(*, batch: uuid.UUID, reason: str, by: User) -> int:
    """Revoke a batch's keys that nobody has redeemed; return how many. Raises ReasonNeeded and BatchEnded."""
    audit.require_reason(reason)
    present = ActivationKey.objects.filter(batch=batch, redeemed_at=None, revoked_at=None)
    number = present.update(revoked_at=timezone.now())
    if not number:
        raise BatchEnded
    data: dict[str, object] = {"batch": str(batch), "number": number}
    audit.record(AuditCode.ACTIVATION_KEYS_REVOKED, by=by, reason=reason, data=data)
    return number


def preview_key(
    *, registration: Registration, activation_key: str, today: datetime.date, now: datetime.datetime
) -> Redemption:
    """Return what a key would do on a unit; writes nothing except the count of a failed attempt.

    Raises InvalidKey, UnknownKey, KeyAttemptsClosed, KeyUsed, KeyRevoked, KeyForOtherModel, UnitRetired,
    NotRegistered and what `possible_terms` raises.
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
    begins_on: datetime.date | None = None,
) -> Redemption:
    """Redeem a key on a unit, as previewed when the unit was at `version`; the ledger records it.

    `begins_on` chooses among the previewed effects; without it, the rule does. Raises LicencesChanged if the
    unit is no longer at that version or no effect begins on that day, and what `preview_key` raises.
    """
    text = normalize_key(activation_key)
    with transaction.atomic():
        key = _find_key(registration, text, now=now)
        if key is not None:
            present = live_registration(registration.unit, account=registration.account)
            redemption = _redemption(key, present, today)
            if redemption.version != version:
                raise LicencesChanged
            redemption = redemption.chosen(begins_on)
            _redeem(redemption, present, by=by, now=now)
            return redemption
    raise UnknownKey


def _redeem(redemption: Redemption, registration: Registration, *, by: User, now: datetime.datetime) -> None:
    key, terms = redemption.key, redemption.terms
    before, given = terms.licence, redemption.effects[0].given
    with ledger.noted([registration], right=LedgerEntry.Right.KEY, detail=key.last_four, by=by):
        licence = _write_licence(terms, registration, key.service)
    ActivationKey.objects.filter(pk=key.pk).update(
        redeemed_at=now, redeemed_by=by, redeemed_on=registration.unit
    )
    Unit.objects.filter(pk=registration.unit_id).raise_version()
    data: dict[str, object] = {"service": key.service.code, "last_four": key.last_four}
    action = audit.record(
        AuditCode.KEY_REDEEMED,
        by=by,
        account=registration.account,
        serials=[registration.unit.serial],
        data=data,
    )
    use = KeyUse(
        key.pk,
        registration.pk,
        licence.uuid,
        ledger.licence_value(before, given=given) if before else None,
        ledger.licence_value(licence, given=given),
    )
    # Whoever has a part of its count has it for longer, too.
    holders = licence.parts.values_list("registration", flat=True) if key.months else ()
    record = Record(gained=(registration.pk, *holders), key=use).to_json()
    acts.note(Act.Kind.KEY, action=action, account=registration.account, by=by, record=record)


def _write_licence(terms: Terms, registration: Registration, service: Service) -> Licence:
    """Change the licence that a key changes, or make one; return it as it is then."""
    days = {"begins_on": terms.begins_on, "expires_on": terms.expires_on, "counted_from": terms.counted_from}
    if terms.licence is None:
        named = {"registration": registration, "service": service}
        return Licence.objects.create(**named, count=terms.count, **days)
    Licence.objects.filter(pk=terms.licence.pk).update(count=terms.count, **days)
    return Licence.objects.get(pk=terms.licence.pk)


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
    service, primary = key.service, sharing_primary(registration)
    holdings = read_holdings([registration, *([primary] if primary else [])])

    def held(holdings: Holdings) -> tuple[Entitlement, Entitlement]:
        runs = holdings.entitlement(registration, primary, service, today)
        return holdings.own(registration, service, today), runs

    effects = tuple(
        Effect(
            terms,
            *held(terms.applied(holdings, registration, service)),
            given=holdings.given.get(terms.licence.pk, 0) if terms.licence else 0,
        )
        for terms in possible_terms(key, registration, holdings, today)
    )
    return Redemption(key, primary, *held(holdings), effects, registration.unit.version)
