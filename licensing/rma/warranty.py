"""A replacement takes over the rest of the failed unit's warranty where that is longer (X2)."""

import datetime

from django.conf import settings

from licensing.models import RmaCase
from products.models import Unit


def warranty_gained(case: RmaCase, *, today: datetime.date) -> datetime.date | None:
    """Until when the replacement's warranty is to run because the failed unit's does; None: it stays its own.

    `REPLACEMENT_KEEPS_WARRANTY` can switch this off. A warranty without a recorded end isn't lengthened.
    """
    ends_on, own = case.failed.unit.warranty_ends_on, case.replacement and case.replacement.warranty_ends_on
    is_due = settings.REPLACEMENT_KEEPS_WARRANTY and case.kind == RmaCase.Kind.REPLACEMENT
    if is_due and ends_on and own and max(own, today - datetime.timedelta(1)) < ends_on:
        return ends_on
    return None


def warranty_in_words(case: RmaCase, *, today: datetime.date) -> str:
    """What becomes of the replacement's warranty by a case, done or to be done; empty if nothing does."""
    until = case.warranty_until or (warranty_gained(case, today=today) if case.is_open else None)
    if until is None or case.replacement is None:
        return ""
    own = case.warranty_was or case.replacement.warranty_ends_on
    before = f", no longer {own:%d %b %Y}" if own else ""
    return (
        f"The warranty of {case.replacement} runs until {until:%d %b %Y}{before}: "
        f"the rest of {case.failed.unit}'s."
    )


def take_over_warranty(case: RmaCase, *, today: datetime.date) -> None:
    """Lengthen the replacement's warranty, and note in the case what it was; the caller holds its lock."""
    until = warranty_gained(case, today=today)
    if until is None or case.replacement is None:
        return
    was = case.replacement.warranty_ends_on
    Unit.objects.filter(pk=case.replacement.pk).update(warranty_ends_on=until)
    RmaCase.objects.filter(pk=case.pk).update(warranty_was=was, warranty_until=until)
    case.warranty_was, case.warranty_until = was, until


def give_warranty_back(case: RmaCase) -> None:
    """Undo `take_over_warranty`, unless the record was corrected since; the caller holds the unit's lock."""
    if case.replacement_id and case.warranty_until:
        unit = Unit.objects.filter(pk=case.replacement_id, warranty_ends_on=case.warranty_until)
        unit.update(warranty_ends_on=case.warranty_was)
