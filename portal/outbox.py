"""The outbox: mail is written in the transaction of what it reports and sent afterwards, at least once.

A sender leases a mail, sends it, and then notes that it went out. If it dies in between, its lease runs out
and the next sender sends the mail, perhaps for the second time. Neither a mail's text nor an address is
ever logged.
"""

import datetime
import logging
import re
import smtplib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMultiAlternatives, mailers
from django.core.mail.backends import filebased
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.transaction import TransactionManagementError
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from portal import audit
from portal.audit_codes import AuditCode
from portal.errors import RuleViolation
from portal.models import Account, Mail, User

logger = logging.getLogger(__name__)

SUBJECT_CHARACTERS = 200
LINK = "[the link stands here in the mail alone]"
LEASE = datetime.timedelta(minutes=5)
FIRST_PAUSE, LONGEST_PAUSE = datetime.timedelta(minutes=1), datetime.timedelta(hours=6)
MOST_ATTEMPTS = 12
"""Pauses double from a minute to six hours, so a mail is given up after some 20 hours."""

type Clock = Callable[[], datetime.datetime]


class MailWaiting(RuleViolation):
    """A mail that is waiting or being sent can't be sent again."""

    code = "mail-waiting"
    message = "This mail hasn't gone out yet: it will be sent in a moment."


class MailWithLink(RuleViolation):
    """A mail with a link that sets a password is sent once: a new link is needed instead."""

    code = "mail-with-link"
    message = (
        "A link to set a password can't be sent again: send a new one from the person's page, under Users."
    )


class LinkGone(Exception):
    """The user whom a link was for has another address by now, or a login that is switched off."""


class Round(NamedTuple):
    """What became of some mails. `problem` is the last failure; `is_cut_short`: it would meet every mail."""

    sent: int = 0
    failed: int = 0
    problem: str = ""
    is_cut_short: bool = False


class FileBackend(filebased.EmailBackend):
    """Writes mail to files in a folder that nobody else can read, for a portal without a mail server."""

    def __init__(self, *, file_path: str, **options: Any) -> None:
        folder = Path(file_path)
        with suppress(OSError):  # its problem is reported below
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        super().__init__(file_path=file_path, **options)


def post(
    *,
    to: Iterable[str],
    subject: str,
    body: str,
    html: str = "",
    account: Account | None = None,
    about: str = "",
    link_for: User | None = None,
) -> int:
    """Put a mail to each of these addresses into the outbox; return how many. Skips empty ones and doubles.

    `html`, if there is any, says what `body` says: `portal.letters` makes both. The mails belong to the
    caller's transaction: raises TransactionManagementError outside of one. `about` is what the desk finds a
    mail by, such as the number of an RMA case: at most 20 characters. With `link_for`, the sender replaces
    LINK in both with a link that sets this user's password.
    """
    if not transaction.get_connection().in_atomic_block:
        raise TransactionManagementError("a mail is posted in the transaction of what it tells")
    stripped = [address.strip() for address in to]
    addresses = {address.casefold(): address for address in stripped if address}
    line = re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", subject).strip()[:SUBJECT_CHARACTERS]
    mails = [
        Mail(to=address, subject=line, body=body, html=html, account=account, about=about, link_for=link_for)
        for address in addresses.values()
    ]
    Mail.objects.bulk_create(mails)
    return len(mails)


def withdraw(*, about: str) -> set[str]:
    """Take back the mails about something that no sender has tried yet; return their addresses.

    Belongs to the caller's transaction, like `post`. A mail that a sender leases meanwhile is left alone.
    """
    untried = Mail.objects.filter(about=about, sent_at=None, gave_up_at=None, leased_until=None, tries=0)
    addresses = {mail.pk: mail.to for mail in untried.select_for_update()}
    Mail.objects.filter(pk__in=addresses).delete()
    return set(addresses.values())


def send_waiting(*, now: Clock, limit: int, goes_on: Callable[[Round], bool] = lambda so_far: True) -> Round:
    """Send what waits, oldest first, and return what became of it. Call it outside of any transaction.

    `now` is called for every mail, because sending takes time. `goes_on` is called after every mail, with
    what became of the round so far, and returns whether to go on. A failure that would affect every mail
    ends the round, too. Raises InvalidMailer.
    """
    mailer, so_far = mailers.default, Round()
    _give_up_unfinished(now())
    for pk in list(_due(now()).order_by("created_at", "pk").values_list("pk", flat=True)[:limit]):
        mail = _lease(pk, now())
        if mail is None:
            continue  # another sender has it
        so_far = _deliver(mail, mailer, now, so_far)
        if so_far.is_cut_short or not goes_on(so_far):
            break
    return so_far


