import datetime

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from licensing.entitlements.on_a_day import (
    Recalled,
    changes_until,
    check_day,
    entitlements_on,
)
from licensing.models import LedgerEntry
from licensing.wording import count_in_words, entry_in_words, how_in_words, then_in_words
from portal.access import MemberRequest, member_required
from portal.clock import today
from portal.csv_files import CSV_TYPE, csv_text
from portal.errors import RuleViolation
from portal.forms import DayField, add_refusal
from portal.models import Account
from portal.people import named_to
from products.models import Registration
from products.pages import get_own_registration

COLUMNS = [
    "Serial Number",
    "Friendly Name",
    "Day (UTC)",
    "Security Service",
    "Status",
    "Count",
    "First Day",
    "Expiration",
    "Right",
    "What Follows",
]


class DayForm(forms.Form):
    on = DayField(label="Day", required=False)


@require_safe
@member_required
def entitlements(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_own_registration(request, serial)
    form, day = _asked_day(request, registration)
    return _page(request, registration, form, day)


@require_safe
@member_required
def entitlements_csv(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_own_registration(request, serial)
    form, day = _asked_day(request, registration)
    if day is None:
        return _page(request, registration, form, day)
    rows = [COLUMNS, *(_cells(registration, day, row) for row in entitlements_on(registration, day))]
    name = f"entitlements-{serial}-{day}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(csv_text(rows), content_type=CSV_TYPE, headers=headers)


def _asked_day(request: MemberRequest, registration: Registration) -> tuple[DayForm, datetime.date | None]:
    """The chosen day, or else the last one available; None if it can't be shown."""
    ended = registration.ended_at
    last = ended.date() if ended else today()
    form = DayForm({"on": request.GET.get("on") or str(last)})
    if not form.is_valid():
        return form, None
    day: datetime.date = form.cleaned_data["on"]
    try:
        check_day(registration, day, today=today())
    except RuleViolation as refusal:
        add_refusal(form, refusal)
        return form, None
    return form, day


def _page(
    request: MemberRequest, registration: Registration, form: DayForm, day: datetime.date | None
) -> HttpResponse:
    context = {
        "registration": registration,
        "form": form,
        "day": day,
        "is_today": day == today() and not registration.ended_at,
        "rows": entitlements_on(registration, day) if day else [],
        "changes": [_change(entry, request.membership.account) for entry in changes_until(registration, day)]
        if day
        else [],
    }
    return render(request, "licensing/entitlements.html", context, status=200 if day else 422)


def _change(entry: LedgerEntry, account: Account) -> dict[str, object]:
    """What the page shows of an entry."""
    return {
        "entry": entry,
        "who": named_to(entry.actor, account),
        "right": how_in_words(entry.right, entry.detail),
        "before": entry_in_words(entry.before, entry.at.date()),
        "after": entry_in_words(entry.after, entry.at.date()),
    }


def _cells(registration: Registration, day: datetime.date, row: Recalled) -> list[str]:
    held = row.entitlement
    return [
        registration.unit.serial,
        registration.friendly_name,
        str(day),
        held.service.name,
        row.status.label,
        count_in_words(held.count).replace(",", ""),  # a number, for the spreadsheet
        str(held.begins_on or ""),
        str(held.expires_on or ""),
        row.right,
        "; ".join(then_in_words(held)),
    ]
