"""The addresses that the desk's lists link to."""

from dataclasses import dataclass

from django.urls import reverse

from licensing.models import RmaCase


def case_url(case: RmaCase) -> str:
    """Return the address of an RMA case's page."""
    return reverse("desk:case", args=[case.uuid])


def unit_url(serial: str) -> str:
    """Return the address of a unit's page."""
    return reverse("desk:unit", args=[serial])


@dataclass(frozen=True, slots=True)
class CaseRow:
    """An RMA case in a list; on a unit's page, `role` is the unit's part in it."""

    case: RmaCase
    role: str = ""

    @property
    def url(self) -> str:
        """The address of its page."""
        return case_url(self.case)
