from collections.abc import Callable

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from desk.search.selectors import MOST_FOUND
from licensing.keyset import Ed25519Signer, Payload, sign
from licensing.keysets.issuing import read_keyset
from licensing.models import Keyset, RmaCase
from portal.clock import today
from portal.models import Account, Key
from portal.roles import AGENT, LEAD, OPERATOR
from products.attempts import ATTEMPTS_PER_SERIAL, count_attempt
from products.models import Registration, Unit
from products.services import search_text
from tests.factories import (
    AccountFactory,
    MembershipFactory,
    RegistrationFactory,
    UnitFactory,
    UserFactory,
    registrations,
    staff,
)
from tests.licensing.support import CONTENT_FILTER, give
from tests.pages import Page
from tests.rows import SESSIONS, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]
SEARCH = "/support/search/"
SERIAL = "0006B1124416"


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(staff(AGENT))
    return client


@pytest.fixture
def registration() -> Registration:
    return registered(SERIAL, "Lisbon firewall")


def registered(serial: str, name: str, account: Account | None = None) -> Registration:
    """A unit of this serial number, registered under a name as the portal's own service does it."""
    unit = UnitFactory(serial=serial)
    code = f"ABCD{serial[-4:].replace('0', 'Z').replace('1', 'Y')}"
    return RegistrationFactory(
        unit=unit,
        account=account or AccountFactory(),
        friendly_name=name,
        code=code,
        search=search_text(unit, name, code),
    )


def case_of(registration: Registration, **facts: object) -> RmaCase:
    return RmaCase.objects.create(
        account=registration.account,
        failed=registration,
        symptom="dead",
        asked_by=UserFactory(),
        **facts,
    )


def look_up(client: Client, text: str) -> HttpResponse:
    return client.post(SEARCH, {"q": text})


def unit_page(serial: str) -> str:
    return reverse("desk:unit", args=[serial])


def found(response: HttpResponse, kind: str) -> list[str]:
    """The first cells of a group of results."""
    assert response.status_code == 200
    sections = [s for s in Page(response).root.all("section") if s.attrs.get("aria-labelledby") == kind]
    return [row[0] for section in sections for row in section.rows()]


@pytest.mark.parametrize(
    "typed",
    [
        SERIAL,
        "00:06:b1:12:44:16",
        "00-06-B1-12-44-16",
        " 0006 b112 4416 ",
        "0006.B1124416".replace(".", "\u200b"),
        "\tABCD44Y6\n",
        "abcd-44y6",
    ],
)
def test_a_serial_number_or_a_registration_code_leads_to_the_unit(
    desk: Client, registration: Registration, typed: str
) -> None:
    assert look_up(desk, typed)["Location"] == unit_page(SERIAL)


def test_a_unit_that_nobody_registered_is_found(desk: Client) -> None:
    unit = UnitFactory()

    assert look_up(desk, unit.serial)["Location"] == unit_page(unit.serial)


def test_the_code_of_an_ended_registration_leads_to_its_unit(
    desk: Client, registration: Registration
) -> None:
    Registration.objects.update(ended_at=registration.registered_at)

    assert look_up(desk, registration.code)["Location"] == unit_page(SERIAL)


@pytest.mark.parametrize("typed", ["0006b1", "00:06:B1:12", "124416", "2441", "lisbon", "BON FIRE", "d44y"])
def test_a_part_of_a_number_or_a_name_finds_units(
    desk: Client, registration: Registration, typed: str
) -> None:
    registered("00AAAA000001", "Porto")

    assert found(look_up(desk, typed), "units") == [SERIAL]


def test_what_begins_with_the_text_stands_before_what_has_it_inside(desk: Client) -> None:
    for number, name in enumerate(["Old Lisbon", "lisbon B", "Lisbon A", "Porto"]):
        registered(f"00BB0000000{number}", name)

    response = look_up(desk, "LISBON")

    assert [hit.registration.friendly_name for hit in response.context["found"].units.rows] == [
        "Lisbon A",
        "lisbon B",
        "Old Lisbon",
    ]


