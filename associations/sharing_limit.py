"""How many different units a primary may share its licences with (rule A9).

A swap hands on the count together with the licences. What an RMA made doesn't count.
"""

import datetime

from django.conf import settings
from django.db.models import Q

from associations.errors import TooManySharers
from associations.models import Seat, Side
from products.models import Registration

SHARING_WINDOW = datetime.timedelta(days=90)


def check_sharing_limit(parent: Registration, child: Registration, today: datetime.date) -> None:
    """Raise TooManySharers if a parent shared its licences with MOST_SHARERS other units in 90 days."""
    since = datetime.datetime.combine(today - SHARING_WINDOW, datetime.time(), tzinfo=datetime.UTC)
    holders = _holders(parent.unit.serial, since)
    groups = Seat.objects.filter(registration__unit__serial__in=holders, side=Side.PARENT).values("group")
    recent = Q(ended_at=None) | Q(ended_at__gte=since)
    shared = Seat.objects.filter(recent, group__in=groups, shares=True, by_rma=False)
    sharers = holders | set(shared.values_list("registration__unit__serial", flat=True))
    if len(sharers - {parent.unit.serial, child.unit.serial}) >= settings.MOST_SHARERS:
        raise TooManySharers(
            parent=parent.friendly_name, most=settings.MOST_SHARERS, days=SHARING_WINDOW.days
        )


def _holders(serial: str, since: datetime.datetime) -> set[str]:
    """The units that held this one's licences at some time since then, before swaps; with itself."""
    found, new = {serial}, {serial}
    while new:
        swaps = Seat.objects.filter(registration__unit__serial__in=new, began_at__gte=since)
        former = swaps.exclude(swapped_with=None).values_list("swapped_with__unit__serial", flat=True)
        new = set(former) - found
        found |= new
    return found
