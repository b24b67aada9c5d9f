from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from desk.access import LOOK, DeskRequest, desk_page, render_desk
from desk.recent import note_opened
from desk.unit.actions import offered
from desk.unit.selectors import closed_to, unit_page
from portal.clock import today
from products.attempts import attempts_at
from products.models import Unit


@desk_page(LOOK)
@require_safe
def unit(request: DeskRequest, serial: str) -> HttpResponse:
    found = Unit.objects.select_related("model").filter(serial=serial).first()
    if found is None:
        attempts = attempts_at(serial, now=timezone.now())
        unknown: dict[str, object] = {"typed": serial, "attempts": attempts, "closed": closed_to(attempts)}
        return render_desk(request, "desk/no_unit.html", unknown | {"title": "No such unit"}, status=404)
    note_opened(request, serial)
    page = unit_page(found, today=today(), now=timezone.now())
    actions = offered(page, request.user)
    context = {
        "title": found.serial,
        "page": page,
        "unit": found,
        "links": [action for action in actions if not action.is_correction],
        "corrections": [action for action in actions if action.is_correction],
    }
    return render_desk(request, "desk/unit.html", context)