def test_names_beyond_ascii_are_found_as_they_are_written(desk: Client) -> None:
    registered(SERIAL, "Überlingen 北京")
    AccountFactory(name="Ünal & Söhne")

    assert found(look_up(desk, "Überlingen"), "units") == [SERIAL]
    assert found(look_up(desk, "gen 北"), "units") == [SERIAL]
    assert found(look_up(desk, "Ünal"), "accounts") == ["Ünal & Söhne"]


def test_a_unit_is_listed_once_with_who_has_it_now(desk: Client, registration: Registration) -> None:
    Registration.objects.update(ended_at=registration.registered_at)
    now = RegistrationFactory(unit=registration.unit, friendly_name="Lisbon again")

    (hit,) = look_up(desk, "lisbon").context["found"].units.rows

    assert hit.registration == now


def test_a_returned_unit_is_listed_with_who_had_it(desk: Client, registration: Registration) -> None:
    Registration.objects.update(ended_at=registration.registered_at)

    (hit,) = look_up(desk, "0006b1").context["found"].units.rows

    assert hit.registration == registration


def test_accounts_and_users_are_found(desk: Client) -> None:
    person = UserFactory(
        username="Ann.Logan", email="ann@acme.example", first_name="Änne", last_name="Logan-Söhne"
    )
    MembershipFactory(account__name="Acme Logistics", user=person)
    MembershipFactory(account__name="Other", user__username="bob")

    assert found(look_up(desk, "logi"), "accounts") == ["Acme Logistics"]
    assert found(look_up(desk, "ann.lo"), "users") == ["Ann.Logan"]
    assert found(look_up(desk, "ACME.EX"), "users") == ["Ann.Logan"]
    assert found(look_up(desk, "anne logan-s"), "users") == ["Ann.Logan"]
    assert Page(look_up(desk, "n.logan")).section("users").rows()[0][1:] == [
        "Änne Logan-Söhne",
        "ann@acme.example",
        "Acme Logistics",
        "Owner",
    ]


@pytest.mark.parametrize("typed", ["RMA-{year}-{pk:06}", "rma {pk}", "rma{pk}", "{year}-{pk}", "RMA #{pk}"])
def test_an_rma_number_leads_to_its_case(desk: Client, registration: Registration, typed: str) -> None:
    case = case_of(registration)

    answer = look_up(desk, typed.format(year=case.asked_at.year, pk=case.pk))

    assert answer["Location"] == reverse("desk:case", args=[case.uuid])


def test_who_works_on_no_cases_is_led_to_the_failed_unit(client: Client, registration: Registration) -> None:
    case = case_of(registration)
    client.force_login(staff(OPERATOR))

    assert look_up(client, case.number)["Location"] == unit_page(SERIAL) + "#rma"


def test_an_rma_number_of_another_year_is_none(desk: Client, registration: Registration) -> None:
    case = case_of(registration)

    assert look_up(desk, f"RMA-1999-{case.pk:06}").status_code == 200


def test_a_bare_number_offers_the_case(desk: Client, registration: Registration) -> None:
    case = case_of(registration)

    assert found(look_up(desk, f"{case.pk:06}"), "cases") == [case.number]


def wrapped(text: str) -> str:
    """A keyset as a mail program leaves it."""
    return "\r\n  ".join(text[i : i + 40] for i in range(0, len(text), 40)) + "\u200b\n"


def test_a_pasted_keyset_leads_to_its_unit_and_says_what_it_is(
    desk: Client, registration: Registration
) -> None:
    keyset = read_keyset(registration=registration, today=today())

    response = desk.post(SEARCH, {"q": wrapped(keyset.text)}, follow=True)

    assert response.redirect_chain[-1][0] == unit_page(SERIAL)
    (message,) = response.context["messages"]
    assert message.tags == "keyset success"
    assert f"generation 1 of the keyset of {SERIAL}" in str(message)


