"""What the tests of RMA cases share."""

import datetime

from django.utils import timezone

from licensing.models import RmaCase
from licensing.rma.cases import open_case
from licensing.rma.completing import Outcome, complete_case, rehearse_case
from licensing.rma.selectors import partners_of
from portal.clock import today
from portal.models import User
from products.models import Registration, Unit
from tests.factories import UserFactory


def open_for(
    failed: Registration,
    replacement: Unit | None,
    *,
    by: User | None = None,
    kind: RmaCase.Kind = RmaCase.Kind.REPLACEMENT,
    waiver: str = "",
) -> RmaCase:
    """An approved case, opened at the desk."""
    return open_case(
        registration=failed,
        kind=kind,
        symptom="no link light",
        contact="",
        address="",
        replacement=replacement.serial if replacement else "",
        waiver=waiver,
        by=by or UserFactory(is_staff=True),
        now=timezone.now(),
    )


def complete(
    case: RmaCase,
    *,
    partner: Registration | None = None,
    by: User | None = None,
    day: datetime.date | None = None,
) -> Outcome:
    """Complete a case as its dry run shows it, with the partner that is proposed unless one is named."""
    by, day = by or case.asked_by, day or today()
    partner = partner or partners_of(case).default
    shown = rehearse_case(case=case, partner=partner, by=by, today=day)
    return complete_case(case=case, partner=partner, seen=shown.seen, by=by, today=day)
