"""F1: if the primary dies now, what would the secondary run? Each finding, each state, and what is none."""

import datetime
from dataclasses import dataclass

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from associations.models import AssociationType, Seat
from associations.services import associate, make_standby, remove_association
from licensing.catalogue.changes import remove_model_service, set_model_service
from licensing.grants.giving import grant_licence
from licensing.keyset import Status
from licensing.keysets.applied import confirm_applied
from licensing.keysets.issuing import raise_generations, read_keyset
from licensing.models import KeysetHead, Licence, ModelService, Service
from licensing.moves.pools import move_counts
from licensing.readiness.findings import Code, Finding, Mend, State
from licensing.readiness.pairs import Readiness, account_readiness, readiness_of
from portal.clock import today
from portal.models import Membership
from products.models import ProductModel, Registration, Unit
from tests.factories import (
    MembershipFactory,
    RegistrationFactory,
    add_spares,
    pair,
    pairs,
    registrations,
    sharing,
)
from tests.licensing.support import give

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

TODAY = datetime.date(2026, 11, 22)
NODES, CLIENT_AV, GATEWAY_AV, CONTENT_FILTER, GLOBAL_VPN, SONICOS, SUPPORT = 1, 2, 3, 5, 9, 13, 14


@dataclass(frozen=True)
class Two:
    """A pair of an account, and what is done to it."""

    member: Membership
    primary: Registration
    secondary: Registration
    seat: Seat

    def grant(self, unit: Registration, code: int, days: int | None = None, count: int | None = None) -> None:
        grant_licence(
            unit=unit.unit,
            service=Service.objects.get(code=code),
            count=count,
            expires_on=None if days is None else TODAY + datetime.timedelta(days),
            reason="bought",
            by=None,
            today=TODAY,
            all_the_same=True,
        )

    def give(self, unit: Registration, code: int, **terms: object) -> None:
        """A further licence, with its first and last day."""
        give(unit, code, **terms)
        Unit.objects.filter(pk=unit.unit_id).raise_version()

    def apply(self, *units: Registration, day: datetime.date = TODAY) -> None:
        """Read the newest keysets (of both units, where none is named), and say that they were applied."""
        for unit in units or (self.primary, self.secondary):
            fresh = Registration.objects.select_related("unit__model").get(pk=unit.pk)
            keyset = read_keyset(registration=fresh, today=day)
            confirm_applied(registration=fresh, generation=keyset.generation, by=self.member.user)

    def ask(self, day: datetime.date = TODAY) -> Readiness:
        (readiness,) = account_readiness(self.member.account, day)
        return readiness

    def codes(self, day: datetime.date = TODAY) -> list[Code]:
        return [finding.code for finding in self.ask(day).findings]

    def found(self, code: Code) -> Finding:
        """The only finding of this code."""
        (finding,) = [f for f in self.ask().findings if f.code == code]
        return finding


@pytest.fixture
def two() -> Two:
    """A pair of which both units run their newest keysets."""
    member = MembershipFactory()
    two = Two(member, *pair(member.account, by=member.user))
    two.apply()
    return two


def test_a_pair_that_runs_its_newest_keysets_is_ready(two: Two) -> None:
    two.grant(two.primary, GATEWAY_AV, days=365)
    two.apply()

    readiness = two.ask()

    assert readiness.findings == []
    assert readiness.state == State.READY


def test_it_tells_what_the_secondary_would_run(two: Two) -> None:
    two.grant(two.primary, GATEWAY_AV, days=365)
    two.apply()

    readiness = two.ask()

    runs = {row.name: (row.status, row.count, row.expires_on) for row in readiness.runs}
    assert runs["Global VPN Client"] == (Status.LICENSED, 5, None)
    assert runs[Service.objects.get(code=GATEWAY_AV).name][2] == TODAY + datetime.timedelta(365)
    assert readiness.nodes == -1


# What makes a pair not ready


