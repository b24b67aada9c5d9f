from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe

from associations.models import Seat, Side
from associations.seating import parent_of
from associations.selectors import child_counts, history, live_seats, sides_of
from associations.views import asked_seat
from licensing.entitlements.today import sharing_primary
from licensing.keysets.issuing import read_keyset
from licensing.keysets.signing import key_ring
from licensing.models import RmaCase
from licensing.moves.release import release_of
from licensing.readiness.pairs import readiness_of, with_applied
from licensing.rma.selectors import former_mates, open_cases
from licensing.selectors import lingering, node_support, service_rows, sharing_changes
from portal.access import MemberRequest, editor_required, member_required
from portal.clock import today
from portal.errors import RuleViolation
from portal.keys import KeyFileUnknown, KeyMissing, NoActiveKey
from products.errors import UnitRetired
from products.forms import RenameForm
from products.models import Registration
from products.services import rename
from products.views import get_own_registration, get_registration


@require_safe
@member_required
def service_management(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_own_registration(request, serial)
    if registration.ended_at:
        return _ended(request, registration)
    form = RenameForm(initial={"friendly_name": registration.friendly_name})
    context = _service_context(registration, form)
    return render(request, "licensing/service_management.html", context | _asked(request, registration))


def _ended(request: MemberRequest, registration: Registration) -> HttpResponse:
    """The page of a unit that has left the account: what became of it, and what was."""
    done = RmaCase.objects.filter(failed=registration, state__in=RmaCase.DONE).select_related("replacement")
    context = {
        "registration": registration,
        "release": release_of(registration),
        "is_returned": registration.unit.retired_at == registration.ended_at,
        "case": done.order_by("-pk").first(),
        "history": history(registration),
    }
    return render(request, "licensing/ended_registration.html", context)


@editor_required
def rename_product(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_registration(request, serial)
    form = RenameForm(request.POST)
    if request.method != "POST":
        return redirect("service_management", serial)  # a login in between leads here without what was typed
    if form.is_valid():
        rename(registration=registration, by=request.user, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("service_management", serial)
    return render(
        request, "licensing/service_management.html", _service_context(registration, form), status=422
    )


@never_cache
@require_safe
@member_required
def license_keyset(request: MemberRequest, serial: str) -> HttpResponse:
    registration = get_registration(request, serial)
    context: dict[str, object] = {"registration": registration}
    status = 200
    try:
        day = today()
        pair = _pair_of(registration)
        units = sorted(pair or {registration: ""}, key=lambda unit: unit.pk != registration.pk)
        context["keysets"] = with_applied(
            [(unit, pair.get(unit, ""), read_keyset(registration=unit, today=day)) for unit in units]
        )
    except UnitRetired as refusal:
        context["refusal"], status = refusal, 409
    except (KeyFileUnknown, KeyMissing, NoActiveKey) as refusal:
        context["refusal"], status = refusal, 503
    return render(request, "licensing/license_keyset.html", context, status=status)


@never_cache
@require_safe
@member_required
def keyset_file(request: MemberRequest, serial: str) -> HttpResponse:
    return _as_file(get_registration(request, serial), is_pair=False)


@never_cache
@require_safe
@member_required
def pair_keysets_file(request: MemberRequest, serial: str) -> HttpResponse:
    return _as_file(get_registration(request, serial), is_pair=True)


def _as_file(registration: Registration, *, is_pair: bool) -> HttpResponse:
    """A unit's keyset, or a pair's two, as a file for networks without a way here."""
    pair = _pair_of(registration)
    if is_pair and not pair:
        raise Http404
    try:
        keysets = [
            (unit, pair.get(unit, ""), read_keyset(registration=unit, today=today()))
            for unit in (pair if is_pair else [registration])
        ]
    except RuleViolation:
        return redirect("license_keyset", registration.unit.serial)  # which says why there is none
    name = "-".join(unit.unit.serial for unit, _, _ in keysets)
    return HttpResponse(
        render_to_string("licensing/keysets.txt", {"keysets": keysets}),
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.keyset.txt"'},
    )


@require_safe
@login_not_required
@cache_control(public=True, max_age=300)
def jwks(request: HttpRequest) -> HttpResponse:
    return JsonResponse(key_ring().to_jwks(), content_type="application/jwk-set+json")


def _asked(request: MemberRequest, registration: Registration) -> dict[str, object]:
    """What is asked after the first click on Remove, and what the second would take away (A7)."""
    seat = asked_seat(request, registration, request.GET.get("remove", ""))
    if seat is None or seat.registration_id != registration.pk:
        return {}
    parent = parent_of(seat)
    before = parent if seat.shares else None
    changes = sharing_changes(registration, before=before, after=None, today=today())
    return {"removing": seat, "parent": parent, "changes": changes}


def _service_context(registration: Registration, form: RenameForm) -> dict[str, Any]:
    """What Service Management shows of a unit."""
    day, seats = today(), live_seats(registration)
    mine = [seat for seat in seats if seat.registration_id == registration.pk]
    paired = [seat for seat in seats if seat.type.shares_licences]
    source = sharing_primary(registration)
    primary = next((seat for seat in paired if seat.side == Side.PARENT), None)
    is_primary = primary is not None and primary.registration_id == registration.pk
    rows = service_rows(registration, source, day)
    return {
        "registration": registration,
        "form": form,
        "source": source,
        "services": rows,
        "nodes": node_support([row.entitlement for row in rows], day),
        "lingering": lingering(registration),
        "cases": open_cases(registration),
        "readiness": readiness_of([registration], day).get(registration.pk),
        "roles": mine,
        "primary": primary,
        "offers_transfer": is_primary and former_mates(registration),
        "secondaries": [seat for seat in paired if seat.side == Side.CHILD],
        "parents": _parents(registration, mine, seats),
        "child_counts": child_counts(registration),
        "history": history(registration),
        "offers_association": not mine and sides_of(registration),
    }


def _parents(
    registration: Registration, mine: list[Seat], seats: list[Seat]
) -> list[tuple[Seat, Registration]]:
    """What the table Parent Product shows: the unit's seats as a child, each with its parent."""
    parents = {seat.group: seat.registration for seat in seats if seat.side == Side.PARENT}
    return [(seat, parents[seat.group]) for seat in mine if seat.side == Side.CHILD]


def _pair_of(registration: Registration) -> dict[Registration, str]:
    """The two units of a pair that shares licences, with their roles; empty for a spare and a unit alone."""
    seats = [seat for seat in live_seats(registration) if seat.type.shares_licences and not seat.is_spare]
    pair = {seat.registration: seat.label for seat in seats}
    return pair if registration in pair and len(pair) > 1 else {}
