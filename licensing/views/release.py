from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone

from licensing.errors import LicencesChanged
from licensing.forms import ReleaseForm
from licensing.moves import release
from portal.access import MemberRequest, owner_required
from portal.clock import today
from portal.errors import RuleViolation
from portal.forms import add_refusal, sent_text
from products.errors import SameAccount
from products.models import Registration
from products.pages import get_registration


@owner_required
def release_product(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_registration(request, serial)
    form = ReleaseForm(request.POST if request.method == "POST" else None)
    target = None
    try:
        release.check_release(registration)
        obstacle = None
        if form.is_bound and form.is_valid():
            target = form.cleaned_data["account"]
            if "seen" in request.POST:
                return _release(request, registration, form.cleaned_data)
            if target == request.membership.account:
                raise SameAccount(serial=serial)
    except LicencesChanged as refusal:
        messages.warning(request, str(refusal), extra_tags=refusal.code)
    except RuleViolation as refusal:
        target = None
        obstacle = refusal if refusal.field not in form.fields else None
        if form.is_bound and obstacle is None:
            add_refusal(form, refusal)
    plan = release.plan_release(registration)
    context = {"registration": registration, "form": form, "target": target, "plan": plan}
    is_refused = form.is_bound and (form.errors or obstacle)
    context |= {"obstacle": obstacle, "today": today()}
    return render(request, "licensing/release_product.html", context, status=422 if is_refused else 200)


def _release(request: MemberRequest, registration: Registration, given: dict[str, Any]) -> HttpResponse:
    release.release_to_account(
        registration=registration,
        account=given["account"],
        friendly_name=given["friendly_name"],
        seen=sent_text(request, "seen"),
        by=request.user,
        today=today(),
        now=timezone.now(),
    )
    context = {"registration": registration, "account": given["account"]}
    messages.success(request, render_to_string("licensing/_released.html", context))
    return redirect("my_products")
