"""Activate, Upgrade, Renew, Free Trial, Share and Swap roles from a unit's page, and keysets as files."""

import datetime

import pytest
from django.test import Client

from licensing.activation.redeeming import make_activation_keys
from licensing.keyset import read
from licensing.keyset.__main__ import main
from licensing.keysets.applied import confirm_applied
from licensing.models import Licence, PoolPart, Service, TrialStart
from portal.clock import today
from portal.models import Membership
from products.models import Registration
from tests.factories import LicenceFactory, RegistrationFactory, hf, log_in, pair
from tests.pages import Page
from tests.rows import every_row, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

CLIENT_AV, SERVER_AV, CONTENT_FILTER = 2, 4, 5


@pytest.fixture
def member(client: Client) -> Membership:
    return log_in(client)


@pytest.fixture
def mine(member: Membership) -> Registration:
    return RegistrationFactory(account=member.account)


def service(code: int) -> Service:
    return Service.objects.get(code=code)


def key_for(code: int, months: int | None = 12, count: int | None = None) -> str:
    _, (key,) = make_activation_keys(
        service=service(code), count=count, months=months, number=1, model=None, reason="sold", by=None
    )
    return key


def url(registration: Registration, rest: str) -> str:
    return f"/products/{registration.unit.serial}/{rest}"


def redeem(client: Client, registration: Registration, key: str, version: int | None = None):
    registration.unit.refresh_from_db()
    version = registration.unit.version if version is None else version
    return client.post(url(registration, "key/"), {"activation_key": key, "version": version})


def test_a_key_is_shown_before_it_does_anything(client: Client, mine: Registration) -> None:
    key = key_for(SERVER_AV)
    before = every_row()

    page = Page(client.post(url(mine, "key/"), {"activation_key": key.lower()}))

    assert "Activate" in page.section("effect").text
    assert every_row() == before


def test_a_confirmed_key_licenses(client: Client, mine: Registration) -> None:
    response = redeem(client, mine, key_for(SERVER_AV))

    licence = Licence.objects.get(registration=mine)
    assert response.url == url(mine, "")
    assert (licence.service.code, licence.kind) == (SERVER_AV, "licensed")


def test_a_key_confirmed_on_a_stale_page_is_shown_again(client: Client, mine: Registration) -> None:
    response = redeem(client, mine, key_for(SERVER_AV), version=99)

    assert Page(response).codes() == ["licences-changed"]
    assert not Licence.objects.exists()


@pytest.mark.parametrize(
    ("typed", "code"), [("", "required"), ("AAAA-BBBB", "invalid-key"), ("A" * 15 + "B", "invalid-key")]
)
def test_a_mistyped_key_is_refused_beside_its_field(
    client: Client, mine: Registration, typed: str, code: str
) -> None:
    response = client.post(url(mine, "key/"), {"activation_key": typed})

    assert response.status_code == 422
    assert Page(response).codes() == [code]


def test_a_used_key_is_refused(client: Client, member: Membership, mine: Registration) -> None:
    key = key_for(SERVER_AV)
    redeem(client, mine, key)

    response = redeem(client, RegistrationFactory(account=member.account), key)

    assert response.status_code == 422
    assert Page(response).codes() == ["key-used"]


def test_a_page_with_a_key_is_kept_nowhere(client: Client, mine: Registration) -> None:
    response = client.post(url(mine, "key/"), {"activation_key": key_for(SERVER_AV)})

    assert "no-store" in response["Cache-Control"]


def test_try_stands_only_beside_what_has_a_trial_left(client: Client, mine: Registration) -> None:
    TrialStart.objects.create(unit=mine.unit, service=service(CONTENT_FILTER))

    rows = Page(client.get(url(mine, ""))).section("services").one("table").rows()

    offered = {row[0] for row in rows if row[2] == "Try"}
    assert offered == {
        "Client AV Enforcement",
        "Gateway Anti-Virus, Anti-Spyware & Intrusion Prevention Service",
        "Premium Content Filtering Service",
    }


