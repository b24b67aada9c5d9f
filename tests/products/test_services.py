"""Registering a unit, its survey, and the catalogue's models (R1 to R7)."""

import datetime
import re
import unicodedata

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from portal.errors import RuleViolation
from portal.models import AuditEntry, User
from products.errors import (
    AlreadyInAccount,
    InAnotherAccount,
    InvalidCode,
    InvalidFriendlyName,
    InvalidSerial,
    NoMatch,
    PermanentField,
    UnitRetired,
)
from products.models import Attempt, ProductModel, Registration, Survey, Unit
from products.services import (
    REGISTRATION_CODE_ALPHABET,
    normalize_friendly_name,
    register,
    rename,
    save_product_model,
    save_survey,
)
from tests.factories import CODE, MembershipFactory, RegistrationFactory, UnitFactory, registered
from tests.rows import every_row, nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

WRONG = "ABCD-1235"
UNKNOWN = "FFFFFFFFFFFF"


@pytest.fixture
def member() -> MembershipFactory:
    return MembershipFactory()


def attempt(member, serial: str, code: str = CODE, name: str = "") -> Registration:
    return registered(member, serial, code=code, name=name)


def assert_refused(
    refusal: type[RuleViolation], member, serial: str, code: str = CODE, name: str = ""
) -> None:
    with nothing_written(), pytest.raises(refusal) as caught:
        attempt(member, serial, code, name)

    assert caught.type is refusal


def assert_counted(member, serial: str, code: str = CODE) -> None:
    """R3: no match, and of all tables the attempts alone have a row more."""
    before = every_row()

    with pytest.raises(NoMatch):
        attempt(member, serial, code)

    after = every_row()
    assert after.pop("products.Attempt").count == before.pop("products.Attempt").count + 1
    assert after == before
    tried = Attempt.objects.latest("pk")
    assert (tried.kind, tried.account, tried.subject) == (Attempt.Kind.CODE, member.account, serial)


def retired_unit() -> Unit:
    return UnitFactory(retired_at=datetime.datetime(2026, 5, 3, tzinfo=datetime.UTC))


def test_register_gives_the_unit_to_the_account(member) -> None:
    unit = UnitFactory()

    registration = attempt(member, unit.serial, name="  San Jose  ")

    assert registration.account == member.account
    assert registration.unit == unit
    assert registration.friendly_name == "San Jose"
    assert registration.ended_at is None


def test_register_takes_serial_and_code_in_any_notation(member) -> None:
    unit = UnitFactory(serial="0006B112441C")

    registration = attempt(member, " 00:06:b1:12:44:1c", "abcd 1234")

    assert registration.unit == unit


@pytest.mark.parametrize("serial", ["", "6.0E+11", "6B112441C", "0006B112441O", UNKNOWN * 2])
def test_r1_a_serial_number_of_another_form_is_refused(member, serial: str) -> None:
    assert_refused(InvalidSerial, member, serial)


@pytest.mark.parametrize("code", ["", "ABCD-123", "ABCD-12345", "ABCD-123!"])
def test_r2_a_code_of_another_form_is_refused(member, code: str) -> None:
    assert_refused(InvalidCode, member, UnitFactory().serial, code)


def test_r3_an_unknown_serial_number_is_refused(member) -> None:
    assert_counted(member, UNKNOWN)


def test_r3_a_wrong_code_is_refused(member) -> None:
    assert_counted(member, UnitFactory().serial, WRONG)


def test_r3_another_units_code_is_a_wrong_code(member) -> None:
    unit, other = UnitFactory.create_batch(2)
    Unit.objects.filter(pk=unit.pk).update(code_mac=other.code_mac)

    assert_counted(member, unit.serial)


def queries_of(member, serial: str, code: str) -> list[str]:
    """What a refused try asks the database, without the values."""
    queries: list[str] = []

    def note(execute, sql, parameters, many, context):
        queries.append(re.sub(r"SAVEPOINT .*", "SAVEPOINT", sql))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note), pytest.raises(NoMatch):
        attempt(member, serial, code)
    return queries


@pytest.mark.parametrize("kind", ["free", "another account's", "retired"])
def test_r3_unknown_and_wrong_ask_the_same_queries(member, kind: str) -> None:
    units = {
        "free": UnitFactory,
        "another account's": lambda: RegistrationFactory().unit,
        "retired": retired_unit,
    }
    unit = units[kind]()

    unknown, wrong = queries_of(member, UNKNOWN, CODE), queries_of(member, unit.serial, WRONG)

    assert wrong == unknown
    assert any("products_unit" in sql for sql in wrong)


def test_r3_unknown_and_wrong_read_the_same(member) -> None:
    texts = set()
    for serial, code in [(UNKNOWN, CODE), (UnitFactory().serial, WRONG)]:
        with pytest.raises(NoMatch) as caught:
            attempt(member, serial, code)
        texts.add(str(caught.value))

    assert len(texts) == 1


