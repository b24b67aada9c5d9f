"""The desk's pages of RMA cases: opened, shown with their dry run, completed, undone."""

from collections.abc import Callable, Mapping
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.forms import Form, model_to_dict
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from desk.access import DeskRequest, desk_page, render_desk
from desk.cases.forms import DecideForm, OpenCaseForm, ReplacementForm, WaiverForm
from desk.cases.selectors import work_around
from desk.recent import note_opened
from licensing.four_eyes.proposals import propose
from licensing.models import Proposal, RmaCase
from licensing.rma import cases, completing, mails, work
from licensing.rma.comparison import families
from licensing.rma.completing import Outcome, rehearse_case
from licensing.rma.errors import SecondLeadNeeded
from licensing.rma.selectors import Partners, former_pairs, open_on, partners_of, with_keeper
from licensing.rma.snapshot import UnitShown
from licensing.rma.steps import shown_case, shown_undoing
from licensing.rma.undoing import rehearse_undo, undo_case, undo_obstacles, why_only_lead
from portal.access import asks_for_part, post_only
from portal.clock import today
from portal.errors import RuleViolation
from portal.forms import add_refusal, sent_text
from products.models import Registration, Unit

PROPOSED = "Proposed: nothing is done until another support lead confirms it."
NO_RECIPIENT = "No mail is sent: no owner of the account has an address. Tell them what to do now."


@desk_page("portal.support")
def open_case(request: DeskRequest, serial: str) -> HttpResponse:
    unit = get_object_or_404(Unit.objects.select_related("model"), serial=serial)
    registration = Registration.objects.live().select_related("account", "unit").filter(unit=unit).first()
    initial = {"address": registration.account.address} if registration else {}
    sent, may_waive = (
        request.POST if request.method == "POST" else None,
        _is_lead(request) and not settings.FOUR_EYES,
    )
    form = OpenCaseForm(sent, is_lead=may_waive, initial=initial)
    if form.is_bound and form.is_valid():
        try:
            latest = unit.registrations.select_related("account", "unit").order_by("-pk").first()
            service = work.open_for_lead if sent_text(request, "hand_over") else cases.open_case
            case = service(
                registration=cases.replaceable(registration or latest, unit),
                by=request.user,
                now=timezone.now(),
                **form.cleaned_data,
            )
            return redirect("desk:case", case.uuid)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    context = {"title": "Open an RMA case", "unit": unit, "registration": registration, "form": form}
    context["for_lead"] = _is_for_lead(form) and not may_waive
    return render_desk(request, "desk/open_case.html", context, status=422 if form.errors else 200)


def _is_for_lead(form: ReplacementForm) -> bool:
    """Whether a form was refused by a rule that a lead may waive."""
    return any(
        error.code in RmaCase.LeadReason.values
        for errors in form.errors.as_data().values()
        for error in errors
    )


@desk_page("portal.support")
@require_safe
def case(request: DeskRequest, uuid: UUID) -> HttpResponse:
    found = get_case(uuid)
    note_opened(request, found.failed.unit.serial)
    return case_page(request, found)


@desk_page("portal.support")
@require_safe
@vary_on_headers("HX-Request")
def dry_run(request: DeskRequest, uuid: UUID) -> HttpResponse:
    found = get_case(uuid)
    if asks_for_part(request):
        part = "undo" if found.state in RmaCase.DONE else "dry_run"
        context = {"case": found, "decide_form": DecideForm(), **_rehearsal(request, found)}
        return render(request, f"desk/case.html#{part}", context)
    return case_page(request, found, is_rehearsed=True)


@desk_page("portal.support")
@post_only("desk:case", "uuid")
def approve_case(request: DeskRequest, uuid: UUID) -> HttpResponse:
    found = get_case(uuid)
    form = ReplacementForm(request.POST, kind=found.kind)
    if form.is_valid():
        try:
            cases.approve_case(case=found, by=request.user, **form.cleaned_data)
            return redirect("desk:case", uuid)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    return case_page(request, get_case(uuid), replacement_form=form)


