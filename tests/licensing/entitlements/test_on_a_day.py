"""L6: what a unit was entitled to on a day, and by which right."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from associations.services import remove_association
from licensing.catalogue.changes import remove_model_service, save_service
from licensing.entitlements.on_a_day import Recalled, changes_until, check_day, entitlements_on
from licensing.errors import FutureDay, OutsideRegistration
from licensing.grants.trials import start_trial
from licensing.keyset import Status
from licensing.ledger.writing import noted
from licensing.models import LedgerEntry, Licence, ModelService, PoolPart, Service
from licensing.moves.swap import swap_roles
from licensing.wording import then_in_words
from portal.clock import today
from portal.models import Membership
from products.models import Registration
from tests.factories import LicenceFactory, MembershipFactory, RegistrationFactory, pair
from tests.licensing.history import divide, grant
from tests.licensing.support import make, redeem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

CLIENT_AV, GATEWAY_AV, CONTENT_FILTER, VPN = 2, 3, 5, 8


@pytest.fixture
def member() -> Membership:
    return MembershipFactory()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Noon of the day after the catalogue was loaded."""
    noon = (timezone.now() + timedelta(days=1)).replace(hour=12, minute=0)
    with time_machine.travel(noon, tick=False) as traveller:
        yield traveller


@pytest.fixture
def mine(member: Membership, clock: time_machine.Traveller) -> Registration:
    return RegistrationFactory(account=member.account)


def recalled(registration: Registration, code: int, day: date) -> Recalled:
    rows = entitlements_on(registration, day)
    return next(row for row in rows if row.entitlement.service.code == code)


def buy(registration: Registration, code: int, *, right: str = "grant", **terms: object) -> None:
    """A further licence that begins today unless its terms say when, and its entry."""
    facts = {"registration": registration, "service": Service.objects.get(code=code)}
    with noted([registration], right=LedgerEntry.Right(right), by=None):
        LicenceFactory(**facts, **{"begins_on": today(), **terms})


def days(count: int) -> timedelta:
    return timedelta(days=count)


def test_a_licence_is_shown_from_the_day_of_its_grant(
    mine: Registration, clock: time_machine.Traveller
) -> None:
    before = today()
    clock.shift(days(1))
    grant(mine, GATEWAY_AV)

    assert recalled(mine, GATEWAY_AV, before).status == Status.NOT_LICENSED
    assert recalled(mine, GATEWAY_AV, today()).right == "own, granted by Support"


def test_a_day_ends_at_midnight_utc(mine: Registration, clock: time_machine.Traveller) -> None:
    day = today()
    clock.move_to(datetime(day.year, day.month, day.day, 23, 59, 59, 999999, tzinfo=UTC), tick=False)
    grant(mine, GATEWAY_AV)
    clock.shift(timedelta(microseconds=1))
    grant(mine, CONTENT_FILTER)

    assert recalled(mine, GATEWAY_AV, day).status == Status.LICENSED
    assert recalled(mine, CONTENT_FILTER, day).status == Status.NOT_LICENSED
    assert recalled(mine, CONTENT_FILTER, today()).status == Status.LICENSED


def test_the_status_is_that_of_the_day(mine: Registration, clock: time_machine.Traveller) -> None:
    grant(mine, GATEWAY_AV, expires_on=today() + days(5))
    first = today()
    clock.shift(days(100))

    assert recalled(mine, GATEWAY_AV, first + days(5)).status == Status.LICENSED
    assert recalled(mine, GATEWAY_AV, first + days(6)).status == Status.EXPIRED


def test_what_follows_on_that_day_is_told(mine: Registration, clock: time_machine.Traveller) -> None:
    """Two licences of one service, the second of which begins later; nobody knows of it the day before."""
    first = today()
    buy(mine, CLIENT_AV, count=10, expires_on=first + days(5))
    clock.shift(days(1))
    buy(mine, CLIENT_AV, count=5, begins_on=first + days(9))

    before, after = (recalled(mine, CLIENT_AV, first + days(n)) for n in (0, 1))

    assert then_in_words(before.entitlement) == []
    assert then_in_words(after.entitlement) == [f"from {first + days(9):%d %b %Y} for 5 for ever"]
    assert (after.entitlement.begins_on, after.entitlement.count) == (first, 10)