@pytest.mark.parametrize("code", [CODE, WRONG])
def test_r4_a_unit_of_this_account_is_named(member, code: str) -> None:
    registration = RegistrationFactory(account=member.account)

    assert_refused(AlreadyInAccount, member, registration.unit.serial, code)
    with pytest.raises(AlreadyInAccount) as caught:
        attempt(member, registration.unit.serial, code)
    assert caught.value.registration == registration


def test_r4_a_right_code_reveals_that_a_unit_is_another_accounts(member) -> None:
    assert_refused(InAnotherAccount, member, RegistrationFactory().unit.serial)


def test_r4_a_wrong_code_does_not_reveal_that_a_unit_is_another_accounts(member) -> None:
    assert_counted(member, RegistrationFactory().unit.serial, WRONG)


def test_r4_a_right_code_reveals_that_a_unit_is_retired(member) -> None:
    assert_refused(UnitRetired, member, retired_unit().serial)


def test_r4_a_wrong_code_does_not_reveal_that_a_unit_is_retired(member) -> None:
    assert_counted(member, retired_unit().serial, WRONG)


def test_r4_a_unit_that_was_released_can_be_registered_again(member) -> None:
    former = RegistrationFactory(ended_at=datetime.datetime(2026, 5, 3, tzinfo=datetime.UTC))

    registration = attempt(member, former.unit.serial)

    assert registration.account == member.account
    assert set(former.unit.registrations.all()) == {former, registration}


@pytest.mark.parametrize(
    "name", ["x" * 31, "San\nJose", "San\tJose", "San\0Jose", "San\x85Jose", "San\u2028Jose"]
)
def test_r5_a_long_name_or_one_with_control_characters_is_refused(member, name: str) -> None:
    assert_refused(InvalidFriendlyName, member, UnitFactory().serial, name=name)


@pytest.mark.parametrize("name", ["x" * 30, "  " + "ß" * 30 + "  ", "Zürich \u2013 Süd “Werk 2”"], ids=ascii)
def test_r5_up_to_30_characters_are_kept_as_typed(member, name: str) -> None:
    registration = attempt(member, UnitFactory().serial, name=name)

    assert Registration.objects.get().friendly_name == registration.friendly_name == name.strip()


@pytest.mark.parametrize(
    "name",
    [
        "👩\u200d👩\u200d👧\u200d👦" * 30,
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f Skye",
        "\u0645\u06cc\u200c\u062e\u0648",
        "क्\u200dष" * 10,
        "é" * 30,
    ],
    ids=["families", "Scotland", "Persian", "Hindi", "accents"],
)
def test_r5_characters_are_counted_as_people_read_them_and_joiners_are_letters(name: str) -> None:
    assert normalize_friendly_name(unicodedata.normalize("NFD", name)) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "name",
    ["a\u202eb", "a\u2066b", "a\u200fb", "a\u061cb", "a\u200bb", "a\x07b", "a\u2028b", "a\ufeffb"],
    ids=ascii,
)
def test_r5_what_turns_or_hides_text_is_refused_and_named(name: str) -> None:
    with pytest.raises(InvalidFriendlyName, match=re.escape(f"U+{ord(name[1]):04X}")):
        normalize_friendly_name(name)


def test_r5_marks_are_not_heaped_on_a_letter() -> None:
    with pytest.raises(InvalidFriendlyName, match="marks"):
        normalize_friendly_name("Z" + "\u0301\u0316" * 300)


@pytest.mark.parametrize("name", ["\u3164", "\u2800 \u2800", "\u200d", "\ufe0f", "\u0301"], ids=ascii)
def test_r5_a_name_that_shows_nothing_is_none(name: str) -> None:
    assert normalize_friendly_name(name) == ""


@pytest.mark.parametrize("name", ["", "   "])
def test_r5_an_empty_name_gets_the_models(member, name: str) -> None:
    registration = attempt(member, UnitFactory(model_name="TZ 170").serial, name=name)

    assert registration.friendly_name == "TZ 170"


def test_r5_a_models_long_name_is_cut_to_30_characters(member) -> None:
    ProductModel.objects.create(code=99, name="PRO 5060 " + "x" * 31, line="PRO 5060", family="PRO")
    unit = UnitFactory(model_name="PRO 5060 " + "x" * 31)

    registration = attempt(member, unit.serial)

    registration.refresh_from_db()
    assert registration.friendly_name == "PRO 5060 " + "x" * 21


def test_r6_the_registration_code_has_8_characters_that_are_not_confused(member) -> None:
    codes = [attempt(member, unit.serial).code for unit in UnitFactory.create_batch(20)]

    assert REGISTRATION_CODE_ALPHABET == "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    assert all(re.fullmatch("[A-HJ-NP-Z2-9]{8}", code) for code in codes)
    assert len(set(codes)) == 20


def test_r6_sending_twice_registers_once(member) -> None:
    unit = UnitFactory()
    first = attempt(member, unit.serial, name="first")

    assert_refused(AlreadyInAccount, member, unit.serial, name="second")

    assert Registration.objects.get() == first


