import contextlib
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from portal.admin_base import ReadOnlyAdmin, ServiceAdmin, agent, pks_named
from portal.models import Account
from products import services
from products.errors import InvalidSerial
from products.models import ProductModel, Registration, Survey, Unit
from products.notation import strip_separators
from products.serials import normalize_serial


@admin.register(ProductModel)
class ProductModelAdmin(ServiceAdmin):
    list_display = ["name", "code", "line", "family", "platform"]
    search_fields = ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["code", "line"] if obj else []

    def save_model(self, request: HttpRequest, obj: ProductModel, form: Any, change: bool) -> None:
        services.save_product_model(model=obj, by=agent(request), reason=form.cleaned_data["reason"])


class BySerialAdmin(ReadOnlyAdmin):
    """Rows that are found by a serial number, in any notation."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        with contextlib.suppress(InvalidSerial):
            search_term = normalize_serial(search_term)
        return super().get_search_results(request, queryset, search_term)


@admin.register(Unit)
class UnitAdmin(BySerialAdmin):
    list_display = ["serial", "model", "firmware", "warranty_ends_on", "retired_at"]
    list_select_related = ["model"]
    search_fields = ["serial__exact"]
    search_help_text = "A serial number, in any notation"
    fields = ["serial", "model", "firmware", "warranty_ends_on", "retired_at", "last_generation", "grant"]
    readonly_fields = ["grant"]
    ordering = ["pk"]

    @admin.display(description="licenses")
    def grant(self, unit: Unit) -> str:
        """A link to the form that grants this unit a licence."""
        url = reverse("admin:licensing_licence_add", query={"serial_number": unit.serial})
        return format_html('<a href="{}">Grant a licence</a>', url)


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
class RegistrationAdmin(BySerialAdmin):
    list_display = ["friendly_name", "unit", "account", "code", "registered_at", "ended_at"]
    list_select_related = ["unit", "account"]
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


@admin.register(Survey)
class SurveyAdmin(ReadOnlyAdmin):
    list_display = ["registration", "protects", "users", "bought_at"]
    list_select_related = ["registration"]
