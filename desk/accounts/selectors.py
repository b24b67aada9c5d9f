"""Everything that the desk shows of one account. The number of queries depends on no number of rows."""

import datetime
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Lower

from associations.selectors import Place, places_of
from desk.addresses import CaseRow
from licensing.models import RmaCase
from licensing.readiness.pairs import Readiness, account_readiness
from portal.activity import ActivityPage, activity_page
from portal.models import Account, AccountNote, Mail, Membership
from portal.paging import seek
from products.attempts import closed_until
from products.models import Attempt, Registration

MOST = 20


@dataclass(frozen=True, slots=True)
class Some[T]:
    """The first rows of a list, and whether there are more."""

    rows: list[T]
    has_more: bool


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit of the account, with its place in the pair."""

    registration: Registration
    place: Place | None


@dataclass(frozen=True, slots=True)
class AccountPage:
    """Everything on the desk's page of an account; `closed_until` is set where all is closed to it (R3)."""

    account: Account
    closed_until: datetime.datetime | None
    members: Some[Membership]
    units: Some[UnitRow]
    pairs: Some[Readiness]
    cases: Some[CaseRow]
    mail: Some[Mail]
    notes: Some[AccountNote]
    activity: ActivityPage


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of the long lists is asked for: units behind a registration, and actions before one."""

    query: str = ""
    after: UUID | None = None
    before: UUID | None = None


def account_page(
    account: Account, *, asked: Asked, today: datetime.date, now: datetime.datetime
) -> AccountPage:
    """Read everything for an account's page."""
    members = (
        Membership.objects.filter(account=account).select_related("user").order_by("user__username", "pk")
    )
    cases = RmaCase.objects.filter(account=account).select_related("account", "failed__unit", "replacement")
    mail, notes = Mail.objects.filter(account=account), AccountNote.objects.filter(account=account)
    found = _some(cases.order_by("-pk"))
    pairs = account_readiness(account, today, limit=MOST + 1)
    ends = [closed_until(account, kind=kind, now=now) for kind in Attempt.Kind]
    return AccountPage(
        account,
        max((end for end in ends if end), default=None),
        _some(members.order_by("user__username", "pk")),
        _units(account, asked),
        Some(pairs[:MOST], len(pairs) > MOST),
        Some([CaseRow(case) for case in found.rows], found.has_more),
        _some(mail.order_by("-pk")),
        _some(notes.select_related("by").order_by("-at", "-pk")),
        activity_page(account, serial="", before=asked.before),
    )


def _units(account: Account, asked: Asked) -> Some[UnitRow]:
    found = (
        Registration.objects.visible_to(account).matching(asked.query).annotate(key=Lower("friendly_name"))
    )
    at = found.filter(uuid=asked.after).first() if asked.after else None
    page = _some(seek(found, key="key", after=at))
    places = places_of(page.rows)
    return Some([UnitRow(row, places.get(row.pk)) for row in page.rows], page.has_more)


def _some[T: Any](rows: QuerySet[T]) -> Some[T]:
    found = list(rows[: MOST + 1])
    return Some(found[:MOST], len(found) > MOST)