def test_a_primary_of_spares_only_has_no_standby(two: Two) -> None:
    add_spares(two.seat, registrations(two.member.account, 1))
    remove_association(seat=two.seat, by=two.member.user)

    readiness = two.ask()

    (finding,) = readiness.findings
    assert (finding.code, finding.mend, finding.unit) == (Code.NO_STANDBY, Mend.STANDBY, two.primary)
    assert readiness.state == State.NOT_READY
    assert readiness.secondary is None
    assert readiness.runs is None


def test_units_of_two_models_are_not_ready(two: Two) -> None:
    Unit.objects.filter(pk=two.secondary.unit_id).update(model=ProductModel.objects.get(name="PRO 4060"))

    finding = two.found(Code.DIFFERENT_MODEL)

    assert (finding.severity, finding.mend, finding.unit) == (State.NOT_READY, Mend.PARENT, two.secondary)


def test_a_type_for_any_two_models_asks_for_no_one_model(two: Two) -> None:
    Unit.objects.filter(pk=two.secondary.unit_id).update(model=ProductModel.objects.get(name="PRO 4060"))
    AssociationType.objects.filter(slug="hf").update(is_same_model=False)

    assert Code.DIFFERENT_MODEL not in two.codes()


def test_a_retired_unit_is_not_ready(two: Two) -> None:
    Unit.objects.filter(pk=two.secondary.unit_id).update(retired_at=timezone.now())

    assert two.found(Code.UNIT_RETIRED).severity == State.NOT_READY


@pytest.mark.parametrize("licensed", ["primary", "secondary"])
def test_sonicos_enhanced_has_to_be_licensed_on_both(two: Two, licensed: str) -> None:
    comes_with = ModelService.objects.get(model=two.primary.unit.model, service__code=SONICOS)
    remove_model_service(entry=comes_with, by=two.member.user, reason="withdrawn")
    two.grant(getattr(two, licensed), SONICOS)
    two.apply()

    finding = two.found(Code.NO_SONICOS_ENHANCED)

    lacking = two.secondary if licensed == "primary" else two.primary
    assert (finding.severity, finding.mend, finding.unit) == (State.NOT_READY, Mend.SERVICES, lacking)
    assert two.codes() == [Code.NO_SONICOS_ENHANCED]


def test_sonicos_enhanced_counts_until_its_last_day(two: Two) -> None:
    comes_with = ModelService.objects.get(model=two.primary.unit.model, service__code=SONICOS)
    remove_model_service(entry=comes_with, by=two.member.user, reason="withdrawn")
    for unit in (two.primary, two.secondary):
        two.grant(unit, SONICOS, days=40)
    two.apply()
    last_day = TODAY + datetime.timedelta(40)

    before, after = two.codes(last_day), two.codes(last_day + datetime.timedelta(1))

    assert Code.NO_SONICOS_ENHANCED not in before
    assert after.count(Code.NO_SONICOS_ENHANCED) == 2


def test_a_service_that_the_applied_keyset_lacks_is_not_covered(two: Two) -> None:
    two.grant(two.primary, GATEWAY_AV, days=365)
    two.apply(two.primary)

    readiness = two.ask()

    assert [f.code for f in readiness.findings] == [Code.SERVICE_NOT_COVERED, Code.KEYSET_STALE]
    finding = readiness.findings[0]
    assert (finding.mend, finding.unit) == (Mend.KEYSET, two.secondary)
    assert Service.objects.get(code=GATEWAY_AV).name in finding.text
    assert readiness.state == State.NOT_READY


def test_a_service_that_has_ended_in_the_applied_keyset_is_not_covered(two: Two) -> None:
    two.grant(two.primary, GATEWAY_AV, days=40)
    two.apply()
    two.grant(two.primary, GATEWAY_AV, days=400)
    two.apply(two.primary)

    day = TODAY + datetime.timedelta(41)

    assert Code.SERVICE_NOT_COVERED in two.codes(day)
    assert Code.SERVICE_NOT_COVERED not in two.codes(day - datetime.timedelta(1))


