"""What the tests of RMA cases share."""

import datetime
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from django.db.models import F
from django.utils import timezone

from associations.models import Seat
from associations.services import remove_association
from licensing.ledger.verification import verify
from licensing.models import Licence, PoolPart, RmaCase
from licensing.rma.cases import ask_for_case, open_case
from licensing.rma.completing import Outcome, complete_case, rehearse_case
from licensing.rma.selectors import partners_of
from licensing.rma.undoing import rehearse_undo, undo_case
from portal.clock import today
from portal.models import User
from products.models import Registration, Unit
from tests.factories import RegistrationFactory, UserFactory, hf
from tests.licensing.oracle import derived, shown

YEAR = datetime.timedelta(days=365)
NEXT_YEAR = today() + YEAR
TRANSFER = RmaCase.Kind.TRANSFER


class Scene(NamedTuple):
    """A pair whose primary has a licence for a year, and a unit in stock to replace one of them."""

    by: User
    primary: Registration
    secondary: Registration
    seat: Seat
    new: Unit

    @property
    def serials(self) -> tuple[str, str, str]:
        return self.primary.unit.serial, self.secondary.unit.serial, self.new.serial

    def unit(self, model: str = "PRO 5060") -> Registration:
        """Another unit of the account."""
        return RegistrationFactory(account=self.primary.account, unit__model_name=model)

    def hf(self, parent: Registration, child: Registration) -> Seat:
        return hf(parent, child, by=self.by)

    def spare(self) -> Registration:
        """A further secondary of the primary."""
        spare = self.unit()
        self.hf(self.primary, spare)
        return spare

    def point(self, parent: Registration) -> Registration:
        """An access point of a unit."""
        point = self.unit("SonicPoint")
        hf(parent, point, by=self.by, slug="sonicpoint")
        return point

    def remove(self, seat: Seat | None = None) -> None:
        """Remove an association, by default that of the pair."""
        remove_association(seat=seat or self.seat, by=self.by)

    def register(self) -> Registration:
        """The administrator registers the replacement."""
        return RegistrationFactory(account=self.primary.account, unit=self.new, friendly_name="Its own name")

    def ask(self) -> RmaCase:
        return ask(self.primary, by=self.by)


def ask(failed: Registration, *, by: User, symptom: str = "no link light") -> RmaCase:
    """Request a case as a member of the account."""
    return ask_for_case(
        registration=failed,
        kind=RmaCase.Kind.REPLACEMENT,
        symptom=symptom,
        contact="Night shift",
        address="",
        by=by,
        now=timezone.now(),
    )


def open_for(
    failed: Registration,
    replacement: Unit | None,
    *,
    by: User | None = None,
    kind: RmaCase.Kind = RmaCase.Kind.REPLACEMENT,
    warranty_waiver: str = "",
    model_waiver: str = "",
) -> RmaCase:
    """An approved case, opened at the desk; `model_waiver` accepts the replacement's model."""
    return open_case(
        registration=failed,
        kind=kind,
        symptom="no link light",
        contact="",
        address="",
        replacement=replacement.serial if replacement else "",
        warranty_waiver=warranty_waiver,
        waived_model=replacement.model if replacement and model_waiver else None,
        model_waiver=model_waiver,
        by=by or UserFactory(is_staff=True),
        now=timezone.now(),
    )


def opening(failed: Registration, replacement: Unit | None, **facts: object) -> Callable[[], RmaCase]:
    """Return a function that opens a case, with an agent created beforehand."""
    return partial(open_for, failed, replacement, by=UserFactory(is_staff=True), **facts)


def rehearse(
    case: RmaCase,
    *,
    partner: Registration | None = None,
    is_alone: bool = False,
    day: datetime.date | None = None,
) -> Outcome:
    """The dry run with the given partner, or with the default one unless `is_alone`."""
    partner = None if is_alone else partner or partners_of(case).default
    return rehearse_case(case=case, partner=partner, by=case.asked_by, today=day or today())


def complete(
    case: RmaCase,
    *,
    partner: Registration | None = None,
    is_alone: bool = False,
    by: User | None = None,
    day: datetime.date | None = None,
) -> Outcome:
    """Complete a case as its dry run shows it, with the partner that `rehearse` chooses."""
    by, day = by or case.asked_by, day or today()
    partner = None if is_alone else partner or partners_of(case).default
    seen = rehearse_case(case=case, partner=partner, by=by, today=day).seen
    return complete_case(case=case, partner=partner, seen=seen, by=by, today=day)


def undo(case: RmaCase, *, as_lead: bool = True, day: datetime.date | None = None) -> RmaCase:
    """Undo a case as its dry run shows it, as a lead by default."""
    facts = {"case": case, "as_lead": as_lead, "by": case.asked_by, "today": day or today()}
    return undo_case(seen=rehearse_undo(**facts).seen, reason="wrong unit", **facts)


def of(unit: Unit) -> Registration:
    """A unit's live registration."""
    return Registration.objects.live().select_related("unit__model", "account").get(unit=unit)


def roles() -> dict[str, str]:
    """The place of every unit in an association, by serial number."""
    seats = Seat.objects.live().select_related("registration__unit", "type").order_by("-type__slug")
    return {s.registration.unit.serial: f"{s.label}{' (spare)' if s.is_spare else ''}" for s in seats}


def links() -> set[tuple[str, str, bool]]:
    """Every live association: the serial numbers of parent and child, and whether the child shares."""
    seats = list(Seat.objects.live().select_related("registration__unit"))
    parents = {s.group: s.registration.unit.serial for s in seats if s.side == "parent"}
    return {(parents[s.group], s.registration.unit.serial, s.shares) for s in seats if s.side == "child"}


def holdings() -> dict[tuple[str, int], list[tuple[str, int | None, datetime.date | None]]]:
    """All licences: by serial number and service, their kinds, counts and last days, in order of these."""
    found: dict[tuple[str, int], list[tuple[str, int | None, datetime.date | None]]] = {}
    rows = Licence.objects.select_related("registration__unit", "service")
    for row in rows.order_by(F("expires_on").asc(nulls_last=True), "pk"):
        key = (row.registration.unit.serial, row.service.code)
        found.setdefault(key, []).append((row.kind, row.count, row.expires_on))
    return found


def terms() -> Counter[tuple[object, ...]]:
    """All licences without their units: an RMA neither adds nor removes any."""
    return Counter(
        Licence.objects.values_list("uuid", "service__code", "kind", "count", "begins_on", "expires_on")
    )


def parts() -> dict[tuple[str, str], int]:
    """The parts of pools, by the serial numbers of the pool's unit and the part's."""
    rows = PoolPart.objects.select_related("registration__unit", "licence__registration__unit")
    return {(p.licence.registration.unit.serial, p.registration.unit.serial): p.count for p in rows}


def check_truth(day: datetime.date | None = None) -> None:
    """Assert that the ledger agrees with the rows, and that every unit's keyset gives its entitlements."""
    verify(progress=lambda done: None)
    for registration in Registration.objects.live().select_related("unit__model", "account"):
        assert shown(registration, day or today()) == derived(registration, day or today())
