"""Mails to the owners of an account about what Support changed there."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date

from django.db import transaction

from associations.models import Seat
from licensing.moves.exchange import pool_units
from licensing.rma.snapshot import snapshot, to_apply
from portal.letters import Letter, Step, address_of, owners_of, post_letter
from portal.models import Account
from products.models import Registration, Unit


@contextmanager
def telling_owners(
    *,
    accounts: Iterable[Account],
    serial: str,
    did: str,
    reason: str,
    today: date,
    watched: Sequence[Registration] = (),
    renewed: Sequence[Registration] = (),
) -> Iterator[list[str]]:
    """Do what the block does in one transaction with a mail about it to each owner of these accounts.

    The block adds sentences for the mail to the list that it gets; `did` completes "Support has …". `serial`
    is the unit that it is about. The mail names the keysets to apply: those that change of the units
    `watched` and of those beside them, and those of `renewed`. If a rule refuses, nothing is written.
    """
    with transaction.atomic():
        units = concerned_units(watched)
        before = snapshot(units, today)
        said: list[str] = []
        yield said
        changed = to_apply(before, snapshot(units, today))
        apply = [*renewed, *(unit for unit in changed if unit not in renewed)]
        for account in accounts:
            own = [unit for unit in apply if unit.account_id == account.pk]
            letter = _letter(account, serial, did, [*said], reason, own)
            post_letter(letter, to=owners_of(account), account=account, about=serial)


def concerned_units(watched: Sequence[Registration]) -> list[Unit]:
    """The units of some registrations, everyone associated with them, and everyone in their pools."""
    groups = Seat.objects.live().filter(registration__in=watched).values("group")
    beside = Seat.objects.live().filter(group__in=groups).values_list("registration__unit", flat=True)
    concerned = {*beside, *pool_units(*watched)} if watched else set()
    return list(Unit.objects.select_related("model").filter(pk__in=concerned).order_by("pk"))


def _letter(
    account: Account, serial: str, did: str, said: list[str], reason: str, apply: list[Registration]
) -> Letter:
    unit = Registration.objects.filter(account=account, unit__serial=serial).order_by("-pk").first()
    named = f"{unit.friendly_name} ({serial})" if unit else serial
    stays = ["An appliance that never gets its new keyset keeps the old one."] if apply else []
    page = address_of("service_management", serial) if unit else address_of("activity")
    return Letter(
        subject=f"Support has {did}: {named}",
        told=[f"Support has {did}: {named}.", *said],
        reason=reason,
        steps=[
            Step(
                f"Apply the new keyset of {row.friendly_name} ({row.unit.serial}) on that appliance",
                address_of("license_keyset", row.unit.serial),
            )
            for row in apply
        ],
        after=stays,
        page=Step("The unit's page" if unit else "Activity", page),
        why=f"You get this mail as an owner of {account}: owners are told what Support changes there.",
    )
