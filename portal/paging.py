"""Pages of long lists, found by seeking: each costs the same, however far down the list it begins."""

from uuid import UUID

from django.db.models import Model, Q, QuerySet


def seek[M: Model](
    rows: QuerySet[M], *, key: str, after: M | None, is_descending: bool = False
) -> QuerySet[M]:
    """The rows behind one, or all, in the order of a field or annotation and then of the primary key."""
    if after is not None:
        way, value = "lt" if is_descending else "gt", getattr(after, key)
        behind = Q(**{f"{key}__{way}": value}) | Q(**{f"pk__{way}": after.pk})
        rows = rows.filter(behind, **{f"{key}__{way}e": value})
    order = dict.fromkeys([key, "pk"])
    return rows.order_by(*(f"-{name}" for name in order) if is_descending else order)


def read_cursor(text: str) -> UUID | None:
    """The UUID of the row behind which a page begins, as its address names it; none for anything else."""
    try:
        return UUID(text)
    except ValueError:
        return None
