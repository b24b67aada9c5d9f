"""The desk's front page: the one box, my queue and recent units, and below them Django's lists."""

from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from desk.access import LOOK, DeskRequest
from desk.cases.selectors import queue_links
from desk.recent import recent_units
from licensing.rma.queues import is_overdue, my_cases
from portal.admin_base import StaffSite


class DeskSite(StaffSite):
    """The support desk as a whole; `portal.admin_base`, on which it is built, knows no units or cases."""

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        member = cast("DeskRequest", request)
        shown: dict[str, Any] = {}
        if member.user.has_perm("portal.support"):
            now = timezone.now()
            page = my_cases(by=member.user, now=now)
            shown = {
                "my_cases": page,
                "late": [case.pk for case in page.rows if is_overdue(case, now=now)],
                "four_eyes": settings.FOUR_EYES,
                "queues": [link for link in queue_links(member.user, now=now) if link[0].is_work],
            }
        if member.user.has_perm(LOOK):
            shown["recent_units"] = recent_units(member)
        return super().index(request, shown | (extra_context or {}))
