from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html

from portal import outbox, services
from portal.admin_base import (
    CompletedSelect,
    FoundByName,
    QuickAdmin,
    ReadOnlyAdmin,
    ReasonForm,
    ServiceAdmin,
    account_link,
    agent,
    pks_named,
    unit_link,
)
from portal.errors import RuleViolation
from portal.forms import add_refusal
from portal.models import Account, AuditEntry, Key, Mail, Membership, User
from portal.roles import MAY, roles_of
from products.admin import AccountFilter
from products.attempts import forgive_attempts
from products.errors import InvalidSerial
from products.serials import normalize_serial


class AccountForm(ReasonForm):
    """An account's name, and a way to open what failed attempts have closed to it (R3)."""

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
    list_display = ["name", "page", "uuid", "created_at"]
    search_fields = ["name"]
    moment = "created_at"
    nothing_yet = "A support lead opens the first customer from the desk's front page."
    ordering = ["-pk"]

    @admin.display(description="its page")
    def page(self, account: Account) -> str | None:
        return account_link(account)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return AccountForm.field_order if obj else ["name", "reason"]

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        by, reason = agent(request), form.cleaned_data["reason"]
        services.save_account(account=obj, by=by, reason=reason)
        if form.cleaned_data.get("open_again"):
            forgiven = forgive_attempts(account=obj, by=by, reason=reason, now=timezone.now())
            messages.info(request, f"{forgiven} failed attempts no longer count.")


@admin.register(Membership)
class MembershipAdmin(ServiceAdmin):
    list_display = ["user", "in_account", "role"]
    list_select_related = ["user", "account"]
    list_filter = [AccountFilter, "role"]
    nothing_yet = "Open a customer: that makes its first member."
    search_fields = ["user__username", "account__name"]
    autocomplete_fields = ["user", "account"]
    ordering = ["-pk"]
    is_removable = True

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        text = search_term.strip()
        users, accounts = pks_named(User, text), pks_named(Account, text)
        return (queryset.filter(Q(user__in=users) | Q(account__in=accounts)) if text else queryset), False

    @admin.display(description="account")
    def in_account(self, membership: Membership) -> str | None:
        return account_link(membership.account)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        widget = CompletedSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, widget=widget, **options)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        services.save_membership(membership=obj, by=agent(request), reason=form.cleaned_data["reason"])

    def remove(self, obj: Membership, *, by: User, reason: str) -> None:
        services.remove_membership(membership=obj, by=by, reason=reason)


class NewPersonForm(ReasonForm):
    """A new login. Its owner sets the password by a link that is mailed to the address."""

    email = forms.EmailField(label="Mail address", help_text="A link to set the password is sent to it.")

    class Meta:
        model = User
        fields = ["username", "first_name", "last_name", "email"]