def test_a_keyset_that_another_followed_is_not_the_newest(desk: Client, registration: Registration) -> None:
    old = read_keyset(registration=registration, today=today())
    give(registration, CONTENT_FILTER)
    Unit.objects.filter(pk=registration.unit_id).raise_version()
    assert "newer one is due" in told(desk, old)

    read_keyset(registration=registration, today=today())

    assert "generation 2" in told(desk, old)


def told(desk: Client, keyset: Keyset) -> str:
    response = desk.post(SEARCH, {"q": keyset.text}, follow=True)
    (message,) = response.context["messages"]
    assert message.tags == "keyset warning"
    return str(message)


def test_a_keyset_that_nobody_here_signed_is_explained_and_leads_nowhere(
    desk: Client, registration: Registration
) -> None:
    payload = Payload(SERIAL, 1, 0, 8, -1, (), None)
    forged = sign(payload, Ed25519Signer.generate())

    response = look_up(desk, forged)

    assert response.status_code == 200
    assert not response.context["keysets"][0].is_genuine
    assert "unknown-key" in Page(response).codes()


def test_a_keyset_of_a_revoked_key_is_not_genuine(desk: Client, registration: Registration) -> None:
    keyset = read_keyset(registration=registration, today=today())
    Key.objects.filter(purpose=Key.Purpose.KEYSETS).update(state=Key.State.REVOKED)

    response = look_up(desk, keyset.text)

    assert not response.context["keysets"][0].is_genuine
    assert response.context["keysets"][0].is_as_issued


def test_half_a_keyset_is_refused_with_its_reason(desk: Client, registration: Registration) -> None:
    keyset = read_keyset(registration=registration, today=today())

    response = look_up(desk, keyset.text[:60])

    assert response.status_code == 422
    assert response.context["form"].errors.as_data()["q"][0].code == "incomplete"


@pytest.mark.parametrize("typed", ["", "  ", "ab", "\x00\x00\x00", "a\x00b", "\u2028\u2028ab"])
def test_less_than_three_characters_are_refused(desk: Client, typed: str) -> None:
    response = look_up(desk, typed)

    assert response.status_code == 422
    assert response.context["form"].errors.as_data()["q"][0].code == "too-short"


def test_what_is_longer_than_any_keyset_is_refused(desk: Client) -> None:
    response = look_up(desk, "0oRN" * 10_000)

    assert response.status_code == 422
    assert response.context["form"].errors.as_data()["q"][0].code == "too-long"


@pytest.mark.parametrize(
    "typed",
    [
        "%%%",
        "___",
        "\\\\\\",
        "'; DROP TABLE portal_user; --",
        "Lis\x00bon",
        "<script>alert(1)</script>",
        "rma 999999999",
        "rma 00000000000000000",
        "RMA-2026-999999999999999999999",
        "99999999999999999999",
        "🔥🔥🔥",
        "\ud7ff\ufffd\U0010ffff",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 9,
    ],
)
def test_odd_texts_find_nothing_and_break_nothing(
    desk: Client, registration: Registration, typed: str
) -> None:
    response = look_up(desk, typed)

    assert response.status_code == 200
    assert "<script>alert" not in response.text
    names = [hit.registration.friendly_name for hit in response.context["found"].units.rows]
    assert names == (["Lisbon firewall"] if "Lis" in typed else [])
    assert ("nothing-found" in Page(response).codes()) is ("Lis" not in typed)


def test_no_more_than_twenty_of_a_kind_are_shown_and_it_says_so(desk: Client) -> None:
    registrations(AccountFactory(), MOST_FOUND + 5)
    AccountFactory.create_batch(MOST_FOUND + 5)
    Registration.objects.update(friendly_name="Account of Lisbon", search="account of lisbon")

    response = look_up(desk, "account")

    assert len(found(response, "units")) == len(found(response, "accounts")) == MOST_FOUND
    assert response.text.count("narrow it") == 2


