"""Who may open which page: members of an account by their role; staff belong in the support desk."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from django.conf import settings
from django.contrib.auth import middleware
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST
from django_htmx.middleware import HtmxDetails

from portal.models import Membership, User


class MemberRequest(HttpRequest):
    """A request whose user is known to be a member of an account."""

    user: User
    membership: Membership
    htmx: HtmxDetails


def asks_for_part(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page that is open, to put it in there."""
    htmx = cast("MemberRequest", request).htmx
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


class LoginRequiredMiddleware(middleware.LoginRequiredMiddleware):
    """Leads whoever isn't logged in to the login, and back from there to the page that was open.

    htmx follows a redirect by itself and puts the page that it gets there into a part of the open one: what
    leads a part elsewhere, the login or another place, leads the whole page there.
    """

    def handle_no_permission(
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseRedirect:
        if not asks_for_part(request):
            return super().handle_no_permission(request, view_func)
        try:
            page = cast("MemberRequest", request).htmx.current_url_abs_path
        except ValueError:  # no address at all, such as half an IPv6 one
            page = None
        return redirect_to_login(
            page or resolve_url(settings.LOGIN_REDIRECT_URL),
            resolve_url(self.get_login_url(view_func)),
            self.get_redirect_field_name(view_func),
        )

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.has_header("Location") and asks_for_part(request):
            response["HX-Redirect"] = response["Location"]
            del response["Location"]
            response.status_code = 204
            patch_vary_headers(response, ["HX-Request"])
        return response


type MemberView[**P] = Callable[Concatenate[MemberRequest, P], HttpResponse]
type View[**P] = Callable[Concatenate[HttpRequest, P], HttpResponse]


def member_required[**P](view: MemberView[P]) -> View[P]:
    """Let members of an account in, viewers too; lead staff to the support desk; refuse everybody else."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        member = cast("MemberRequest", request)  # LoginRequiredMiddleware let nobody through but a user
        if member.user.is_staff:
            return redirect("admin:index")
        membership = Membership.objects.select_related("account").filter(user=member.user.pk).first()
        if membership is None:
            raise PermissionDenied(
                "You belong to no account yet. Ask an owner of your organisation's account, or Support."
            )
        member.membership = membership
        return view(member, *args, **kwargs)

    return wrapped


def editor_required[**P](view: MemberView[P]) -> View[P]:
    """Let those members in who may change things: owners and admins."""

    @member_required
    @wraps(view)
    def wrapped(request: MemberRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.membership.may_change:
            raise PermissionDenied(
                "You may look at this account, not change it. Ask one of its owners or admins."
            )
        return view(request, *args, **kwargs)

    return wrapped


def owner_required[**P](view: MemberView[P]) -> View[P]:
    """Let owners of an account in: what leaves it is theirs to say."""

    @member_required
    @wraps(view)
    def wrapped(request: MemberRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.membership.is_owner:
            raise PermissionDenied("Only an owner of this account may do this. Ask one of them.")
        return view(request, *args, **kwargs)

    return wrapped


def refuse_nul(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse an address or a cookie with a NUL: nobody types one, and PostgreSQL's texts hold none.

    In a form it is told beside the field that it stands in; what comes without a field goes through
    `portal.forms.sent_text`.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if (
            "\0" in request.path
            or "%00" in request.GET.urlencode()
            or "\0" in "".join(request.COOKIES.values())
        ):
            return render(request, "400.html", status=400)
        return get_response(request)

    return middleware


def post_only[V: Callable[..., HttpResponseBase]](back: str, *names: str) -> Callable[[V], V]:
    """Let POST in; who comes by GET, such as from a login in between, is led back to a page.

    `names` are those of the view's arguments that the page's address takes.
    """

    def decorate(view: V) -> V:
        sent = require_POST(view)

        @wraps(view)
        def wrapped(request: HttpRequest, /, *args: object, **kwargs: object) -> HttpResponseBase:
            if request.method in {"GET", "HEAD"}:
                return redirect(back, *(kwargs[name] for name in names))
            return sent(request, *args, **kwargs)

        return cast("V", wrapped)

    return decorate


def roles(request: HttpRequest) -> dict[str, object]:
    """Tell templates whether the member who asks may register appliances; only where a page asks."""

    def can_register() -> bool:
        membership = getattr(request, "membership", None)
        if membership is None and isinstance(request.user, User) and not request.user.is_staff:
            membership = Membership.objects.filter(user=request.user.pk).first()
        return membership is not None and membership.may_change

    return {"can_register": can_register}


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are opened by the operator: nobody signs up alone."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class LoginBackend(AuthenticationBackend):
    """Checks one password hash a login, whoever is named: its time tells nobody which names are known (P1).

    A user name goes before an address, and an address that several users share is nobody's.
    """

    def _authenticate(self, request: HttpRequest | None, **credentials: str) -> AbstractBaseUser | None:
        login = credentials.get("username") or credentials["email"]
        named = get_user_by_username(login)
        reached = filter_users_by_email(login, prefer_verified=True, for_login=True)
        user = named or (reached[0] if len(reached) == 1 else None)
        return self._check_password(user, credentials["password"])
