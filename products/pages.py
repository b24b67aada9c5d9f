"""What the pages of all apps use: a unit of the account, and where the way through registration began."""

from urllib.parse import urlencode

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from portal.access import MemberRequest
from products.models import Registration


def get_registration(request: MemberRequest, serial: str) -> Registration:
    """A registration of the account of who asks; anybody else's is as if it weren't there."""
    return get_object_or_404(Registration.objects.visible_to(request.membership.account), unit__serial=serial)


def get_own_registration(request: MemberRequest, serial: str) -> Registration:
    """The account's registration of a unit, else its last one: that keeps its page."""
    found = Registration.objects.ever_of(request.membership.account).filter(unit__serial=serial).first()
    if found is None:
        raise Http404
    return found


def origin_of(request: HttpRequest) -> str:
    """The serial number of the unit from whose page this way began; empty on the way from Quick Register."""
    return request.GET.get("from", "")


def note_registered(request: HttpRequest, registration: Registration) -> None:
    """Remember that a unit was registered just now: the page at the end of the way says so."""
    request.session["registered"] = registration.unit.serial


def was_just_registered(request: HttpRequest, registration: Registration) -> bool:
    """Whether this way began with registering the unit; it ends here."""
    is_new = bool(request.session.get("registered") == registration.unit.serial)
    if is_new:
        del request.session["registered"]
    return is_new


def with_origin(url: str, origin: str) -> str:
    """Carry the unit that one came from on to the next page."""
    return f"{url}?{urlencode({'from': origin})}" if origin else url