def offered(client: Client, registration: Registration, code: int) -> list[str]:
    """Where the unit's page leads who wants to try a service."""
    services = Page(client.get(url(registration, ""))).section("services")
    return [a.attrs["href"] for a in services.all("a") if a.attrs["href"].endswith(f"/{code}/trial/")]


def test_try_leads_to_the_primarys_as_long_as_the_primary_can_have_it(
    client: Client, member: Membership
) -> None:
    primary, secondary, _ = pair(member.account, member.user)
    theirs, own = (url(unit, f"services/{CONTENT_FILTER}/trial/") for unit in (primary, secondary))

    before = offered(client, secondary, CONTENT_FILTER)
    TrialStart.objects.create(unit=secondary.unit, service=service(CONTENT_FILTER))
    without_its_own = offered(client, secondary, CONTENT_FILTER)
    TrialStart.objects.update(unit=primary.unit)
    after = offered(client, secondary, CONTENT_FILTER)

    assert (before, without_its_own, after) == ([theirs], [theirs], [own])
    assert offered(client, primary, CONTENT_FILTER) == []
    assert "Start free trial" in Page(client.get(own)).root.one("main").text


def test_a_trial_of_the_secondary_alone_takes_a_word_more(client: Client, member: Membership) -> None:
    primary, secondary, _ = pair(member.account, member.user)
    path = url(secondary, f"services/{CONTENT_FILTER}/trial/")

    page, stale = Page(client.get(path)), client.post(path)
    started = client.post(path, {"alone": "yes"})

    assert list(page.root.one("main").all("a", href=url(primary, f"services/{CONTENT_FILTER}/trial/")))
    assert (stale.status_code, Page(stale).codes()) == (422, ["primary-first"])
    assert (started.status_code, Licence.objects.get().registration) == (302, secondary)


def test_a_trial_is_started_once(client: Client, mine: Registration) -> None:
    path = url(mine, f"services/{CONTENT_FILTER}/trial/")

    first, second = client.post(path), client.post(path)

    licence = Licence.objects.get(registration=mine)
    assert first.status_code == 302
    assert Page(second).codes() == ["trial-over"]
    assert (licence.kind, licence.expires_on) == ("trial", today() + datetime.timedelta(days=30))


def test_there_is_no_page_for_a_trial_that_is_not_offered(client: Client, mine: Registration) -> None:
    assert client.get(url(mine, f"services/{SERVER_AV}/trial/")).status_code == 404


def test_licenses_are_shared_out_and_taken_back(
    client: Client, member: Membership, mine: Registration
) -> None:
    other = RegistrationFactory(account=member.account)
    licence = LicenceFactory(registration=mine, service=service(CLIENT_AV), count=3)
    path, sent = url(mine, f"services/{CLIENT_AV}/share/"), {"licence": licence.uuid, "count": "2"}

    client.post(path, sent | {"source": mine.unit.serial, "to": other.unit.serial})
    shown = Page(client.get(path)).section("pool-1").one("table").rows()
    client.post(path, sent | {"source": other.unit.serial, "to": mine.unit.serial})

    assert [row[-1] for row in shown] == ["1", "2"]
    assert not PoolPart.objects.exists()


def test_each_license_is_shared_out_by_itself(client: Client, member: Membership, mine: Registration) -> None:
    other, day = RegistrationFactory(account=member.account), today() + datetime.timedelta(days=9)
    facts = {"registration": mine, "service": service(CLIENT_AV)}
    first, second = LicenceFactory(**facts, count=3), LicenceFactory(**facts, count=5, expires_on=day)
    path = url(mine, f"services/{CLIENT_AV}/share/")

    page = Page(client.get(path))
    sent = {"licence": second.uuid, "source": mine.unit.serial, "to": other.unit.serial}
    refused = client.post(path, sent | {"count": "6"})
    client.post(path, sent | {"count": "4"})

    assert f"until {day:%d %b %Y}" in page.section("pool-2").text
    hidden = [field.attrs["value"] for field in page.root.all("input", name="licence")]
    assert hidden == [str(first.uuid), str(second.uuid)]
    assert Page(refused).codes(Page(refused).section("move-2")) == ["not-enough"]
    assert Page(refused).codes(Page(refused).section("move-1")) == []
    assert (PoolPart.objects.get().licence, PoolPart.objects.get().count) == (second, 4)


