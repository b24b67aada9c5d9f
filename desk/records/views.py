from django.http import HttpResponse
from django.views.decorators.http import require_safe

from desk.access import LOOK, DeskRequest, desk_page, render_desk


@desk_page(LOOK)
@require_safe
def records(request: DeskRequest) -> HttpResponse:
    return render_desk(request, "desk/records.html", {"title": "Records"})
