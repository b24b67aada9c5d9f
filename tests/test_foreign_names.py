"""X7: no page of an account names a user of another account, or somebody at the desk."""

import pytest
from django.test import Client
from django.utils import timezone

from associations.services import remove_association
from licensing.keysets.applied import confirm_applied
from licensing.keysets.issuing import read_keyset
from licensing.moves.offers import decline_offer, withdraw_offer
from licensing.moves.release import release_to_account
from portal.clock import today
from portal.models import Membership, User
from tests.factories import MembershipFactory, RegistrationFactory, UserFactory, pair
from tests.licensing.history import grant
from tests.licensing.offers import given, offered
from tests.licensing.rma.support import ask
from tests.licensing.support import CLIENT_AV
from tests.test_pages import crawl

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

GIVER, TAKER, STAFF = "gwendolen.giver", "tabitha.taker", "sibyl.support"


def exchange(giver: Membership, taker: Membership, lead: User) -> None:
    """Units with every kind of history go from one account to the other, in every way; some stay."""
    terms = {"today": today(), "now": timezone.now()}
    kept, unit, seat = pair(giver.account, giver.user)
    grant(unit, CLIENT_AV, count=7)
    keyset = read_keyset(registration=unit, today=today())
    confirm_applied(registration=unit, generation=keyset.generation, by=giver.user)
    remove_association(seat=seat, by=giver.user)
    there = given(unit, taker.account, giver.user)
    release_to_account(registration=there, account=giver.account, by=lead, reason="back", **terms)
    others = RegistrationFactory.create_batch(4, account=giver.account)
    given(others[0], taker.account, giver.user)
    release_to_account(registration=others[1], account=taker.account, by=lead, reason="sold", **terms)
    offered(others[2], taker.account, giver.user)
    decline_offer(offer=offered(others[3], taker.account, giver.user), by=taker.user, **terms)
    withdraw_offer(offer=offered(kept, taker.account, giver.user), by=giver.user, **terms)
    ask(kept, by=giver.user)


@pytest.mark.parametrize("side", ["giver", "taker"])
def test_neither_account_reads_a_user_name_of_the_other(client: Client, side: str) -> None:
    giver, taker = (MembershipFactory(user=UserFactory(username=name)) for name in (GIVER, TAKER))
    exchange(giver, taker, UserFactory(username=STAFF, is_staff=True))
    reader = giver if side == "giver" else taker
    client.force_login(reader.user)

    pages = crawl(client, "/")

    named = {(url, name) for url, page in pages.items() for name in _names_in(page) - {reader.user.username}}
    assert any(url.startswith("/products/") for url in pages)
    assert not named


def _names_in(page: object) -> set[str]:
    text = page.content.decode()
    return {name for name in (GIVER, TAKER, STAFF) if name in text}
