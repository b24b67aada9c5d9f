"""What a case is refused for, when it is opened or approved and again when it is completed (X6)."""

from collections.abc import Iterable

from django.db.models import Q

from associations.models import Seat, Side
from associations.seating import parent_of
from licensing.models import RmaCase
from licensing.rma.errors import (
    CaseOpen,
    GoesToSecondary,
    NotInAccount,
    OutOfWarranty,
    ReplacementElsewhere,
    ReplacementPaired,
    ReplacementRetired,
    SameAsFailed,
    WrongModel,
)
from products.models import Registration, Unit


def check_open_elsewhere(units: Iterable[Unit], *, exclude: RmaCase | None = None) -> None:
    """Raise CaseOpen if one of these units is the failed one or the replacement in an open case.

    Its fact `case` is that case.
    """
    for unit in units:
        cases = RmaCase.objects.filter(Q(failed__unit=unit) | Q(replacement=unit), state__in=RmaCase.OPEN)
        cases = cases.select_related("failed__unit").exclude(pk=exclude.pk if exclude else 0)
        if case := cases.first():
            raise CaseOpen(serial=unit.serial, number=case.number, case=case)


def check_warranty(case: RmaCase) -> None:
    """Raise OutOfWarranty if the failed unit's warranty had ended at the request and no lead waived that."""
    ends_on = case.failed.unit.warranty_ends_on
    if (
        case.kind == RmaCase.Kind.REPLACEMENT
        and ends_on
        and ends_on < case.asked_at.date()
        and not case.warranty_waiver
    ):
        raise OutOfWarranty(serial=case.failed.unit.serial, day=ends_on)


def check_replacement(case: RmaCase) -> None:
    """Raise the rule that a case's replacement, if it has one, breaks.

    SameAsFailed, ReplacementRetired, ReplacementElsewhere, NotInAccount, GoesToSecondary and WrongModel.
    """
    unit, failed = case.replacement, case.failed.unit
    if unit is None:
        return
    if unit.pk == failed.pk:
        raise SameAsFailed(serial=unit.serial)
    if unit.retired_at:
        raise ReplacementRetired(serial=unit.serial, day=unit.retired_at)
    owner = Registration.objects.live().filter(unit=unit).first()
    if owner and owner.account_id != case.account_id:
        raise ReplacementElsewhere(serial=unit.serial)
    if case.kind == RmaCase.Kind.TRANSFER:
        _check_receiver(unit, owner, case.failed)
    if unit.model_id not in {failed.model_id, case.waived_model_id}:
        raise WrongModel(serial=unit.serial, present=unit.model, wanted=failed.model)


def _check_receiver(unit: Unit, owner: Registration | None, failed: Registration) -> None:
    """A transfer must go to a unit of the account that isn't the secondary of a third one."""
    if owner is None:
        raise NotInAccount(serial=unit.serial)
    shared = owner.seats.live().with_units().filter(side=Side.CHILD, type__shares_licences=True)
    seat = shared.first()
    if seat and (primary := parent_of(seat)) != failed:
        named = f"{primary.friendly_name} ({primary.unit.serial})"
        raise GoesToSecondary(serial=unit.serial, label=seat.type.child_label, primary=named)


def check_pairs(unit: Unit, allowed: set[int]) -> None:
    """Raise ReplacementPaired if the replacement is in a pair with units unrelated to the failed one.

    `allowed` are registrations, by primary key.

    The pair that the administrator made beforehand may have further secondaries.
    """
    seats = Seat.objects.live().filter(type__shares_licences=True)
    groups = seats.filter(registration__unit=unit).values("group")
    mates = list(seats.with_units().filter(group__in=groups).exclude(registration__unit=unit).order_by("pk"))
    strangers = [mate for mate in mates if mate.registration_id not in allowed]
    if strangers == mates or any(mate.side == Side.PARENT for mate in strangers):
        for other in strangers[:1]:
            raise ReplacementPaired(serial=unit.serial, other=other.registration.friendly_name)
