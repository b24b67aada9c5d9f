from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from associations import notices, services
from associations.models import AssociationType, Side
from associations.pages import asked_seat, change_address, source_of
from associations.seating import parent_of, sharing_seats
from associations.selectors import (
    associated,
    is_beside,
    seat_elsewhere,
    sides_of,
)
from licensing.selectors import sharing_changes
from portal.access import MemberRequest, editor_required, member_required, post_only
from portal.clock import today
from portal.errors import RuleViolation
from portal.forms import add_refusal, typed_search
from products.errors import CodeNeeded
from products.forms import AssociateForm
from products.models import Registration
from products.pages import get_registration, note_registered, with_origin
from products.services import register


@require_safe
@member_required
def associated_products(request: MemberRequest, serial: str, slug: str) -> HttpResponse:
    registration, type = get_registration(request, serial), get_object_or_404(AssociationType, slug=slug)
    context = _associated_context(request, registration, type, AssociateForm())
    status = 422 if typed_search(request).too_long else 200
    return render(request, "associations/associated_products.html", context, status=status)


@editor_required
@post_only("associated_products", "serial", "slug")
def associate_product(request: MemberRequest, serial: str, slug: str) -> HttpResponse:
    registration, type = get_registration(request, serial), get_object_or_404(AssociationType, slug=slug)
    form = AssociateForm(request.POST)
    if form.is_valid():
        try:
            return _associate_typed(request, registration, type, form.cleaned_data)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    context = _associated_context(request, registration, type, form)
    return render(request, "associations/associated_products.html", context, status=422)


def _associate_typed(
    request: MemberRequest, registration: Registration, type: AssociationType, typed: dict[str, str]
) -> HttpResponse:
    """Associate the typed unit on My Product - Associated Products; register it first if nobody has (A5)."""
    account, place = request.membership.account, associated(registration, type)
    other = Registration.objects.visible_to(account).filter(unit__serial=typed["serial_number"]).first()
    if other is None:
        if not typed["authentication_code"]:
            raise CodeNeeded(serial=typed["serial_number"])
        new = register(account=account, by=request.user, now=timezone.now(), **typed)
        note_registered(request, new)
        url = reverse("product_survey", args=[new.unit.serial])
        return redirect(with_origin(url, registration.unit.serial))
    parent, child = (other, registration) if place.side == Side.PARENT else (registration, other)
    if elsewhere := seat_elsewhere(child, type, parent):
        named = {"typed": other.unit.serial, "name": typed["friendly_name"]} if typed["friendly_name"] else {}
        return redirect(change_address(elsewhere, parent, **named))
    was_associated = is_beside(child, type, parent)
    seat = services.associate_and_rename(
        parent=parent,
        child=child,
        type=type,
        renamed=other,
        friendly_name=typed["friendly_name"],
        by=request.user,
        today=today(),
    )
    other.refresh_from_db()
    if was_associated:
        notices.say_associated_already(request, seat=seat, parent=parent, child=child)
    else:
        notices.say_associated(
            request, registration, seat=seat, parent=parent, child=child, done="Associated."
        )
    return redirect("associated_products", registration.unit.serial, type.slug)


def _associated_context(
    request: MemberRequest, registration: Registration, type: AssociationType, form: AssociateForm
) -> dict[str, object]:
    search = typed_search(request)
    place = associated(registration, type, search.text)
    if place.mine is None and not sides_of(registration, type):
        raise Http404
    return {
        "registration": registration,
        "type": type,
        "place": place,
        "form": form,
        "search": search,
        **_asked(request, registration, type),
    }


def _asked(request: MemberRequest, registration: Registration, type: AssociationType) -> dict[str, object]:
    """The question under a row after the first click on Remove or Make standby, and what would change."""
    asked = request.GET.get("remove") or request.GET.get("standby") or ""
    seat = asked_seat(request, registration, asked)
    if seat is None or seat.type_id != type.pk:
        return {}
    if "remove" in request.GET:
        changes = sharing_changes(seat.registration, before=source_of(seat), after=None, today=today())
        return {"removing": seat, "parent": parent_of(seat), "changes": changes}
    parent, instead = parent_of(seat), sharing_seats(seat.group)
    gained = sharing_changes(seat.registration, before=None, after=parent, today=today())
    lost = [
        (s.registration, sharing_changes(s.registration, before=parent, after=None, today=today()))
        for s in instead
    ]
    return {"promoting": seat, "instead": instead, "effects": [(seat.registration, gained), *lost]}