def test_a_search_costs_as_many_queries_however_much_is_found(desk: Client) -> None:
    registered(SERIAL, "Lisbon")
    few = queries(desk, "lisbon")
    registrations(AccountFactory(), 300)
    Registration.objects.update(friendly_name="Lisbon", search="lisbon")
    AccountFactory.create_batch(30, name="Lisbon Foods")
    for number in range(30):
        MembershipFactory(user=UserFactory(username=f"lisbon{number}"))

    many = queries(desk, "lisbon")

    assert few == 11
    assert many <= few


def queries(desk: Client, text: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert look_up(desk, text).status_code == 200
    assert not [q for q in captured if "COUNT(" in q["sql"]]
    return len(captured)


@pytest.mark.parametrize("typed", ["0006b1124416", "RMA-2026-000001", "0006B1"])
def test_numbers_may_come_in_an_address(desk: Client, registration: Registration, typed: str) -> None:
    response = desk.get(SEARCH, {"q": typed})

    assert response.status_code == 302 or response.context["found"] is not None


def test_names_in_an_address_are_not_looked_up(desk: Client, registration: Registration) -> None:
    response = desk.get(SEARCH, {"q": "Lisbon"})

    assert "found" not in response.context
    assert Page(response).root.one("input", name="q").attrs["value"] == "Lisbon"


def test_what_was_found_is_kept_by_no_cache(desk: Client, registration: Registration) -> None:
    assert "no-store" in look_up(desk, "lisbon")["Cache-Control"]


def test_looking_up_writes_nothing(desk: Client, registration: Registration) -> None:
    keyset = read_keyset(registration=registration, today=today())
    Keyset.objects.update(first_read_at=None)

    with nothing_written(but=SESSIONS):
        for text in (SERIAL, "lisbon", "account", keyset.text, "rma 1", "no such thing"):
            desk.post(SEARCH, {"q": text}, follow=True)


@pytest.mark.parametrize("role", [AGENT, LEAD, OPERATOR])
def test_every_role_may_look_up(client: Client, registration: Registration, role: str) -> None:
    client.force_login(staff(role))

    assert client.get("/support/").status_code == 200
    assert look_up(client, "lisbon").status_code == 200
    assert client.get(unit_page(SERIAL)).status_code == 200


def test_staff_without_a_role_may_not(client: Client, registration: Registration) -> None:
    client.force_login(UserFactory(is_staff=True))

    assert look_up(client, "lisbon").status_code == 403
    assert client.get(unit_page(SERIAL)).status_code == 403
    assert not list(Page(client.get("/support/")).root.all("form", role="search"))


def test_customers_and_strangers_are_led_to_the_login(client: Client, registration: Registration) -> None:
    assert look_up(client, "lisbon")["Location"].startswith("/support/login/")

    client.force_login(MembershipFactory(account=registration.account).user)

    assert look_up(client, "lisbon")["Location"].startswith("/support/login/")
    assert client.get(unit_page(SERIAL), follow=True).status_code == 403


def test_a_form_without_its_token_is_refused(registration: Registration) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff(AGENT))

    assert look_up(client, "lisbon").status_code == 403


@pytest.mark.parametrize("path", ["/support/", "/support/products/unit/", "/support/portal/account/", SEARCH])
def test_every_page_of_the_desk_has_the_box(desk: Client, path: str) -> None:
    form = Page(desk.get(path)).root.one("form", role="search", action=SEARCH)

    assert form.attrs["method"] == "post"
    assert form.one("input", name="q")


