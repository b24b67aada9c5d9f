"""The desk's lists answer what they name: nobody reads by a look-up what a list doesn't show."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters, ModelAdmin
from django.db.models import Model
from django.http import HttpRequest
from django.test import Client, RequestFactory

from licensing.keysets.issuing import read_keyset
from licensing.models import Keyset
from portal.clock import today
from portal.models import AuditEntry, User
from products.models import Registration
from tests.factories import MembershipFactory, RegistrationFactory
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

# By hand: each list that can be filtered, and by what.
FLAG = ["__exact", "__isnull"]
NAMED = {
    "portal.User": [f"{flag}{how}" for flag in ("is_staff", "is_active") for how in FLAG],
    "portal.Mail": ["state", "account__id__exact"],
    "products.Registration": ["account__id__exact"],
    "associations.TypeModel": ["type__id__exact", "type__isnull", "side__exact", "side__isnull"],
    "licensing.ModelService": ["model__id__exact", "model__isnull"],
    "licensing.ActivationKey": ["service__id__exact", "service__isnull"],
    "products.ProductModel": ["family", "family__isnull"],
    "products.Survey": [f"{field}{how}" for field in ("protects", "users") for how in FLAG],
    "portal.Membership": ["account__id__exact", *(f"role{how}" for how in FLAG)],
    "portal.Key": [f"{field}{how}" for field in ("purpose", "state") for how in FLAG],
    "associations.Seat": ["type__id__exact", "type__isnull", *(f"side{how}" for how in FLAG)],
    "licensing.LedgerEntry": ["service__id__exact", "service__isnull", *(f"right{how}" for how in FLAG)],
    "licensing.TrialStart": ["service__id__exact", "service__isnull"],
    "licensing.Licence": [
        "service__id__exact",
        "service__isnull",
        *(f"kind{how}" for how in FLAG),
        "expires_on__isnull",
    ],
    "licensing.RmaCase": [f"{field}{how}" for field in ("state", "kind") for how in FLAG],
}
COMPLETED = {("membership", "user"), ("membership", "account")}
HOW = ["", "__exact", "__regex", "__startswith", "__gt", "__in", "__isnull", "__year__gt"]
ADMINS = {model._meta.label: model_admin for model, model_admin in admin.site._registry.items()}


@pytest.fixture
def keyset() -> Keyset:
    return read_keyset(registration=RegistrationFactory(), today=today())


def fields_of(model: type[Model], depth: int = 1) -> Iterator[str]:
    """The names by which a query reaches a model's fields and its neighbours', along relations both ways."""
    for field in model._meta.get_fields(include_hidden=True):
        yield from {field.name, getattr(field, "attname", field.name)}
        if field.related_model and depth:
            yield from (f"{field.name}__{further}" for further in fields_of(field.related_model, depth - 1))


def answer(model_admin: ModelAdmin, request: HttpRequest, name: str, value: str) -> str:
    """What a list says when it is asked for one thing: which refusal, or "rows"."""
    request.GET = request.GET.copy()
    request.GET[name] = value
    try:
        model_admin.get_changelist_instance(request)
    except (DisallowedModelAdminLookup, IncorrectLookupParameters) as refusal:
        return type(refusal).__name__
    return "rows"


@pytest.mark.parametrize("label", ADMINS)
def test_a_list_answers_what_it_names_and_nothing_else(
    label: str, rf: RequestFactory, admin_user: User
) -> None:
    request, answered = rf.get("/"), set()
    request.user = admin_user

    for name in {f"{field}{how}" for field in fields_of(ADMINS[label].model) for how in HOW}:
        request.GET = rf.get("/").GET
        answers = {value: answer(ADMINS[label], request, name, value) for value in ("1", "^0")}
        if "rows" in answers.values():
            answered.add(name)
        else:
            assert len(set(answers.values())) == 1, f"{name} tells values apart"

    assert answered == set(NAMED.get(label, [])) - {"state"}  # which is a filter of its own, and no field's


@pytest.mark.parametrize("value", ["1", "9" * 40, "x"])
def test_each_filter_is_answered(desk: Client, value: str) -> None:
    names = [(label, name) for label, named in NAMED.items() for name in named]

    answers = {
        (label, name): desk.get(f"/support/{label.lower().replace('.', '/')}/", {name: value}).status_code
        for label, name in names
    }

    assert {key: status for key, status in answers.items() if status not in {200, 302}} == {}


def test_no_keyset_is_read_letter_by_letter(desk: Client, keyset: Keyset) -> None:
    guesses = [f"^{keyset.text[:5]}", "^no keyset"]

    answers = [desk.get("/support/licensing/keyset/", {"text__regex": guess}) for guess in guesses]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert Page(answers[0]).root.text == Page(answers[1]).root.text
    assert Page(answers[0]).root.one("p", class_="stage").text == "400"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("products/unit", "code_mac__startswith"),
        ("products/unit", "keysets__text__startswith"),
        ("products/registration", "unit__code_mac__startswith"),
        ("portal/user", "password__startswith"),
        ("portal/user", "email__regex"),
        ("portal/membership", "user__password__startswith"),
        ("portal/auditentry", "reason__regex"),
        ("portal/mail", "body__contains"),
        ("licensing/activationkey", "mac__gt"),
        ("licensing/rmacase", "failed__unit__code_mac__gt"),
        ("licensing/rmacase", "nothing"),
    ],
)
@pytest.mark.parametrize("value", ["", "a", "(a+)+$"])
def test_what_a_list_doesnt_name_is_refused_unasked(desk: Client, path: str, name: str, value: str) -> None:
    response = desk.get(f"/support/{path}/", {name: value})

    assert response.status_code == 400 or response["Location"].endswith("/?e=1")


def test_no_list_is_sorted_by_what_somebody_asks_for(desk: Client) -> None:
    for reason in "bca":
        AuditEntry.objects.create(action="0" * 32, code="renamed", reason=reason)

    response = desk.get("/support/portal/auditentry/", {"o": "6"})

    assert [entry.reason for entry in response.context["cl"].result_list[:3]] == ["a", "c", "b"]


@pytest.mark.parametrize("label", ADMINS)
def test_rows_are_referred_to_by_their_key_alone(label: str, rf: RequestFactory) -> None:
    model_admin = ADMINS[label]

    allowed = {
        name for name in fields_of(model_admin.model) if model_admin.to_field_allowed(rf.get("/"), name)
    }

    assert allowed == {"id"}


@pytest.mark.parametrize("page", ["", "add/", "{pk}/change/", "{pk}/delete/"])
def test_no_page_refers_to_rows_by_a_secret(desk: Client, page: str) -> None:
    member = MembershipFactory()

    response = desk.get(f"/support/portal/membership/{page.format(pk=member.pk)}", {"_to_field": "role"})

    assert response.status_code == 400


def test_fields_that_a_form_names_complete_themselves_and_no_other(desk: Client) -> None:
    fields = {
        (model._meta.app_label, model._meta.model_name, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields(include_hidden=True)
    }
    names = ["app_label", "model_name", "field_name"]

    answered = {
        field[1:]
        for field in fields
        if desk.get("/support/autocomplete/", dict(zip(names, field, strict=True))).status_code == 200
    }

    assert answered == COMPLETED


def test_a_change_page_carries_filters_on_and_asks_nothing_by_them(desk: Client) -> None:
    page = f"/support/products/registration/{RegistrationFactory().pk}/change/"

    answers = [
        desk.get(page, {"_changelist_filters": f"unit__code_mac__startswith={guess}"}) for guess in ("a", "b")
    ]

    assert Page(answers[0]).root.text == Page(answers[1]).root.text
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(("account", "count"), [("own", 1), ("", 0), ("0", 0), ("x", 0), ("9" * 30, 0)])
def test_an_accounts_rows_are_listed_by_a_link(desk: Client, account: str, count: int) -> None:
    mine, _ = RegistrationFactory.create_batch(2)
    asked = {"account__id__exact": mine.account.pk if account == "own" else account}

    response = desk.get("/support/products/registration/", asked)

    assert len(response.context["cl"].result_list) == count
    assert (str(mine.account) in response.text) is (account == "own")
    assert Registration.objects.count() == 2


@pytest.mark.parametrize("value", ["x", "a\x85", "9" * 40, "-1", "0"])
@pytest.mark.parametrize("label", ADMINS)
def test_a_page_that_adds_a_row_takes_any_proposal(desk: Client, label: str, value: str) -> None:
    proposed = dict.fromkeys((field.name for field in ADMINS[label].model._meta.get_fields()), value)

    answers = [
        desk.get(f"/support/{label.lower().replace('.', '/')}/add/", proposed | {name: value})
        for name in ("reason", "serial_number", "p", "_popup")
    ]

    assert {answer.status_code for answer in answers} <= {200, 302, 403}
