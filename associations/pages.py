"""What all apps' pages use of associations: the seat that an address or a first click means."""

from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404
from django.urls import reverse

from associations import notices
from associations.models import Seat
from associations.seating import parent_of
from associations.selectors import seat_of
from portal.access import MemberRequest
from products.models import Registration


def asked_seat(request: MemberRequest, registration: Registration, asked: str) -> Seat | None:
    """The live seat that a first click means; if it has ended, the page says so."""
    try:
        seat = seat_of(request.membership.account, registration, UUID(asked))
    except ValueError:
        return None
    if seat and seat.ended_at:
        notices.say_gone(request, seat, for_standby="standby" in request.GET)
        return None
    return seat


def source_of(seat: Seat) -> Registration | None:
    """The registration whose licences a child's seat shares."""
    return parent_of(seat) if seat.shares else None


def get_seat(request: MemberRequest, registration: Registration, uuid: UUID) -> Seat:
    """The child's seat, live or ended, that a unit's address names; 404 for any other."""
    seat = seat_of(request.membership.account, registration, uuid)
    if seat is None:
        raise Http404
    return seat


def change_address(seat: Seat, parent: Registration, **named: str) -> str:
    """The page that says what a change of parent would do, as reached from the new parent's page."""
    url = reverse("change_parent", args=[seat.registration.unit.serial, seat.uuid])
    return f"{url}?{urlencode({'to': parent.unit.serial, 'from': parent.unit.serial, **named})}"
