from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from licensing.errors import LicencesChanged
from licensing.forms import ReleaseForm
from licensing.models import Offer
from licensing.moves import offers, release
from licensing.moves.errors import AlreadyOffered
from portal.access import MemberRequest, owner_required, post_only
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
        _check(registration)
        obstacle = None
        if form.is_bound and form.is_valid():
            target = form.cleaned_data["account"]
            if "seen" in request.POST:
                return _offer(request, registration, form.cleaned_data)
            if target == request.membership.account:
                raise SameAccount(serial=serial)
    except LicencesChanged as refusal:
        messages.warning(request, str(refusal), extra_tags=refusal.code)
    except RuleViolation as refusal:
        target = None
        obstacle = refusal if refusal.field not in form.fields else None
        if form.is_bound and obstacle is None:
            add_refusal(form, refusal)
    context = {"registration": registration, "form": form, "target": target, "obstacle": obstacle}
    context |= {"plan": release.plan_release(registration), "today": today(), "days": offers.OFFER_DAYS}
    is_refused = form.is_bound and (form.errors or obstacle)
    return render(request, "licensing/release_product.html", context, status=422 if is_refused else 200)


def _check(registration: Registration) -> None:
    """Raise what keeps a product from being offered now, whatever is typed."""
    if present := Offer.objects.open_on(today()).filter(registration=registration).first():
        raise AlreadyOffered(offer=present)
    release.check_release(registration)


def _offer(request: MemberRequest, registration: Registration, given: dict[str, Any]) -> HttpResponse:
    offer = offers.offer_product(
        registration=registration,
        account=given["account"],
        friendly_name=given["friendly_name"],
        seen=sent_text(request, "seen"),
        by=request.user,
        today=today(),
        now=timezone.now(),
    )
    messages.success(request, render_to_string("licensing/_offered.html", {"offer": offer}))
    return redirect("service_management", registration.unit.serial)


@owner_required
@post_only("service_management", "serial")
def withdraw_offer(request: MemberRequest, serial: str, uuid: UUID) -> HttpResponse:
    made = Offer.objects.with_product().filter(registration=get_registration(request, serial))
    offer = get_object_or_404(made, uuid=uuid)
    try:
        offers.withdraw_offer(offer=offer, by=request.user, today=today(), now=timezone.now())
        messages.success(request, "The offer is withdrawn: the product stays here.")
    except RuleViolation as refusal:
        messages.warning(request, str(refusal), extra_tags=refusal.code)
    return redirect("service_management", serial)


@require_safe
@owner_required
def offer(request: MemberRequest, uuid: UUID) -> HttpResponse:
    return _page(request, _get_offer(request, uuid))


@owner_required
@post_only("offer", "uuid")
def accept_offer(request: MemberRequest, uuid: UUID) -> HttpResponse:
    offer = _get_offer(request, uuid)
    try:
        present = offers.accept_offer(
            offer=offer, seen=sent_text(request, "seen"), by=request.user, today=today(), now=timezone.now()
        )
    except RuleViolation as refusal:
        return _page(request, _get_offer(request, uuid), refusal)
    messages.success(request, "Accepted: this product is registered in your account now.")
    return redirect("service_management", present.unit.serial)


@owner_required
@post_only("offer", "uuid")
def decline_offer(request: MemberRequest, uuid: UUID) -> HttpResponse:
    offer = _get_offer(request, uuid)
    try:
        offers.decline_offer(offer=offer, by=request.user, today=today(), now=timezone.now())
    except RuleViolation as refusal:
        return _page(request, _get_offer(request, uuid), refusal)
    messages.success(request, f"Declined: {offer.registration.unit} stays with {offer.registration.account}.")
    return redirect("main_page")


def _get_offer(request: MemberRequest, uuid: UUID) -> Offer:
    """An offer to the member's account; any other answers 404."""
    offered = Offer.objects.with_product().filter(account=request.membership.account)
    return get_object_or_404(offered, uuid=uuid)


def _page(request: MemberRequest, offer: Offer, refusal: RuleViolation | None = None) -> HttpResponse:
    """What is offered: of the giving account only its name, and what goes with the product."""
    is_open = offer.is_open(today())
    plan = release.plan_release(offer.registration) if is_open else None
    context = {"offer": offer, "refusal": refusal, "today": today(), "is_open": is_open, "plan": plan}
    return render(request, "licensing/offer.html", context, status=422 if refusal else 200)
