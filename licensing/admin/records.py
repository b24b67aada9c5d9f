import contextlib
import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html

from licensing.admin_forms import ModelServiceForm
from licensing.catalogue import changes
from licensing.models import (
    Keyset,
    LedgerEntry,
    Licence,
    ModelService,
    PoolPart,
    RmaCase,
    Service,
    TrialStart,
)
from licensing.wording import count_in_words, entry_in_words
from portal.admin_base import ReadOnlyAdmin, ServiceAdmin, account_link, agent, unit_link
from portal.models import User
from products.admin import BySerial
from products.errors import InvalidSerial
from products.models import Registration
from products.serials import normalize_serial


@admin.register(Licence)
class LicenceAdmin(BySerial, ReadOnlyAdmin):
    """Licences are granted, extended, moved and revoked by corrections at the desk."""

    list_display = ["registration", "serial_number", "service", "kind", "amount", "begins_on", "last_day"]
    list_select_related = ["registration__unit", "service"]
    list_filter = ["kind", "service", "begins_on", "expires_on"]
    search_fields = ["registration__unit__serial__exact"]
    fields = ["registration", "service", "kind", "count", "begins_on", "expires_on"]
    ordering = ["-pk"]
    nothing_yet = "Customers redeem activation keys; a support lead grants one from a unit's page."

    @admin.display
    def serial_number(self, licence: Licence) -> str:
        return unit_link(licence.registration.unit.serial)

    @admin.display(description="count", empty_value="uncounted")
    def amount(self, licence: Licence) -> str | None:
        return count_in_words(licence.count) or None

    @admin.display(description="expires on", empty_value="for ever")
    def last_day(self, licence: Licence) -> datetime.date | None:
        return licence.expires_on

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Where licences used to be granted; old links name the unit."""
        with contextlib.suppress(InvalidSerial):
            return redirect("desk:grant", normalize_serial(request.GET.get("serial_number", "")))
        return redirect("desk:search")


@admin.register(Service)
class ServicesAdmin(ServiceAdmin):
    list_display = ["code", "name", "is_shareable", "is_transferable", "is_counted"]
    is_small = True
    nothing_yet = "manage.py load_catalogue brings the services that are shipped."
    search_fields = ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ["code"] if obj else []

    def save_model(self, request: HttpRequest, obj: Service, form: Any, change: bool) -> None:
        changes.save_service(service=obj, by=agent(request), reason=form.cleaned_data["reason"])


@admin.register(ModelService)
class ModelServiceAdmin(ServiceAdmin):
    """What a model comes with: rows are added or removed; adding one again changes its count."""

    form = ModelServiceForm
    list_display = ["model", "service", "amount"]
    list_select_related = ["model", "service"]
    list_filter = ["model"]
    is_small = True
    nothing_yet = "Add what each model comes with."
    is_removable = True

    @admin.display(description="count", empty_value="uncounted")
    def amount(self, entry: ModelService) -> str | None:
        return count_in_words(entry.count) or None

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ["model", "service"] if obj else []

    def save_model(self, request: HttpRequest, obj: ModelService, form: Any, change: bool) -> None:
        entry = changes.set_model_service(
            model=obj.model,
            service=obj.service,
            count=obj.count,
            by=agent(request),
            reason=form.cleaned_data["reason"],
        )
        obj.pk = entry.pk

    def remove(self, obj: ModelService, *, by: User, reason: str) -> None:
        changes.remove_model_service(entry=obj, by=by, reason=reason)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(BySerial, ReadOnlyAdmin):
    list_display = ["at", "actor", "serial_number", "model", "service", "was", "became", "right", "reason"]
    list_select_related = ["actor", "unit", "model", "service"]
    list_filter = ["right", "service"]
    search_fields = ["unit__serial__exact"]
    ordering = ["-pk"]
    moment = "at"
    nothing_yet = "Each change of what a unit holds is written here."

    @admin.display
    def serial_number(self, entry: LedgerEntry) -> str | None:
        return unit_link(entry.unit.serial) if entry.unit else None

    @admin.display(description="from")
    def was(self, entry: LedgerEntry) -> str:
        return entry_in_words(entry.before, entry.at.date())

    @admin.display(description="to")
    def became(self, entry: LedgerEntry) -> str:
        return entry_in_words(entry.after, entry.at.date())


@admin.register(Keyset)
class KeysetAdmin(BySerial, ReadOnlyAdmin):
    list_display = ["issued_at", "serial_number", "generation", "first_read_at"]
    list_select_related = ["unit"]
    search_fields = ["unit__serial__exact"]
    fields = ["serial_number", "generation", "issued_at", "first_read_at"]
    ordering = ["-pk"]
    nothing_yet = "The first reader of a unit's License Keyset page gets one made."

    @admin.display
    def serial_number(self, keyset: Keyset) -> str:
        return unit_link(keyset.unit.serial)


@admin.register(PoolPart)
class PoolPartAdmin(ReadOnlyAdmin):
    list_display = ["service", "owner", "unit", "count"]
    list_select_related = ["licence__service", "licence__registration__unit", "registration__unit"]
    search_fields = ["registration__unit__serial__exact"]
    search_help_text = "A serial number, in any notation"
    ordering = ["-pk"]
    nothing_yet = "Customers share counts out between their units: Share Licenses."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find the parts that a unit has, and those that others have of its licences."""
        if not search_term.strip():
            return queryset, False
        serial = search_term
        with contextlib.suppress(InvalidSerial):
            serial = normalize_serial(search_term)
        own = list(Registration.objects.filter(unit__serial=serial).values_list("pk", flat=True))
        return queryset.filter(Q(registration__in=own) | Q(licence__registration__in=own)), False

    @admin.display
    def service(self, part: PoolPart) -> Service:
        return part.licence.service

    @admin.display(description="of the license of")
    def owner(self, part: PoolPart) -> str:
        return unit_link(part.licence.registration.unit.serial)

    @admin.display
    def unit(self, part: PoolPart) -> str:
        return unit_link(part.registration.unit.serial)


