import contextlib
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from portal.admin_base import ReadOnlyAdmin, ServiceAdmin, account_link, agent, pks_named, unit_link
from portal.models import Account
from products import services
from products.errors import InvalidSerial
from products.models import ProductModel, Registration, Survey, Unit
from products.notation import strip_separators
from products.serials import normalize_serial


@admin.register(ProductModel)
class ProductModelAdmin(ServiceAdmin):
    list_display = ["name", "code", "line", "family", "platform"]
    is_small = True
    list_filter = ["family"]
    nothing_yet = "manage.py load_catalogue brings the models that are shipped."
    search_fields = ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["code", "line"] if obj else []

    def save_model(self, request: HttpRequest, obj: ProductModel, form: Any, change: bool) -> None:
        services.save_product_model(model=obj, by=agent(request), reason=form.cleaned_data["reason"])


class BySerial(admin.ModelAdmin):
    """Rows that are found by a serial number, in any notation."""

    search_help_text = "A serial number, in any notation"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        with contextlib.suppress(InvalidSerial):
            search_term = normalize_serial(search_term)
        return super().get_search_results(request, queryset, search_term)


@admin.register(Unit)
class UnitAdmin(BySerial, ReadOnlyAdmin):
    list_display = ["serial", "page", "model", "firmware", "warranty_ends_on", "retired_at"]
    list_select_related = ["model"]
    search_fields = ["serial__exact"]
    fields = [
        "serial",
        "page",
        "model",
        "firmware",
        "warranty_ends_on",
        "retired_at",
        "last_generation",
        "grant",
    ]
    readonly_fields = ["grant", "page"]
    sorted_by = ["serial"]
    nothing_yet = "An operator imports the factory's file: Import units."
    ordering = ["pk"]

    @admin.display(description="its page")
    def page(self, unit: Unit) -> str:
        return unit_link(unit.serial)

    @admin.display(description="licenses")
    def grant(self, unit: Unit) -> str:
        """A link to the form that grants this unit a licence."""
        url = reverse("desk:grant", args=[unit.serial])
        return format_html('<a href="{}">Grant a license</a>', url)


class AccountFilter(admin.SimpleListFilter):
    """Filters by the account that a link names; a list of all accounts would be too long."""

    title, parameter_name = "account", "account__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = self.value()
        if asked is None:
            return []
        account = Account.objects.filter(pk=asked).first() if asked.isdecimal() else None
        return [(asked, str(account or "no such account"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        asked = self.value() or ""
        accounts = Account.objects.filter(pk=asked) if asked.isdecimal() else Account.objects.none()
        return queryset.filter(account__in=accounts)


@admin.register(Registration)
class RegistrationAdmin(BySerial, ReadOnlyAdmin):
    list_display = ["friendly_name", "serial_number", "in_account", "code", "registered_at", "ended_at"]
    list_select_related = ["unit", "account"]
    moment = "registered_at"
    nothing_yet = "Customers register their units under My Products; RMA registers replacements."
    list_filter = [AccountFilter]
    search_fields = ["friendly_name"]
    search_help_text = "A serial number in any notation, a registration code, or part of a friendly name"
    ordering = ["-pk"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        with contextlib.suppress(InvalidSerial):
            return queryset.filter(unit__serial=normalize_serial(text)), False
        coded = Registration.objects.filter(code=strip_separators(text)).values_list("pk", flat=True)
        return queryset.filter(pk__in={*coded, *pks_named(Registration, text)}), False

    @admin.display
    def serial_number(self, registration: Registration) -> str:
        return unit_link(registration.unit.serial)

    @admin.display(description="account")
    def in_account(self, registration: Registration) -> str | None:
        return account_link(registration.account)


@admin.register(Survey)
class SurveyAdmin(BySerial, ReadOnlyAdmin):
    list_display = ["registration", "serial_number", "protects", "users", "bought_at"]
    list_select_related = ["registration__unit"]
    list_filter = ["protects", "users"]
    search_fields = ["registration__unit__serial__exact"]
    ordering = ["-pk"]
    nothing_yet = "Customers may answer the Product Survey after they registered a unit."

    @admin.display
    def serial_number(self, survey: Survey) -> str:
        return unit_link(survey.registration.unit.serial)
