from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from associations import notices, services
from associations.errors import AssociationGone, ChoiceGone
from associations.models import AssociationType, Seat, Side
from associations.pages import asked_seat
from associations.seating import parent_of, sharing_seats
from associations.selectors import (
    Candidates,
    associated,
    candidates,
    is_beside,
    seat_elsewhere,
    seat_of,
    sides_of,
    takes_standby,
    why_not_offered,
)
from licensing.entitlements.today import entitlements, sharing_primary
from licensing.selectors import node_support, sharing_changes
from portal.access import MemberRequest, editor_required, member_required, post_only
from portal.clock import today
from portal.errors import RuleViolation
from portal.forms import add_refusal, typed_search
from products.errors import CodeNeeded
from products.forms import AssociateForm
from products.models import Registration
from products.pages import get_registration, note_registered, origin_of, was_just_registered, with_origin
from products.services import register


@editor_required
def create_association(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_registration(request, serial)
    url = with_origin(reverse("choose_child", args=[serial]), origin_of(request))
    after = url if Side.PARENT in sides_of(registration) else None
    if after and request.method == "GET" and _comes_from_child(request):
        return redirect(after)  # the one that it came from has a parent: this unit is to be its new one (A5)
    return _step(request, registration, side=Side.PARENT, after=after)


@editor_required
def choose_child(request: MemberRequest, serial: str) -> HttpResponse:
    return _step(request, get_registration(request, serial), side=Side.CHILD, after=None)


def _step(
    request: MemberRequest, registration: Registration, *, side: Side, after: str | None
) -> HttpResponse:
    """One step of Create Association: offer units for a side, and seat the one that is chosen.

    `after` is the page that follows where none is chosen; without it the unit stays alone.
    """
    refusal = None
    if request.method == "POST":
        try:
            return _choose(request, registration, side, after)
        except RuleViolation as error:
            refusal = error
    search = typed_search(request)
    from_child = side == Side.CHILD and _comes_from_child(request)
    offered = candidates(
        request.membership.account,
        registration,
        side=side,
        query=search.text,
        with_children=from_child,
    )
    if side == Side.PARENT and not offered.labels and after and not refusal:
        return redirect(after)  # its model is nobody's child, or it has its place already
    # Who has declined the unit that one came from as the parent isn't given it as the child.
    preselected = _preselected(offered, origin_of(request)) if side == Side.PARENT or from_child else ""
    context = {
        **_unit_context(registration),
        **_offer_context(request, registration, offered, side),
        "search": search,
        "has_next": after is not None,
        "choice": request.POST.get("choice") or preselected,
        "refusal": refusal,
    }
    status = 422 if refusal or search.too_long else 200
    return render(request, "associations/create_association.html", context, status=status)


def _choose(
    request: MemberRequest, registration: Registration, side: Side, after: str | None
) -> HttpResponse:
    """Seat the unit that was chosen; none: go on, or stay alone."""
    if choice := request.POST.get("choice", ""):
        return _associate(request, registration, side, choice)
    return redirect(after) if after else _stay_alone(request, registration)


def _unit_context(registration: Registration) -> dict[str, object]:
    """What the page shows of the unit that is to get its place."""
    held = entitlements(registration, source=sharing_primary(registration), today=today())
    return {
        "registration": registration,
        "nodes": node_support(held, today()),
        "roles": registration.seats.live().select_related("type"),
    }


def _offer_context(
    request: MemberRequest, registration: Registration, offered: Candidates, side: Side
) -> dict[str, object]:
    """What the page shows of the units that are offered, and of the one that isn't."""
    return {
        "side": side,
        "offered": offered,
        "better": notices.better_children(registration, offered, side),
        "missing": _missing(request, registration, offered),
        "origin": origin_of(request),
    }


def _comes_from_child(request: MemberRequest) -> bool:
    """Whether the unit from whose page this way began is the child of one that shares its licences."""
    seats = Seat.objects.live().filter(side=Side.CHILD, type__shares_licences=True)
    origin = Registration.objects.visible_to(request.membership.account)
    return seats.filter(registration__in=origin.filter(unit__serial=origin_of(request))).exists()


def _preselected(offered: Candidates, origin: str) -> str:
    """The unit from whose page this way began, where it is offered (A5)."""
    return next((c.value for c in offered.rows if c.registration.unit.serial == origin), "")


def _missing(
    request: MemberRequest, registration: Registration, offered: Candidates
) -> tuple[Registration, str] | None:
    """The unit that one came from, where no step ever offers it, with the reason's code."""
    visible = Registration.objects.visible_to(request.membership.account)
    origin = visible.filter(unit__serial=origin_of(request)).first() if origin_of(request) else None
    if origin is None or origin in [candidate.registration for candidate in offered.rows]:
        return None
    reason = why_not_offered(registration, origin)
    return (origin, reason) if reason else None


def _associate(request: MemberRequest, registration: Registration, side: Side, choice: str) -> HttpResponse:
    slug, _, serial = choice.replace("\0", "?").partition(":")  # PostgreSQL takes no NUL in a comparison
    type = AssociationType.objects.filter(slug=slug).first()
    chosen = Registration.objects.visible_to(request.membership.account).filter(unit__serial=serial).first()
    if type is None or chosen is None:
        raise ChoiceGone
    parent, child = (chosen, registration) if side == Side.PARENT else (registration, chosen)
    if side == Side.CHILD and (elsewhere := seat_elsewhere(child, type, parent)):
        return redirect(_change_address(elsewhere, parent))
    was_so = is_beside(child, type, parent)
    seat = services.associate(parent=parent, child=child, type=type, by=request.user, today=today())
    if was_so:
        notices.say_associated_already(request, seat=seat, parent=parent, child=child)
    else:
        done = "Registered and associated." if was_just_registered(request, registration) else "Associated."
        notices.say_associated(request, registration, seat=seat, parent=parent, child=child, done=done)
    return redirect("service_management", registration.unit.serial)


def _stay_alone(request: MemberRequest, registration: Registration) -> HttpResponse:
    notices.say_alone(request, registration, is_new=was_just_registered(request, registration))
    return redirect("service_management", registration.unit.serial)


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


@editor_required
@post_only("service_management", "serial")
def remove_association(request: MemberRequest, serial: str, uuid: UUID) -> HttpResponse:
    registration = get_registration(request, serial)
    seat = _get_seat(request, registration, uuid)
    changes = sharing_changes(seat.registration, before=_source(seat), after=None, today=today())
    try:
        services.remove_association(seat=seat, by=request.user)
    except RuleViolation as refusal:
        messages.error(request, str(refusal), extra_tags=refusal.code)
    else:
        notices.say_removed(request, seat, changes)
    return redirect("service_management", serial)


@editor_required
def change_parent(request: MemberRequest, serial: str, uuid: UUID) -> HttpResponse:
    registration = get_registration(request, serial)
    seat = _get_seat(request, registration, uuid)
    if seat.ended_at and request.method != "POST":
        notices.say_gone(request, seat)
        return redirect("service_management", serial)
    sent = request.POST if request.method == "POST" else request.GET
    wanted = sent.get("to", "").replace("\0", "?")
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
    """Change the parent as confirmed; the unit that was typed on the way gets its other name with it (A5)."""
    if parent is None:
        raise ChoiceGone
    changed = services.change_parent_and_rename(
        seat=seat,
        parent=parent,
        renamed=parent if request.POST.get("typed") == parent.unit.serial else seat.registration,
        friendly_name=request.POST.get("name", ""),
        by=request.user,
        today=today(),
    )
    seen_from = parent if origin_of(request) == parent.unit.serial else registration
    changed = Seat.objects.with_units().get(pk=changed.pk)
    is_new = was_just_registered(request, seen_from)
    notices.say_associated(
        request,
        seen_from,
        seat=changed,
        parent=parent_of(changed),
        child=changed.registration,
        done="Registered, and parent changed." if is_new else "Parent changed.",
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
    sent = request.POST if request.method == "POST" else request.GET
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
        "name": sent.get("name", ""),
        "typed": sent.get("typed", ""),
        **_change_effect(seat, parent),
        "offered": offered,
    }


@editor_required
@post_only("service_management", "serial")
def make_standby(request: MemberRequest, serial: str, uuid: UUID) -> HttpResponse:
    registration = get_registration(request, serial)
    seat = _get_seat(request, registration, uuid)
    try:
        standby = services.make_standby(
            seat=seat, instead=request.POST.get("instead", ""), by=request.user, today=today()
        )
    except AssociationGone:
        seat.refresh_from_db()
        notices.say_gone(request, seat, for_standby=True)
    except RuleViolation as refusal:
        messages.error(request, str(refusal), extra_tags=refusal.code)
    else:
        notices.say_standby(request, standby)
    return redirect("associated_products", parent_of(seat).unit.serial, seat.type.slug)


def _associate_typed(
    request: MemberRequest, registration: Registration, type: AssociationType, typed: dict[str, str]
) -> HttpResponse:
    """Associate what was typed on My Product - Associated Products; register it first if nobody has (A5)."""
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
        return redirect(_change_address(elsewhere, parent, **named))
    was_so = is_beside(child, type, parent)
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
    if was_so:
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
    """What is asked under a row after the first click on Remove or Make standby, and what it would change."""
    asked = request.GET.get("remove") or request.GET.get("standby") or ""
    seat = asked_seat(request, registration, asked)
    if seat is None or seat.type_id != type.pk:
        return {}
    if "remove" in request.GET:
        changes = sharing_changes(seat.registration, before=_source(seat), after=None, today=today())
        return {"removing": seat, "parent": parent_of(seat), "changes": changes}
    parent, instead = parent_of(seat), sharing_seats(seat.group)
    gained = sharing_changes(seat.registration, before=None, after=parent, today=today())
    lost = [
        (s.registration, sharing_changes(s.registration, before=parent, after=None, today=today()))
        for s in instead
    ]
    return {"promoting": seat, "instead": instead, "effects": [(seat.registration, gained), *lost]}


def _change_effect(seat: Seat, parent: Registration | None) -> dict[str, object]:
    """What a change of parent makes of the child's services and of its place."""
    if parent is None:
        return {}
    after = parent if takes_standby(parent, seat.type) else None
    changes = sharing_changes(seat.registration, before=_source(seat), after=after, today=today())
    return {"changes": changes, "becomes_spare": seat.type.shares_licences and after is None}


def _source(seat: Seat) -> Registration | None:
    """The registration whose licences a child's seat shares."""
    return parent_of(seat) if seat.shares else None


def _get_seat(request: MemberRequest, registration: Registration, uuid: UUID) -> Seat:
    seat = seat_of(request.membership.account, registration, uuid)
    if seat is None:
        raise Http404
    return seat


def _change_address(seat: Seat, parent: Registration, **named: str) -> str:
    """The page that says what a change of parent would do, reached from the new parent's."""
    url = reverse("change_parent", args=[seat.registration.unit.serial, seat.uuid])
    return f"{url}?{urlencode({'to': parent.unit.serial, 'from': parent.unit.serial, **named})}"