class PersonForm(forms.ModelForm):
    """Who somebody is, and which roles they have at the desk."""

    roles = forms.ModelMultipleChoiceField(
        Group.objects.filter(name__in=MAY).order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What somebody of the staff may do here.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.initial["roles"] = self.instance.groups.filter(name__in=MAY)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.cleaned_data.get("roles") and not self.cleaned_data.get("is_staff"):
            refusal = forms.ValidationError("Only the staff has roles at the desk.", code="staff-only")
            self.add_error("roles", refusal)
        return cleaned


class LinkForm(forms.Form):
    """The address that a link to set a password goes to, and the reason."""

    email = forms.CharField(required=False, disabled=True, label="Goes to")
    reason = forms.CharField(max_length=200, help_text="Kept with the change, for later questions.")


@admin.register(User)
class PortalUserAdmin(FoundByName, QuickAdmin):
    """People who log in. Only a superuser gives roles, changes a mail address, or changes staff.

    The link that sets a password goes to the mail address: whoever may change that could log in as anybody.
    """

    form = PersonForm
    list_display = ["username", "email", "first_name", "last_name", "account", "is_staff"]
    list_filter = ["is_staff", "is_active"]
    list_select_related = ["membership__account"]
    sorted_by = ["username"]
    nothing_yet = "Open a customer: that makes its first login."
    search_fields = ["username", "email"]
    ordering = ["username"]
    fieldsets = [
        (None, {"fields": ["username"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("May do", {"fields": ["is_active", "is_staff", "roles", "is_superuser"]}),
    ]

    @admin.display
    def account(self, user: User) -> str | None:
        return account_link(user.membership.account) if hasattr(user, "membership") else None

    @admin.display(description="Roles")
    def roles(self, user: User) -> str:
        return ", ".join(roles_of(user)) or "none"

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        is_free = obj is None or agent(request).is_superuser
        return [] if is_free else ["email", "is_staff", "roles", "is_superuser"]

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        new = [(None, {"fields": ["username", "first_name", "last_name", "email", "reason"]})]
        return super().get_fieldsets(request, obj) if obj else new

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **options: Any
    ) -> Any:
        new = {} if obj else {"form": NewPersonForm}
        return super().get_form(request, obj, change=change, **new | options)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_guarded = isinstance(obj, User) and (obj.is_staff or obj.is_superuser)
        is_let = agent(request).is_superuser or not is_guarded
        return is_let and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            services.create_user(user=obj, by=agent(request), reason=form.cleaned_data["reason"])
            return
        chosen = form.cleaned_data.get("roles")
        roles = None if chosen is None else [group.name for group in chosen]
        services.save_user(user=obj, by=agent(request), roles=roles)

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(self.send_link_view)
        return [path("<path:object_id>/link/", view, name="portal_user_send_link"), *super().get_urls()]

    def send_link_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a reason, and mail the person a link to set their password."""
        user = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if user is None:
            raise Http404
        initial = {"email": user.email}
        form = LinkForm(request.POST if request.method == "POST" else None, initial=initial)
        if form.is_valid():
            try:
                reason = form.cleaned_data["reason"]
                services.send_password_link(user=user, by=agent(request), reason=reason)
                messages.success(request, f"A link to set a password goes to {user.email}.")
                return redirect("admin:portal_user_change", user.pk)
            except RuleViolation as refusal:
                add_refusal(form, refusal)
        context = {
            "title": "Send a link to set a password",
            "opts": self.opts,
            "user_of_link": user,
            "form": form,
        }
        return TemplateResponse(
            request,
            "admin/portal/user/send_link.html",
            self.admin_site.each_context(request) | context,
            status=422 if form.is_bound else 200,
        )


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "code", "unit", "actor", "in_account", "reason"]
    list_select_related = ["actor", "account"]
    moment = "at"
    nothing_yet = "Whatever is done in the portal is written here."
    search_fields = ["serial__exact"]
    search_help_text = "A serial number, in any notation, or what was done"
    ordering = ["-pk"]

    @admin.display(description="serial number")
    def unit(self, entry: AuditEntry) -> str | None:
        return unit_link(entry.serial) if entry.serial else None

    @admin.display(description="account")
    def in_account(self, entry: AuditEntry) -> str | None:
        return account_link(entry.account)

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
    list_filter = ["purpose", "state"]
    is_small = True
    nothing_yet = "manage.py init_keys makes what is missing."


class ResendForm(forms.Form):
    reason = forms.CharField(max_length=200, help_text="Kept with the change, for later questions.")


class MailStateFilter(admin.SimpleListFilter):
    """The states of a mail, as `MailAdmin.state` names them."""

    title = parameter_name = "state"
    states = {
        "waiting": Q(sent_at=None, gave_up_at=None),
        "sent": Q(sent_at__isnull=False),
        "given up": Q(gave_up_at__isnull=False),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state) for state in self.states]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(self.states.get(self.value() or "", Q()))


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    """The outbox. Users who may work on cases can resend a mail that went out, failed or was given up."""

    list_display = ["created_at", "to", "subject", "found_about", "in_account", "state"]
    list_select_related = ["account"]
    list_display_links = ["created_at", "subject"]
    list_filter = [MailStateFilter, AccountFilter]
    moment = "created_at"
    nothing_yet = "Mail about cases, and links to set a password, are written here before they are sent."
    search_fields = ["to", "about"]
    search_help_text = "A whole address, or what the mail is about"
    ordering = ["-pk"]

    @admin.display(description="about")
    def found_about(self, mail: Mail) -> str | None:
        """What it is about; of a case, with the way to it."""
        if not mail.about.startswith("RMA-"):
            return mail.about or None
        return format_html('<a href="{}">{}</a>', reverse("desk:search", query={"q": mail.about}), mail.about)

    @admin.display(description="account")
    def in_account(self, mail: Mail) -> str | None:
        return account_link(mail.account)

    @admin.display
    def state(self, mail: Mail) -> str:
        if mail.sent_at:
            return "sent"
        if mail.gave_up_at:
            return f"given up, tried {mail.tries} times"
        return f"waiting, tried {mail.tries} times" if mail.tries else "waiting"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search for the whole text, spaces included: they may be part of what a mail is about."""
        term = search_term.strip()
        return queryset.filter(Q(to__iexact=term) | Q(about=term) if term else Q()), False

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        became = ["state", "tries", "leased_until", "sent_at", "gave_up_at", "last_error"]
        return ["created_at", "to", "subject", "body", "in_account", "found_about", *became]

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(self.resend_view)
        return [path("<path:object_id>/resend/", view, name="portal_mail_resend"), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        allowed = {"may_resend": agent(request).has_perm("portal.support")}
        return super().change_view(request, object_id, form_url, allowed | (extra_context or {}))

    def resend_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a reason, and put the mail back into the outbox."""
        if not agent(request).has_perm("portal.support"):
            raise PermissionDenied
        mail = self.get_object(request, unquote(object_id))
        if mail is None:
            raise Http404
        form = ResendForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                outbox.resend(mail=mail, by=agent(request), now=timezone.now(), **form.cleaned_data)
                messages.success(request, f"{mail}: back in the outbox.")
                return redirect("admin:portal_mail_change", mail.pk)
            except RuleViolation as refusal:
                add_refusal(form, refusal)
        context = {"title": "Send again", "opts": self.opts, "mail": mail, "form": form}
        return TemplateResponse(
            request,
            "admin/portal/mail/resend.html",
            self.admin_site.each_context(request) | context,
            status=422 if form.is_bound else 200,
        )
