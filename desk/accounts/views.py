from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from desk.access import LOOK, DeskRequest, desk_page, render_desk
from desk.accounts.forms import CustomerForm, NoteForm
from desk.accounts.selectors import Asked, account_page
from portal import services
from portal.activity_views import described
from portal.clock import today
from portal.errors import RuleViolation
from portal.forms import add_refusal, typed_search
from portal.models import Account
from portal.paging import read_cursor


@desk_page(LOOK)
@require_safe
def account(request: DeskRequest, uuid: UUID) -> HttpResponse:
    return _page(request, get_object_or_404(Account, uuid=uuid), NoteForm())


@desk_page("portal.support")
@require_POST
def note_account(request: DeskRequest, uuid: UUID) -> HttpResponse:
    noted, form = get_object_or_404(Account, uuid=uuid), NoteForm(request.POST)
    if form.is_valid():
        try:
            services.note_account(account=noted, by=request.user, **form.cleaned_data)
            messages.success(request, "Noted.")
            return redirect("desk:account", uuid)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    return _page(request, noted, form)


def _page(request: DeskRequest, shown: Account, form: NoteForm) -> HttpResponse:
    search = typed_search(request)
    after, before = (read_cursor(request.GET.get(name, "")) for name in ("after", "before"))
    page = account_page(shown, asked=Asked(search.text, after, before), today=today(), now=timezone.now())
    context: dict[str, object] = {
        "title": shown.name,
        "account": shown,
        "page": page,
        "search": search,
        "activity": described(shown, page.activity),
        "is_later": bool(after),
        "form": form,
    }
    status = 422 if form.errors or search.too_long else 200
    return render_desk(request, "desk/account.html", context, status=status)


@desk_page("portal.lead")
@require_http_methods(["GET", "HEAD", "POST"])
def open_customer(request: DeskRequest) -> HttpResponse:
    form = CustomerForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        opened = Account(name=form.cleaned_data["organisation"])
        try:
            reason = form.cleaned_data["reason"]
            services.open_customer(account=opened, owner=form.instance, by=request.user, reason=reason)
            messages.success(request, f"Opened. A link to set the password goes to {form.instance.email}.")
            return redirect("desk:account", opened.uuid)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    context: dict[str, object] = {"title": "Open a customer", "form": form}
    return render_desk(request, "desk/open_customer.html", context, status=422 if form.is_bound else 200)
