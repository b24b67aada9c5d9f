"""Mails about a case, to the account's owners and the requester (X2). None contains a keyset or a code."""

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from licensing.models import RmaCase
from licensing.rma.record import record_of
from licensing.rma.steps import read_registrations, shown_case
from portal import audit, outbox
from portal.audit_codes import AuditCode
from portal.models import Membership, User
from products.models import Registration

SUBJECTS = {
    "requested": "we have your request",
    "approved": "approved",
    "declined": "declined",
    "cancelled": "cancelled",
    "completed": "completed: apply the new keysets",
    "undone": "undone: apply the new keysets",
}


MAIL_OF_STATE = {"received": "completed"}
"""Which mail to send again for a state, if it isn't the one named like the state."""


def post_mails(case: RmaCase, what: str, units: list[Registration] | None = None) -> int:
    """Put mails into the outbox, in the caller's transaction; return how many.

    `units` are those whose keysets are to be applied now.
    """
    owners = Membership.objects.filter(account=case.account, role=Membership.Role.OWNER, user__is_active=True)
    addresses = list(owners.order_by("pk").values_list("user__email", flat=True))
    if Membership.objects.filter(account=case.account, user=case.asked_by).exists():
        addresses.append(case.asked_by.email)
    context = {
        "case": case,
        "what": what,
        "page": settings.PORTAL_URL + reverse("rma_case", args=[case.uuid]),
        "keysets": [
            (unit, settings.PORTAL_URL + reverse("license_keyset", args=[unit.unit.serial]))
            for unit in units or []
        ],
    }
    return outbox.post(
        to=addresses,
        subject=f"{case.number}: {SUBJECTS[what]}",
        body=render_to_string("licensing/rma_mail.txt", context),
        account=case.account,
        about=case.number,
    )


@transaction.atomic
def resend_mails(*, case: RmaCase, by: User) -> int:
    """Send the last mail about a case again, to the present owners; return how many."""
    sent = post_mails(case, MAIL_OF_STATE.get(case.state, case.state), _units_to_apply(case))
    serials = [case.failed.unit.serial] if sent else []
    audit.record(
        AuditCode.MAIL_RESENT, by=by, account=case.account, serials=serials, data={"case": case.number}
    )
    return sent


def _units_to_apply(case: RmaCase) -> list[Registration]:
    """The units that need their keyset applied, as recorded by completing or undoing."""
    record = record_of(case)
    if record and case.state == RmaCase.State.UNDONE:
        return read_registrations(record.undone)
    shown = shown_case(case) if case.state in RmaCase.DONE else None
    return shown.keysets if shown else []
