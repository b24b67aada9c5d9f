import sqlite3
import sys
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import PasswordResetConfirmView
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse_lazy
from django.views import defaults
from django.views.decorators.http import require_safe
from psycopg.errors import LockNotAvailable, QueryCanceled

from licensing.models import Offer
from licensing.readiness.findings import State
from licensing.readiness.pairs import account_readiness
from licensing.selectors import expiring_soon
from portal.access import MemberRequest, member_required
from portal.clock import today
from portal.errors import RuleViolation
from portal.forms import NewPasswordForm, add_refusal
from portal.models import User
from products.models import Registration

MOST_PAIRS, MOST_NOT_READY, MOST_OFFERS = 200, 10, 10
HELP_TOPICS = {
    "index",
    "login",
    "main-page",
    "my-products",
    "product-survey",
    "create-association",
    "service-management",
    "license-keyset",
    "entitlements",
    "my-product-associated-products",
    "activity",
    "readiness",
    "change-parent",
    "manage-service",
    "swap-roles",
    "replace-appliance",
    "release-product",
}


@require_safe
@member_required
def main_page(request: MemberRequest) -> HttpResponse:
    account, day = request.membership.account, today()
    pairs = account_readiness(account, day, limit=MOST_PAIRS)
    not_ready = [pair for pair in pairs if pair.state != State.READY]
    not_ready.sort(key=lambda pair: -pair.state.rank)
    context = {
        "recent": Registration.objects.visible_to(account).order_by("-registered_at", "-pk")[:10],
        "offers": _offers(request),
        "expiring": expiring_soon(account, day),
        "today": day,
        "pairs": len(pairs),
        "not_ready": not_ready[:MOST_NOT_READY],
        "more_not_ready": len(not_ready) - MOST_NOT_READY,
    }
    return render(request, "portal/main_page.html", context)


def _offers(request: MemberRequest) -> Iterable[Offer]:
    """The first products that are offered to the account, for its owners, who decide."""
    if not request.membership.is_owner:
        return ()
    open_now = Offer.objects.open_on(today()).filter(account=request.membership.account)
    return open_now.order_by("ends_on", "pk")[:MOST_OFFERS]


@require_safe
@login_not_required
def help_page(request: HttpRequest, topic: str) -> HttpResponse:
    if topic not in HELP_TOPICS:
        raise Http404
    return render(request, f"help/{topic}.html")


def server_error(request: HttpRequest) -> HttpResponse:
    if not _is_busy(sys.exception()):
        return defaults.server_error(request)
    return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": "10"})


def _is_busy(error: BaseException | None) -> bool:
    """Whether a statement or a lock timed out, on PostgreSQL or SQLite."""
    cause = error.__cause__ if isinstance(error, OperationalError) else None
    is_locked = getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
    return is_locked or isinstance(cause, LockNotAvailable | QueryCanceled)


class SetPassword(PasswordResetConfirmView):
    """Django's view, which keeps the link's secret out of the address. A switched-off login sets nothing."""

    template_name = "account/set_password.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("account_login")

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if isinstance(user, User) and user.is_active else None

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            response = super().form_valid(form)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
            return self.form_invalid(form)
        messages.success(self.request, "Your new password is set. Log in with it.")
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        response = super().form_invalid(form)
        response.status_code = 422
        return response