def test_the_right_is_that_of_the_licence_that_runs(
    mine: Registration, member: Membership, clock: time_machine.Traveller
) -> None:
    buy(mine, CLIENT_AV, right="trial", kind="trial", count=5, expires_on=today() + days(5))
    buy(mine, CLIENT_AV, right="grant", count=3)
    clock.shift(days(6))

    rights = [recalled(mine, CLIENT_AV, today() - days(ago)).right for ago in (6, 0)]

    assert rights == ["free trial", "own, granted by Support"]


@pytest.mark.parametrize("is_named", [True, False])
def test_entries_from_before_first_days_are_told(
    mine: Registration, clock: time_machine.Traveller, is_named: bool
) -> None:
    facts = {"unit": mine.unit, "service": Service.objects.get(code=CLIENT_AV), "right": "grant"}
    old = {"kind": "licensed", "count": 5, "expires_on": str(today() + days(9))}
    LedgerEntry.objects.create(licence=uuid4() if is_named else None, after=old, **facts)
    clock.shift(days(2))

    found = recalled(mine, CLIENT_AV, today())

    assert (found.status, found.right) == (Status.LICENSED, "own, granted by Support")
    held = found.entitlement
    assert (held.count, held.begins_on, held.expires_on) == (5, today() - days(2), today() + days(7))


def test_todays_rows_are_never_asked(mine: Registration) -> None:
    grant(mine, GATEWAY_AV)
    Licence.objects.all().delete()
    ModelService.objects.all().delete()

    assert recalled(mine, GATEWAY_AV, today()).status == Status.LICENSED
    assert recalled(mine, VPN, today()).right == "comes with the model"


def test_what_the_model_came_with_is_shown_after_the_catalogue_changed(
    mine: Registration, member: Membership, clock: time_machine.Traveller
) -> None:
    entry = ModelService.objects.get(model=mine.unit.model, service__code=VPN)
    clock.shift(days(1))
    remove_model_service(entry=entry, by=member.user, reason="decided")

    assert recalled(mine, VPN, today() - days(1)).right == "comes with the model"
    assert recalled(mine, VPN, today()).right == ""


def test_a_service_is_not_shown_before_it_existed(mine: Registration, clock: time_machine.Traveller) -> None:
    clock.shift(days(1))
    save_service(service=Service(code=900, name="New"), by=None, reason="new")

    codes = [row.entitlement.service.code for row in entitlements_on(mine, today() - days(1))]

    assert 900 not in codes
    assert recalled(mine, 900, today()).status == Status.NOT_LICENSED


def test_an_activation_key_is_named_by_its_last_four_characters(
    mine: Registration, member: Membership
) -> None:
    (key,) = make()

    redeem(mine, key, by=member.user, now=timezone.now())

    assert recalled(mine, CONTENT_FILTER, today()).right == f"own, key ending {key[-4:]}"


def test_a_trial_is_shown_as_one(mine: Registration, member: Membership) -> None:
    service = Service.objects.get(code=CONTENT_FILTER)

    start_trial(registration=mine, service=service, by=member.user, today=today())

    found = recalled(mine, CONTENT_FILTER, today())
    assert (found.status, found.right) == (Status.FREE_TRIAL, "free trial")


def test_a_part_names_whose_licence_it_is_of(mine: Registration, member: Membership) -> None:
    other = RegistrationFactory(account=member.account)
    divide(grant(mine, CLIENT_AV, count=10), other, 3, by=member.user)
    PoolPart.objects.all().delete()

    part, rest = recalled(other, CLIENT_AV, today()), recalled(mine, CLIENT_AV, today())

    assert (part.entitlement.count, part.right) == (3, f"part of the license of {mine.unit.serial}")
    assert (rest.entitlement.count, rest.right) == (7, "own, granted by Support")


