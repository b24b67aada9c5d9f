from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from desk.access import DeskRequest, desk_page, render_desk
from desk.cases.selectors import queue_links
from licensing.rma.queues import OVERDUE_DAYS, Queue, cases_in_queue, is_overdue
from portal.paging import read_cursor


@desk_page("portal.support")
@require_safe
def cases(request: DeskRequest) -> HttpResponse:
    asked, now = request.GET.get("queue", ""), timezone.now()
    queue = Queue(asked) if asked in Queue.values else Queue.OPEN
    page = cases_in_queue(queue, by=request.user, now=now, after=read_cursor(request.GET.get("after", "")))
    context: dict[str, object] = {
        "title": "RMA cases",
        "queue": queue,
        "links": queue_links(request.user, now=now),
        "cases": page.rows,
        "late": [case.pk for case in page.rows if is_overdue(case, now=now)],
        "next": page.next,
        "days": {str(state): days for state, days in OVERDUE_DAYS.items()},
        "four_eyes": settings.FOUR_EYES,
    }
    return render_desk(request, "desk/cases.html", context)
