from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe

from associations.selectors import live_seats
from licensing.keysets.issuing import read_keyset
from licensing.keysets.signing import key_ring
from licensing.readiness.pairs import with_applied
from portal.access import MemberRequest, member_required
from portal.clock import today
from portal.errors import RuleViolation
from portal.keys import KeyFileUnknown, KeyMissing, NoActiveKey
from products.errors import UnitRetired
from products.models import Registration
from products.pages import get_registration


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
    """The keyset of a unit, or both of a pair, as a file for networks that can't reach the portal."""
    pair = _pair_of(registration)
    if is_pair and not pair:
        raise Http404
    try:
        keysets = [
            (unit, pair.get(unit, ""), read_keyset(registration=unit, today=today()))
            for unit in (pair if is_pair else [registration])
        ]
    except RuleViolation:
        return redirect("license_keyset", registration.unit.serial)  # that page says why there is none
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


def _pair_of(registration: Registration) -> dict[Registration, str]:
    """The two units of a pair that shares licences, with their roles; empty for a spare or a unit alone."""
    seats = [seat for seat in live_seats(registration) if seat.type.shares_licences and not seat.is_spare]
    pair = {seat.registration: seat.label for seat in seats}
    return pair if registration in pair and len(pair) > 1 else {}
