"""Addresses of the desk, those included that another part of it may not have brought yet."""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from licensing.models import RmaCase


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
