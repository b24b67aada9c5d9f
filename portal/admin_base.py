"""The support desk: Django's admin site behind the portal's login, writing through services."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from allauth.account.decorators import secure_admin_login
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal import audit
from portal.errors import RuleViolation, SearchTooLong
from portal.forms import DayField, add_refusal
from portal.models import Account, User
from portal.name_search import find_named, words_of

OWN_APPS = {"portal", "products", "associations", "licensing"}
MOST_COUNTED, MOST_NAMED = 10_000, 200


def agent(request: HttpRequest) -> User:
    """The person at the desk, as the services' `by`; only logged-in staff get this far."""
    return cast("User", request.user)


def unit_link(serial: str) -> SafeString:
    """A serial number in a list, with the way to its unit's page."""
    return format_html('<a class="serial" href="{}">{}</a>', reverse("desk:unit", args=[serial]), serial)


def account_link(account: Account | None) -> SafeString | None:
    """An account in a list, with the way to its page."""
    if account is None:
        return None
    return format_html('<a href="{}">{}</a>', reverse("desk:account", args=[account.uuid]), account)


class NamedFields(AutocompleteJsonView):
    """Completes only the fields that a form of the desk names; Django's view completes every relation."""

    admin_site: admin.AdminSite

    def process_request(self, request: HttpRequest) -> Any:
        found = super().process_request(request)
        field = found[2]
        source = self.admin_site._registry.get(field.model)
        if source is None or field.name not in source.get_autocomplete_fields(request):
            raise PermissionDenied
        return found


def _may_be_a_key(text: str) -> bool:
    """Whether a text may be looked up as a primary key: SQLite's integers have little more than 18 digits."""
    return text.isdecimal() and len(text) <= 18


class CompletedSelect(AutocompleteSelect):
    """Shows the chosen row again; Django's widget queries the database for whatever was sent, even a word."""

    def optgroups(self, name: str, value: Sequence[str], attr: dict[str, Any] | None = None) -> Any:
        return super().optgroups(name, [sent for sent in value if _may_be_a_key(str(sent))], attr)


class StaffSite(admin.AdminSite):
    """The admin site of support staff and operators."""

    site_header = site_title = "MySonicWALL Support"
    index_title = "Support"
    site_url = None

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send anonymous users to the portal's login, with its limits; refuse users who aren't staff."""
        response: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return response

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """Complete a field; where the typed text is too long, show that in place of results."""
        try:
            words_of(request.GET.get("term", ""))
        except SearchTooLong as refusal:
            row = {"id": "", "text": str(refusal), "disabled": True}
            return JsonResponse({"results": [row], "pagination": {"more": False}})
        return cast("HttpResponse", NamedFields.as_view(admin_site=self)(request))

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register only the portal's own models: editing those of other apps would bypass its services."""
        is_one = isinstance(model_or_iterable, type)
        models: list[type[Model]] = [model_or_iterable] if is_one else list(model_or_iterable)
        own = [model for model in models if model._meta.app_label in OWN_APPS]
        super().register(own, admin_class, **options)


class ReasonForm(forms.ModelForm):
    """A form of the desk that asks for a reason. `refusal` is the rule violation that the service raised."""

    refusal: RuleViolation | None = None
    reason = forms.CharField(max_length=200, help_text="Kept with the change, for later questions.")

    def clean(self) -> dict[str, Any] | None:
        """Show the service's refusal beside its field."""
        cleaned = super().clean()
        if self.refusal is not None:
            add_refusal(self, self.refusal)
        return cleaned


class Capped(int):
    """A count that means "at least so many", and is printed so."""

    def __str__(self) -> str:
        return f"{int(self):,}+"


