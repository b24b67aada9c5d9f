from typing import cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from licensing.forms import AskForm, TransferForm
from licensing.models import RmaCase
from licensing.rma import cases
from licensing.rma.errors import CaseOpen
from licensing.rma.selectors import cases_of_account, former_mates, open_cases, successors_of, with_keeper
from licensing.rma.steps import shown_case, shown_undoing
from licensing.rma.words import already_in_words
from portal.access import MemberRequest, editor_required, member_required, post_only
from portal.errors import RuleViolation
from portal.forms import add_refusal
from portal.models import Account
from portal.paging import read_cursor
from products.pages import get_registration


@editor_required
def replace_appliance(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_registration(request, serial)
    initial = {"address": registration.account.address}
    form = AskForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_bound and form.is_valid():
        try:
            case = cases.ask_for_case(
                registration=registration,
                kind=RmaCase.Kind.REPLACEMENT,
                by=request.user,
                now=timezone.now(),
                **form.cleaned_data,
            )
            return _asked(request, case)
        except RuleViolation as refusal:
            _add_refusal(form, refusal, registration.account)
    context = {
        "registration": registration,
        "form": form,
        "successors": successors_of(registration),
        "cases": [case for case in open_cases(registration) if case.secondary_id != registration.pk],
    }
    return render(request, "licensing/replace_appliance.html", context, status=422 if form.errors else 200)


@editor_required
def transfer_licenses(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_registration(request, serial)
    units = former_mates(registration)
    form = TransferForm(request.POST if request.method == "POST" else None, units=units)
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        failed = next(unit for unit in units if unit.unit.serial == given["failed"])
        try:
            case = cases.ask_for_case(
                registration=failed,
                kind=RmaCase.Kind.TRANSFER,
                symptom=given["symptom"],
                contact=given["contact"],
                ticket=given["ticket"],
                address="",
                by=request.user,
                now=timezone.now(),
                replacement=registration.unit,
            )
            return _asked(request, case)
        except RuleViolation as refusal:
            _add_refusal(form, refusal, registration.account)
    context = {"registration": registration, "form": form, "units": units}
    return render(request, "licensing/transfer_licenses.html", context, status=422 if form.errors else 200)


def _add_refusal(form: AskForm, refusal: RuleViolation, account: Account) -> None:
    """Show a refusal in the customer's words; an open case of the account's own is linked."""
    message = ""
    if isinstance(refusal, CaseOpen):
        case, serial = cast("RmaCase", refusal.facts["case"]), str(refusal.facts["serial"])
        message = f"Support works on {serial} in another matter. Ask Support."
        if case.account_id == account.pk:
            url = reverse("rma_case", args=[case.uuid])
            said = already_in_words(case, serial)
            message = format_html('{}: <a href="{}">{}</a>.', said, url, case.number)
    add_refusal(form, refusal, message=message)


def _asked(request: MemberRequest, case: RmaCase) -> HttpResponse:
    messages.success(request, f"Support has your request: {case.number}.")
    return redirect("rma_case", case.uuid)


@require_safe
@member_required
def rma_cases(request: MemberRequest) -> HttpResponse:
    after = read_cursor(request.GET.get("after", ""))
    page = cases_of_account(request.membership.account, after=after)
    return render(request, "licensing/rma_cases.html", {"page": page})


@require_safe
@member_required
def rma_case(request: MemberRequest, uuid: UUID) -> HttpResponse:
    case = _get(request, uuid)
    context = {
        "case": case,
        "is_cancelling": case.is_open and "cancel" in request.GET,
        "return_address": settings.RMA_RETURN_ADDRESS.splitlines(),
        "shown": None if case.closed_at else shown_case(case),
        "undone": shown_undoing(case),
    }
    return render(request, "licensing/rma_case.html", context)


@editor_required
@post_only("rma_case", "uuid")
def cancel_case(request: MemberRequest, uuid: UUID) -> HttpResponse:
    try:
        cases.cancel_case(case=_get(request, uuid), by=request.user)
    except RuleViolation as refusal:
        messages.error(request, str(refusal), extra_tags=refusal.code)
    else:
        messages.success(request, "Cancelled. Nothing was replaced.")
    return redirect("rma_case", uuid)


def _get(request: MemberRequest, uuid: UUID) -> RmaCase:
    related = ("failed__unit__model", "failed__account", "replacement__model", "secondary__unit")
    found = RmaCase.objects.filter(account=request.membership.account)
    found = found.select_related(*related, "asked_by__membership")
    return get_object_or_404(with_keeper(found), uuid=uuid)
