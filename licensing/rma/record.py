"""What completing a case did, as its row keeps it: for its page, and for undoing it (X5).

Registrations are named by primary key, licences by uuid.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from associations.replacing import Link
from licensing.acts import LicenceMove, PartMove
from licensing.models import RmaCase
from licensing.rma.comparison import Comparison

VERSION = 2
"""Records of version 1 named licences by service; a migration wrote them anew."""


class Verdict(StrEnum):
    """What becomes of one licence of the failed unit."""

    MOVES = "moves"
    STAYS = "stays"

    @property
    def done(self) -> str:
        """Once it is done: moved, stayed."""
        return {Verdict.MOVES: "moved", Verdict.STAYS: "stayed"}[self]


@dataclass(frozen=True, slots=True)
class Line:
    """Something that a unit held, in words, what becomes of it, and why."""

    service: str
    what: str
    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that completing did.

    `heir` is the unit that got the shareable licences. `is_registered_by_it`: the case registered the
    replacement, so that undoing ends the registration. `role` is the failed unit's side in its pair (empty:
    it had none), `pair` the primary and the sharing secondary afterwards. Associations `ended` and `begun`;
    `after` is how the units that gained were associated then. `keysets` are the units that needed a new
    keyset, `unreachable` is one that should have sent its settings but couldn't be logged in to, and `undone`
    are those that needed a keyset when the case was undone. The comparisons are what was shown of completing
    and of undoing; records of before 2026-12 have none.
    """

    heir: int
    replacement: int
    is_registered_by_it: bool
    role: str
    pair: tuple[int, int] | None
    ended: tuple[Link, ...]
    begun: tuple[Link, ...]
    after: tuple[Link, ...]
    licences: tuple[LicenceMove, ...]
    parts: tuple[PartMove, ...]
    lines: tuple[Line, ...]
    keysets: tuple[int, ...]
    unreachable: int | None
    comparison: Comparison | None = None
    undone: tuple[int, ...] = ()
    undone_comparison: Comparison | None = None

    def to_json(self) -> dict[str, Any]:
        """The record for the case's column `done`."""
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, done: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        facts = {name: value for name, value in done.items() if name != "version"}
        facts["pair"] = tuple(done["pair"]) if done["pair"] else None
        facts |= {name: tuple(Link(*link) for link in done[name]) for name in ("ended", "begun", "after")}
        facts["licences"] = tuple(LicenceMove(UUID(name), *units) for name, *units in done["licences"])
        facts["parts"] = tuple(PartMove(UUID(name), *facts) for name, *facts in done["parts"])
        facts["lines"] = tuple(Line(**{**row, "verdict": Verdict(row["verdict"])}) for row in done["lines"])
        facts |= {name: tuple(done[name]) for name in ("keysets", "undone")}
        for name in ("comparison", "undone_comparison"):
            facts[name] = Comparison.from_json(done[name]) if done.get(name) else None
        return cls(**facts)


def record_of(case: RmaCase) -> Record | None:
    """What completing a case did; None if it wasn't completed."""
    return Record.from_json(case.done) if case.done else None
