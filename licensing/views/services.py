from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.cache import never_cache

from associations.selectors import is_paired, sharers_of
from licensing.activation import redeeming
from licensing.entitlements.today import sharing_primary
from licensing.errors import LicencesChanged, NotYourUnit
from licensing.forms import ActivationKeyForm, ShareForm
from licensing.grants import trials
from licensing.models import Licence, Service
from licensing.moves import pools
from licensing.wording import end_in_words, entitlement_in_words
from portal.access import MemberRequest, editor_required
from portal.acts import last_act
from portal.clock import today
from portal.errors import RuleViolation
from portal.forms import add_refusal, sent_text
from portal.models import Account, Act
from products.models import Registration
from products.pages import get_registration
from products.serials import normalize_serial


@never_cache
@editor_required
def redeem_key(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_registration(request, serial)
    form = ActivationKeyForm(request.POST if request.method == "POST" else None)
    redemption = None
    if form.is_bound and form.is_valid():
        try:
            if sent_text(request, "version").isdecimal():
                return _redeem(request, registration, form)
            redemption = _preview(registration, form)
        except LicencesChanged as refusal:
            redemption = _preview(registration, form)
            messages.warning(request, str(refusal), extra_tags=refusal.code)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    asked = request.GET.get("service", "")
    context = {
        "registration": registration,
        "form": form,
        "redemption": redemption,
        "service": Service.objects.filter(code=asked).first()
        if asked.isdecimal() and len(asked) < 6
        else None,
        "primary": redemption.primary if redemption else sharing_primary(registration),
        "today": today(),
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "licensing/redeem_key.html", context, status=status)


def _preview(registration: Registration, form: ActivationKeyForm) -> redeeming.Redemption:
    key = form.cleaned_data["activation_key"]
    return redeeming.preview_key(
        registration=registration, activation_key=key, today=today(), now=timezone.now()
    )


def _redeem(request: MemberRequest, registration: Registration, form: ActivationKeyForm) -> HttpResponse:
    done = redeeming.redeem_key(
        registration=registration,
        version=int(sent_text(request, "version")[:18]),
        by=request.user,
        today=today(),
        now=timezone.now(),
        **form.cleaned_data,
    )
    text = f"{done.service}: {entitlement_in_words(done.effects[0].own, today())}."
    return _changed(request, registration, text, undo=last_act(request.membership.account, request.user))


@editor_required
def free_trial(request: MemberRequest, serial: str, code: int) -> HttpResponse:
    registration = get_registration(request, serial)
    service = get_object_or_404(Service, code=code, is_trial_offered=True)
    refusal = None
    try:
        if request.method == "POST":
            licence = trials.start_trial(
                registration=registration,
                service=service,
                by=request.user,
                today=today(),
                alone="alone" in request.POST,
            )
            text = f"The free trial of {service} runs {end_in_words(licence.expires_on)}."
            return _changed(request, registration, text)
        trials.check_trial(registration=registration, service=service, today=today())
    except RuleViolation as error:
        refusal = error
    context = {
        "registration": registration,
        "service": service,
        "refusal": refusal,
        "count": trials.TRIAL_COUNT if service.is_counted else None,
        "ends_on": today() + trials.TRIAL_TERM,
        "primary": sharing_primary(registration),
    }
    status = 422 if refusal and request.method == "POST" else 200
    return render(request, "licensing/free_trial.html", context, status=status)


@editor_required
def share_licenses(request: MemberRequest, serial: str, code: int) -> HttpResponse:
    registration = get_registration(request, serial)
    service = get_object_or_404(Service, code=code)
    found = pools.read_pools(registration, service, today())
    if not found:
        raise Http404
    sent = request.POST if request.method == "POST" else None
    asked = sent_text(request, "licence") if sent is not None else ""
    forms = [
        ShareForm(
            sent if asked == str(pool.licence.uuid) else None,
            initial={"source": serial},
            auto_id=f"id_%s_{number}",
        )
        for number, pool in enumerate(found, start=1)
    ]
    rows = list(zip(found, forms, strict=True))
    pool, form = next((row for row in rows if row[1].is_bound), (None, None))
    if pool and form and form.is_valid():
        try:
            return _move_counts(request, registration, pool.licence, form.cleaned_data)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    context = {
        "registration": registration,
        "service": service,
        "pools": rows,
        "refusal": LicencesChanged() if sent is not None and pool is None else None,
    }
    return render(request, "licensing/share_licenses.html", context, status=200 if sent is None else 422)


def _move_counts(
    request: MemberRequest, registration: Registration, licence: Licence, given: dict[str, Any]
) -> HttpResponse:
    account = request.membership.account
    source, target = (_own_unit(account, given["source"], "source"), _own_unit(account, given["to"], "to"))
    pools.move_counts(
        licence=licence,
        source=source,
        target=target,
        count=given["count"],
        by=request.user,
        today=today(),
        seen=sent_text(request, "seen") or None,
    )
    undo = last_act(account, request.user)
    units = [source, target, *sharers_of([source, target])]
    context = {"count": given["count"], "source": source, "target": target, "units": units, "undo": undo}
    messages.success(request, render_to_string("licensing/_moved.html", context))
    return redirect("share_licenses", registration.unit.serial, licence.service.code)


def _own_unit(account: Account, typed: str, field: str) -> Registration:
    """The unit of the account that a serial number names. Raises InvalidSerial and NotYourUnit."""
    serial = normalize_serial(typed)
    found = Registration.objects.visible_to(account).filter(unit__serial=serial).first()
    if found is None:
        raise NotYourUnit(serial=serial, field=field)
    return found


def _changed(
    request: MemberRequest, registration: Registration, text: str, *, undo: Act | None = None
) -> HttpResponse:
    """Say on the unit's page what changed, which keysets change with it, and which act can be undone."""
    messages.success(
        request,
        render_to_string(
            "licensing/_changed.html",
            {"registration": registration, "text": text, "is_pair": is_paired(registration), "undo": undo},
        ),
    )
    return redirect("service_management", registration.unit.serial)
