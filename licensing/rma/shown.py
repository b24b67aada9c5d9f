"""What is shown of a case that was completed: what moved, and what is to be done on the appliances."""

from dataclasses import dataclass
from typing import Any

from licensing.models import RmaCase
from licensing.rma.licences import Handed, Verdict
from products.models import Registration


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A completed case: `heir` got the licences; `role` was the failed unit's, `pair` was made."""

    lines: list[Handed]
    heir: Registration
    replacement: Registration
    role: str
    pair: tuple[Registration, Registration] | None

    @property
    def is_owned(self) -> bool:
        """Whether the account still has both units: else there is nothing to be done on them any more."""
        return self.heir.ended_at is None and self.replacement.ended_at is None


def shown_case(case: RmaCase) -> ShownCase:
    """Read what completing a case has kept of itself."""
    done: dict[str, Any] = case.done or {}
    wanted = {done["heir"], done["replacement"], *done["pair"]}
    units = Registration.objects.select_related("unit__model").in_bulk(wanted)
    heir, replacement = units[done["heir"]], units[done["replacement"]]
    lines = [
        Handed(line["service"], line["what"], Verdict(line["verdict"]), line["why"]) for line in done["lines"]
    ]
    pair = (units[done["pair"][0]], units[done["pair"][1]]) if done["pair"] else None
    return ShownCase(lines, heir, replacement, done["role"], pair)