def test_a_service_of_its_own_covers_too(two: Two) -> None:
    two.grant(two.secondary, GATEWAY_AV)
    two.apply()
    two.grant(two.primary, GATEWAY_AV)
    two.apply(two.primary)

    assert Code.SERVICE_NOT_COVERED not in two.codes()


def test_an_expired_service_of_the_primary_need_not_be_covered(two: Two) -> None:
    two.grant(two.primary, GATEWAY_AV, days=1)
    two.apply(two.primary)

    assert Code.SERVICE_NOT_COVERED in two.codes()
    assert Code.SERVICE_NOT_COVERED not in two.codes(TODAY + datetime.timedelta(2))


def test_all_services_that_would_be_lacking_are_named_at_once(two: Two) -> None:
    for code in (GATEWAY_AV, CONTENT_FILTER):
        two.grant(two.primary, code)

    text = two.found(Code.SERVICE_NOT_COVERED).text

    assert all(
        service.name in text for service in Service.objects.filter(code__in=[GATEWAY_AV, CONTENT_FILTER])
    )


# What nobody knows


@pytest.mark.parametrize("confirmed", [0, 1])
def test_a_unit_whose_keyset_nobody_confirmed_is_unknown(confirmed: int) -> None:
    member = MembershipFactory()
    two = Two(member, *pair(member.account, by=member.user))
    units = [two.primary, two.secondary]
    two.apply(units[confirmed])

    readiness = two.ask()

    assert [(f.code, f.unit, f.mend) for f in readiness.findings] == [
        (Code.KEYSET_UNKNOWN, units[1 - confirmed], Mend.KEYSET)
    ]
    assert readiness.state == State.UNKNOWN
    assert (readiness.runs is None) == (confirmed == 0)


def test_a_keyset_that_was_shown_and_not_confirmed_is_unknown() -> None:
    member = MembershipFactory()
    two = Two(member, *pair(member.account, by=member.user))
    for unit in (two.primary, two.secondary):
        read_keyset(registration=unit, today=TODAY)

    assert two.codes() == [Code.KEYSET_UNKNOWN, Code.KEYSET_UNKNOWN]


def test_what_a_former_owner_confirmed_is_unknown(two: Two) -> None:
    long_ago = timezone.now() - datetime.timedelta(days=1)
    KeysetHead.objects.filter(unit=two.secondary.unit).update(applied_at=long_ago)

    assert two.codes() == [Code.KEYSET_UNKNOWN]


# What asks for attention


def test_an_older_generation_is_stale(two: Two) -> None:
    two.grant(two.primary, GATEWAY_AV)
    two.apply(two.secondary)

    readiness = two.ask()

    (finding,) = readiness.findings
    assert (finding.code, finding.unit, finding.mend) == (Code.KEYSET_STALE, two.primary, Mend.KEYSET)
    assert readiness.state == State.ATTENTION


def test_stale_stays_stale_after_the_newest_was_only_read(two: Two) -> None:
    two.grant(two.primary, GATEWAY_AV)
    two.apply(two.secondary)
    read_keyset(registration=two.primary, today=TODAY)

    assert two.codes() == [Code.KEYSET_STALE]


def test_a_grant_that_changes_no_payload_makes_nothing_stale(two: Two) -> None:
    two.grant(two.primary, CLIENT_AV, count=5)
    two.apply()
    two.grant(two.primary, CLIENT_AV, count=3)

    assert two.codes() == []


def test_a_change_of_another_models_services_makes_nothing_stale(two: Two) -> None:
    model, service = ProductModel.objects.get(name="TZ 150"), Service.objects.get(code=GATEWAY_AV)
    set_model_service(model=model, service=service, count=None, by=None, reason="an offer")

    assert two.codes() == []


def test_a_change_of_the_models_services_makes_both_stale(two: Two) -> None:
    service = Service.objects.get(code=GATEWAY_AV)
    set_model_service(model=two.primary.unit.model, service=service, count=None, by=None, reason="an offer")

    assert two.codes() == [Code.SERVICE_NOT_COVERED, Code.KEYSET_STALE, Code.KEYSET_STALE]


