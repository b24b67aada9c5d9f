import contextlib
import datetime
import uuid
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html

from licensing.activation import redeeming
from licensing.activation.codes import known_macs, normalize_key
from licensing.admin_forms import MakeKeysForm, ModelServiceForm, RevokeBatchForm
from licensing.catalogue import changes
from licensing.errors import BatchMade, InvalidKey
from licensing.models import (
    ActivationKey,
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
from portal.csv_files import CSV_TYPE, csv_text
from portal.errors import RuleViolation
from portal.forms import add_refusal
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


class KeyStateFilter(admin.SimpleListFilter):
    """The states of a key, as `ActivationKeyAdmin.state` names them."""

    title = parameter_name = "state"
    states = {
        "open": Q(redeemed_at=None, revoked_at=None),
        "redeemed": Q(redeemed_at__isnull=False),
        "revoked": Q(revoked_at__isnull=False),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state) for state in self.states]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(self.states.get(self.value() or "", Q()))


@admin.register(ActivationKey)
class ActivationKeyAdmin(ServiceAdmin):
    """Keys are made in batches, shown once, and can be revoked; they are never edited or deleted."""

    form = MakeKeysForm
    list_display = [
        "made_at",
        "service",
        "last_four",
        "amount",
        "term",
        "model",
        "state",
        "on_unit",
    ]
    list_display_links = ["made_at", "last_four"]
    list_select_related = ["service", "model", "redeemed_on"]
    list_filter = [KeyStateFilter, "service"]
    moment = "made_at"
    nothing_yet = "An operator makes keys, in batches: Add."
    search_fields = ["last_four__exact"]
    search_help_text = "The last four characters, a whole key, or a batch"
    ordering = ["-pk"]
    is_removable = True

    @admin.display(description="count", empty_value="uncounted")
    def amount(self, key: ActivationKey) -> str | None:
        return count_in_words(key.count) or None

    @admin.display(description="redeemed on")
    def on_unit(self, key: ActivationKey) -> str | None:
        return unit_link(key.redeemed_on.serial) if key.redeemed_on else None

    @admin.display(empty_value="for ever")
    def term(self, key: ActivationKey) -> str | None:
        return f"{key.months} months" if key.months else None

    @admin.display
    def state(self, key: ActivationKey) -> str:
        if key.revoked_at:
            return "revoked"
        return "redeemed" if key.redeemed_at else "open"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return MakeKeysForm.field_order
        made, redeemed = ["made_by", "batch"], ["redeemed_at", "redeemed_by", "revoked_at"]
        return [*self.list_display, *made, *redeemed]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        with contextlib.suppress(ValueError):
            return queryset.filter(batch=uuid.UUID(search_term.strip())), False
        try:
            return queryset.filter(mac__in=known_macs(normalize_key(search_term))), False
        except InvalidKey:
            return super().get_search_results(request, queryset, search_term.upper())
        except RuleViolation as refusal:
            messages.error(request, str(refusal))
            return queryset.none(), False

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = {"title": "Make activation keys"}
        return super().add_view(request, form_url, {**title, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        given = form.cleaned_data
        facts = {name: given[name] for name in ("service", "count", "months", "number", "model", "reason")}
        facts["batch"] = given["token"]
        obj.batch, obj.shown = redeeming.make_activation_keys(**facts, by=agent(request))

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Log nothing: the audit trail has an entry for the whole batch."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> Any:
        """Show the keys in this very response: they are stored nowhere else, and no cache may keep it."""
        if "_csv" in request.POST:
            return _csv(obj)
        return self._page(request, "made", {"title": "Activation keys", "keys": obj.shown, "batch": obj})

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> Any:
        """Where the form made its batch already, say so and lead there instead."""
        if not isinstance(getattr(request, "refusal", None), BatchMade):
            return super().render_change_form(request, context, *args, **options)
        batch = context["adminform"].form.data["token"]
        made = ActivationKey.objects.filter(batch=batch).select_related("service", "model")
        facts = {"title": "Made already", "batch": made.first(), "number": made.count()}
        return self._page(request, "made_already", {"refusal": request.refusal, **facts})  # type: ignore[attr-defined]

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> TemplateResponse:
        return TemplateResponse(
            request,
            f"admin/licensing/activationkey/{name}.html",
            self.admin_site.each_context(request) | {"opts": self.opts} | context,
            headers={"Cache-Control": "no-store"},
        )

    def get_urls(self) -> Any:
        view, name = self.admin_site.admin_view(self.revoke_batch_view), "licensing_activationkey_batch"
        return [path("<path:object_id>/batch/", view, name=name), *super().get_urls()]

    def revoke_batch_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a reason, and revoke the open keys of a key's batch."""
        key = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, key):
            raise PermissionDenied
        if key is None:
            raise Http404
        form = RevokeBatchForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                number = redeeming.revoke_batch(batch=key.batch, by=agent(request), **form.cleaned_data)
                messages.success(request, f"Keys revoked: {number}.")
                return redirect(f"{reverse('admin:licensing_activationkey_changelist')}?q={key.batch}")
            except RuleViolation as refusal:
                add_refusal(form, refusal)
        present = ActivationKey.objects.filter(batch=key.batch)
        numbers = {state: present.filter(q).count() for state, q in KeyStateFilter.states.items()}
        context = {"title": "Revoke the batch", "batch": key, "numbers": numbers, "form": form}
        response = self._page(request, "revoke_batch", context)
        response.status_code = 422 if form.is_bound else 200
        return response

    def render_delete_form(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        state = self.state(context["object"])
        words = {"verb": "Revoke", "effect": "Nobody can redeem it then.", "yes": "Yes, revoke it"}
        words |= {"done": "" if state == "open" else state}
        return super().render_delete_form(request, context | {"title": "Revoke", "words": words})

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for key in queryset:
            self.log_change(request, key, "Revoked.")

    def remove(self, obj: ActivationKey, *, by: User, reason: str) -> None:
        redeeming.revoke_key(key=obj, reason=reason, by=by)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        messages.success(request, f"{obj_display}: revoked.")
        return redirect("admin:licensing_activationkey_change", obj_id)


def _csv(made: Any) -> HttpResponse:
    """The keys that were made just now, as a file: they are in no other answer."""
    terms = [str(made.service), count_in_words(made.count), str(made.months or "for ever"), str(made.batch)]
    rows = [["key", "service", "count", "months", "batch"], *([key, *terms] for key in made.shown)]
    response = HttpResponse(csv_text(rows), content_type=CSV_TYPE, headers={"Cache-Control": "no-store"})
    response["Content-Disposition"] = 'attachment; filename="activation-keys.csv"'
    return response


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
        try:
            serial = normalize_serial(search_term)
        except InvalidSerial:
            return queryset.none(), False
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

    @admin.display(description="replacement")
    def heir(self, case: RmaCase) -> str | None:
        return unit_link(case.replacement.serial) if case.replacement else None

    @admin.display(description="account")
    def in_account(self, case: RmaCase) -> str | None:
        return account_link(case.account)

    @admin.display
    def page(self, case: RmaCase) -> str:
        return format_html('<a href="{}">Open</a>', reverse("desk:case", args=[case.uuid]))
