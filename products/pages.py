"""What all apps' pages use: a unit of the account, and the page where a registration began."""

from urllib.parse import urlencode

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from portal.access import MemberRequest
from products.models import Registration


def get_registration(request: MemberRequest, serial: str) -> Registration:
    """The member's account's live registration of a unit; any other unit answers 404."""
    return get_object_or_404(Registration.objects.visible_to(request.membership.account), unit__serial=serial)


def get_own_registration(request: MemberRequest, serial: str) -> Registration:
    """The account's registration of a unit, or its last one, which keeps its page."""
    found = Registration.objects.ever_owned_by(request.membership.account).filter(unit__serial=serial).first()
    if found is None:
        raise Http404
    return found


def origin_of(request: HttpRequest) -> str:
    """The serial number of the origin: the unit from whose page this registration began, or empty."""
    return request.GET.get("from", "")


def note_registered(request: HttpRequest, registration: Registration) -> None:
    """Remember that a unit was just registered: the last page of the registration says so."""
    request.session["registered"] = registration.unit.serial


def was_just_registered(request: HttpRequest, registration: Registration) -> bool:
    """Whether this registration began with a new unit; forgets it."""
    is_new = bool(request.session.get("registered") == registration.unit.serial)
    if is_new:
        del request.session["registered"]
    return is_new


def with_origin(url: str, origin: str) -> str:
    """Add the origin to the address of the next page."""
    return f"{url}?{urlencode({'from': origin})}" if origin else url
