from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from associations import notices, services
from associations.errors import AssociationGone, ChoiceGone
from associations.models import Seat, Side
from associations.pages import get_seat, source_of
from associations.seating import parent_of
from associations.selectors import (
    candidates,
    takes_standby,
)
from licensing.selectors import sharing_changes
from portal.access import MemberRequest, editor_required, post_only
from portal.acts import last_act
from portal.clock import today
from portal.errors import RuleViolation
from portal.forms import sent_text, typed_search
from products.models import Registration
from products.pages import get_registration, origin_of, was_just_registered


@editor_required
@post_only("service_management", "serial")
def remove_association(request: MemberRequest, serial: str, uuid: UUID) -> HttpResponse:
    registration = get_registration(request, serial)
    seat = get_seat(request, registration, uuid)
    changes = sharing_changes(seat.registration, before=source_of(seat), after=None, today=today())
    try:
        services.remove_association(seat=seat, by=request.user)
    except RuleViolation as refusal:
        messages.error(request, str(refusal), extra_tags=refusal.code)
    else:
        notices.say_removed(request, seat, changes, last_act(request.membership.account, request.user))
    return redirect("service_management", serial)


@editor_required
def change_parent(request: MemberRequest, serial: str, uuid: UUID) -> HttpResponse:
    registration = get_registration(request, serial)
    seat = get_seat(request, registration, uuid)
    if seat.ended_at and request.method != "POST":
        notices.say_gone(request, seat)
        return redirect("service_management", serial)
    wanted = sent_text(request, "to")
    visible = Registration.objects.visible_to(request.membership.account)
    parent = visible.filter(unit__serial=wanted).first() if wanted else None
    refusal: RuleViolation | None = None
    if request.method == "POST":
        try:
            return _change_parent(request, registration, seat, parent)
        except RuleViolation as error:
            refusal = error
    elif parent is None and wanted:
        refusal = ChoiceGone()
    context = _change_context(request, registration, seat, parent, refusal)
    status = 422 if refusal or typed_search(request).too_long else 200
    return render(request, "associations/change_parent.html", context, status=status)


def _change_parent(
    request: MemberRequest, registration: Registration, seat: Seat, parent: Registration | None
) -> HttpResponse:
    """Change the parent as confirmed, and rename the typed unit if another name was typed with it (A5)."""
    if parent is None:
        raise ChoiceGone
    changed = services.change_parent_and_rename(
        seat=seat,
        parent=parent,
        renamed=parent if sent_text(request, "typed") == parent.unit.serial else seat.registration,
        friendly_name=sent_text(request, "name"),
        by=request.user,
        today=today(),
    )
    seen_from = parent if origin_of(request) == parent.unit.serial else registration
    undo = last_act(request.membership.account, request.user) if changed.pk != seat.pk else None
    changed = Seat.objects.with_units().get(pk=changed.pk)
    is_new = was_just_registered(request, seen_from)
    notices.say_associated(
        request,
        seen_from,
        seat=changed,
        parent=parent_of(changed),
        child=changed.registration,
        done="Registered, and parent changed." if is_new else "Parent changed.",
        undo=undo,
    )
    return redirect("service_management", seen_from.unit.serial)


def _change_context(
    request: MemberRequest,
    registration: Registration,
    seat: Seat,
    parent: Registration | None,
    refusal: RuleViolation | None,
) -> dict[str, object]:
    """What Change parent shows: the units to choose from, or what the chosen one would change."""
    search = typed_search(request)
    offered = candidates(
        request.membership.account, seat.registration, side=Side.PARENT, query=search.text, changing=seat.type
    )
    return {
        "registration": registration,
        "seat": seat,
        "former": parent_of(seat),
        "parent": parent,
        "refusal": refusal,
        "search": search,
        "origin": origin_of(request),
        "name": sent_text(request, "name"),
        "typed": sent_text(request, "typed"),
        **_change_effect(seat, parent),
        "offered": offered,
    }


@editor_required
@post_only("service_management", "serial")
def make_standby(request: MemberRequest, serial: str, uuid: UUID) -> HttpResponse:
    registration = get_registration(request, serial)
    seat = get_seat(request, registration, uuid)
    try:
        standby = services.make_standby(
            seat=seat, instead=sent_text(request, "instead"), by=request.user, today=today()
        )
    except AssociationGone:
        seat.refresh_from_db()
        notices.say_gone(request, seat, for_standby=True)
    except RuleViolation as refusal:
        messages.error(request, str(refusal), extra_tags=refusal.code)
    else:
        notices.say_standby(request, standby, last_act(request.membership.account, request.user))
    return redirect("associated_products", parent_of(seat).unit.serial, seat.type.slug)


def _change_effect(seat: Seat, parent: Registration | None) -> dict[str, object]:
    """How a change of parent affects the child's services and place."""
    if parent is None:
        return {}
    after = parent if takes_standby(parent, seat.type) else None
    changes = sharing_changes(seat.registration, before=source_of(seat), after=after, today=today())
    return {"changes": changes, "becomes_spare": seat.type.shares_licences and after is None}
