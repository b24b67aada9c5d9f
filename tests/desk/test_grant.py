"""Granting a licence at the desk: first what it changes, by day, then the grant."""

import datetime

import pytest
from django.http import HttpResponse
from django.test import Client

from licensing.models import LedgerEntry, Licence
from portal.clock import today
from portal.models import Mail, User
from portal.roles import LEAD
from products.models import Registration
from tests.factories import AccountFactory, MembershipFactory, RegistrationFactory, pair, staff
from tests.licensing.history import grant
from tests.licensing.support import CLIENT_AV, service
from tests.pages import Page
from tests.rows import SESSIONS, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

VPN_CLIENT = 9  # of which a PRO 5060 comes with some
YEAR = today() + datetime.timedelta(365)


@pytest.fixture
def lead(client: Client) -> User:
    user = staff(LEAD)
    client.force_login(user)
    return user


@pytest.fixture
def desk(client: Client, lead: User) -> Client:
    return client


def post(desk: Client, unit: Registration, code: int = CLIENT_AV, **changes: str) -> HttpResponse:
    facts = {"service": str(service(code).pk), "count": "3", "expires_on": str(YEAR), "reason": "by phone"}
    return desk.post(f"/support/units/{unit.unit.serial}/grant/", facts | changes)


def effects(response: HttpResponse) -> list[str]:
    assert response.status_code == 200
    return [line.text for line in Page(response).root.one("ul", class_="effects points").all("li")]


def confirm(desk: Client, unit: Registration, code: int = CLIENT_AV, **changes: str) -> HttpResponse:
    with nothing_written(but=SESSIONS):
        page = Page(post(desk, unit, code, **changes))
    shown = page.root.one("input", name="shown").attrs["value"]
    return post(desk, unit, code, **changes, shown=shown)


def test_what_is_shown_and_confirmed_is_granted(desk: Client, lead: User) -> None:
    unit = RegistrationFactory()

    response = confirm(desk, unit, count="unlimited", expires_on="")

    licence, entry = Licence.objects.get(), LedgerEntry.objects.get(unit=unit.unit)
    assert response.status_code == 302
    assert (licence.registration, licence.count, licence.expires_on) == (unit, -1, None)
    assert (entry.actor, entry.reason, entry.before) == (lead, "by phone", None)


def test_before_and_after_are_told_by_day(desk: Client) -> None:
    unit = RegistrationFactory()
    grant(unit, CLIENT_AV, count=2)

    _, before_and_after = effects(post(desk, unit))

    assert f"Before: licensed for 2 for ever. After: licensed for 3 until {YEAR:%d %b %Y}, then for 2" in (
        before_and_after
    )


def test_what_the_secondary_runs_is_told_too(desk: Client, lead: User) -> None:
    primary, secondary, _ = pair(AccountFactory(), lead)

    lines = effects(post(desk, primary))

    assert [serial in lines[1 + n] for n, serial in enumerate([primary.unit.serial, secondary.unit.serial])]
    assert "After: licensed for 3" in lines[2]


def test_a_secondarys_grant_says_that_the_primary_has_none(desk: Client, lead: User) -> None:
    primary, secondary, _ = pair(AccountFactory(), lead)

    lines = effects(post(desk, secondary))

    assert lines[-1].startswith(f"{primary.unit.serial} doesn't get it")


def test_what_never_runs_and_falls_short_of_the_models_is_said_before(desk: Client) -> None:
    unit = RegistrationFactory()

    lines = effects(post(desk, unit, VPN_CLIENT))

    assert [line.split(":")[0][:16] for line in lines[2:]] == ["It falls short o", "It would never r"]
    assert confirm(desk, unit, VPN_CLIENT).status_code == 302


def test_another_number_is_shown_again(desk: Client) -> None:
    unit = RegistrationFactory()
    shown = Page(post(desk, unit, VPN_CLIENT)).root.one("input", name="shown").attrs["value"]

    with nothing_written(but=SESSIONS):
        assert effects(post(desk, unit, VPN_CLIENT, count="2", shown=shown))


def test_what_it_does_is_a_list_inside_what_is_read_out(desk: Client) -> None:
    page = Page(post(desk, RegistrationFactory()))

    (told,) = page.root.all("div", role="status")
    assert "role" not in told.one("ul").attrs


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"count": ""}, "count"),
        ({"count": "three"}, "count"),
        ({"count": "9999999999"}, "count"),
        ({"expires_on": "2004-11-17"}, "expires_on"),
        ({"expires_on": "03/04/2028"}, "expires_on"),
        ({"expires_on": "9999-12-31"}, "expires_on"),
        ({"service": ""}, "service"),
        ({"service": "1"}, "expires_on"),
        ({"reason": " "}, "reason"),
    ],
)
def test_a_refused_grant_writes_nothing_and_says_where(
    desk: Client, changes: dict[str, str], field: str
) -> None:
    unit = RegistrationFactory()

    with nothing_written():
        response = post(desk, unit, **changes)

    assert response.status_code == 422
    assert field in response.context["form"].errors


def test_what_adds_nothing_is_refused(desk: Client) -> None:
    unit = RegistrationFactory()
    grant(unit, CLIENT_AV, count=-1)

    with nothing_written():
        response = post(desk, unit, count="unlimited")

    assert response.context["form"].errors.as_data()["service"][0].code == "grant-adds-nothing"


def test_a_grant_is_told_to_the_owners(desk: Client) -> None:
    owner = MembershipFactory(user__email="owner@a.example")
    unit = RegistrationFactory(account=owner.account)

    confirm(desk, unit)

    mail = Mail.objects.get()
    assert mail.to == "owner@a.example"
    assert "Client AV Enforcement: licensed for 3" in mail.body
    assert "Reason: by phone" in mail.body
    assert f"/products/{unit.unit.serial}/keyset/" in mail.body
