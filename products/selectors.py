"""The list of registered products: filtered, sorted, and paged by seeking: all pages cost the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Expression, F, Q
from django.db.models.functions import Lower

from portal.models import Account
from portal.paging import seek
from products.models import Registration

PAGE_ROWS = 50
MOST_COUNTED = 10_000


class Sort(NamedTuple):
    """An order of the list: its expression, and whether the largest comes first."""

    key: Expression | F
    is_descending: bool = False


SORTS = {
    "name": Sort(Lower("friendly_name")),
    "-name": Sort(Lower("friendly_name"), is_descending=True),
    "serial": Sort(F("unit__serial")),
    "-serial": Sort(F("unit__serial"), is_descending=True),
    "line": Sort(F("unit__model__line")),
    "-line": Sort(F("unit__model__line"), is_descending=True),
}


class Cursor(NamedTuple):
    """Where a page begins: beside the row with this serial number, whose ordinal is known."""

    serial: str
    number: int
    is_backward: bool


@dataclass(frozen=True, slots=True)
class ProductPage:
    """One page of the list. `first_number` is its first row's ordinal, `total` at most MOST_COUNTED + 1."""

    rows: Sequence[Registration]
    first_number: int
    has_previous: bool
    has_next: bool
    total: int

    @property
    def last_number(self) -> int:
        """The ordinal of the last row."""
        return self.first_number + len(self.rows) - 1

    @property
    def total_text(self) -> str:
        """The total as people read it: 312, or 10,000+."""
        return f"{MOST_COUNTED:,}+" if self.total > MOST_COUNTED else f"{self.total:,}"


def product_page(
    account: Account, *, query: str, sort: str, cursor: Cursor | None, only: Q | None = None
) -> ProductPage:
    """One page of the account's products; the first one if a cursor's row is gone or has nothing beside it.

    `only` is a further condition on the registrations.
    """
    order = SORTS[sort]
    found = (
        Registration.objects.visible_to(account).matching(query).filter(only or Q()).annotate(key=order.key)
    )
    total = found[: MOST_COUNTED + 1].count()
    at = found.filter(unit__serial=cursor.serial).first() if cursor else None
    rows: list[Registration] = []
    if cursor and at:
        is_descending = order.is_descending != cursor.is_backward
        rows = list(seek(found, key="key", after=at, is_descending=is_descending)[: PAGE_ROWS + 1])
    if cursor is None or not rows:
        first_rows = seek(found, key="key", after=None, is_descending=order.is_descending)
        rows = list(first_rows[: PAGE_ROWS + 1])
        return ProductPage(
            rows[:PAGE_ROWS], 1, has_previous=False, has_next=len(rows) > PAGE_ROWS, total=total
        )
    shown, has_more = rows[:PAGE_ROWS], len(rows) > PAGE_ROWS
    if cursor.is_backward:
        first = max(cursor.number - len(shown), 1)
        return ProductPage(shown[::-1], first, has_previous=has_more, has_next=True, total=total)
    return ProductPage(shown, cursor.number + 1, has_previous=True, has_next=has_more, total=total)
