"""Who may open which page: members by their role in the account; staff belong at the support desk."""

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
    """Sends anonymous users to the login page and, once logged in, back to the page they were on.

    htmx follows a redirect by itself and would put the target into a part of the open page. So a redirect
    that answers a request for a part makes htmx load the target as a whole page.
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
    """Let members of an account in, viewers too; send staff to the support desk; refuse everybody else."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        member = cast("MemberRequest", request)  # LoginRequiredMiddleware lets users through only
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
    """Let in members who may change things: owners and admins."""

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
    """Let in owners of an account only: they decide what leaves it."""

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
    """Accept POST only; redirect a GET, such as one after a login, to the page `back`.

    `names` are the arguments of the view that the page's address takes.
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
    """Let templates ask whether the member may register appliances; the query runs only if they do."""

    def can_register() -> bool:
        membership = getattr(request, "membership", None)
        if membership is None and isinstance(request.user, User) and not request.user.is_staff:
            membership = Membership.objects.filter(user=request.user.pk).first()
        return membership is not None and membership.may_change

    return {"can_register": can_register}


class AccountAdapter(DefaultAccountAdapter):
    """Nobody can sign up: the operator opens accounts."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class LoginBackend(AuthenticationBackend):
    """Checks exactly one password hash a login, so that timing doesn't tell which names exist (P1).

    A user name goes before a mail address. An address that several users share logs none of them in.
    """

    def _authenticate(self, request: HttpRequest | None, **credentials: str) -> AbstractBaseUser | None:
        login = credentials.get("username") or credentials["email"]
        named = get_user_by_username(login)
        by_mail = filter_users_by_email(login, prefer_verified=True, for_login=True)
        user = named or (by_mail[0] if len(by_mail) == 1 else None)
        return self._check_password(user, credentials["password"])
