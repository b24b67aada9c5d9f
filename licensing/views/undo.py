from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone

from licensing.models import ActivationKey
from licensing.undo import undoing
from licensing.undo.past import Past
from portal.access import MemberRequest, editor_required
from portal.errors import RuleViolation
from portal.models import Act

MOST_UNITS = 20


@editor_required
def undo_act(request: MemberRequest, uuid: UUID) -> HttpResponse:
    acts = Act.objects.filter(account=request.membership.account).select_related("by__membership", "account")
    act = get_object_or_404(acts, uuid=uuid)
    now, planned, refusal = timezone.now(), None, None
    try:
        if request.method == "POST":
            done = undoing.undo_act(act=act, by=request.user, now=now)
            messages.success(request, render_to_string("licensing/_undone.html", _shown(act, done)))
            return redirect("activity")
        planned = undoing.rehearse_undo(act=act, by=request.user, now=now)
    except RuleViolation as error:
        refusal = error
    past = Past.read(act)
    key = ActivationKey.objects.filter(pk=past.record.key.key).first() if past.record.key else None
    context = _shown(act, planned) | {"refusal": refusal, "key": key, "more": len(past.named) - MOST_UNITS}
    context["units"] = past.named[:MOST_UNITS]
    status = 422 if refusal and request.method == "POST" else 200
    return render(request, "licensing/undo_act.html", context, status=status)


def _shown(act: Act, planned: undoing.Undoing | None) -> dict[str, object]:
    """What the page and the message show of what undoing does."""
    if planned is None:
        return {"act": act}
    keysets = planned.keysets
    more = {"more_changes": len(planned.changes) - MOST_UNITS, "more_keysets": len(keysets) - MOST_UNITS}
    return {"act": act, "changes": planned.changes[:MOST_UNITS], "keysets": keysets[:MOST_UNITS], **more}
