"""What members did to licences and associations, as acts keep it: for undoing it (L8).

Registrations are named by primary key, licences by uuid.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self
from uuid import UUID

from associations.acts import LinkRecord
from associations.replacing import Link
from portal.models import Act


class LicenceMove(NamedTuple):
    """A licence that went from one registration to another, both by primary key."""

    licence: UUID
    source: int
    target: int

    @property
    def back(self) -> "LicenceMove":
        """The move that takes this one back."""
        return LicenceMove(self.licence, self.target, self.source)


class PartMove(NamedTuple):
    """Counts of a licence that changed hands, by primary keys of registrations; None: the licence itself."""

    licence: UUID
    source: int | None
    target: int | None
    number: int

    @property
    def back(self) -> "PartMove":
        """The move that takes this one back."""
        return PartMove(self.licence, self.target, self.source, self.number)


@dataclass(frozen=True)
class KeyUse:
    """An activation key, by primary key, that was redeemed on a registration.

    `before` and `after` are the ledger's values of its licence; before is None if the key made it.
    """

    key: int
    registration: int
    licence: UUID
    before: dict[str, Any] | None
    after: dict[str, Any]


@dataclass(frozen=True)
class Record(LinkRecord):
    """Everything that an act did: to associations, licences and parts, and with a key."""

    licences: tuple[LicenceMove, ...] = ()
    parts: tuple[PartMove, ...] = ()
    key: KeyUse | None = None

    @property
    def registrations(self) -> set[int]:
        """Every registration that it names."""
        pairs = [(link.parent, link.child) for link in (*self.ended, *self.begun)]
        pairs += [(move.source, move.target) for move in self.licences]
        ends = {pk for pair in pairs for pk in pair} | {*self.gained}
        ends |= {pk for part in self.parts for pk in (part.source, part.target) if pk is not None}
        return ends | ({self.key.registration} if self.key else set())

    @property
    def licence_names(self) -> set[UUID]:
        """Every licence that it names."""
        names = {move.licence for move in self.licences} | {part.licence for part in self.parts}
        return names | ({self.key.licence} if self.key else set())

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """Read what `to_json` wrote, or that of a `LinkRecord`."""
        key = record.get("key")
        return cls(
            ended=tuple(Link(*link) for link in record["ended"]),
            begun=tuple(Link(*link) for link in record["begun"]),
            gained=tuple(record["gained"]),
            licences=tuple(LicenceMove(UUID(name), *units) for name, *units in record.get("licences", ())),
            parts=tuple(PartMove(UUID(name), *facts) for name, *facts in record.get("parts", ())),
            key=KeyUse(**{**key, "licence": UUID(key["licence"])}) if key else None,
        )


def record_of(act: Act) -> Record:
    """What an act did."""
    return Record.from_json(act.record)