def test_a_secondary_sees_what_it_shared_and_how_the_primary_had_it(
    member: Membership, clock: time_machine.Traveller
) -> None:
    primary, secondary, seat = pair(member.account, by=member.user)
    grant(primary, GATEWAY_AV)
    clock.shift(days(1))
    remove_association(seat=seat, by=member.user)

    shared = recalled(secondary, GATEWAY_AV, today() - days(1)).right
    assert shared == f"shared from {primary.unit.serial}: own, granted by Support"
    assert recalled(secondary, GATEWAY_AV, today()).right == ""


def test_what_was_not_shareable_then_was_not_shared(
    member: Membership, clock: time_machine.Traveller
) -> None:
    primary, secondary, _ = pair(member.account, by=member.user)
    grant(primary, GATEWAY_AV)
    clock.shift(days(1))
    service = Service.objects.get(code=GATEWAY_AV)
    service.is_shareable = False
    save_service(service=service, by=None, reason="decided")

    assert recalled(secondary, GATEWAY_AV, today() - days(1)).status == Status.LICENSED
    assert recalled(secondary, GATEWAY_AV, today()).status == Status.NOT_LICENSED


def test_what_came_with_a_swap_names_the_other_unit(
    member: Membership, clock: time_machine.Traveller
) -> None:
    primary, secondary, seat = pair(member.account, by=member.user)
    grant(primary, GATEWAY_AV)
    clock.shift(days(1))
    swap_roles(seat=seat, by=member.user, today=today())

    assert recalled(secondary, GATEWAY_AV, today()).right == f"own, from a swap with {primary.unit.serial}"
    assert recalled(primary, GATEWAY_AV, today()).right.startswith(f"shared from {secondary.unit.serial}")
    assert recalled(primary, GATEWAY_AV, today() - days(1)).right == "own, granted by Support"


def test_a_former_owners_time_is_not_shown(mine: Registration, clock: time_machine.Traveller) -> None:
    grant(mine, GATEWAY_AV)
    clock.shift(days(1))
    Registration.objects.filter(pk=mine.pk).update(ended_at=timezone.now())
    clock.shift(timedelta(hours=1))
    bought = RegistrationFactory(unit=mine.unit)

    assert recalled(bought, GATEWAY_AV, today()).status == Status.NOT_LICENSED
    assert changes_until(bought, today()) == []


def test_a_former_owner_does_not_see_what_came_later(
    mine: Registration, clock: time_machine.Traveller
) -> None:
    Registration.objects.filter(pk=mine.pk).update(ended_at=timezone.now())
    mine.refresh_from_db()
    clock.shift(timedelta(hours=1))
    grant(RegistrationFactory(unit=mine.unit), GATEWAY_AV)

    assert recalled(mine, GATEWAY_AV, today()).status == Status.NOT_LICENSED
    assert changes_until(mine, today()) == []


@pytest.mark.parametrize(
    ("later", "refusal"), [(2, FutureDay), (-1, OutsideRegistration)], ids=["to come", "before"]
)
def test_only_days_of_the_registration_are_shown(
    mine: Registration, clock: time_machine.Traveller, later: int, refusal: type[Exception]
) -> None:
    day = today() + days(later)
    clock.shift(days(1))

    with pytest.raises(refusal):
        check_day(mine, day, today=today())


def test_no_day_after_the_registration_is_shown(mine: Registration, clock: time_machine.Traveller) -> None:
    mine.ended_at = timezone.now()
    clock.shift(days(1))

    with pytest.raises(OutsideRegistration):
        check_day(mine, today(), today=today())


def test_changes_are_shown_newest_first_until_the_day(
    mine: Registration, clock: time_machine.Traveller
) -> None:
    for code in (GATEWAY_AV, CONTENT_FILTER, CLIENT_AV):
        grant(mine, code)
        clock.shift(days(1))

    told = changes_until(mine, today() - days(2))

    assert [entry.service.code for entry in told] == [CONTENT_FILTER, GATEWAY_AV]