def test_raised_generations_make_every_applied_keyset_stale(two: Two) -> None:
    raise_generations(by_how_many=10, by=None, progress=lambda at, end: None)

    assert two.codes() == [Code.KEYSET_STALE, Code.KEYSET_STALE]


def test_the_day_after_a_service_ended_its_keyset_is_as_good_as_before(two: Two) -> None:
    two.grant(two.primary, GATEWAY_AV, days=1)
    two.apply()

    assert two.codes(TODAY + datetime.timedelta(2)) == []


def share_out(two: Two, owner: Registration, target: Registration, count: int) -> None:
    """Give another unit some of a unit's Client AV."""
    licence = Licence.objects.get(registration=owner, service__code=CLIENT_AV)
    move_counts(licence=licence, source=owner, target=target, count=count, by=two.member.user, today=TODAY)


def test_a_part_that_is_given_away_makes_both_keysets_stale(two: Two) -> None:
    two.grant(two.primary, CLIENT_AV, count=10)
    two.apply()

    share_out(two, two.primary, RegistrationFactory(account=two.member.account), 4)

    assert two.codes() == [Code.KEYSET_STALE, Code.KEYSET_STALE]


def test_a_part_follows_the_licence_of_the_unit_that_gave_it(two: Two) -> None:
    giver = RegistrationFactory(account=two.member.account)
    two.grant(giver, CLIENT_AV, count=10, days=100)
    share_out(two, giver, two.primary, 4)
    two.apply()
    was = two.codes()

    Licence.objects.filter(registration=giver).update(expires_on=TODAY + datetime.timedelta(400))
    Unit.objects.filter(pk=giver.unit_id).raise_version()

    assert was == []
    assert two.codes() == [Code.KEYSET_STALE, Code.KEYSET_STALE, Code.ENDS_FIRST]


def test_support_that_only_the_primary_has_asks_for_attention(two: Two) -> None:
    two.grant(two.primary, SUPPORT, days=365)
    two.apply()

    readiness = two.ask()

    (finding,) = readiness.findings
    assert (finding.code, finding.unit, finding.mend) == (Code.UNSHARED_SERVICE, two.secondary, Mend.SERVICES)
    assert readiness.state == State.ATTENTION


def test_what_only_the_secondary_has_and_no_pair_shares_is_no_finding(two: Two) -> None:
    two.grant(two.secondary, SUPPORT)
    two.apply()

    assert two.codes() == []


def test_a_better_license_of_the_secondary_leads_to_a_swap(two: Two) -> None:
    two.grant(two.secondary, GATEWAY_AV, days=100)
    two.apply()

    (finding,) = two.ask().findings

    assert (finding.code, finding.unit, finding.mend) == (Code.ROLES_REVERSED, two.secondary, Mend.SWAP)
    assert finding.severity == State.ATTENTION


def test_support_that_both_have_is_no_finding(two: Two) -> None:
    for unit in (two.primary, two.secondary):
        two.grant(unit, SUPPORT, days=365)
    two.apply()

    assert two.codes() == []


@pytest.mark.parametrize(("count", "codes"), [(10, [Code.FEWER_NODES]), (-1, [])])
def test_only_fewer_nodes_are_a_finding(two: Two, count: int, codes: list[Code]) -> None:
    ModelService.objects.filter(service__code=NODES).delete()
    two.grant(two.primary, NODES, count=-1)
    two.grant(two.secondary, NODES, count=count)
    two.apply()

    assert two.codes() == codes


def test_a_count_that_has_grown_since_is_a_finding(two: Two) -> None:
    two.grant(two.primary, CLIENT_AV, count=5)
    two.apply()
    two.grant(two.primary, CLIENT_AV, count=50)
    two.apply(two.primary)

    readiness = two.ask()

    assert [(f.code, f.mend) for f in readiness.findings] == [
        (Code.KEYSET_STALE, Mend.KEYSET),
        (Code.FEWER_LICENSES, Mend.KEYSET),
    ]
    assert readiness.state == State.ATTENTION