def test_every_unit_whose_keyset_changes_by_a_move_is_named(
    client: Client, member: Membership, mine: Registration
) -> None:
    secondary, third = RegistrationFactory.create_batch(2, account=member.account)
    hf(mine, secondary, by=member.user)
    licence = LicenceFactory(registration=mine, service=service(CLIENT_AV), count=3)
    facts = {"source": mine.unit.serial, "to": third.unit.serial, "count": "1", "licence": licence.uuid}

    page = Page(client.post(url(mine, f"services/{CLIENT_AV}/share/"), facts, follow=True))

    for unit in (mine, third, secondary):
        assert list(page.root.all("a", href=url(unit, "keyset/")))


@pytest.mark.parametrize("sent", ["", "nonsense", "00000000-0000-4000-8000-000000000000"])
def test_a_license_that_is_not_there_any_more_is_not_shared_out(
    client: Client, member: Membership, mine: Registration, sent: str
) -> None:
    other = RegistrationFactory(account=member.account)
    LicenceFactory(registration=mine, service=service(CLIENT_AV), count=3)
    facts = {"source": mine.unit.serial, "to": other.unit.serial, "count": "1", "licence": sent}

    with nothing_written():
        response = client.post(url(mine, f"services/{CLIENT_AV}/share/"), facts)

    assert (response.status_code, Page(response).codes()) == (422, ["licences-changed"])


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"count": "4"}, "not-enough"),
        ({"count": "0"}, "min_value"),
        ({"to": "0006B1FFFFFF"}, "not-your-unit"),
        ({"to": "no serial"}, "invalid-serial"),
        ({"to": "itself"}, "same-unit"),
    ],
)
def test_what_can_not_be_moved_is_refused_beside_its_field(
    client: Client, member: Membership, mine: Registration, sent: dict[str, str], code: str
) -> None:
    other = RegistrationFactory(account=member.account)
    licence = LicenceFactory(registration=mine, service=service(CLIENT_AV), count=3)
    to = mine.unit.serial if sent.get("to") == "itself" else sent.get("to", other.unit.serial)
    before = every_row()

    response = client.post(
        url(mine, f"services/{CLIENT_AV}/share/"),
        {
            "licence": licence.uuid,
            "source": mine.unit.serial,
            "to": to,
            "count": sent.get("count", "1"),
        },
    )

    assert response.status_code == 422
    assert Page(response).codes() == [code]
    assert every_row() == before


def test_there_is_no_pool_of_what_is_not_divisible(client: Client, mine: Registration) -> None:
    LicenceFactory(registration=mine, service=service(SERVER_AV))

    assert client.get(url(mine, f"services/{SERVER_AV}/share/")).status_code == 404


def test_swap_says_what_goes_before_it_does_anything(client: Client, member: Membership) -> None:
    primary, secondary, seat = pair(member.account, member.user)
    LicenceFactory(registration=primary, service=service(SERVER_AV))
    before = every_row()

    page = Page(client.get(url(primary, f"associations/{seat.uuid}/swap/")))

    (moved,) = page.section("effect").one("ul").all("li")
    assert moved.one("strong").text == "Server Anti-Virus"
    assert secondary.friendly_name in page.section("effect").text
    assert every_row() == before


def test_swap_changes_the_roles_and_says_so_once(client: Client, member: Membership) -> None:
    primary, secondary, seat = pair(member.account, member.user)
    path = url(secondary, f"associations/{seat.uuid}/swap/")

    first, second = client.post(path), client.post(path, follow=True)

    assert first.url == url(secondary, "")
    assert Page(second).codes() == ["association-gone"]
    assert primary.seats.live().get().side == "child"


