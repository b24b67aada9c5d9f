"""Addresses of the desk, those included that another part of it may not have brought yet."""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from licensing.models import RmaCase
from portal.models import User


def desk_url(name: str, *arguments: object) -> str:
    """Return the address of a page of the desk; empty where there is no such page."""
    try:
        return reverse(f"desk:{name}", args=arguments)
    except NoReverseMatch:
        return ""


def case_url(case: RmaCase) -> str:
    """Return the address of an RMA case's page; until there is one, that of its failed unit's."""
    serial = case.failed.unit.serial
    return desk_url("case", case.uuid) or desk_url("case", case.number) or desk_url("unit", serial) + "#rma"


@dataclass(frozen=True, slots=True)
class CaseRow:
    """An RMA case in a list; beside a unit, as what it concerns that."""

    case: RmaCase
    role: str = ""

    @property
    def url(self) -> str:
        """The address of its page."""
        return case_url(self.case)


@dataclass(frozen=True, slots=True)
class Action:
    """A page of the desk that changes something of a unit, and what the user must be allowed."""

    name: str
    label: str
    permission: str = "portal.lead"


OPEN_CASE = Action("open_case", "Open an RMA case", "portal.support")
CORRECTIONS = {
    "owned": [
        Action("associate", "Associate"),
        Action("extend", "Extend a license"),
        Action("revoke", "Revoke a license"),
        Action("move", "Move to another account"),
        Action("release", "Release to stock"),
        Action("reissue", "Reissue keyset"),
        Action("open", "Open after wrong tries", "portal.support"),
    ],
    "seated": [
        Action("remove", "Remove association"),
        Action("change_parent", "Change parent"),
        Action("swap", "Swap roles"),
        Action("make_standby", "Make standby"),
    ],
    "retired": [Action("take_back", "Take back into stock")],
}
"""What can be corrected of a unit that an account owns, of one in an association, and of a retired one."""


@dataclass(frozen=True, slots=True)
class Link:
    """A way to an action."""

    label: str
    url: str


def links(actions: list[Action], serial: str, user: User) -> list[Link]:
    """The ways to those actions that the user may take, as far as their pages are there."""
    allowed = [action for action in actions if user.has_perm(action.permission)]
    found = [Link(action.label, desk_url(action.name, serial)) for action in allowed]
    return [link for link in found if link.url]
