from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from associations.models import Seat, Side
from associations.pages import asked_seat
from associations.seating import parent_of
from associations.selectors import child_counts, history, live_seats, sides_of
from licensing.entitlements.today import sharing_primary
from licensing.models import Offer, RmaCase
from licensing.readiness.pairs import readiness_of
from licensing.rma.selectors import former_mates, open_cases
from licensing.selectors import licence_lines, lingering, node_support, service_rows, sharing_changes
from portal.access import MemberRequest, editor_required, member_required
from portal.clock import today
from products.forms import RenameForm
from products.models import Registration
from products.pages import get_own_registration, get_registration
from products.services import rename


@require_safe
@member_required
def service_management(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_own_registration(request, serial)
    if registration.ended_at:
        return _ended(request, registration)
    form = RenameForm(initial={"friendly_name": registration.friendly_name})
    context = _service_context(registration, form)
    return render(request, "licensing/service_management.html", context | _asked(request, registration))


def _ended(request: MemberRequest, registration: Registration) -> HttpResponse:
    """The page of a unit that has left the account: what became of it, and its history."""
    done = RmaCase.objects.filter(failed=registration, state__in=RmaCase.DONE).select_related("replacement")
    context = {
        "registration": registration,
        "is_returned": registration.unit.retired_at == registration.ended_at,
        "case": done.order_by("-pk").first(),
        "history": history(registration),
    }
    return render(request, "licensing/ended_registration.html", context)


@editor_required
def rename_product(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_registration(request, serial)
    form = RenameForm(request.POST)
    if request.method != "POST":
        return redirect("service_management", serial)  # after a login in between, what was typed is lost
    if form.is_valid():
        rename(registration=registration, by=request.user, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("service_management", serial)
    return render(
        request, "licensing/service_management.html", _service_context(registration, form), status=422
    )


def _asked(request: MemberRequest, registration: Registration) -> dict[str, object]:
    """The question after the first click on Remove, and what the second click would take away (A7)."""
    seat = asked_seat(request, registration, request.GET.get("remove", ""))
    if seat is None or seat.registration_id != registration.pk:
        return {}
    parent = parent_of(seat)
    before = parent if seat.shares else None
    changes = sharing_changes(registration, before=before, after=None, today=today())
    return {"removing": seat, "parent": parent, "changes": changes}


def _service_context(registration: Registration, form: RenameForm) -> dict[str, Any]:
    """What Service Management shows of a unit."""
    day, seats = today(), live_seats(registration)
    mine = [seat for seat in seats if seat.registration_id == registration.pk]
    paired = [seat for seat in seats if seat.type.shares_licences]
    source = sharing_primary(registration)
    primary = next((seat for seat in paired if seat.side == Side.PARENT), None)
    is_primary = primary is not None and primary.registration_id == registration.pk
    rows = service_rows(registration, source, day)
    return {
        "registration": registration,
        "form": form,
        "source": source,
        "services": rows,
        "licences": licence_lines(rows, day),
        "nodes": node_support([row.entitlement for row in rows], day),
        "lingering": lingering(registration),
        "cases": open_cases(registration),
        "offer": Offer.objects.open_on(day).filter(registration=registration).first(),
        "readiness": readiness_of([registration], day).get(registration.pk),
        "roles": mine,
        "primary": primary,
        "offers_transfer": is_primary and former_mates(registration),
        "secondaries": [seat for seat in paired if seat.side == Side.CHILD],
        "parents": _parents(registration, mine, seats),
        "child_counts": child_counts(registration),
        "history": history(registration),
        "offers_association": not mine and sides_of(registration),
    }


def _parents(
    registration: Registration, mine: list[Seat], seats: list[Seat]
) -> list[tuple[Seat, Registration]]:
    """The rows of the table Parent Product: the unit's seats as a child, each with its parent."""
    parents = {seat.group: seat.registration for seat in seats if seat.side == Side.PARENT}
    return [(seat, parents[seat.group]) for seat in mine if seat.side == Side.CHILD]