def test_a_service_that_ends_first_on_the_secondary(two: Two) -> None:
    two.grant(two.primary, GATEWAY_AV, days=100)
    two.apply()
    two.grant(two.primary, GATEWAY_AV, days=400)
    two.apply(two.primary)

    finding = two.found(Code.ENDS_FIRST)

    assert (finding.severity, finding.unit, finding.mend) == (State.ATTENTION, two.secondary, Mend.KEYSET)


def test_a_service_that_ends_first_on_the_primary(two: Two) -> None:
    two.grant(two.primary, GATEWAY_AV, days=100)
    two.grant(two.secondary, GATEWAY_AV, days=400)
    two.apply()

    finding = two.found(Code.ENDS_FIRST)

    assert (finding.code, finding.unit, finding.mend) == (Code.ENDS_FIRST, two.primary, Mend.SERVICES)


def test_an_unshared_service_that_ends_first(two: Two) -> None:
    two.grant(two.primary, SUPPORT, days=400)
    two.grant(two.secondary, SUPPORT, days=100)
    two.apply()

    (finding,) = two.ask().findings

    assert (finding.code, finding.unit, finding.mend) == (Code.ENDS_FIRST, two.secondary, Mend.SERVICES)


@pytest.mark.parametrize(("days", "codes"), [(0, [Code.ENDS_SOON]), (30, [Code.ENDS_SOON]), (31, [])])
def test_a_service_ends_soon_within_30_days(two: Two, days: int, codes: list[Code]) -> None:
    two.grant(two.primary, GATEWAY_AV, days=days)
    two.apply()

    readiness = two.ask()

    assert [finding.code for finding in readiness.findings] == codes
    assert readiness.state == (State.ATTENTION if codes else State.READY)


def test_a_larger_license_of_the_secondary_that_ends_before_the_primarys_ends_nothing_first(two: Two) -> None:
    two.grant(two.primary, CLIENT_AV, count=15, days=400)
    two.grant(two.secondary, CLIENT_AV, count=20, days=100)
    two.apply()

    assert Code.ENDS_FIRST not in two.codes()


def test_a_license_that_another_one_continues_ends_neither_first_nor_soon(two: Two) -> None:
    two.give(two.primary, CLIENT_AV, count=10, expires_on=TODAY + datetime.timedelta(10))
    two.give(two.primary, CLIENT_AV, count=10, begins_on=TODAY + datetime.timedelta(11))
    two.apply()

    assert two.codes() == []


def test_a_smaller_license_that_follows_ends_soon_and_first_on_neither_side(two: Two) -> None:
    two.give(two.primary, CLIENT_AV, count=10, expires_on=TODAY + datetime.timedelta(10))
    two.give(two.primary, CLIENT_AV, count=5)
    two.apply()

    assert two.codes() == [Code.ENDS_SOON]


def test_a_later_license_of_the_secondary_leads_to_a_swap(two: Two) -> None:
    two.give(two.primary, CLIENT_AV, count=10, expires_on=TODAY + datetime.timedelta(100))
    two.give(two.secondary, CLIENT_AV, count=5, begins_on=TODAY + datetime.timedelta(50))
    two.apply()

    assert Code.ROLES_REVERSED in two.codes()


def test_a_license_of_the_secondary_that_adds_nothing_leads_to_no_swap(two: Two) -> None:
    two.give(two.primary, CLIENT_AV, count=10)
    two.give(two.secondary, CLIENT_AV, count=10, expires_on=TODAY + datetime.timedelta(100))
    two.apply()

    assert two.codes() == []


def test_what_goes_on_by_what_the_model_comes_with_ends_first_on_neither_side(two: Two) -> None:
    two.grant(two.primary, GLOBAL_VPN, count=15, days=100)
    two.apply()

    assert two.codes() == []


