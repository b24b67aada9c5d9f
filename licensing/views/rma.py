from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from licensing.forms import AskForm, TransferForm
from licensing.models import RmaCase
from licensing.rma import cases
from licensing.rma.selectors import cases_in, former_mates, open_cases, successors_of, with_keeper
from licensing.rma.steps import shown_case
from portal.access import MemberRequest, editor_required, member_required, post_only
from portal.errors import RuleViolation
from portal.forms import add_refusal
from portal.paging import read_cursor
from products.pages import get_registration


@editor_required
def replace_appliance(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_registration(request, serial)
    form = AskForm(request.POST if request.method == "POST" else None)
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
            add_refusal(form, refusal)
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
                address="",
                by=request.user,
                now=timezone.now(),
                replacement=registration.unit,
            )
            return _asked(request, case)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    context = {"registration": registration, "form": form, "units": units}
    return render(request, "licensing/transfer_licenses.html", context, status=422 if form.errors else 200)


def _asked(request: MemberRequest, case: RmaCase) -> HttpResponse:
    messages.success(request, f"Support has your request: {case.number}.")
    return redirect("rma_case", case.uuid)


@require_safe
@member_required
def rma_cases(request: MemberRequest) -> HttpResponse:
    after = read_cursor(request.GET.get("after", ""))
    page = cases_in("all", after=after, account=request.membership.account)
    return render(request, "licensing/rma_cases.html", {"page": page})


@require_safe
@member_required
def rma_case(request: MemberRequest, uuid: UUID) -> HttpResponse:
    case = _get(request, uuid)
    context = {"case": case, "shown": None if case.closed_at else shown_case(case)}
    return render(request, "licensing/rma_case.html", context)


@editor_required
@post_only("rma_case", "uuid")
def cancel_case(request: MemberRequest, uuid: UUID) -> HttpResponse:
    try:
        cases.cancel_case(case=_get(request, uuid), by=request.user)
    except RuleViolation as refusal:
        messages.error(request, str(refusal), extra_tags=refusal.code)
    else:
        messages.success(request, "Cancelled.")
    return redirect("rma_case", uuid)


def _get(request: MemberRequest, uuid: UUID) -> RmaCase:
    related = ("failed__unit__model", "failed__account", "replacement__model", "secondary__unit")
    found = RmaCase.objects.filter(account=request.membership.account)
    found = found.select_related(*related, "asked_by__membership")
    return get_object_or_404(with_keeper(found), uuid=uuid)
