"""What waits for a second lead (FOUR_EYES): confirmed, refused or withdrawn."""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from desk.access import DeskRequest, desk_page, render_desk
from licensing.four_eyes import proposals as four_eyes
from licensing.models import Proposal
from portal.access import post_only
from portal.errors import RuleViolation
from portal.forms import sent_text

MOST_SHOWN = 50


@desk_page("portal.lead")
@require_safe
def proposals(request: DeskRequest) -> HttpResponse:
    return _page(request)


@desk_page("portal.lead")
@post_only("desk:proposals")
def confirm_proposal(request: DeskRequest, uuid: UUID) -> HttpResponse:
    def confirm(proposal: Proposal) -> str:
        return four_eyes.confirm_proposal(proposal=proposal, by=request.user, now=timezone.now())

    return _decided(request, uuid, confirm)


@desk_page("portal.lead")
@post_only("desk:proposals")
def refuse_proposal(request: DeskRequest, uuid: UUID) -> HttpResponse:
    def refuse(proposal: Proposal) -> str:
        reason = sent_text(request, "reason")[:200]
        four_eyes.refuse_proposal(proposal=proposal, reason=reason, by=request.user, now=timezone.now())
        return "Refused: nothing was done."

    return _decided(request, uuid, refuse)


@desk_page("portal.lead")
@post_only("desk:proposals")
def withdraw_proposal(request: DeskRequest, uuid: UUID) -> HttpResponse:
    def withdraw(proposal: Proposal) -> str:
        four_eyes.withdraw_proposal(proposal=proposal, by=request.user, now=timezone.now())
        return "Withdrawn: nothing was done."

    return _decided(request, uuid, withdraw)


def _decided(request: DeskRequest, uuid: UUID, decide: Callable[[Proposal], str]) -> HttpResponse:
    found = get_object_or_404(Proposal, uuid=uuid)
    try:
        messages.success(request, decide(found))
    except RuleViolation as refusal:
        return _page(request, refused=found, refusal=refusal)
    return redirect("desk:proposals")


def _page(
    request: DeskRequest, *, refused: Proposal | None = None, refusal: RuleViolation | None = None
) -> HttpResponse:
    rows = list(four_eyes.open_proposals()[: MOST_SHOWN + 1])
    words = four_eyes.in_words(rows)
    context = {
        "title": "Waits for a second lead",
        "proposals": [(row, words[row.uuid]) for row in rows[:MOST_SHOWN]],
        "has_more": len(rows) > MOST_SHOWN,
        "four_eyes": settings.FOUR_EYES,
        "refused": refused,
        "refusal": refusal,
        "typed": sent_text(request, "reason"),
    }
    return render_desk(request, "desk/proposals.html", context, status=422 if refusal else 200)
