import re

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from licensing.keysets.applied import confirm_applied as note_applied
from licensing.readiness.pairs import Readiness, account_readiness
from portal.access import MemberRequest, editor_required, member_required
from portal.clock import today
from portal.csv_files import CSV_TYPE, csv_text
from portal.errors import RuleViolation
from portal.forms import sent_text
from portal.paging import read_cursor
from products.pages import get_registration

PAGE_PAIRS = 50
COLUMNS = [
    "Primary",
    "Serial Number of the Primary",
    "Secondary",
    "Serial Number of the Secondary",
    "Readiness",
    "Why",
    "Runs Less From",
    "Forecast",
]


@require_safe
@member_required
def readiness(request: MemberRequest) -> HttpResponse:
    after = read_cursor(request.GET.get("after", ""))
    pairs = account_readiness(request.membership.account, today(), after=after, limit=PAGE_PAIRS + 1)
    shown = pairs[:PAGE_PAIRS]
    following = shown[-1].primary.uuid if len(pairs) > PAGE_PAIRS else None
    return render(request, "licensing/readiness.html", {"pairs": shown, "after": after, "next": following})


@require_safe
@member_required
def readiness_csv(request: MemberRequest) -> HttpResponse:
    day = today()
    text = csv_text([COLUMNS, *map(_cells, account_readiness(request.membership.account, day))])
    headers = {"Content-Disposition": f'attachment; filename="readiness-{day}.csv"'}
    return HttpResponse(text, content_type=CSV_TYPE, headers=headers)


def _cells(pair: Readiness) -> list[str]:
    """A pair's line in the file; what runs less is as its newest keysets say where nobody confirmed them."""
    primary, secondary = pair.primary.registration, pair.secondary.registration if pair.secondary else None
    return [
        primary.friendly_name,
        primary.unit.serial,
        secondary.friendly_name if secondary else "",
        secondary.unit.serial if secondary else "",
        pair.state.label,
        " ".join(finding.text for finding in pair.findings),
        str(pair.forecast.first_day or "") if pair.forecast else "",
        pair.forecast.text if pair.forecast else "",
    ]


@editor_required
def confirm_applied(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_registration(request, serial)
    page = sent_text(request, "page")  # the other unit's page shows both keysets, too
    back = redirect("license_keyset", page if re.fullmatch("[0-9A-F]{12}", page) else serial)
    generation = sent_text(request, "generation")
    if not re.fullmatch("[0-9]{1,10}", generation):
        return back  # after a login in between, what was sent is lost
    try:
        keyset = note_applied(registration=registration, generation=int(generation), by=request.user)
    except RuleViolation as refusal:
        messages.error(request, str(refusal), extra_tags=refusal.code)
        return back
    if keyset.generation < registration.unit.last_generation:
        text = f"Noted: {registration} runs generation {keyset.generation}. Now apply the newer one too."
        messages.warning(request, text, extra_tags="applied-stale")
    else:
        text = f"Noted: {registration} runs generation {keyset.generation}."
        messages.success(request, text, extra_tags="applied")
    return back