def test_a_former_secondary_without_its_new_keyset_is_named(client: Client, member: Membership) -> None:
    primary, secondary, seat = pair(member.account, member.user)
    client.get(url(secondary, "keyset/"))
    client.post(url(secondary, f"associations/{seat.uuid}/remove/"))

    pages = [Page(client.get(url(unit, ""))) for unit in (primary, secondary)]

    assert [page.codes() for page in pages] == [["old-keyset"], ["old-keyset"]]


def test_a_confirmed_keyset_ends_that_note(client: Client, member: Membership) -> None:
    primary, secondary, seat = pair(member.account, member.user)
    LicenceFactory(registration=primary, service=service(SERVER_AV))
    client.get(url(secondary, "keyset/"))
    client.post(url(secondary, f"associations/{seat.uuid}/remove/"))
    client.get(url(secondary, "keyset/"))
    secondary.unit.refresh_from_db()
    confirm_applied(registration=secondary, generation=secondary.unit.last_generation, by=member.user)

    page = Page(client.get(url(primary, "")))

    assert page.codes() == []


def test_a_keyset_leaves_as_a_file(client: Client, mine: Registration) -> None:
    response = client.get(url(mine, "keyset/file/"))

    assert read(response.content.decode()).serial == mine.unit.serial
    assert mine.unit.serial in response["Content-Disposition"]


