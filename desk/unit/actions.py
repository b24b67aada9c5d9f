"""What can be done about a unit at the desk, by how it stands and by who asks."""

from dataclasses import dataclass

from desk.corrections.base import Subject
from desk.corrections.registry import CORRECTIONS
from desk.unit.selectors import UnitPage
from portal.models import User


@dataclass(frozen=True, slots=True)
class Action:
    """A page of the desk that changes something of a unit, and the permission that it asks for."""

    name: str
    label: str
    permission: str

    @property
    def is_correction(self) -> bool:
        """Whether it puts a mistake right: what a lead does, once in a while."""
        return self.permission == "portal.lead"


OPEN_CASE = Action("open_case", "Open an RMA case", "portal.support")


def offered(page: UnitPage, user: User) -> list[Action]:
    """The actions that make sense for a unit and that the user may take."""
    actions = [OPEN_CASE] if page.owned and not page.open_case else []
    actions += [
        Action(kind.name, kind.link or kind.title, kind.permission)
        for subject in _subjects(page)
        for kind in CORRECTIONS
        if kind.subject is subject
    ]
    return [action for action in actions if user.has_perm(action.permission)]


def _subjects(page: UnitPage) -> list[Subject]:
    """What a unit is to corrections, as it stands."""
    stands = {
        Subject.REGISTERED: page.owned,
        Subject.ASSOCIATED: page.owned and page.owned.roles,
        Subject.RETIRED: page.unit.retired_at and not page.owned,
        Subject.SERIAL: True,
    }
    return [subject for subject in Subject if stands[subject]]
