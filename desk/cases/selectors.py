"""What the page of a case shows of the work around it, and the queues with their counts."""

import datetime

from django.conf import settings

from desk.cases.forms import AssignForm, NoteForm, ShippingForm
from licensing.models import Proposal, RmaCase
from licensing.rma.queues import MOST_COUNTED, Queue, counts_of
from portal.models import User


def work_around(case: RmaCase) -> dict[str, object]:
    """A case's history and notes, what is proposed, and the forms of the work around it."""
    assignee = case.assignee.username if case.assignee else ""
    typed = {name: getattr(case, name) for name in ShippingForm.base_fields}
    proposals = Proposal.objects.filter(case=case, state=Proposal.State.OPEN).select_related("proposed_by")
    return {
        "steps": case.steps.select_related("by").order_by("at", "pk"),
        "notes": case.notes.select_related("author").order_by("at", "pk"),
        "proposals": proposals.order_by("pk"),
        "four_eyes": settings.FOUR_EYES,
        "assign_form": AssignForm(initial={"assignee": assignee}),
        "note_form": NoteForm(),
        "shipping_form": ShippingForm(initial=typed),
    }


def queue_links(user: User, *, now: datetime.datetime) -> list[tuple[Queue, str]]:
    """Each queue with how many cases are in it, in words."""
    counts = counts_of(by=user, now=now)
    return [
        (queue, f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count)) for queue, count in counts.items()
    ]