def test_a_pairs_file_serves_both_appliances(
    client: Client, member: Membership, tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    primary, secondary, _ = pair(member.account, member.user)
    (tmp_path / "keys.json").write_bytes(client.get("/.well-known/jwks.json").content)

    text = client.get(url(primary, "keyset/pair/")).content.decode()

    for unit in (primary, secondary):
        asked = ["verify", "--serial", unit.unit.serial, "--keys", str(tmp_path / "keys.json")]
        assert main([*asked, text]) == 0
        assert unit.unit.serial in capsys.readouterr().out


def test_a_unit_alone_has_no_pairs_file(client: Client, mine: Registration) -> None:
    assert client.get(url(mine, "keyset/pair/")).status_code == 404


def test_show_prints_both_keysets_of_a_pairs_file(
    client: Client, member: Membership, capsys: pytest.CaptureFixture[str]
) -> None:
    primary, secondary, _ = pair(member.account, member.user)
    text = client.get(url(primary, "keyset/pair/")).content.decode()

    code = main(["show", text])

    shown = capsys.readouterr().out
    assert code == 0
    assert all(unit.unit.serial in shown for unit in (primary, secondary))


@pytest.fixture
def ten(mine: Registration) -> Licence:
    """A licence for 10 that ends in nine days."""
    last_day = today() + datetime.timedelta(days=9)
    return LicenceFactory(registration=mine, service=service(CLIENT_AV), count=10, expires_on=last_day)


@pytest.mark.parametrize(("count", "begins"), [(20, 0), (5, 10)])
def test_where_another_beginning_differs_both_are_offered_the_rules_first(
    client: Client, mine: Registration, ten: Licence, count: int, begins: int
) -> None:
    page = Page(client.post(url(mine, "key/"), {"activation_key": key_for(CLIENT_AV, count=count)}))

    days = [today() + datetime.timedelta(days=each) for each in (begins, 10 - begins)]
    rule, other = page.root.all("input", name="begins_on")
    assert [each.attrs["value"] for each in (rule, other)] == [day.isoformat() for day in days]
    assert ("checked" in rule.attrs, "checked" in other.attrs) == (True, False)


def test_each_beginning_is_shown_by_its_days(client: Client, mine: Registration, ten: Licence) -> None:
    page = Page(client.post(url(mine, "key/"), {"activation_key": key_for(CLIENT_AV, count=20)}))

    shown = [[line.text for line in page.root.one(id=name).all("li")] for name in ("now", "effect_2")]
    until = f"until {ten.expires_on:%d %b %Y}"
    assert shown[0] == [f"licensed for 10 {until}"]
    assert [line.split(" until")[0] for line in shown[1]] == ["licensed for 10", "then for 20"]


def test_a_renewal_offers_no_choice(client: Client, mine: Registration, ten: Licence) -> None:
    page = Page(client.post(url(mine, "key/"), {"activation_key": key_for(CLIENT_AV, count=10)}))

    assert list(page.root.all("input", name="begins_on")) == []
    assert len(list(page.root.one(id="effect_1").all("li"))) == 1


def test_the_chosen_beginning_is_redeemed(client: Client, mine: Registration, ten: Licence) -> None:
    begins_on = ten.expires_on + datetime.timedelta(days=1)
    sent = {"activation_key": key_for(CLIENT_AV, count=20), "version": 0, "begins_on": begins_on.isoformat()}

    response = client.post(url(mine, "key/"), sent)

    assert response.url == url(mine, "")
    assert Licence.objects.latest("pk").begins_on == begins_on


@pytest.mark.parametrize(("sent", "code"), [("2020-01-01", "licences-changed"), ("soon", "invalid")])
def test_a_beginning_that_was_not_offered_is_not_redeemed(
    client: Client, mine: Registration, ten: Licence, sent: str, code: str
) -> None:
    key = key_for(CLIENT_AV, count=20)

    page = Page(client.post(url(mine, "key/"), {"activation_key": key, "version": 0, "begins_on": sent}))

    assert code in page.codes()
    assert Licence.objects.get() == ten


def test_a_sharing_secondarys_key_says_what_it_is_for(client: Client, member: Membership) -> None:
    primary, secondary, _ = pair(member.account, member.user)
    LicenceFactory(registration=primary, service=service(CLIENT_AV), count=50)

    page = Page(client.post(url(secondary, "key/"), {"activation_key": key_for(CLIENT_AV, count=5)}))

    own, runs = (line.text for line in page.root.one(id="effect_1").all("li"))
    assert own.startswith("licensed for 5 until")
    assert runs == "licensed for 50 for ever"


def test_a_key_for_another_service_than_asked_for_says_so(client: Client, mine: Registration) -> None:
    sent = {"activation_key": key_for(SERVER_AV)}

    page = Page(client.post(url(mine, f"key/?service={CONTENT_FILTER}"), sent))

    assert page.codes() == ["other-service"]


def test_a_page_from_before_takes_no_confirmation_back(
    client: Client, member: Membership, mine: Registration
) -> None:
    for code in (SERVER_AV, CONTENT_FILTER):
        LicenceFactory(registration=mine, service=service(code))
        type(mine.unit).objects.filter(pk=mine.unit.pk).raise_version()
        client.get(url(mine, "keyset/"))
    client.post(url(mine, "keyset/applied/"), {"generation": "2"})

    page = Page(client.post(url(mine, "keyset/applied/"), {"generation": "1"}, follow=True))

    assert page.codes()[-1] == "keyset-older"


def test_the_trials_page_says_that_it_is_over_before_it_is_asked_for(
    client: Client, mine: Registration
) -> None:
    TrialStart.objects.create(unit=mine.unit, service=service(CONTENT_FILTER))

    page = Page(client.get(url(mine, f"services/{CONTENT_FILTER}/trial/")))

    assert page.codes() == ["trial-over"]
    assert not [button for button in page.root.one("main").all("button") if "trial" in button.text]


def test_the_same_move_from_two_windows_moves_once(
    client: Client, member: Membership, mine: Registration
) -> None:
    other = RegistrationFactory(account=member.account)
    LicenceFactory(registration=mine, service=service(CLIENT_AV), count=3)
    path = url(mine, f"services/{CLIENT_AV}/share/")
    form = Page(client.get(path)).section("move-1").one("form")
    sent = {name: form.one("input", name=name).attrs["value"] for name in ("licence", "seen")}
    sent |= {"source": mine.unit.serial, "to": other.unit.serial, "count": "1"}

    client.post(path, sent)
    second = client.post(path, sent)

    assert Page(second).codes() == ["licences-changed"]
    assert PoolPart.objects.get().count == 1
