"""The work around a case: who has it, notes, tracking numbers, and the way to a lead's queue."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from desk.access import DeskRequest, desk_page
from desk.cases.forms import AssignForm, NoteForm, ReplacementForm, ShippingForm
from desk.cases.views import case_page, get_case
from licensing.models import RmaCase
from licensing.rma import work
from portal.access import post_only
from portal.errors import RuleViolation
from portal.forms import add_refusal


@desk_page("portal.support")
@post_only("desk:case", "uuid")
def assign_case(request: DeskRequest, uuid: UUID) -> HttpResponse:
    def assign(case: RmaCase, given: dict[str, Any]) -> None:
        work.assign_case(case=case, to=given["assignee"], was=given["was"], by=request.user)

    return _done(request, uuid, AssignForm(request.POST), "assign_form", assign)


@desk_page("portal.support")
@post_only("desk:case", "uuid")
def add_note(request: DeskRequest, uuid: UUID) -> HttpResponse:
    def add(case: RmaCase, given: dict[str, Any]) -> None:
        work.add_note(case=case, by=request.user, now=timezone.now(), **given)

    return _done(request, uuid, NoteForm(request.POST), "note_form", add)


@desk_page("portal.support")
@post_only("desk:case", "uuid")
def note_shipping(request: DeskRequest, uuid: UUID) -> HttpResponse:
    def note(case: RmaCase, given: dict[str, Any]) -> None:
        work.note_shipping(case=case, by=request.user, **given)

    return _done(request, uuid, ShippingForm(request.POST), "shipping_form", note)


@desk_page("portal.support")
@post_only("desk:case", "uuid")
def hand_to_lead(request: DeskRequest, uuid: UUID) -> HttpResponse:
    def hand(case: RmaCase, given: dict[str, Any]) -> None:
        work.hand_to_lead(case=case, by=request.user, now=timezone.now(), **given)
        messages.success(request, "It waits for a lead now.")

    form = ReplacementForm(request.POST, kind=get_case(uuid).kind)
    return _done(request, uuid, form, "replacement_form", hand)


def _done(
    request: DeskRequest,
    uuid: UUID,
    form: forms.Form,
    name: str,
    act: Callable[[RmaCase, dict[str, Any]], None],
) -> HttpResponse:
    """Do what a form of the case's page asks for, or show the page with the form as it was sent."""
    case = get_case(uuid)
    if form.is_valid():
        try:
            act(case, form.cleaned_data)
            return redirect("desk:case", uuid)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    return case_page(request, get_case(uuid), wrong={name: form})
