from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string

from associations.errors import AssociationGone
from associations.notices import say_gone
from associations.pages import get_seat
from associations.seating import children_of, parent_of
from licensing.moves.swap import shared_licences, shared_parts
from licensing.moves.swap import swap_roles as swap
from portal.access import MemberRequest, editor_required
from portal.acts import last_act
from portal.clock import today
from portal.errors import RuleViolation
from products.pages import get_registration


@editor_required
def swap_roles(request: MemberRequest, serial: str, uuid: UUID) -> HttpResponse:
    registration = get_registration(request, serial)
    seat = get_seat(request, registration, uuid)
    if seat.ended_at and request.method != "POST":
        say_gone(request, seat)
        return redirect("service_management", serial)
    refusal = None
    if request.method == "POST":
        try:
            swap(seat=seat, by=request.user, today=today())
            undo = last_act(request.membership.account, request.user)
            shown = {"seat": seat, "former": parent_of(seat), "undo": undo}
            messages.success(request, render_to_string("licensing/_swapped.html", shown))
            return redirect("service_management", serial)
        except AssociationGone:
            seat.refresh_from_db()
            say_gone(request, seat)
            return redirect("service_management", serial)
        except RuleViolation as error:
            refusal = error
    primary, secondary = parent_of(seat), seat.registration
    context = {
        "registration": registration,
        "seat": seat,
        "primary": primary,
        "secondary": secondary,
        "refusal": refusal,
        "licences": shared_licences(primary),
        "parts": shared_parts(primary),
        "others": children_of(primary, exclude=seat),
        "today": today(),
    }
    return render(request, "licensing/swap_roles.html", context, status=422 if refusal else 200)
