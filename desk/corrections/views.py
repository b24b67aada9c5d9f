import hashlib
from collections.abc import Sequence

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from desk.access import DeskRequest, render_desk
from desk.addresses import unit_url
from desk.corrections.base import Correction, Subject
from desk.corrections.telling import perform_and_tell
from licensing.errors import NotRegistered
from portal.clock import today
from portal.errors import RuleViolation
from portal.forms import add_refusal, sent_text
from products.models import Registration, Unit


def correct(request: DeskRequest, serial: str, kind: type[Correction]) -> HttpResponse:
    unit, registration = _find(serial, kind.subject)
    context: dict[str, object] = {
        "title": kind.title,
        "serial": serial,
        "unit": unit,
        "registration": registration,
    }
    if registration is None and kind.subject in {Subject.REGISTERED, Subject.ASSOCIATED}:
        return _page(request, context | {"obstacle": NotRegistered(serial=serial)})
    correction = kind(request, serial, unit, registration)
    form, obstacle = correction.ask(request.POST if request.method == "POST" else None), correction.obstacle
    context |= {"correction": correction, "form": form, "obstacle": obstacle, "today": today()}
    if obstacle is None and form.is_valid():
        try:
            effects = correction.effects(form.cleaned_data)
            shown = _digest(request, effects)
            if effects and sent_text(request, "shown") != shown:
                return render_desk(
                    request, "desk/correct.html", context | {"effects": effects, "shown": shown}
                )
            messages.success(request, perform_and_tell(correction, form.cleaned_data))
            return redirect(unit_url(serial) if unit else request.path)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    return _page(request, context)


def _digest(request: DeskRequest, effects: Sequence[str]) -> str:
    """A text that differs if another choice was made since, or the same one would do something else."""
    text = repr([sent_text(request, "choice"), *effects])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _find(serial: str, subject: Subject) -> tuple[Unit | None, Registration | None]:
    """The subject of a correction: a unit of the factory's record, and its registration if it has one."""
    unit = Unit.objects.select_related("model").filter(serial=serial).first()
    if subject is Subject.SERIAL:
        return unit, None
    if unit is None:
        raise Http404
    live = Registration.objects.live().select_related("account", "unit__model")
    return unit, live.filter(unit=unit).first()


def _page(request: DeskRequest, context: dict[str, object]) -> HttpResponse:
    """Show the page; 422 if a form was sent and refused."""
    status = 422 if request.method == "POST" else 200
    return render_desk(request, "desk/correct.html", context, status=status)