def test_r7_a_registered_unit_is_in_no_association_and_has_no_survey(member) -> None:
    registration = attempt(member, UnitFactory().serial)

    assert not registration.seats.exists()
    assert not Survey.objects.exists()


def test_registering_is_in_the_audit_trail(member) -> None:
    unit = UnitFactory()
    before = AuditEntry.objects.count()

    attempt(member, unit.serial)

    entry = AuditEntry.objects.order_by("pk").last()
    assert AuditEntry.objects.count() == before + 1
    assert (entry.code, entry.serial) == ("registered", unit.serial)
    assert (entry.actor, entry.account) == (member.user, member.account)


@pytest.mark.django_db(transaction=True)
def test_where_the_audit_trail_cant_be_written_nothing_is_registered(member) -> None:
    unit, nobody = UnitFactory(), User(pk=2**40, username="nobody")

    with nothing_written(), pytest.raises(IntegrityError):
        register(
            account=member.account,
            serial_number=unit.serial,
            authentication_code=CODE,
            friendly_name="",
            by=nobody,
            now=timezone.now(),
        )


def test_what_is_searched_is_kept_without_case_and_accents(member) -> None:
    registration = attempt(member, UnitFactory(serial="0006B112441C").serial, name="San JOSÉ")

    for part in ("san jose", "0006b112441c", "pro 5060", registration.code.lower()):
        assert part in registration.search


def test_r5_a_name_can_be_changed_later() -> None:
    registration, user = RegistrationFactory(friendly_name="old"), MembershipFactory().user

    rename(registration=registration, friendly_name="  New ", by=user)

    registration.refresh_from_db()
    assert registration.friendly_name == "New"
    assert registration.search.startswith("new ")
    assert AuditEntry.objects.get(code="renamed").data == {"before": "old", "after": "New"}


def test_r5_a_name_that_is_taken_away_becomes_the_models() -> None:
    registration = RegistrationFactory(unit__model_name="TZ 170")

    rename(registration=registration, friendly_name=" ", by=MembershipFactory().user)

    registration.refresh_from_db()
    assert registration.friendly_name == "TZ 170"


@pytest.mark.parametrize("name", ["x" * 31, "San\nJose"])
def test_r5_a_name_is_not_changed_to_a_wrong_one(member, name: str) -> None:
    registration = RegistrationFactory(account=member.account)

    with nothing_written(), pytest.raises(InvalidFriendlyName):
        rename(registration=registration, friendly_name=name, by=member.user)


def test_saying_a_name_again_changes_nothing(member) -> None:
    registration = RegistrationFactory(account=member.account)

    with nothing_written():
        rename(registration=registration, friendly_name=registration.friendly_name, by=member.user)


def answer(registration: Registration, **answers: str) -> Survey | None:
    given = {"protects": "", "users": "", "bought_at": "", **answers}
    return save_survey(registration=registration, by=MembershipFactory().user, **given)


def test_a_survey_is_kept_with_its_registration() -> None:
    registration = RegistrationFactory()

    answer(registration, protects="branch-office", bought_at="  a shop ")

    survey = Survey.objects.get(registration=registration)
    assert (survey.protects, survey.users, survey.bought_at) == ("branch-office", "", "a shop")
    assert AuditEntry.objects.filter(code="survey-answered", serial=registration.unit.serial).count() == 1


def test_a_survey_answered_again_is_updated() -> None:
    registration = RegistrationFactory()
    answer(registration, users="1-10", bought_at="a shop")

    answer(registration, users="11-50")

    survey = Survey.objects.get()
    assert (survey.users, survey.bought_at) == ("11-50", "")


def test_an_empty_survey_writes_nothing() -> None:
    registration, member = RegistrationFactory(), MembershipFactory()

    with nothing_written():
        survey = save_survey(registration=registration, protects="", users="", bought_at=" ", by=member.user)

    assert survey is None


def test_answers_can_be_taken_back() -> None:
    registration = RegistrationFactory()
    answer(registration, bought_at="a shop")

    answer(registration)

    assert Survey.objects.get().bought_at == ""


@pytest.mark.parametrize(("field", "value"), [("code", 900), ("line", "Another line")])
def test_a_models_code_and_line_are_permanent(field: str, value: object) -> None:
    model = ProductModel.objects.get(name="PRO 5060")
    setattr(model, field, value)

    with nothing_written(), pytest.raises(PermanentField):
        save_product_model(model=model, by=None, reason="a slip")


def test_a_models_name_can_change_and_the_trail_says_why() -> None:
    model = ProductModel.objects.get(name="PRO 5060")
    model.name = "PRO 5060c"

    save_product_model(model=model, by=None, reason="copper ports")

    assert ProductModel.objects.get(code=model.code).name == "PRO 5060c"
    assert AuditEntry.objects.filter(code="product-model-saved", reason="copper ports").exists()


def test_a_new_model_is_created() -> None:
    model = ProductModel(code=900, name="TZ 180", line="TZ 180", family="TZ")

    save_product_model(model=model, by=None, reason="a new model")

    assert ProductModel.objects.get(name="TZ 180").code == 900