@transaction.atomic
def resend(*, mail: Mail, by: User, now: datetime.datetime, reason: str) -> None:
    """Put a mail that went out, was given up, or failed and waits for its next attempt, back into the outbox.

    Raises ReasonNeeded, MailWithLink and MailWaiting.
    """
    audit.require_reason(reason)
    if mail.link_for_id:
        raise MailWithLink
    ended = Q(sent_at__isnull=False) | Q(gave_up_at__isnull=False) | ~Q(last_error="")
    fresh: dict[str, Any] = {"sent_at": None, "gave_up_at": None, "tries": 0, "last_error": ""}
    if not Mail.objects.filter(ended, pk=mail.pk).update(leased_until=now, **fresh):
        raise MailWaiting
    data: dict[str, object] = {"mail": mail.pk, "subject": mail.subject, "about": mail.about}
    audit.record(AuditCode.MAIL_RESENT, by=by, account=mail.account, reason=reason, data=data)


def _due(now: datetime.datetime) -> QuerySet[Mail]:
    """Mails that are due and not leased."""
    unleased = Q(leased_until=None) | Q(leased_until__lte=now)
    return Mail.objects.filter(unleased, sent_at=None, gave_up_at=None)


def _lease(pk: int, now: datetime.datetime) -> Mail | None:
    """Lease a mail for this sender; None if another one was quicker.

    The attempt is counted here, so that a mail that kills its sender every time is given up as well.
    """
    lease = {"leased_until": now + LEASE, "tries": F("tries") + 1, "last_error": ""}
    return Mail.objects.get(pk=pk) if _due(now).filter(pk=pk).update(**lease) else None


def _give_up_unfinished(now: datetime.datetime) -> None:
    """Give up mails whose last allowed attempt ended with their sender's death."""
    tried = _due(now).filter(tries__gte=MOST_ATTEMPTS)
    tried.update(gave_up_at=now, last_error="the sender ended before it was done")


def _deliver(mail: Mail, mailer: BaseEmailBackend, now: Clock, so_far: Round) -> Round:
    """Send one leased mail, note the outcome, and add it to the round's."""
    headers = {"Auto-Submitted": "auto-generated"}  # so that no absence notice answers it
    try:
        mailer.open()
        body, html = _with_link(mail)
        message = EmailMultiAlternatives(mail.subject, body, to=[mail.to], headers=headers)
        if html:
            message.attach_alternative(html, "text/html")
        mailer.send_messages([message])
    except Exception as error:  # whatever it is, the mails after this one must go out
        problem = _describe(error)
        _note_failure(mail, problem, now())
        ended = so_far._replace(
            failed=so_far.failed + 1, problem=problem, is_cut_short=_meets_every_mail(error)
        )
    else:
        Mail.objects.filter(pk=mail.pk).update(sent_at=now(), leased_until=None)
        ended = so_far._replace(sent=so_far.sent + 1)
    with suppress(OSError):  # the outcome is noted: a failing goodbye changes nothing
        mailer.close()
    return ended


def _with_link(mail: Mail) -> tuple[str, str]:
    """A mail's text and HTML with the link that it brings: that is valid from now on, and stored nowhere."""
    user = mail.link_for
    if user is None:
        return mail.body, mail.html
    if not user.is_active or user.email.casefold() != mail.to.casefold():
        raise LinkGone
    names = [urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)]
    link = settings.PORTAL_URL + reverse("set_password", args=names)
    return mail.body.replace(LINK, link), mail.html.replace(LINK, link)


def _note_failure(mail: Mail, problem: str, now: datetime.datetime) -> None:
    """Let a mail wait for its next attempt, or give it up; after its lease it is another sender's."""
    held = Mail.objects.filter(pk=mail.pk, sent_at=None, leased_until=mail.leased_until)
    if mail.tries < MOST_ATTEMPTS:
        pause = min(FIRST_PAUSE * 2 ** (mail.tries - 1), LONGEST_PAUSE)
        held.update(leased_until=now + pause, last_error=problem)
    elif held.update(leased_until=None, gave_up_at=now, last_error=problem):
        logger.warning("Mail %s was given up after %s tries: %s", mail.pk, mail.tries, problem)


def _meets_every_mail(error: Exception) -> bool:
    """Whether the server, or the way to it, failed rather than this one mail."""
    own = (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, smtplib.SMTPNotSupportedError)
    return isinstance(error, OSError) and not isinstance(error, own)


def _describe(error: Exception) -> str:
    """Describe a failure without the server's own words, which may name people."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            codes = sorted({str(code) for code, _ in error.recipients.values()})
            return f"the mail server refuses the address ({', '.join(codes)})"
        case smtplib.SMTPAuthenticationError():
            return f"the mail server refuses MAIL_URL's user name or password ({error.smtp_code})"
        case smtplib.SMTPSenderRefused():
            return f"the mail server refuses the sender, MAIL_FROM ({error.smtp_code})"
        case smtplib.SMTPResponseException():
            return f"the mail server refuses the mail ({error.smtp_code})"
        case LinkGone():
            return "the person's address has changed, or the login is switched off"
        case OSError():
            return f"the mail can't be handed over ({type(error).__name__})"
        case _:
            return f"no mail can be made of it ({type(error).__name__})"