@desk_page("portal.lead")
@post_only("desk:case", "uuid")
def waive(request: DeskRequest, uuid: UUID) -> HttpResponse:
    found, form = get_case(uuid), WaiverForm(request.POST)
    if form.is_valid():
        try:
            _waive(request, found, form.cleaned_data)
            return redirect("desk:case", uuid)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    return case_page(request, get_case(uuid), waiver_form=form)


def _waive(request: DeskRequest, found: RmaCase, given: dict[str, Any]) -> None:
    """Set a case's waivers or, if letting more pass needs a second lead, propose it."""
    try:
        cases.waive(case=found, by=request.user, **given)
    except SecondLeadNeeded:
        model = given["waived_model"]
        data = given | {"waived_model": model.pk if model else None}
        propose(kind=Proposal.Kind.WAIVER, about=found, data=data, by=request.user, now=timezone.now())
        messages.success(request, PROPOSED)


@desk_page("portal.support")
@post_only("desk:case", "uuid")
def decide_case(request: DeskRequest, uuid: UUID, decision: str) -> HttpResponse:
    found, form = get_case(uuid), DecideForm(request.POST)
    if form.is_valid():
        try:
            _decide(request, found, decision, form.cleaned_data["reason"])
            return redirect("desk:case", uuid)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    return case_page(request, get_case(uuid), decide_form=form, is_rehearsed=decision == "undo")


def _decide(request: DeskRequest, found: RmaCase, decision: str, reason: str) -> None:
    actions: dict[str, Callable[[], object]] = {
        "decline": lambda: cases.decline_case(case=found, reason=reason, by=request.user),
        "cancel": lambda: cases.cancel_case(case=found, reason=reason, by=request.user),
        "undo": lambda: _undo(request, found, reason),
    }
    actions[decision]()


def _undo(request: DeskRequest, found: RmaCase, reason: str) -> None:
    """Undo a case or, if only a lead may and a second one is needed, propose it."""
    seen, by, is_lead = sent_text(request, "seen"), request.user, _is_lead(request)
    if settings.FOUR_EYES and is_lead and found.state in RmaCase.DONE and why_only_lead(found, today=today()):
        undo, data = Proposal.Kind.UNDO, {"reason": reason}
        propose(kind=undo, about=found, data=data, seen=seen, by=by, now=timezone.now())
        messages.success(request, PROPOSED)
        return
    as_lead = is_lead and not settings.FOUR_EYES
    undo_case(case=found, as_lead=as_lead, seen=seen, reason=reason, by=by, today=today())
    messages.success(request, "Undone: each license is back where it was.")


@desk_page("portal.support")
@post_only("desk:case", "uuid")
def complete_case(request: DeskRequest, uuid: UUID) -> HttpResponse:
    found = get_case(uuid)
    try:
        partner = _partner(sent_text(request, "partner"), partners_of(found))
        outcome = completing.complete_case(
            case=found, partner=partner, seen=sent_text(request, "seen"), by=request.user, today=today()
        )
    except RuleViolation as refusal:
        found = get_case(uuid)
        return case_page(request, found, refusal=refusal, is_rehearsed=found.is_open)
    notice = "The owners get a mail that says what to do now." if outcome.mails else NO_RECIPIENT
    messages.success(request, f"Completed. {notice}")
    return redirect("desk:case", uuid)


@desk_page("portal.support")
@post_only("desk:case", "uuid")
def receive_case(request: DeskRequest, uuid: UUID) -> HttpResponse:
    try:
        cases.receive_case(case=get_case(uuid), by=request.user)
    except RuleViolation as refusal:
        messages.error(request, str(refusal), extra_tags=refusal.code)
    return redirect("desk:case", uuid)


@desk_page("portal.support")
@post_only("desk:case", "uuid")
def resend_mail(request: DeskRequest, uuid: UUID) -> HttpResponse:
    sent = mails.resend_mails(case=get_case(uuid), by=request.user)
    messages.info(request, f"Mails that wait to be sent: {sent}." if sent else NO_RECIPIENT)
    return redirect("desk:case", uuid)


