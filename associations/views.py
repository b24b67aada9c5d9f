from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse

from associations.errors import ChoiceGone
from associations.models import AssociationType, Seat, Side
from associations.selectors import Candidates, candidates, sides_of
from associations.services import associate
from licensing.entitlements import entitlements, sharing_primary
from licensing.selectors import node_support
from portal.access import MemberRequest, editor_required
from portal.clock import today
from portal.errors import RuleViolation
from products.models import Registration
from products.views import get_registration, origin_of, with_origin


@editor_required
def create_association(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_registration(request, serial)
    url = reverse("choose_child", args=[serial])
    after = with_origin(url, origin_of(request)) if Side.PARENT in sides_of(registration) else None
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
        choice = request.POST.get("choice", "")
        if not choice:
            return redirect(after) if after else _stay_alone(request, registration)
        try:
            return _associate(request, registration, side, choice)
        except RuleViolation as error:
            refusal = error
    query = request.GET.get("q", "").replace("\0", "").strip()
    offered = candidates(request.membership.account, registration, side=side, query=query)
    if side == Side.PARENT and not offered.labels and after and not refusal:
        return redirect(after)  # its model is nobody's child, or it has its place already
    context = {
        "registration": registration,
        "nodes": node_support(
            entitlements(registration, source=sharing_primary(registration), today=today()), today()
        ),
        "query": query,
        "has_next": after is not None,
        "side": side,
        "offered": offered,
        "spares": any(candidate.is_shared for candidate in offered.rows),
        "roles": registration.seats.live().select_related("type"),
        "origin": origin_of(request),
        "choice": request.POST.get("choice") or _preselected(offered, origin_of(request)),
        "refusal": refusal,
    }
    return render(request, "associations/create_association.html", context, status=422 if refusal else 200)


def _preselected(offered: Candidates, origin: str) -> str:
    """The unit from whose page this way began, where it is offered (A5)."""
    return next((c.value for c in offered.rows if c.registration.unit.serial == origin), "")


def _associate(request: MemberRequest, registration: Registration, side: Side, choice: str) -> HttpResponse:
    slug, _, serial = choice.replace("\0", "?").partition(":")  # PostgreSQL takes no NUL in a comparison
    type = AssociationType.objects.filter(slug=slug).first()
    chosen = Registration.objects.visible_to(request.membership.account).filter(unit__serial=serial).first()
    if type is None or chosen is None:
        raise ChoiceGone
    parent, child = (chosen, registration) if side == Side.PARENT else (registration, chosen)
    seat = associate(parent=parent, child=child, type=type, by=request.user)
    _say(request, registration, seat=seat, parent=parent, child=child)
    return redirect("service_management", registration.unit.serial)


def _stay_alone(request: MemberRequest, registration: Registration) -> HttpResponse:
    _say(request, registration)
    return redirect("service_management", registration.unit.serial)


def _say(request: MemberRequest, registration: Registration, **facts: Seat | Registration) -> None:
    """Tell on the next page what happened, naming the other unit with a link."""
    text = render_to_string("associations/_associated.html", {"registration": registration, **facts})
    seat = facts.get("seat")
    level = messages.WARNING if isinstance(seat, Seat) and seat.is_spare else messages.SUCCESS
    messages.add_message(request, level, text)