@pytest.mark.parametrize("typed", ["FFFFFFFFFFFF", "S/N ff:ff:ff:ff:ff:ff", '="FFFFFFFFFFFF"'])
def test_a_serial_number_of_no_unit_leads_to_the_page_that_says_so(desk: Client, typed: str) -> None:
    response = desk.post(SEARCH, {"q": typed}, follow=True)

    assert response.redirect_chain == [(unit_page("FFFFFFFFFFFF"), 302)]
    assert Page(response).codes() == ["unknown-serial", "nothing-to-open"]


def test_the_page_of_no_unit_says_to_whom_it_is_closed_and_opens_again(desk: Client) -> None:
    closed, other = AccountFactory(name="Globex"), AccountFactory(name="Initech")
    for account, number in ((closed, ATTEMPTS_PER_SERIAL), (other, 1)):
        for _ in range(number):
            count_attempt(account, "FFFFFFFFFFFF", now=timezone.now())

    page = Page(desk.get(unit_page("FFFFFFFFFFFF")))

    assert page.codes() == ["unknown-serial", "closed"]
    assert page.section("attempts").rows() == [["Globex", "5"], ["Initech", "1"]]
    assert page.section("attempts").one("a", class_="action").text == "Open again"


def test_the_page_of_no_unit_costs_as_much_for_many_accounts(desk: Client) -> None:
    def asked() -> int:
        count_attempt(AccountFactory(), "FFFFFFFFFFFF", now=timezone.now())
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(unit_page("FFFFFFFFFFFF")).status_code == 404
        return len(captured)

    assert asked() == asked() == asked()


HOW_IT_IS_PASTED = {
    "quoted": lambda text: "\n".join(f"> {text[i : i + 40]}" for i in range(0, len(text), 40)),
    "quoted twice": lambda text: "\r\n".join(f">> {text[i : i + 76]}" for i in range(0, len(text), 76)),
    "in quotes": lambda text: f'"{text}"',
    "in curly quotes": lambda text: f"\u201c{text}\u201d.",
    "after a label": lambda text: f"Keyset: {text}",
    "after a label in a sentence": lambda text: f"The keyset of our firewall is {text}\nRegards, Ann",
    "twice": lambda text: f"{text}\n{text}",
}


@pytest.mark.parametrize("pasted", HOW_IT_IS_PASTED.values(), ids=HOW_IT_IS_PASTED)
def test_a_keyset_is_read_however_it_is_pasted(
    desk: Client, registration: Registration, pasted: Callable[[str], str]
) -> None:
    text = pasted(read_keyset(registration=registration, today=today()).text)

    assert look_up(desk, text)["Location"] == unit_page(SERIAL)
    assert look_up(desk, text.replace("\n", " "))["Location"] == unit_page(SERIAL)  # as browsers paste it


@pytest.mark.parametrize("around", ['"{}…"', "> {}", "Keyset: {}"])
def test_a_cut_keyset_is_said_to_be_cut(desk: Client, registration: Registration, around: str) -> None:
    text = read_keyset(registration=registration, today=today()).text

    response = look_up(desk, around.format(text[:-30]))

    assert response.status_code == 422
    assert response.context["form"].errors.as_data()["q"][0].code == "incomplete"


def test_the_file_of_a_pair_is_two_keysets_each_with_its_unit(
    desk: Client, registration: Registration
) -> None:
    other = registered("0006B1124417", "Porto firewall")
    texts = [read_keyset(registration=unit, today=today()).text for unit in (registration, other)]
    file = f"# HF Primary {SERIAL}\n{texts[0]}\n\n# HF Secondary 0006B1124417\n{{}}\n"

    both, cut = (look_up(desk, file.format(second)) for second in (texts[1], texts[1][:-30]))

    assert Page(both).codes() == ["several-keysets", "installed", "installed"]
    links = [a.attrs["href"] for a in Page(both).root.all("a") if "/units/" in a.attrs["href"]]
    assert links == [unit_page(SERIAL), unit_page("0006B1124417")]
    assert Page(cut).codes() == ["several-keysets", "installed", "incomplete"]
