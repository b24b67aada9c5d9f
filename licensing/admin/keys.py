"""Activation keys at the desk."""

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

from licensing.activation import redeeming
from licensing.activation.codes import known_macs, normalize_key
from licensing.admin_forms import MakeKeysForm, RevokeBatchForm
from licensing.errors import BatchMade, InvalidKey
from licensing.models import (
    ActivationKey,
)
from licensing.wording import count_in_words
from portal.admin_base import ServiceAdmin, agent, unit_link
from portal.csv_files import CSV_TYPE, csv_text
from portal.errors import RuleViolation
from portal.forms import add_refusal
from portal.models import User


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
        refusal = request.refusal  # type: ignore[attr-defined]  # ServiceAdmin noted it
        return self._page(request, "made_already", {"refusal": refusal, **facts})

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
