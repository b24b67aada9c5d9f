"""The desk's front page, and the lists of records: grouped by task, each role sees those of its work."""

from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from desk.access import LOOK, DeskRequest
from desk.cases.selectors import queue_links
from desk.recent import recent_units
from licensing.rma.queues import is_overdue, my_cases
from portal.admin_base import StaffSite, agent

SUPPORT, LEAD, OPERATE = "portal.support", "portal.lead", "portal.operate"
TASKS: dict[str, dict[str, set[str]]] = {
    "Units and registrations": {
        "unit": {SUPPORT, OPERATE},
        "registration": {SUPPORT},
        "seat": {LEAD},
        "survey": {LEAD},
    },
    "Services and licenses": {
        "licence": {LEAD},
        "poolpart": {LEAD},
        "trialstart": {LEAD},
        "activationkey": {LEAD, OPERATE},
        "keyset": {LEAD},
        "ledgerentry": {LEAD},
    },
    "Cases and mail": {"rmacase": {SUPPORT}, "mail": {SUPPORT, OPERATE}},
    "Accounts and people": {"account": {SUPPORT}, "membership": {LEAD}, "user": {SUPPORT, OPERATE}},
    "Catalogue": {
        "productmodel": {OPERATE},
        "service": {OPERATE},
        "modelservice": {OPERATE},
        "associationtype": {OPERATE},
        "typemodel": {OPERATE},
    },
    "Audit and keys": {"auditentry": {LEAD, OPERATE}, "key": {OPERATE}},
}
"""The lists by task, each with the permissions (`portal.roles`) of those to whose work it belongs."""


class DeskSite(StaffSite):
    """The support desk as a whole; `portal.admin_base`, on which it is built, knows no units or cases."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The lists by task, in place of Django's by app; what a role may look at beside is linked to."""
        apps = super().get_app_list(request, app_label)
        if app_label:
            return apps
        by_name = {row["model"]._meta.model_name: row for app in apps for row in app["models"]}
        may = {name for name in (SUPPORT, LEAD, OPERATE) if agent(request).has_perm(name)}
        return [
            {"name": task, "app_label": slugify(task), "app_url": reverse("desk:records"), "models": shown}
            for task, lists in TASKS.items()
            if (shown := [by_name[name] for name, of in lists.items() if name in by_name and of & may])
        ]

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
