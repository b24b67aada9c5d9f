"""Who may open which page: members of an account by their role; staff belong in the support desk."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from portal.models import Membership, User

P = ParamSpec("P")


class MemberRequest(HttpRequest):
    """A request whose user is known to be a member of an account."""

    user: User
    membership: Membership


type MemberView[**Q] = Callable[Concatenate[MemberRequest, Q], HttpResponse]


def member_required(view: MemberView[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Let members of an account in, viewers too; lead staff to the support desk; refuse everybody else."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        user = request.user
        if user.is_staff:
            return redirect("admin:index")
        request.membership = Membership.objects.select_related("account").filter(user_id=user.pk).first()
        if request.membership is None:
            raise PermissionDenied(
                "You belong to no account yet. Ask an owner of your organisation's account, or Support."
            )
        return view(request, *args, **kwargs)

    return wrapped


def editor_required(view: MemberView[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
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


def roles(request: HttpRequest) -> dict[str, object]:
    """Tell templates whether the member who asks may register appliances."""
    membership = getattr(request, "membership", None)
    return {"can_register": membership is not None and membership.may_change}


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are opened by the operator: nobody signs up alone."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
