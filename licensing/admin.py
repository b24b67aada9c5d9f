import contextlib
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
from portal.admin_base import ReadOnlyAdmin, ServiceAdmin, agent
from portal.csv_files import CSV_TYPE, csv_text
from portal.errors import RuleViolation
from portal.forms import add_refusal
from portal.models import User
from products.errors import InvalidSerial
from products.models import Registration, Unit
from products.serials import normalize_serial


@admin.register(Licence)
class LicenceAdmin(ReadOnlyAdmin):
    """Licences are granted, extended, moved and revoked by corrections at the desk."""

    list_display = ["registration", "service", "kind", "count", "begins_on", "expires_on"]
    list_select_related = ["registration", "service"]
    search_fields = ["registration__unit__serial__exact"]
    fields = ["registration", "service", "kind", "count", "begins_on", "expires_on"]
    ordering = ["-pk"]

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
    search_fields = ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ["code"] if obj else []

    def save_model(self, request: HttpRequest, obj: Service, form: Any, change: bool) -> None:
        changes.save_service(service=obj, by=agent(request), reason=form.cleaned_data["reason"])


@admin.register(ModelService)
class ModelServiceAdmin(ServiceAdmin):
    """What a model comes with: rows are added or removed; adding one again changes its count."""

    form = ModelServiceForm
    list_display = ["model", "service", "count"]
    list_select_related = ["model", "service"]
    list_filter = ["model"]
    is_removable = True

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
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor", "unit", "model", "service", "was", "became", "right", "reason"]
    list_select_related = ["actor", "unit", "model", "service"]
    search_fields = ["unit__serial__exact"]
    ordering = ["-pk"]

    @admin.display(description="from")
    def was(self, entry: LedgerEntry) -> str:
        return entry_in_words(entry.before, entry.at.date())

    @admin.display(description="to")
    def became(self, entry: LedgerEntry) -> str:
        return entry_in_words(entry.after, entry.at.date())


@admin.register(Keyset)
class KeysetAdmin(ReadOnlyAdmin):
    list_display = ["unit", "generation", "issued_at", "first_read_at"]
    list_select_related = ["unit"]
    search_fields = ["unit__serial__exact"]
    fields = ["unit", "generation", "issued_at", "first_read_at"]
    ordering = ["-pk"]


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
    list_display = ["made_at", "service", "last_four", "amount", "term", "model", "state", "redeemed_on"]
    list_display_links = ["made_at", "last_four"]
    list_select_related = ["service", "model", "redeemed_on"]
    list_filter = [KeyStateFilter, "service"]
    search_fields = ["last_four__exact"]
    search_help_text = "The last four characters, a whole key, or a batch"
    ordering = ["-pk"]
    is_removable = True

    @admin.display(description="count", empty_value="uncounted")
    def amount(self, key: ActivationKey) -> str | None:
        return count_in_words(key.count) or None

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
    ordering = ["-pk"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find the parts that a unit has, and those that others have of its licences."""
        if not search_term.strip():
            return queryset, False
        serial = search_term.strip().upper()
        with contextlib.suppress(InvalidSerial):
            serial = normalize_serial(search_term)
        own = list(Registration.objects.filter(unit__serial=serial).values_list("pk", flat=True))
        return queryset.filter(Q(registration__in=own) | Q(licence__registration__in=own)), False

    @admin.display
    def service(self, part: PoolPart) -> Service:
        return part.licence.service

    @admin.display(description="of the license of")
    def owner(self, part: PoolPart) -> Unit:
        return part.licence.registration.unit

    @admin.display
    def unit(self, part: PoolPart) -> Unit:
        return part.registration.unit


@admin.register(TrialStart)
class TrialStartAdmin(ReadOnlyAdmin):
    list_display = ["at", "service", "unit"]
    list_select_related = ["service", "unit"]
    search_fields = ["unit__serial__exact"]
    ordering = ["-pk"]


@admin.register(RmaCase)
class RmaCaseAdmin(ReadOnlyAdmin):
    """A list of all cases; each has a page of its own to work on it."""

    list_display = ["number", "state", "failed", "serial_number", "replacement", "account", "asked_at"]
    list_select_related = ["failed__unit", "replacement", "account"]
    list_filter = ["state", "kind"]
    search_fields = ["failed__unit__serial__exact", "replacement__serial__exact"]
    search_help_text = "The whole serial number of the failed unit or of its replacement"
    ordering = ["-pk"]
    exclude = ["done"]

    def get_list_display(self, request: HttpRequest) -> Any:
        may_work = agent(request).has_perm("portal.support")
        return [*self.list_display, "page"] if may_work else self.list_display

    @admin.display(description="RMA case", ordering="pk")
    def number(self, case: RmaCase) -> str:
        return case.number

    @admin.display
    def serial_number(self, case: RmaCase) -> str:
        return case.failed.unit.serial

    @admin.display
    def page(self, case: RmaCase) -> str:
        return format_html('<a href="{}">Open</a>', reverse("desk:case", args=[case.uuid]))
