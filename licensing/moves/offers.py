"""A product is offered to another account, whose owners accept or decline it within 14 days (rule X7).

Until then it stays, and works, where it is. Which owner of the other account decides is that account's
business: neither account learns a user name of the other.
"""

import datetime

from django.db import IntegrityError, transaction

from licensing.audit_codes import AuditCode
from licensing.errors import LicencesChanged, StillAssociated, UnitInOpenCase
from licensing.models import Offer
from licensing.moves.errors import AlreadyOffered, OfferBlocked, OfferChanged, OfferEnded
from licensing.moves.release import Handover, Release, hand_over, lock_units, plan_locked
from portal import audit
from portal.audit import Code
from portal.letters import Letter, Step, address_of, owners_of, post_letter
from portal.models import Account, User
from products.errors import RegistrationEnded, SameAccount, UnitRetired
from products.models import Registration
from products.services import normalize_friendly_name

OFFER_DAYS = 14


@transaction.atomic
def offer_product(
    *,
    registration: Registration,
    account: Account,
    friendly_name: str,
    seen: str,
    by: User,
    today: datetime.date,
    now: datetime.datetime,
) -> Offer:
    """Offer a product to another account's owners, who get a mail.

    `seen` is the `fingerprint` of the plan that a page showed; only this plan can be accepted. Raises
    InvalidFriendlyName, RegistrationEnded, SameAccount, AlreadyOffered, LicencesChanged and what
    `licensing.moves.release.check_release` raises.
    """
    name = normalize_friendly_name(friendly_name)
    plan = plan_locked(registration, lock_units(registration), seen)
    if plan.registration.account_id == account.pk:
        raise SameAccount(serial=plan.registration.unit.serial)
    former = Offer.objects.filter(registration=registration, state=Offer.State.OPEN)
    former.filter(ends_on__lt=today).update(state=Offer.State.OVER, decided_at=now)
    facts = {"registration": plan.registration, "account": account, "friendly_name": name}
    facts |= {"plan": plan.fingerprint, "offered_at": now, "offered_by": by}
    try:
        with transaction.atomic():
            offer = Offer.objects.create(**facts, ends_on=today + datetime.timedelta(OFFER_DAYS))
    except IntegrityError:
        raise AlreadyOffered(offer=former.with_product().get()) from None
    _record(AuditCode.PRODUCT_OFFERED, offer, plan.registration.account, by=by)
    _post(offer, account, f"{plan.registration.account} offers you an appliance")
    return offer


@transaction.atomic
def withdraw_offer(*, offer: Offer, by: User, today: datetime.date, now: datetime.datetime) -> None:
    """Take an offer back before it is accepted. Raises OfferEnded."""
    _decide(offer, Offer.State.WITHDRAWN, by=by, today=today, now=now)
    _record(AuditCode.OFFER_WITHDRAWN, offer, offer.registration.account, by=by)
    _post(offer, offer.account, f"{offer.registration.account} has withdrawn its offer")


@transaction.atomic
def decline_offer(*, offer: Offer, by: User, today: datetime.date, now: datetime.datetime) -> None:
    """Decline an offer; the giving account's owners get a mail. Raises OfferEnded."""
    _decide(offer, Offer.State.DECLINED, by=by, today=today, now=now)
    _record(AuditCode.OFFER_DECLINED, offer, offer.account, by=by)
    _record(AuditCode.OFFER_DECLINED, offer, offer.registration.account, by=by)
    _post(offer, offer.registration.account, f"{offer.account} declined {offer.registration.unit}")


@transaction.atomic
def accept_offer(
    *, offer: Offer, seen: str, by: User, today: datetime.date, now: datetime.datetime
) -> Registration:
    """Take an offered product, with its own licences, exactly as both sides saw it; return its registration.

    `seen` is the `fingerprint` of the plan that the accepting owner saw. Raises OfferEnded, OfferBlocked,
    OfferChanged, and LicencesChanged if counts were shared out before the locks were held.
    """
    concerned = lock_units(offer.registration)
    _decide(offer, Offer.State.ACCEPTED, by=by, today=today, now=now)
    plan = _plan(offer, concerned)
    if plan.fingerprint != offer.plan:
        raise OfferChanged(offer=offer)
    if plan.fingerprint != seen:
        raise LicencesChanged
    handover = Handover(offer.account, offer.friendly_name, given_by=offer.offered_by, taken_by=by)
    present = hand_over(plan, concerned, handover, today=today, now=now)
    _post(offer, offer.registration.account, f"{offer.account} has taken {offer.registration.unit}")
    return present


def _plan(offer: Offer, concerned: set[int]) -> Release:
    """What goes with an offered product now. What keeps it is the giving account's: it isn't named."""
    try:
        return plan_locked(offer.registration, concerned, None)
    except RegistrationEnded:
        raise OfferEnded(offer=offer) from None
    except (StillAssociated, UnitInOpenCase, UnitRetired):
        raise OfferBlocked(offer=offer) from None


def _decide(
    offer: Offer, state: Offer.State, *, by: User, today: datetime.date, now: datetime.datetime
) -> None:
    """End an open offer; of two who decide at once, the second one raises OfferEnded."""
    stands = Registration.objects.live().filter(pk=offer.registration_id).exists()
    # No join: PostgreSQL looks at the row's state again after waiting, but not at a subquery's.
    waiting = Offer.objects.filter(pk=offer.pk, state=Offer.State.OPEN, ends_on__gte=today)
    if not stands or not waiting.update(state=state, decided_at=now, decided_by=by):
        raise OfferEnded(offer=offer)
    offer.state, offer.decided_at, offer.decided_by = state, now, by


def _record(code: Code, offer: Offer, account: Account, *, by: User | None) -> None:
    serial = offer.registration.unit.serial
    data: dict[str, object] = {"to": str(offer.account.uuid), "name": offer.account.name}
    data |= {"from": offer.registration.account.name, "until": f"{offer.ends_on:%d %b %Y}"}
    audit.record(code, by=by, account=account, serials=[serial], data=data)


def _post(offer: Offer, to: Account, subject: str) -> None:
    """Mail an account's owners how an offer stands. The mail names accounts, and no other person."""
    unit, giver, taker = offer.registration.unit, offer.registration.account, offer.account
    stands = {
        Offer.State.ACCEPTED: f"{taker} has accepted it: the product and its own licenses are registered "
        "there now. What was until then stays readable in your account.",
        Offer.State.DECLINED: f"{taker} has declined it: the product stays in your account.",
        Offer.State.WITHDRAWN: f"{giver} has withdrawn the offer: there is nothing left to do.",
    }
    waits = (
        f"Until {offer.ends_on:%d %b %Y} (UTC) it stays, and works, where it is. If nobody answers, nothing "
        "changes."
    )
    steps, is_theirs = [], to == taker
    page = address_of("offer", offer.uuid) if is_theirs else address_of("service_management", unit.serial)
    if is_theirs and offer.state == Offer.State.OPEN:
        steps = [Step(f"Accept or decline it, until {offer.ends_on:%d %b %Y}", page)]
    offered = f"{giver} offers {unit.model.full_name} {unit.serial} to {taker}."
    letter = Letter(
        subject=subject,
        told=[offered, stands.get(Offer.State(offer.state), waits)],
        steps=steps,
        page=Step("The offer" if is_theirs else "The product", page),
        why=f"You get this mail as an owner of {to}.",
    )
    post_letter(letter, to=owners_of(to), account=to, about=unit.serial)
