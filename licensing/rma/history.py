"""The states of a case: each is entered here, in the transaction of the service that changes it."""

import datetime

from licensing.models import CaseStep, RmaCase
from portal.models import User


def enter(case: RmaCase, state: RmaCase.State, *, by: User, now: datetime.datetime, reason: str = "") -> None:
    """Put a case into a state and add the step to its history; the caller saves the case.

    A case waits for no lead any more once its state has changed (W2).
    """
    case.state, case.state_since = state, now
    stop_waiting(case)
    CaseStep.objects.create(case=case, state=state, at=now, by=by, reason=reason.strip()[:200])


def stop_waiting(case: RmaCase) -> None:
    """Take a case out of the leads' queue; the caller saves it."""
    case.waits_for_lead_since, case.lead_reason, case.wanted_replacement = None, "", ""
