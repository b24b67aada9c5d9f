"""Every write about units and registrations (rules R1 to R7)."""

import datetime
import re
import secrets
import unicodedata

import regex
from django.db import transaction

from portal import audit
from portal.models import Account, User
from portal.name_search import prepared
from products.attempts import check_open, count_attempt
from products.audit_codes import AuditCode
from products.codes import active_kid, code_matches
from products.errors import (
    AlreadyInAccount,
    InAnotherAccount,
    InvalidFriendlyName,
    NoMatch,
    PermanentField,
    UnitRetired,
)
from products.models import ProductModel, Registration, Survey, Unit
from products.serials import normalize_code, normalize_serial

REGISTRATION_CODE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
FRIENDLY_NAME_CHARACTERS, MOST_CODE_POINTS = 30, 400
LONGEST_NAME_TYPED = 1000
"""A form takes more than the rule, which says what is wrong."""
INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of control characters, of marks that turn or hide text, and of separators of lines."""
JOINERS = "\u200c\u200d"
"""Persian, the languages of India and emoji need them: they are letters."""
BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols that show nothing."""
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007f]+")  # Scotland's, for one: a flag and unseen letters


def register(
    *,
    account: Account,
    serial_number: str,
    authentication_code: str,
    friendly_name: str,
    by: User,
    now: datetime.datetime,
) -> Registration:
    """Register a unit of the factory's record in an account.

    Source: Associating an Appliance at First Registration, step 3.

    Raises InvalidSerial (R1), InvalidCode (R2), RegistrationClosed, SerialClosed and NoMatch (R3),
    AlreadyInAccount, InAnotherAccount and UnitRetired (R4), InvalidFriendlyName (R5). A refusal writes
    nothing except the count of a failed attempt. A second registration of one unit waits for the unit's lock.
    """
    serial, code = normalize_serial(serial_number), normalize_code(authentication_code)
    name = normalize_friendly_name(friendly_name)
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        unit = _find_unit(account, serial, code, now=now)
        if unit is not None:
            name = name or default_name(unit.model)
            return create_registration(unit=unit, account=account, friendly_name=name, by=by)
        count_attempt(account, serial, now=now)
    raise NoMatch


def _find_unit(account: Account, serial: str, code: str, *, now: datetime.datetime) -> Unit | None:
    """Lock and return the unit that may be registered; None if serial number and code don't match.

    An unknown serial number takes the same queries and time as a wrong code.
    """
    unit = (
        Unit.objects.filter(serial=serial)
        .select_related("model")
        .select_for_update(of=("self",), no_key=True)
        .first()
    )
    present = Registration.objects.live().filter(unit__serial=serial).select_related("unit__model").first()
    if present and present.account_id == account.pk:
        raise AlreadyInAccount(present)
    check_open(account, serial, now=now)
    fallback_kid = active_kid()
    matches = code_matches(
        serial, code, mac=unit.code_mac if unit else "", kid=unit.code_kid if unit else fallback_kid
    )
    if unit is None or not matches:
        return None
    if unit.retired_at:
        raise UnitRetired(unit)
    if present:
        raise InAnotherAccount(serial=serial)
    return unit


@transaction.atomic
def create_registration(
    *, unit: Unit, account: Account, friendly_name: str, by: User | None, reason: str = ""
) -> Registration:
    """Register a unit that the caller has locked and checked; takes no authentication code (X2, X7)."""
    code = _draw_code()
    while Registration.objects.filter(code=code).exists():
        code = _draw_code()
    registration = Registration.objects.create(
        unit=unit,
        account=account,
        friendly_name=friendly_name,
        code=code,
        search=search_text(unit, friendly_name, code),
    )
    Unit.objects.filter(pk=unit.pk).raise_version()  # a former owner's licences are no longer its own
    audit.record(AuditCode.REGISTERED, by=by, account=account, serials=[unit.serial], reason=reason)
    return registration


def _draw_code() -> str:
    return "".join(secrets.choice(REGISTRATION_CODE_ALPHABET) for _ in range(8))


def search_text(unit: Unit, friendly_name: str, code: str) -> str:
    """Return the text that lists are filtered by, as it is searched: name, serial number, line and code."""
    return prepared([friendly_name, unit.serial, unit.model.line, code])


def normalize_friendly_name(text: str) -> str:
    """Strip and compose a friendly name; if it shows nothing it is empty. Raises InvalidFriendlyName (R5)."""
    name = unicodedata.normalize("NFC", text).strip()
    for character in _FLAG.sub("", name):
        if unicodedata.category(character) in INVISIBLE and character not in JOINERS:
            raise InvalidFriendlyName(problem=f"This one contains U+{ord(character):04X}: type it anew.")
    length = len(regex.findall(r"\X", name))
    if length > FRIENDLY_NAME_CHARACTERS:
        raise InvalidFriendlyName(problem=f"This one has {length} characters.")
    if len(name) > MOST_CODE_POINTS:
        raise InvalidFriendlyName(problem="This one has too many marks on its letters.")
    return name if any(_is_visible(character) for character in name) else ""


def _is_visible(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNPS" and character not in BLANKS


def default_name(model: ProductModel) -> str:
    """The friendly name of a unit that was given none: its model's, cut to the allowed length."""
    return model.name[:FRIENDLY_NAME_CHARACTERS].strip()


@transaction.atomic
def rename(*, registration: Registration, friendly_name: str, by: User) -> Registration:
    """Change a registration's friendly name; empty means the model's. Raises InvalidFriendlyName."""
    name = normalize_friendly_name(friendly_name) or default_name(registration.unit.model)
    present = Registration.objects.live().select_for_update(no_key=True).get(pk=registration.pk)
    if name != present.friendly_name:
        audit.record(
            AuditCode.RENAMED,
            by=by,
            account=registration.account,
            serials=[registration.unit.serial],
            data={"before": present.friendly_name, "after": name},
        )
    search = search_text(registration.unit, name, present.code)
    Registration.objects.filter(pk=present.pk).update(friendly_name=name, search=search)
    registration.friendly_name = name
    return registration


@transaction.atomic
def save_survey(
    *, registration: Registration, protects: str, users: str, bought_at: str, by: User
) -> Survey | None:
    """Store the answers of the Product Survey, replacing earlier ones; None if there are none at all."""
    answers = {"protects": protects, "users": users, "bought_at": bought_at.strip()}
    if not any(answers.values()) and not Survey.objects.filter(registration=registration).exists():
        return None
    survey, _ = Survey.objects.update_or_create(registration=registration, defaults=answers)
    audit.record(
        AuditCode.SURVEY_ANSWERED, by=by, account=registration.account, serials=[registration.unit.serial]
    )
    return survey


@transaction.atomic
def save_product_model(*, model: ProductModel, by: User | None, reason: str) -> ProductModel:
    """Create or change a model of the catalogue. Its code and line are permanent: raises PermanentField."""
    present = ProductModel.objects.filter(pk=model.pk).first()
    for field in ("code", "line"):
        if present and getattr(present, field) != getattr(model, field):
            raise PermanentField(field=field)
    model.save()
    audit.record(
        AuditCode.PRODUCT_MODEL_SAVED, by=by, reason=reason, data={"model": model.name, "code": model.code}
    )
    return model
