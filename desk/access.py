"""Who may open which page of the desk, and the frame around it."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse_lazy

from portal.models import User


class DeskRequest(HttpRequest):
    """A request whose user is known to be staff."""

    user: User


LOOK = "products.view_unit"
"""The permission that every role at the desk has (portal.roles): all may look at everything."""

WHO_MAY = {
    LOOK: "a superuser for a role",
    "portal.support": "a support agent",
    "portal.lead": "a support lead",
    "portal.operate": "an operator",
}
"""Who has a permission, for those who lack it."""

type DeskView[**P] = Callable[Concatenate[DeskRequest, P], HttpResponseBase]
type View[**P] = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def desk_page[**P](permission: str) -> Callable[[DeskView[P]], View[P]]:
    """Let in staff who have a permission, such as "portal.support"; send others to the desk's login."""

    def decorate(view: DeskView[P]) -> View[P]:
        @wraps(view)
        def allowed(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            member = cast("DeskRequest", request)
            if not member.user.has_perm(permission):
                raise PermissionDenied(
                    f"Your role at the desk doesn't allow this. Ask {WHO_MAY[permission]}."
                )
            return view(member, *args, **kwargs)

        page = admin.site.admin_view(allowed)
        page.login_url = reverse_lazy("admin:login")  # type: ignore[attr-defined]  # for the middleware
        return cast("View[P]", page)

    return decorate


def render_desk(
    request: HttpRequest, template: str, context: dict[str, object], *, status: int = 200
) -> HttpResponse:
    """Render a page of the desk: its template extends `admin/base_site.html`."""
    return render(request, template, admin.site.each_context(request) | context, status=status)
