"""What other apps' pages use of associations: the one that a first click means."""

from uuid import UUID

from associations import notices
from associations.models import Seat
from associations.selectors import (
    seat_of,
)
from portal.access import MemberRequest
from products.models import Registration


def asked_seat(request: MemberRequest, registration: Registration, asked: str) -> Seat | None:
    """The live seat that a first click means; of one that has ended the page says so."""
    try:
        seat = seat_of(request.membership.account, registration, UUID(asked))
    except ValueError:
        return None
    if seat and seat.ended_at:
        notices.say_gone(request, seat, for_standby="standby" in request.GET)
        return None
    return seat
