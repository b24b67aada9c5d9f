"""X7: a product is offered to another account, and stays where it is until that one accepts."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from licensing.errors import LicencesChanged
from licensing.ledger.verification import verify
from licensing.models import Licence, Offer
from licensing.moves.errors import AlreadyOffered, OfferBlocked, OfferChanged, OfferEnded
from licensing.moves.offers import OFFER_DAYS, accept_offer, decline_offer, withdraw_offer
from licensing.moves.release import release_to_account
from portal.models import AuditEntry, Mail, Membership, User
from products.errors import SameAccount
from products.models import Registration, Unit
from tests.factories import AccountFactory, MembershipFactory, RegistrationFactory, UserFactory, hf
from tests.licensing.history import grant
from tests.licensing.offers import accepted, given, offered
from tests.licensing.rma.support import ask
from tests.licensing.support import CLIENT_AV, CONTENT_FILTER, TODAY, give, refuses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

LAST = TODAY + timedelta(OFFER_DAYS)


@pytest.fixture
def giver() -> Membership:
    return MembershipFactory(user__email="giver@a.example")


@pytest.fixture
def taker() -> Membership:
    return MembershipFactory(user__email="taker@b.example")


@pytest.fixture
def unit(giver: Membership) -> Registration:
    return RegistrationFactory(account=giver.account, friendly_name="San Jose")


@pytest.fixture
def offer(unit: Registration, giver: Membership, taker: Membership) -> Offer:
    return offered(unit, taker.account, giver.user, on=TODAY)


def decides(offer: Offer, by: User, **facts: object) -> list[Callable[[], object]]:
    """The three ways in which an offer ends by somebody."""
    terms = {"offer": offer, "by": by, "today": TODAY, "now": timezone.now(), **facts}
    return [
        partial(accepted, offer, by, on=terms["today"]),
        partial(decline_offer, **terms),
        partial(withdraw_offer, **terms),
    ]


def test_until_it_is_accepted_it_stays(unit: Registration, offer: Offer, taker: Membership) -> None:
    assert Registration.objects.live().get(unit=unit.unit) == unit
    assert offer.ends_on == LAST
    assert Mail.objects.get().to == taker.user.email
    assert AuditEntry.objects.get(code="product-offered").account == unit.account


def test_accepted_it_goes_with_its_licences(unit: Registration, giver: Membership, taker: Membership) -> None:
    grant(unit, CLIENT_AV, count=7)
    offer = offered(unit, taker.account, giver.user, friendly_name="Paris")

    new = accepted(offer, taker.user)

    assert (new.account, new.unit, new.friendly_name) == (taker.account, unit.unit, "Paris")
    assert Licence.objects.get().registration == new
    offer.refresh_from_db()
    assert (offer.state, offer.decided_by) == ("accepted", taker.user)
    assert Mail.objects.latest("pk").to == giver.user.email
    verify(progress=lambda done: None)


def test_each_accounts_trail_names_its_own_person(
    unit: Registration, giver: Membership, taker: Membership
) -> None:
    given(unit, taker.account, giver.user)

    theirs = AuditEntry.objects.filter(account=giver.account).values_list("actor", flat=True)
    mine = AuditEntry.objects.filter(account=taker.account).exclude(actor__membership__account=taker.account)
    assert set(theirs) == {giver.user.pk}
    assert not mine.exists()


def test_declined_it_stays_for_good(
    unit: Registration, offer: Offer, giver: Membership, taker: Membership
) -> None:
    decides(offer, taker.user)[1]()

    assert Registration.objects.live().get(unit=unit.unit) == unit
    assert Mail.objects.latest("pk").to == giver.user.email
    entries = AuditEntry.objects.filter(code="offer-declined")
    assert {(row.account, row.actor) for row in entries} == {
        (taker.account, taker.user),
        (giver.account, taker.user),
    }


def test_withdrawn_it_can_be_offered_to_another(unit: Registration, offer: Offer, giver: Membership) -> None:
    decides(offer, giver.user)[2]()

    again = offered(unit, AccountFactory(), giver.user)

    assert again.state == "open"
    assert AuditEntry.objects.filter(code="offer-withdrawn", account=unit.account).exists()


@pytest.mark.parametrize("other", [True, False])
def test_a_product_is_offered_to_one_account_at_a_time(
    unit: Registration, offer: Offer, giver: Membership, other: bool
) -> None:
    to = AccountFactory() if other else offer.account

    refuses(AlreadyOffered, lambda: offered(unit, to, giver.user, on=LAST))


def test_it_is_not_offered_to_its_own_account(unit: Registration, giver: Membership) -> None:
    refuses(SameAccount, lambda: offered(unit, giver.account, giver.user))


def test_an_offer_that_nobody_answered_is_no_hindrance(
    unit: Registration, offer: Offer, giver: Membership
) -> None:
    offered(unit, AccountFactory(), giver.user, on=LAST + timedelta(1))

    offer.refresh_from_db()
    assert offer.state == "over"


@pytest.mark.parametrize("way", [0, 1, 2])
def test_it_is_answered_on_its_last_day_but_not_later(offer: Offer, taker: Membership, way: int) -> None:
    refuses(OfferEnded, decides(offer, taker.user, today=LAST + timedelta(1))[way])

    decides(offer, taker.user, today=LAST)[way]()

    offer.refresh_from_db()
    assert offer.state != "open"


@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("second", [0, 1, 2])
def test_what_has_ended_can_neither_be_accepted_nor_declined_nor_withdrawn(
    offer: Offer, taker: Membership, first: int, second: int
) -> None:
    decides(offer, taker.user)[first]()

    refuses(OfferEnded, decides(offer, taker.user)[second])


def test_what_support_moved_meanwhile_is_not_accepted(
    unit: Registration, offer: Offer, taker: Membership
) -> None:
    lead, terms = UserFactory(is_staff=True), {"today": TODAY, "now": timezone.now()}
    release_to_account(registration=unit, account=AccountFactory(), by=lead, reason="sold", **terms)

    refuses(OfferEnded, decides(offer, taker.user)[0])


@pytest.mark.parametrize(
    "use",
    [
        lambda unit, by: hf(unit, RegistrationFactory(account=unit.account), by=by),
        lambda unit, by: ask(unit, by=by),
        lambda unit, by: Unit.objects.filter(pk=unit.unit_id).update(retired_at=timezone.now()),
    ],
)
def test_what_keeps_it_there_is_not_named_to_the_other_account(
    unit: Registration, offer: Offer, giver: Membership, taker: Membership, use: Callable
) -> None:
    use(unit, giver.user)

    refuses(OfferBlocked, decides(offer, taker.user)[0])


def test_only_what_the_giver_saw_can_be_accepted(unit: Registration, offer: Offer, taker: Membership) -> None:
    give(unit, CONTENT_FILTER)

    refuses(OfferChanged, decides(offer, taker.user)[0])


def test_only_what_the_taker_saw_can_be_accepted(offer: Offer, taker: Membership) -> None:
    terms = {"today": TODAY, "now": timezone.now(), "by": taker.user}

    refuses(LicencesChanged, partial(accept_offer, offer=offer, seen="another", **terms))


def test_no_mail_names_a_person_of_the_other_account(
    unit: Registration, giver: Membership, taker: Membership
) -> None:
    given(unit, taker.account, giver.user)

    texts = " ".join(f"{mail.subject} {mail.body}" for mail in Mail.objects.all())
    assert giver.account.name in texts
    for mail in Mail.objects.all():
        other = giver if mail.to == taker.user.email else taker
        assert other.user.username not in re.findall(r"[\w.@+-]+", f"{mail.subject} {mail.body} {mail.html}")