@admin.register(TrialStart)
class TrialStartAdmin(BySerial, ReadOnlyAdmin):
    list_display = ["at", "service", "serial_number"]
    list_select_related = ["service", "unit"]
    list_filter = ["service"]
    search_fields = ["unit__serial__exact"]
    ordering = ["-pk"]
    moment = "at"
    nothing_yet = "Customers start free trials on a unit's page."

    @admin.display
    def serial_number(self, trial: TrialStart) -> str:
        return unit_link(trial.unit.serial)


@admin.register(RmaCase)
class RmaCaseAdmin(BySerial, ReadOnlyAdmin):
    """A list of all cases; each has a page of its own to work on it."""

    list_display = ["number", "state", "failed", "serial_number", "heir", "in_account", "asked_at"]
    list_select_related = ["failed__unit", "replacement", "account"]
    list_filter = ["state", "kind"]
    search_fields = ["failed__unit__serial__exact", "replacement__serial__exact"]
    search_help_text = "The serial number of the failed unit or of its replacement, in any notation"
    ordering = ["-pk"]
    moment = "asked_at"
    nothing_yet = "A case is opened from a unit's page: look its serial number up."
    exclude = ["done"]

    def get_list_display(self, request: HttpRequest) -> Any:
        may_work = agent(request).has_perm("portal.support")
        return [*self.list_display, "page"] if may_work else self.list_display

    @admin.display(description="RMA case", ordering="pk")
    def number(self, case: RmaCase) -> str:
        return case.number

    @admin.display
    def serial_number(self, case: RmaCase) -> str:
        return unit_link(case.failed.unit.serial)

    @admin.display(description="replacement or receiver")
    def heir(self, case: RmaCase) -> str | None:
        return unit_link(case.replacement.serial) if case.replacement else None

    @admin.display(description="account")
    def in_account(self, case: RmaCase) -> str | None:
        return account_link(case.account)

    @admin.display
    def page(self, case: RmaCase) -> str:
        return format_html('<a href="{}">Open</a>', reverse("desk:case", args=[case.uuid]))
