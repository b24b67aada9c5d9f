from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from licensing.models import RmaCase
from portal.access import MemberRequest, member_required


@require_safe
@member_required
def rma_case(request: MemberRequest, uuid: UUID) -> HttpResponse:
    case = get_object_or_404(RmaCase, uuid=uuid, account=request.membership.account)
    return render(request, "licensing/rma_case.html", {"case": case})
