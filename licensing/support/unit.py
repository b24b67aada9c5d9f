from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from licensing.support.access import DeskRequest, desk_page, render_desk
from products.models import Unit


@desk_page("products.view_unit")
@require_safe
def unit(request: DeskRequest, serial: str) -> HttpResponse:
    found = get_object_or_404(Unit.objects.select_related("model"), serial=serial)
    return render_desk(request, "support/unit.html", {"title": serial, "unit": found})
