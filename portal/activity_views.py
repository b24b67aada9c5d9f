from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple
from urllib.parse import urlencode

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

import associations.audit_codes
import licensing.audit_codes
import portal.audit_codes
import products.audit_codes
from associations.models import AssociationType
from licensing.models import Service
from licensing.wording import entry_in_words
from portal.access import MemberRequest, member_required
from portal.activity import Action, ActivityPage, activity_page
from portal.acts import acts_by_action, is_in_time
from portal.clock import today
from portal.forms import judged
from portal.models import Account, Act
from portal.paging import read_cursor
from portal.people import named_to
from products.models import Registration
from products.serials import normalize_serial

MOST_UNITS = 20
SENTENCES: dict[str, tuple[str, ...]] = {
    code.value: code.sentences
    for app in (portal, products, associations, licensing)
    for code in app.audit_codes.AuditCode
}


class SerialForm(forms.Form):
    serial = forms.CharField(
        label="Serial Number",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "code", "autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_serial(self) -> str:
        typed = self.cleaned_data["serial"]
        return judged(normalize_serial, typed) if typed else ""


class Names(NamedTuple):
    """The names behind codes in the trail: services, association types, and units that have a page."""

    services: Mapping[str, str]
    types: Mapping[str, AssociationType]
    live: Mapping[str, str]


@require_safe
@member_required
def activity(request: MemberRequest) -> HttpResponse:
    form = SerialForm({"serial": request.GET.get("serial", "")})
    if not form.is_valid():
        return render(request, "portal/activity.html", {"form": form}, status=422)
    account, serial = request.membership.account, form.cleaned_data["serial"]
    page = activity_page(account, serial=serial, before=read_cursor(request.GET.get("before", "")))
    shown = {serial, *(unit for action in page.actions for unit in action.serials[:MOST_UNITS])}
    names = _names(account, shown)
    acts = acts_by_action(account, (action.entry.action for action in page.actions))
    context = {
        "form": form,
        "page": page,
        "serial": serial,
        "unit": names.live.get(serial),
        "rows": [
            _row(a, names, acts.get(a.entry.action), named_to(a.entry.actor, account)) for a in page.actions
        ],
        "may_undo": request.membership.may_change,
        "newest": _address(serial=serial),
        "older": _address(serial=serial, before=page.actions[-1].entry.action) if page.has_older else "",
    }
    return render(request, "portal/activity.html", context)


def described(account: Account, page: ActivityPage) -> list[dict[str, object]]:
    """What happened on a page of an account's activity, in words, as the desk reads it."""
    names = _names(account, {unit for action in page.actions for unit in action.serials[:MOST_UNITS]})
    return [_row(action, names, None, str(action.entry.actor or "the portal")) for action in page.actions]


def _row(action: Action, names: Names, act: Act | None, who: str) -> dict[str, object]:
    """What the page shows of an action, and of the act that it is, if it can be or was undone."""
    entry = action.entry
    return {
        "entry": entry,
        "what": in_words(entry.code, _facts(entry.data, names, entry.at.date())),
        "units": [(serial, serial in names.live) for serial in action.serials[:MOST_UNITS]],
        "more": max(len(action.serials) - MOST_UNITS, 0),
        "who": who,
        "act": act,
        "is_in_time": act is not None and is_in_time(act, today()),
    }


def in_words(code: str, facts: Mapping[str, object]) -> str:
    """Put an action into words; a code that has none, or lacks the facts for them, is returned itself."""
    for sentence in SENTENCES.get(code, ()):
        try:
            return sentence.format_map(facts)
        except KeyError:
            continue
    return code.replace("-", " ").capitalize()


def _facts(data: Mapping[str, object], names: Names, on: date) -> dict[str, object]:
    """The data of a day's entry, with names in place of codes; what has no name is left out."""
    facts = {name: value for name, value in data.items() if name not in {"service", "licence"}}
    if service := names.services.get(str(data.get("service"))):
        facts["service"] = service
    if isinstance(licence := data.get("licence"), dict) and {"kind", "count", "expires_on"} <= set(licence):
        facts["licence"] = entry_in_words(licence, on)
    if type := names.types.get(str(data.get("type"))):
        facts |= {"parent_label": type.parent_label, "child_label": type.child_label}
        if type.shares_licences and data.get("shares") is False:
            facts["spare"] = data.get("child")
    return facts


def _names(account: Account, serials: Iterable[str]) -> Names:
    live = Registration.objects.live().filter(account=account, unit__serial__in=serials)
    return Names(
        services={str(code): name for code, name in Service.objects.values_list("code", "name")},
        types={type.slug: type for type in AssociationType.objects.all()},
        live=dict(live.values_list("unit__serial", "friendly_name")),
    )


def _address(**parameters: object) -> str:
    given = {name: value for name, value in parameters.items() if value}
    return f"{reverse('activity')}?{urlencode(given)}" if given else reverse("activity")
