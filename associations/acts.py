"""How associations changed by what a member did, as its act keeps it: for undoing it (L8)."""

import uuid
from dataclasses import asdict, dataclass
from typing import NamedTuple

from associations.models import Seat
from associations.replacing import Link
from products.models import Registration

VERSION = 1


@dataclass(frozen=True)
class LinkRecord:
    """Associations `ended` and `begun`; `gained` are registrations that run more since, by primary key."""

    ended: tuple[Link, ...] = ()
    begun: tuple[Link, ...] = ()
    gained: tuple[int, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The record for an act's column."""
        return {"version": VERSION, **asdict(self)}


class Swap(NamedTuple):
    """What a swap of roles did: the new child's seat, all its associations, its audit entries' `action`."""

    seat: Seat
    links: LinkRecord
    action: uuid.UUID


def link_of(seat: Seat, parent: Registration) -> Link:
    """The association of a child's seat."""
    return Link(seat.type.slug, parent.pk, seat.registration_id, seat.shares)
