"""Letters: what a mail says, once; its text and its HTML are made of it, so that they say the same."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from portal import outbox
from portal.models import Account, Membership, User


class Step(NamedTuple):
    """Something to do and, if there is one, the address at which it is done."""

    text: str
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a mail says, in the order of the fields, between its greeting and its sender.

    `told` are paragraphs. `reason` is why it was done, if somebody said so. `facts` are labels with what
    belongs to each, which may have several lines. `steps` are what to do, in order; `after` are paragraphs
    about that. `page` leads to the portal. `why` says why somebody gets this mail.
    """

    subject: str
    told: Sequence[str]
    reason: str = ""
    facts: Sequence[tuple[str, str]] = ()
    steps: Sequence[Step] = ()
    after: Sequence[str] = ()
    page: Step
    why: str


def post_letter(
    letter: Letter,
    *,
    to: Iterable[User],
    account: Account | None = None,
    about: str = "",
    link_for: User | None = None,
) -> int:
    """Put a letter to each of these people into the outbox; return how many. See `outbox.post`."""
    people: dict[str, User] = {}
    for user in to:
        people.setdefault(user.email.strip().casefold(), user)
    people.pop("", None)
    for user in people.values():
        context = {"letter": letter, "name": user.first_name or user.username, "settings": settings}
        outbox.post(
            to=[user.email],
            subject=letter.subject,
            body=render_to_string("mail/letter.txt", context).strip() + "\n",
            html=render_to_string("mail/letter.html", context),
            account=account,
            about=about,
            link_for=link_for,
        )
    return len(people)


def owners_of(account: Account) -> list[User]:
    """The owners of an account who can log in."""
    owners = Membership.objects.filter(account=account, role=Membership.Role.OWNER, user__is_active=True)
    return [membership.user for membership in owners.select_related("user").order_by("pk")]


def address_of(view: str, *args: object) -> str:
    """The whole address of a page of the portal."""
    return settings.PORTAL_URL + reverse(view, args=args)