def get_case(uuid: UUID) -> RmaCase:
    related = ("account", "failed__unit__model", "failed__account", "replacement__model", "secondary__unit")
    people = ("waived_model", "asked_by", "completed_by", "assignee")
    return get_object_or_404(with_keeper(RmaCase.objects.select_related(*related, *people)), uuid=uuid)


def _is_lead(request: DeskRequest) -> bool:
    return request.user.has_perm("portal.lead")


def _partner(asked: str, partners: Partners) -> Registration | None:
    """The unit chosen to make the pair, by its serial number; without a choice, the default.

    If the failed unit's primary stays, there is no choice, and none is taken.
    """
    if asked == "none" and not partners.is_fixed:
        return None
    return next((unit for unit in partners.units if unit.unit.serial == asked), partners.default)


def case_page(
    request: DeskRequest,
    found: RmaCase,
    *,
    replacement_form: ReplacementForm | None = None,
    waiver_form: WaiverForm | None = None,
    decide_form: DecideForm | None = None,
    refusal: RuleViolation | None = None,
    is_rehearsed: bool = False,
    wrong: Mapping[str, Form] | None = None,
) -> HttpResponse:
    """The page of a case; `wrong` are forms of the work around it, by name, as they were sent."""
    is_wrong = bool(refusal or wrong) or any(
        form is not None for form in (replacement_form, waiver_form, decide_form)
    )
    initial = {"replacement": found.wanted}
    context: dict[str, object] = {
        "title": found.number,
        "case": found,
        "refusal": refusal,
        "is_lead": _is_lead(request),
        "replacement_form": replacement_form or ReplacementForm(initial=initial, kind=found.kind),
        "waiver_form": waiver_form or WaiverForm(initial=model_to_dict(found, list(WaiverForm.base_fields))),
        "decide_form": decide_form or DecideForm(),
        "is_rehearsed": is_rehearsed,
        **(_rehearsal(request, found) if is_rehearsed else {}),
        **work_around(found),
        **(wrong or {}),
    }
    form = cast("ReplacementForm", context["replacement_form"])
    context["for_lead"] = _is_for_lead(form) and (settings.FOUR_EYES or not _is_lead(request))
    if found.state in RmaCase.DONE:
        context |= {
            "obstacles": undo_obstacles(found),
            "only_lead": why_only_lead(found, today=today()),
            "shown": shown_case(found),
        }
    context["undone"] = shown_undoing(found)
    return render_desk(request, "desk/case.html", context, status=422 if is_wrong else 200)


def _rehearsal(request: DeskRequest, found: RmaCase) -> dict[str, object]:
    """The dry run of an approved case, or of undoing a completed one, or why it can't be done."""
    if found.state in RmaCase.DONE:
        return _undo_rehearsal(request, found)
    if found.state != RmaCase.State.APPROVED:
        return {}
    partners = partners_of(found)
    partner = _partner(sent_text(request, "partner"), partners)
    outcome: Outcome | None = None
    obstacle: RuleViolation | None = None
    try:
        outcome = rehearse_case(case=found, partner=partner, by=request.user, today=today())
    except RuleViolation as error:
        obstacle = error
    return {
        "partners": partners,
        "failed_too": open_on(partners.units),
        "partner": partner,
        "former_pairs": former_pairs(found.failed) if found.kind == RmaCase.Kind.TRANSFER else [],
        "outcome": outcome,
        "obstacle": obstacle,
        **(_sides(outcome.before, outcome.after) if outcome else {}),
    }


def _undo_rehearsal(request: DeskRequest, found: RmaCase) -> dict[str, object]:
    try:
        undoing = rehearse_undo(case=found, as_lead=_is_lead(request), by=request.user, today=today())
    except RuleViolation:  # the page says what stands in the way
        return {}
    return {"undoing": undoing, **_sides(undoing.before, undoing.after)}


def _sides(before: list[UnitShown], after: list[UnitShown]) -> dict[str, object]:
    """Both sides of a dry run: as a picture of who is associated with whom, and in full."""
    pictures = [("Now", families(before)), ("Afterwards", families(after))]
    return {"pictures": pictures, "sides": list(zip(before, after, strict=True))}
