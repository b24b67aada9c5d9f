"""The desk's front page: the one box, the open RMA cases, and below them Django's lists."""

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse

from desk.search.selectors import open_cases
from portal.admin_base import StaffSite


class DeskSite(StaffSite):
    """The support desk as a whole; `portal.admin_base`, on which it is built, knows no units or cases."""

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        shown = {"open_cases": open_cases()} if request.user.has_perm("licensing.view_rmacase") else {}
        return super().index(request, shown | (extra_context or {}))
