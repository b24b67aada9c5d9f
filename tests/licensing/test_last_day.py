"""Days go up to 31 Dec 9998: nothing is licensed beyond, and rows from before break no page."""

import datetime

import pytest
from django.test import Client

from licensing.errors import TermTooLong
from licensing.grants.extending import extend_licence
from licensing.grants.giving import grant_licence
from licensing.keyset import read
from licensing.keysets.issuing import read_keyset
from licensing.models import KeysetHead, Licence
from portal.clock import today
from portal.days import LAST_DAY
from portal.errors import DayTooLate
from portal.models import User
from products.models import Registration
from tests.factories import RegistrationFactory, UserFactory, log_in, pair
from tests.licensing.support import (
    CONTENT_FILTER,
    GATEWAY_AV,
    SERVER_AV,
    TODAY,
    give,
    look,
    make,
    redeem,
    refuses,
    service,
)
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

OLD_LAST_DAY = datetime.date.max


@pytest.fixture
def unit() -> Registration:
    return RegistrationFactory()


def grant(unit: Registration, by: User, last_day: datetime.date) -> Licence:
    facts = {"count": None, "expires_on": last_day, "reason": "paid", "by": by, "today": TODAY}
    return grant_licence(unit=unit.unit, service=service(CONTENT_FILTER), **facts)


def extend(licence: Licence, by: User, last_day: datetime.date) -> Licence:
    return extend_licence(licence=licence, expires_on=last_day, reason="paid", by=by, today=TODAY)


def test_a_grant_goes_up_to_the_last_day(unit: Registration, by: User) -> None:
    refuses(DayTooLate, lambda: grant(unit, by, LAST_DAY + datetime.timedelta(days=1)))

    assert grant(unit, by, LAST_DAY).expires_on == LAST_DAY


def test_a_licence_is_extended_up_to_the_last_day(unit: Registration, by: User) -> None:
    licence = give(unit, CONTENT_FILTER, expires_on=TODAY)
    refuses(DayTooLate, lambda: extend(licence, by, LAST_DAY + datetime.timedelta(days=1)))

    assert extend(licence, by, LAST_DAY).expires_on == LAST_DAY


@pytest.mark.parametrize("kind", Licence.Kind.values)
@pytest.mark.parametrize(
    "last_day", [datetime.date(9998, 12, 1), datetime.date(9998, 12, 31), OLD_LAST_DAY], ids=str
)
def test_a_key_whose_term_passes_the_last_day_is_kept(
    unit: Registration, by: User, kind: str, last_day: datetime.date
) -> None:
    give(unit, CONTENT_FILTER, expires_on=last_day, kind=kind)
    (key,) = make(months=1)

    refuses(TermTooLong, lambda: look(unit, key))
    refuses(TermTooLong, lambda: redeem(unit, key, by=by))


def test_a_key_up_to_the_last_day_is_redeemed(unit: Registration, by: User) -> None:
    give(unit, CONTENT_FILTER, expires_on=datetime.date(9998, 11, 30))
    (key,) = make(months=1)

    assert redeem(unit, key, by=by).terms.expires_on == datetime.date(9998, 12, 30)


def test_the_key_page_says_it_beside_the_key(client: Client) -> None:
    mine = RegistrationFactory(account=log_in(client).account)
    give(mine, CONTENT_FILTER, expires_on=OLD_LAST_DAY)
    (key,) = make(months=120)

    response = client.post(f"/products/{mine.unit.serial}/key/", {"activation_key": key})

    page = Page(response)
    assert (response.status_code, page.codes(page.field("activation_key"))) == (422, [TermTooLong.code])


def test_the_keyset_of_a_row_from_before_is_current_for_ever(unit: Registration) -> None:
    give(unit, CONTENT_FILTER, expires_on=OLD_LAST_DAY)

    first = read_keyset(registration=unit, today=TODAY)

    assert OLD_LAST_DAY in [row.expiry for row in read(first.text).services]
    assert KeysetHead.objects.get(unit=unit.unit).recheck_on is None
    assert read_keyset(registration=unit, today=LAST_DAY) == first


def test_a_row_from_before_breaks_no_page_once_an_earlier_licence_has_ended(client: Client) -> None:
    member = log_in(client)
    primary, secondary, seat = pair(member.account, member.user)
    give(primary, CONTENT_FILTER, expires_on=OLD_LAST_DAY)
    give(secondary, GATEWAY_AV, expires_on=OLD_LAST_DAY, kind="trial")
    give(primary, SERVER_AV, expires_on=today() - datetime.timedelta(days=1))

    swap = f"associations/{seat.uuid}/swap/"
    for page in ("", "keyset/", "keyset/file/", "keyset/pair/", "key/", "entitlements/", "replace/", swap):
        for unit in (primary, secondary):
            assert client.get(f"/products/{unit.unit.serial}/{page}").status_code == 200
    assert client.get("/").status_code == client.get("/readiness/").status_code == 200


def test_the_desk_shows_a_row_from_before(client: Client) -> None:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    unit = RegistrationFactory(unit__warranty_ends_on=OLD_LAST_DAY)
    licence = give(unit, CONTENT_FILTER, expires_on=OLD_LAST_DAY)

    for page in (
        f"units/{unit.unit.serial}/",
        f"units/{unit.unit.serial}/extend/",
        "licensing/licence/",
        f"licensing/licence/{licence.pk}/change/",
        f"products/unit/{unit.unit.pk}/change/",
    ):
        assert client.get(f"/support/{page}").status_code == 200