class CappedPaginator(Paginator):
    """Counts up to MOST_COUNTED and has no page beyond it: deeper rows are found by searching."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        found = rows.order_by()[: MOST_COUNTED + 1].count()
        return found if found <= MOST_COUNTED else Capped(MOST_COUNTED)


class DeskList(ChangeList):
    """A list filtered only by `list_filter` and search; Django's allows any look-up of the model's fields.

    By `?text__startswith=…` a reader of the list could guess, letter by letter, what it never shows. A
    search that is too long finds nothing and runs no query: the search box says so.
    """

    too_long: SearchTooLong | None = None

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        typed = self.query
        try:
            words_of(typed)
        except SearchTooLong as refusal:
            self.too_long, self.query = refusal, ""
        found = super().get_queryset(request, exclude_parameters)
        self.query = typed
        return found.none() if self.too_long else found

    def get_filters(self, request: HttpRequest) -> Any:
        found = super().get_filters(request)
        if unnamed := found[2]:
            raise DisallowedModelAdminLookup(f"{', '.join(unnamed)} is no filter of this list")
        return found

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except OverflowError as error:  # SQLite raises it for a number that no row can have
            raise IncorrectLookupParameters from error

    def get_ordering_field(self, field_name: Any) -> Any:
        """What a column is sorted by; no address may ask for an order that the list doesn't name."""
        if field_name not in (self.sortable_by or ()):
            return None
        return (
            "pk"
            if field_name == getattr(self.model_admin, "moment", "")
            else super().get_ordering_field(field_name)
        )


class QuickAdmin(admin.ModelAdmin):
    """A list that costs the same with millions of rows: it never counts or sorts them all.

    `moment` is the column that says when a row was written: rows are filtered by it and, as it rises with
    the primary key, sorted in that order. Other columns are `sorted_by` if they are indexed; in a table that
    `is_small`, all are. `nothing_yet` says what to do where there is none.
    """

    is_small: ClassVar[bool] = False
    sorted_by: ClassVar[Sequence[str]] = ()
    moment: ClassVar[str] = ""
    nothing_yet: ClassVar[str] = ""
    actions = None
    formfield_overrides: ClassVar = {models.DateField: {"form_class": DayField, "widget": DayField.widget}}
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator

    def get_sortable_by(self, request: HttpRequest) -> Any:
        return self.get_list_display(request) if self.is_small else [self.moment, *self.sorted_by]

    def get_list_filter(self, request: HttpRequest) -> Any:
        return [*self.list_filter, *([self.moment] if self.moment else [])]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return DeskList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        listed = (getattr(response, "context_data", None) or {}).get("cl")
        if listed and listed.too_long:
            response.status_code = 422
        return response

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        return to_field == self.opts.pk.name


class FoundByName(admin.ModelAdmin):
    """Rows found by their prepared names: those that begin with a text, then those that contain it."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=pks_named(self.model, search_term)), False


def pks_named(model: type[Model], text: str) -> set[int]:
    """The primary keys of the first rows whose names begin with a text, or contain it."""
    return {row.pk for row in find_named(model._default_manager.all(), text.strip(), limit=MOST_NAMED)}


class ReadOnlyAdmin(QuickAdmin):
    """Rows to look at: nothing is written here, and there are no bulk actions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ServiceAdmin(QuickAdmin):
    """Rows that staff write, through services only: no bulk action, no inline, no delete unless allowed.

    A service's refusal is shown beside its field, and nothing is written.
    """

    form = ReasonForm
    delete_confirmation_template = "admin/delete_with_reason.html"
    is_removable = False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.is_removable and super().has_delete_permission(request, obj)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except RuleViolation as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]  # read by get_form on the second try
            response = super().changeform_view(request, object_id, form_url, extra_context)
            response.status_code = 422
            return response

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = cast("type[ReasonForm]", super().get_form(request, obj, change=change, **kwargs))
        form.refusal = getattr(request, "refusal", None)
        return form

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except RuleViolation as refusal:
            messages.error(request, str(refusal))
        except forms.ValidationError as refusal:
            messages.error(request, f"Reason: {refusal.messages[0]}")
        return redirect(request.path)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        reason = request.POST.get("reason", "").strip()
        audit.require_reason(reason)
        self.remove(obj, by=agent(request), reason=ReasonForm.declared_fields["reason"].clean(reason))

    def remove(self, obj: Any, *, by: User, reason: str) -> None:
        """Remove a row through its service; called only for classes that are `is_removable`."""
        raise NotImplementedError
