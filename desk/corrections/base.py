"""What the desk's pages of corrections have in common: one unit, a form with a reason, a service."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from desk.access import DeskRequest, render_desk
from licensing.errors import NotRegistered
from portal.errors import RuleViolation
from portal.forms import add_refusal
from products.models import Registration, Unit


def after(serial: str) -> str:
    """Where one goes on when something was put right: to the unit."""
    return reverse("desk:unit", args=[serial])


def find_unit(serial: str) -> tuple[Unit, Registration | None]:
    """A unit of the factory's record, and its registration if somebody has it."""
    unit = get_object_or_404(Unit.objects.select_related("model"), serial=serial)
    live = Registration.objects.live().select_related("account", "unit__model")
    return unit, live.filter(unit=unit).first()


def sent(request: DeskRequest) -> QueryDict | None:
    """What a form was sent with; none where it is only looked at."""
    return request.POST if request.method == "POST" else None


def correct(
    request: DeskRequest,
    form: forms.Form,
    act: Callable[[dict[str, Any]], str],
    *,
    unit: Unit | None,
    obstacle: RuleViolation | None = None,
    **shown: object,
) -> HttpResponse:
    """Show what would be changed and ask for it; what was asked for is done by `act`, which says so.

    `obstacle` is the rule that stands in the way of all of it. A refusal stands beside its field.
    """
    if form.is_bound and obstacle is None and form.is_valid():
        try:
            messages.success(request, act(form.cleaned_data))
            return redirect(after(unit.serial) if unit else request.path)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    is_refused = form.is_bound and (obstacle or form.errors)
    serial = {"serial": unit.serial} if unit else {}
    context = {"unit": unit, "form": form, "obstacle": obstacle, **serial, **shown}
    return render_desk(request, "desk/correct.html", context, status=422 if is_refused else 200)


def unregistered(request: DeskRequest, unit: Unit, **shown: object) -> HttpResponse:
    """What is to be put right is a registration's, and nobody has registered the unit."""
    form = forms.Form(sent(request))
    obstacle = NotRegistered(serial=unit.serial)
    return correct(request, form, lambda given: "", unit=unit, obstacle=obstacle, **shown)
