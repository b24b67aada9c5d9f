from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal import audit, services
from portal.desk import (
    FoundByName,
    QuickAdmin,
    ReadOnlyAdmin,
    ReasonForm,
    ServiceAdmin,
    agent,
    pks_named,
)
from portal.models import Account, AuditEntry, Key, Membership, User
from products.attempts import forgive_tries
from products.errors import InvalidSerial
from products.serials import normalize_serial


class AccountForm(ReasonForm):
    """An account's name, and a way to open what wrong tries have closed to it (R3)."""

    open_again = forms.BooleanField(
        required=False,
        label="Open it again",
        help_text="Wrong authentication codes and activation keys of the last day count no more.",
    )

    class Meta:
        model = Account
        fields = ["name"]

    field_order = ["name", "open_again", "reason"]


@admin.register(Account)
class AccountAdmin(FoundByName, ServiceAdmin):
    form = AccountForm
    list_display = ["name", "uuid", "created_at"]
    search_fields = ["name"]
    ordering = ["-pk"]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return AccountForm.field_order if obj else ["name", "reason"]

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        by, reason = agent(request), form.cleaned_data["reason"]
        services.save_account(account=obj, by=by, reason=reason)
        if form.cleaned_data.get("open_again"):
            tries = forgive_tries(account=obj, by=by, reason=reason, now=timezone.now())
            messages.info(request, f"{tries} wrong tries count no more.")


@admin.register(Membership)
class MembershipAdmin(ServiceAdmin):
    list_display = ["user", "account", "role"]
    list_select_related = ["user", "account"]
    search_fields = ["user__username", "account__name"]
    autocomplete_fields = ["user", "account"]
    ordering = ["-pk"]
    is_removable = True

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        text = search_term.strip()
        users, accounts = pks_named(User, ["username"], text), pks_named(Account, ["name"], text)
        return (queryset.filter(Q(user__in=users) | Q(account__in=accounts)) if text else queryset), False

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        services.save_membership(membership=obj, by=agent(request), reason=form.cleaned_data["reason"])

    def remove(self, obj: Membership, *, by: User, reason: str) -> None:
        services.remove_membership(membership=obj, by=by, reason=reason)


@admin.register(User)
class PortalUserAdmin(FoundByName, QuickAdmin, UserAdmin):
    search_fields = ["username", "email"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("May do", {"fields": ["is_active", "is_staff", "is_superuser"]}),
    ]
    list_filter = ["is_staff", "is_active"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        services.save_user(user=obj, by=agent(request))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Note in the audit trail that a password was set, in the same transaction."""
        with transaction.atomic():
            response = super().user_change_password(request, id, form_url)
            if response.status_code == 302:
                audit.record(
                    "password-set", by=agent(request), data={"user": User.objects.get(pk=id).username}
                )
        return response


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "code", "serial", "actor", "account", "reason"]
    list_select_related = ["actor", "account"]
    search_fields = ["serial__exact"]
    search_help_text = "A serial number, in any notation, or what was done"
    ordering = ["-pk"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        try:
            return queryset.filter(serial=normalize_serial(search_term)), False
        except InvalidSerial:
            text = search_term.strip()
            return (queryset.filter(code=text) if text else queryset), False


@admin.register(Key)
class KeyAdmin(ReadOnlyAdmin):
    list_display = ["kid", "purpose", "state", "created_at"]
