from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from licensing.support.access import LOOK, DeskRequest, desk_page, render_desk
from licensing.support.addresses import CORRECTIONS, OPEN_CASE, links
from licensing.support.unit_selectors import UnitPage, unit_page
from portal.clock import today
from products.models import Unit


@desk_page(LOOK)
@require_safe
def unit(request: DeskRequest, serial: str) -> HttpResponse:
    found = Unit.objects.select_related("model").filter(serial=serial).first()
    if found is None:
        unknown: dict[str, object] = {"title": "No such unit", "typed": serial}
        return render_desk(request, "desk/no_unit.html", unknown, status=404)
    page = unit_page(found, today=today(), now=timezone.now())
    context = {"title": found.serial, "page": page, "unit": found, **_links(request, page)}
    return render_desk(request, "desk/unit.html", context)


def _links(request: DeskRequest, page: UnitPage) -> dict[str, object]:
    """What may be done about the unit, by who asks and how it stands."""
    serial, states = page.unit.serial, set()
    if page.owned:
        states |= {"owned", "seated"} if page.owned.roles else {"owned"}
    elif page.unit.retired_at:
        states.add("retired")
    actions = [action for state, listed in CORRECTIONS.items() if state in states for action in listed]
    can_open = page.owned and not page.open_case
    return {
        "open_case": links([OPEN_CASE] if can_open else [], serial, request.user),
        "corrections": links(actions, serial, request.user),
        "can_grant": bool(page.owned) and request.user.has_perm("licensing.add_licence"),
    }
