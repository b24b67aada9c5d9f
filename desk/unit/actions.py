"""The actions for a unit at the desk, by the unit's state and the user's permissions."""

from dataclasses import dataclass

from desk.corrections.base import Subject
from desk.corrections.registry import CORRECTIONS
from desk.unit.selectors import UnitPage
from portal.models import User


@dataclass(frozen=True, slots=True)
class Action:
    """A page of the desk that changes something about a unit, and the permission that it needs."""

    name: str
    label: str
    permission: str

    @property
    def is_correction(self) -> bool:
        """Whether it corrects a mistake, which is a lead's occasional work."""
        return self.permission == "portal.lead"


OPEN_CASE = Action("open_case", "Open an RMA case", "portal.support")


def offered(page: UnitPage, user: User) -> list[Action]:
    """The actions that make sense for a unit and are allowed to the user."""
    actions = [OPEN_CASE] if page.owned and not page.open_case else []
    actions += [
        Action(kind.name, kind.link or kind.title, kind.permission)
        for subject in _subjects(page)
        for kind in CORRECTIONS
        if kind.subject is subject
    ]
    return [action for action in actions if user.has_perm(action.permission)]


def _subjects(page: UnitPage) -> list[Subject]:
    """The subjects that a unit fits in its present state."""
    fits = {
        Subject.REGISTERED: page.owned,
        Subject.ASSOCIATED: page.owned and page.owned.roles,
        Subject.RETIRED: page.unit.retired_at and not page.owned,
        Subject.RECORDED: True,
        Subject.SERIAL: page.attempts,
    }
    return [subject for subject in Subject if fits[subject]]
