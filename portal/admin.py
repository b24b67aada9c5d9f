"""The support desk: Django's admin site behind the portal's login."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest, HttpResponse


class SupportSite(admin.AdminSite):
    """The admin site of support and operators."""

    site_header = site_title = "MySonicWALL Support"
    index_title = "Support"

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send to the portal's login, with its limits, who isn't logged in; refuse who isn't staff."""
        return secure_admin_login(super().login)(request, extra_context)