def test_an_applied_keyset_is_asked_for_what_follows_in_it(two: Two) -> None:
    two.grant(two.primary, GLOBAL_VPN, count=15, days=10)
    two.apply()
    day = TODAY + datetime.timedelta(days=11)

    runs = readiness_of([two.primary], day)[two.primary.pk].runs or []

    assert [(r.status, r.count, r.expires_on) for r in runs if r.name == "Global VPN Client"] == [
        (Status.LICENSED, 5, None)
    ]


# The worst counts


def test_not_ready_beats_unknown_beats_attention(two: Two) -> None:
    two.grant(two.primary, GATEWAY_AV, days=10)
    KeysetHead.objects.filter(unit=two.primary.unit).update(applied=None, applied_at=None)

    severities = [finding.severity for finding in two.ask().findings]

    assert severities == sorted(severities, key=lambda state: -state.rank)
    assert set(severities) == {State.NOT_READY, State.UNKNOWN, State.ATTENTION}
    assert two.ask().state == State.NOT_READY


def test_unknown_beats_attention(two: Two) -> None:
    two.grant(two.primary, GATEWAY_AV, days=10)
    two.apply()
    KeysetHead.objects.filter(unit=two.primary.unit).update(applied=None, applied_at=None)

    assert two.ask().state == State.UNKNOWN


# Whose readiness


def test_make_standby_leaves_the_new_standby_unknown(two: Two) -> None:
    spare = RegistrationFactory(account=two.member.account)
    hf, user = two.seat.type, two.member.user
    seat = associate(parent=two.primary, child=spare, type=hf, by=user, today=today())

    make_standby(seat=seat, instead=sharing(seat), by=user, today=today())

    assert two.ask().secondary.registration == spare
    assert two.codes() == [Code.KEYSET_UNKNOWN]


def test_both_units_of_a_pair_have_its_readiness_and_a_spare_has_none(two: Two) -> None:
    (spare,) = registrations(two.member.account, 1)
    add_spares(two.seat, [spare])
    alone = RegistrationFactory(account=two.member.account)

    found = readiness_of([two.primary, two.secondary, spare, alone], TODAY)

    assert set(found) == {two.primary.pk, two.secondary.pk}
    assert readiness_of([two.secondary], TODAY) == {pk: two.ask() for pk in found}


def test_units_in_no_pair_have_none() -> None:
    assert readiness_of([RegistrationFactory()], TODAY) == {}
    assert readiness_of([], TODAY) == {}


def test_an_account_has_its_own_pairs_by_name(two: Two) -> None:
    others = pairs(two.member.account, 3)
    pairs(MembershipFactory().account, 1)
    names = ["b", "A", "c", "B"]
    for (primary, *_), name in zip([(two.primary,), *others], names, strict=True):
        Registration.objects.filter(pk=primary.pk).update(friendly_name=name)

    found = account_readiness(two.member.account, TODAY)

    assert [r.primary.registration.friendly_name for r in found] == ["A", "b", "B", "c"]


def test_an_accounts_pairs_are_paged_by_the_last_one_seen(two: Two) -> None:
    pairs(two.member.account, 6)
    Registration.objects.update(friendly_name="alike")
    whole = [r.primary for r in account_readiness(two.member.account, TODAY)]

    paged, after = [], None
    while page := account_readiness(two.member.account, TODAY, after=after, limit=3):
        paged += [readiness.primary for readiness in page]
        after = paged[-1].uuid

    assert paged == whole
    assert len(paged) == 7


@pytest.mark.parametrize("count", [10, 1000])
def test_a_whole_account_costs_as_many_queries_as_a_few_pairs(
    two: Two, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    pairs(two.member.account, count)

    with django_assert_num_queries(11):
        found = account_readiness(two.member.account, TODAY)

    assert len(found) == count + 1
    assert {readiness.state for readiness in found} == {State.READY, State.UNKNOWN}
