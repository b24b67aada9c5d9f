import re
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from associations.notices import say_alone
from associations.selectors import in_role, places_of, role_choices, sides_of
from licensing.readiness.pairs import readiness_of
from portal.access import MemberRequest, asks_for_part, editor_required, member_required
from portal.clock import today
from portal.errors import RuleViolation
from portal.forms import add_refusal, typed_search
from products import services
from products.attempts import closed_until
from products.errors import AlreadyInAccount, InvalidSerial
from products.forms import RegisterForm, SurveyForm
from products.models import ProductModel, Registration
from products.pages import get_registration, note_registered, origin_of, was_just_registered, with_origin
from products.selectors import SORTS, Cursor, product_page
from products.serials import normalize_serial

SORTED_COLUMNS = [("Name", "name"), ("Serial Number", "serial"), ("Product Line", "line")]


@require_safe
@vary_on_headers("HX-Request")
@member_required
def my_products(request: MemberRequest) -> HttpResponse:
    if asks_for_part(request):
        return _list_page(request, "products/my_products.html#registered", _list_context(request))
    typed = request.GET.get("serial_number", "")
    form = RegisterForm(initial={"serial_number": typed})
    present = _registered_already(request, typed) if typed else None
    if typed and not present:
        form.fields["friendly_name"].widget.attrs["autofocus"] = True  # the serial number is filled in
    context = {"already": present, **_page_context(request, form)}
    return _list_page(request, "products/my_products.html", context)


def _list_page(request: MemberRequest, template: str, context: dict[str, object]) -> HttpResponse:
    return render(request, template, context, status=422 if context["too_long"] else 200)


@editor_required
def register(request: MemberRequest) -> HttpResponse:
    if request.method != "POST":
        return redirect("my_products")  # after a login in between, what was typed is lost
    form = RegisterForm(request.POST)
    if form.is_valid():
        try:
            registration = services.register(
                account=request.membership.account, by=request.user, now=timezone.now(), **form.cleaned_data
            )
            note_registered(request, registration)
            return redirect("product_survey", registration.unit.serial)
        except AlreadyInAccount as refusal:
            if _was_sent_twice(refusal.registration, form.cleaned_data["friendly_name"]):
                return redirect("product_survey", refusal.registration.unit.serial)
            url = reverse("service_management", args=[refusal.registration.unit.serial])
            add_refusal(form, refusal, message=format_html('{} <a href="{}">Open it</a>', str(refusal), url))
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    return render(request, "products/my_products.html", _page_context(request, form), status=422)


@editor_required
def product_survey(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_registration(request, serial)
    answers = request.POST if request.method == "POST" else None
    form = SurveyForm(answers, instance=getattr(registration, "survey", None))
    if request.method == "POST" and form.is_valid():
        services.save_survey(registration=registration, by=request.user, **form.cleaned_data)
        if sides_of(registration):
            return redirect(with_origin(reverse("create_association", args=[serial]), origin_of(request)))
        say_alone(request, registration, is_new=was_just_registered(request, registration))
        return redirect("service_management", serial)
    context = {"form": form, "registration": registration}
    return render(request, "products/product_survey.html", context, status=422 if form.is_bound else 200)


def _registered_already(request: MemberRequest, typed: str) -> AlreadyInAccount | None:
    """The refusal that Quick Register's serial number would get, if the account has the unit already (R4)."""
    try:
        serial = normalize_serial(typed)
    except InvalidSerial:
        return None  # the form checks it
    owned = Registration.objects.visible_to(request.membership.account).filter(unit__serial=serial).first()
    return AlreadyInAccount(owned) if owned else None


def _was_sent_twice(registration: Registration, friendly_name: str) -> bool:
    """Whether the form that registered a unit was sent again: a double click continues as one click (R6)."""
    is_new = timezone.now() - registration.registered_at < timedelta(minutes=1)
    name = friendly_name or services.default_name(registration.unit.model)
    return is_new and registration.friendly_name == name


def _page_context(request: MemberRequest, form: RegisterForm) -> dict[str, object]:
    """What the page has besides the list: a form and, if it is closed to the account, until when (R3)."""
    until = closed_until(request.membership.account, now=timezone.now())
    return {"form": form, "closed_until": until, **_filter_context(request), **_list_context(request)}


def _list_context(request: MemberRequest) -> dict[str, object]:
    search = typed_search(request)
    typed = {name: request.GET.get(name, "").strip() for name in ("role", "model", "sort")}
    asked = {"q": search.text, **typed}
    if asked["sort"] not in SORTS:
        asked["sort"] = "name"
    only = in_role(asked["role"])
    if asked["model"]:
        only &= Q(unit__model__name=asked["model"])
    page = product_page(
        request.membership.account, query=asked["q"], sort=asked["sort"], cursor=_cursor(request), only=only
    )
    before = {"before": page.rows[0].unit.serial, "number": page.first_number} if page.has_previous else None
    after = {"after": page.rows[-1].unit.serial, "number": page.last_number} if page.has_next else None
    places, readiness = places_of(page.rows), readiness_of(page.rows, today())
    return {
        "page": page,
        "rows": [(unit, places.get(unit.pk), readiness.get(unit.pk)) for unit in page.rows],
        "asked": asked,
        "too_long": search.too_long,
        "is_filtered": any(asked[name] for name in ("q", "role", "model")),
        "columns": [_column(label, key, asked) for label, key in SORTED_COLUMNS],
        "previous": before and _address({**asked, **before}),
        "next": after and _address({**asked, **after}),
    }


def _filter_context(request: MemberRequest) -> dict[str, object]:
    """The filters of My Products: the roles, and the models that the account has."""
    owned = Registration.objects.live().filter(account=request.membership.account)
    return {
        "roles": role_choices(),
        "models": ProductModel.objects.filter(pk__in=owned.values("unit__model")),
    }


def _column(label: str, key: str, asked: dict[str, str]) -> dict[str, str]:
    """A column head: the address of a click on it, and how the column is sorted now."""
    directions = {key: "ascending", f"-{key}": "descending"}
    following = f"-{key}" if asked["sort"] == key else key
    return {
        "label": label,
        "url": _address({**asked, "sort": following}),
        "sorted": directions.get(asked["sort"], ""),
    }


def _address(parameters: Mapping[str, object]) -> str:
    given = {name: value for name, value in parameters.items() if value != ""}
    return f"{reverse('my_products')}?{urlencode(given)}"


def _cursor(request: HttpRequest) -> Cursor | None:
    is_backward = "before" in request.GET
    serial = request.GET.get("before" if is_backward else "after", "")
    number = request.GET.get("number", "")
    if not re.fullmatch("[0-9A-F]{12}", serial) or not re.fullmatch("[0-9]{1,9}", number):
        return None
    return Cursor(serial, int(number), is_backward)
