"""What can be done about a unit at the desk, by how it stands and by who asks."""

from dataclasses import dataclass

from django.urls import reverse

from desk.unit.selectors import UnitPage
from portal.models import User


@dataclass(frozen=True, slots=True)
class Action:
    """A page of the desk that changes something of a unit, and the permission that it asks for."""

    name: str
    label: str
    permission: str = "portal.lead"

    @property
    def is_correction(self) -> bool:
        """Whether it puts a mistake right: what a lead does, once in a while."""
        return self.permission == "portal.lead"


OPEN_CASE = Action("open_case", "Open an RMA case", "portal.support")
OF_OWNED = [
    Action("associate", "Associate"),
    Action("extend", "Extend a license"),
    Action("revoke", "Revoke a license"),
    Action("move", "Move to another account"),
    Action("release", "Release to stock"),
    Action("reissue", "Reissue keyset"),
]
OF_SEATED = [
    Action("remove", "Remove association"),
    Action("change_parent", "Change parent"),
    Action("swap", "Swap roles"),
    Action("make_standby", "Make standby"),
]
OPEN_AGAIN = Action("open", "Open after wrong tries", "portal.support")
TAKE_BACK = Action("take_back", "Take back into stock")


@dataclass(frozen=True, slots=True)
class Link:
    """A way to an action."""

    label: str
    url: str


def offered(page: UnitPage, user: User) -> list[Action]:
    """The actions that make sense for a unit and that the user may take."""
    actions: list[Action] = []
    if page.owned:
        actions += [] if page.open_case else [OPEN_CASE]
        actions += OF_OWNED
        actions += OF_SEATED if page.owned.roles else []
    elif page.unit.retired_at:
        actions.append(TAKE_BACK)
    actions.append(OPEN_AGAIN)
    return [action for action in actions if user.has_perm(action.permission)]


def links(actions: list[Action], serial: str) -> list[Link]:
    """The ways to actions."""
    return [Link(action.label, reverse(f"desk:{action.name}", args=[serial])) for action in actions]
