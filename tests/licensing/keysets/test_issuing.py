import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from associations.models import AssociationType, Seat
from associations.services import associate
from licensing.catalogue.changes import save_service
from licensing.grants.giving import grant_licence
from licensing.keyset import UNLIMITED, Ed25519Signer, Outcome, read, states_on, verify
from licensing.keyset import Service as KeysetService
from licensing.keysets.issuing import read_keyset
from licensing.keysets.signing import describe_signing_key, key_ring, make_signing_key
from licensing.models import Keyset, KeysetHead, Licence, ModelService, PoolPart, Service
from portal.clock import today
from portal.keys import KeyMissing, NoActiveKey, write_secret
from portal.models import Key
from products.errors import UnitRetired
from products.models import Registration, Unit
from products.services import register
from tests.factories import CODE, LicenceFactory, MembershipFactory, RegistrationFactory, pair, registrations
from tests.rows import every_row

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

TODAY = date(2026, 11, 22)
DAY = timedelta(1)
NODES, CLIENT_AV, GATEWAY_AV, GLOBAL_VPN_CLIENT, ENHANCED, SUPPORT = 1, 2, 3, 9, 13, 14
MODEL_ROWS = 4
"""What a PRO 5060 comes with, beside the nodes."""


def _read(registration: Registration, today: date = TODAY) -> Keyset:
    """Its keyset, which the appliance itself accepts."""
    keyset = read_keyset(registration=registration, today=today)
    result = verify(
        keyset.text,
        serial=registration.unit.serial,
        model=registration.unit.model.code,
        keys=key_ring(),
        today=today,
    )
    assert result.outcome == Outcome.INSTALLED
    assert (result.payload.generation, result.payload.issued) == (keyset.generation, keyset.issued)
    return keyset


def _services(registration: Registration, today: date = TODAY) -> dict[int, KeysetService]:
    return {service.code: service for service in read(_read(registration, today).text).services}


def _grant(
    registration: Registration, code: int, count: int | None = None, expires_on: date | None = None
) -> None:
    grant_licence(
        unit=registration.unit,
        service=Service.objects.get(code=code),
        count=count,
        expires_on=expires_on,
        reason="bought",
        by=None,
        today=TODAY,
        all_the_same=True,
    )


@pytest.fixture
def hf() -> tuple[Registration, Registration]:
    """An HF Primary and its HF Secondary."""
    member = MembershipFactory()
    primary, secondary, _ = pair(member.account, member.user)
    return primary, secondary


# K1: what a keyset carries.


def test_k1_a_unit_alone_has_what_its_model_comes_with() -> None:
    registration = RegistrationFactory()

    payload = read(_read(registration).text)

    assert (payload.serial, payload.model) == (registration.unit.serial, 8)
    assert (payload.generation, payload.nodes, payload.primary) == (1, UNLIMITED, None)
    assert [service.code for service in payload.services] == [8, 9, 12, 13]


def test_k1_nodes_stand_in_the_node_count_and_not_among_the_services() -> None:
    registration = RegistrationFactory()
    ModelService.objects.filter(service__code=NODES).delete()
    _grant(registration, NODES, 250)

    payload = read(_read(registration).text)

    assert payload.nodes == 250
    assert NODES not in {service.code for service in payload.services}


@pytest.mark.parametrize("code", [*range(2, 13)])
def test_k1_the_secondary_carries_every_shared_service(
    hf: tuple[Registration, Registration], code: int
) -> None:
    primary, secondary = hf
    is_counted = Service.objects.get(code=code).is_counted
    _grant(primary, code, 50 if is_counted else None, TODAY + 30 * DAY)

    assert _services(secondary)[code] == _services(primary)[code]


def test_k1_the_secondarys_better_licence_stays(hf: tuple[Registration, Registration]) -> None:
    primary, secondary = hf
    _grant(primary, CLIENT_AV, 3, TODAY + DAY)
    _grant(secondary, CLIENT_AV, 50, TODAY + 2 * DAY)

    assert _services(secondary)[CLIENT_AV].expiry == TODAY + 2 * DAY
    assert _services(primary)[CLIENT_AV].expiry == TODAY + DAY


@pytest.mark.parametrize("code", [SUPPORT, ENHANCED])
def test_k1_what_is_not_shareable_stays_with_the_primary(
    hf: tuple[Registration, Registration], code: int
) -> None:
    primary, secondary = hf
    ModelService.objects.filter(service__code=code).delete()
    _grant(primary, code, None, TODAY + DAY)

    assert _services(primary)[code].expiry == TODAY + DAY
    assert getattr(_services(secondary).get(code), "expiry", None) is None


def test_k1_the_nodes_are_each_units_own(hf: tuple[Registration, Registration]) -> None:
    primary, secondary = hf
    ModelService.objects.filter(service__code=NODES).delete()
    _grant(primary, NODES, UNLIMITED)
    _grant(secondary, NODES, 25)

    assert read(_read(secondary).text).nodes == 25
    assert read(_read(primary).text).nodes == UNLIMITED


def test_k1_the_secondary_names_its_primary_and_a_spare_nobody(
    hf: tuple[Registration, Registration],
) -> None:
    primary, secondary = hf
    spare = RegistrationFactory(account=primary.account)
    seat = Seat.objects.get(registration=secondary)
    associate(parent=primary, child=spare, type=seat.type, by=seat.began_by, today=today())
    _grant(primary, GATEWAY_AV)

    assert read(_read(secondary).text).primary == primary.unit.serial
    assert read(_read(spare).text).primary is None
    assert GATEWAY_AV not in _services(spare)


def test_k1_an_access_points_keyset_can_be_read() -> None:
    payload = read(_read(RegistrationFactory(unit__model_name="SonicPoint")).text)

    assert (payload.nodes, payload.services) == (0, ())


# K2: the newest one is true, and the same state gives the same text.


def test_k2_the_same_state_gives_the_same_text() -> None:
    registration = RegistrationFactory()
    first = _read(registration)

    again = [_read(registration), _read(registration, TODAY + 1000 * DAY)]

    assert [keyset.text for keyset in again] == [first.text] * 2
    assert Keyset.objects.count() == 1


def test_k2_reading_a_current_keyset_takes_one_query(django_assert_num_queries) -> None:
    registration = RegistrationFactory()
    _read(registration)

    with django_assert_num_queries(1):
        read_keyset(registration=registration, today=TODAY)


def test_k2_a_grant_gives_the_next_generation() -> None:
    registration = RegistrationFactory()
    first = _read(registration)

    _grant(registration, GATEWAY_AV)

    assert _read(registration).generation == first.generation + 1
    assert Unit.objects.get(pk=registration.unit_id).last_generation == 2


def test_k2_what_changes_nothing_gives_the_last_text() -> None:
    registration = RegistrationFactory()
    _grant(registration, CLIENT_AV, 5)
    first = _read(registration)

    _grant(registration, CLIENT_AV, 3)

    assert _read(registration) == first
    assert KeysetHead.objects.get().version == 2


def test_k2_associating_leaves_the_primarys_keyset_as_it_was() -> None:
    member = MembershipFactory()
    primary, secondary = RegistrationFactory.create_batch(2, account=member.account)
    _grant(primary, GATEWAY_AV)
    before = [_read(primary), _read(secondary)]

    hf = AssociationType.objects.get(slug="hf")
    associate(parent=primary, child=secondary, type=hf, by=member.user, today=today())

    assert _read(primary) == before[0]
    assert _read(secondary).generation == before[1].generation + 1


def test_k2_a_flag_reaches_every_unit(hf: tuple[Registration, Registration]) -> None:
    primary, secondary = hf
    _grant(primary, GATEWAY_AV)
    assert GATEWAY_AV in _services(secondary)
    service = Service.objects.get(code=GATEWAY_AV)
    service.is_shareable = False

    save_service(service=service, by=None, reason="decided so")

    assert GATEWAY_AV not in _services(secondary)
    assert GATEWAY_AV in _services(primary)


def test_k2_time_alone_makes_no_keyset_stale(hf: tuple[Registration, Registration]) -> None:
    primary, secondary = hf
    _grant(primary, GLOBAL_VPN_CLIENT, 50, TODAY + 2 * DAY)
    _grant(primary, GATEWAY_AV, None, TODAY + 5 * DAY)

    first = _read(secondary)

    assert KeysetHead.objects.get(unit=secondary.unit).recheck_on is None
    assert _read(secondary, TODAY + 1000 * DAY) == first


def test_k2_what_the_model_comes_with_follows_a_licence(hf: tuple[Registration, Registration]) -> None:
    primary, secondary = hf
    _grant(primary, GLOBAL_VPN_CLIENT, 50, TODAY)

    services = read(_read(secondary).text).services

    assert [row for row in services if row.code == GLOBAL_VPN_CLIENT] == [
        KeysetService(GLOBAL_VPN_CLIENT, count=50, expiry=TODAY),
        KeysetService(GLOBAL_VPN_CLIENT, count=5),
    ]


def test_k2_a_change_after_a_row_has_expired_compares_what_is_left(
    hf: tuple[Registration, Registration],
) -> None:
    primary, secondary = hf
    _grant(primary, GLOBAL_VPN_CLIENT, 50, TODAY)
    first = _read(secondary)

    Licence.objects.filter(registration=primary).delete()
    Unit.objects.filter(pk=primary.unit_id).raise_version()

    assert _read(secondary, TODAY + DAY) == first


def test_k2_a_node_count_has_no_days_so_its_end_gives_the_next_generation() -> None:
    registration = RegistrationFactory(unit__model_name="SonicPoint")
    nodes = Service.objects.get(code=NODES)
    LicenceFactory(registration=registration, service=nodes, count=25, expires_on=TODAY)
    first = _read(registration)

    second = _read(registration, TODAY + DAY)

    assert [read(keyset.text).nodes for keyset in (first, second)] == [25, 0]
    assert KeysetHead.objects.get().recheck_on is None


def test_k2_what_has_no_room_is_issued_the_day_before_it_runs() -> None:
    account = MembershipFactory().account
    holder, *others = registrations(account, 301)
    client_av = Service.objects.get(code=CLIENT_AV)
    licences = Licence.objects.bulk_create(
        LicenceFactory.build(
            registration=other, service=client_av, count=1000 - day, expires_on=TODAY + day * DAY
        )
        for day, other in enumerate(others)
    )
    PoolPart.objects.bulk_create(
        PoolPart(registration=holder, licence=licence, count=licence.count) for licence in licences
    )
    left_out_from = TODAY + (255 - MODEL_ROWS) * DAY

    first = _read(holder)
    assert KeysetHead.objects.get(unit=holder.unit).recheck_on == left_out_from - DAY
    assert _read(holder, left_out_from - 2 * DAY) == first

    second = _read(holder, left_out_from - DAY)
    state = states_on(left_out_from, read(second.text).services)[CLIENT_AV]
    assert (state.row.expiry, len(state.follows)) == (left_out_from, 300 - (255 - MODEL_ROWS) - 1)
    assert KeysetHead.objects.get(unit=holder.unit).recheck_on is None


def test_k2_an_expiry_alone_is_no_new_keyset() -> None:
    registration = RegistrationFactory()
    _grant(registration, GATEWAY_AV, None, TODAY)
    first = _read(registration)

    assert _read(registration, TODAY + DAY) == first
    assert KeysetHead.objects.get().recheck_on is None


def test_k2_a_new_owner_gets_the_next_generation_without_the_licences_of_the_last() -> None:
    registration, buyer = RegistrationFactory(), MembershipFactory()
    _grant(registration, GATEWAY_AV)
    first = _read(registration)
    Registration.objects.update(ended_at=timezone.now())

    bought = register(
        account=buyer.account,
        serial_number=registration.unit.serial,
        authentication_code=CODE,
        friendly_name="",
        by=buyer.user,
        now=timezone.now(),
    )

    assert _read(bought).generation == first.generation + 1
    assert GATEWAY_AV not in _services(bought)


def test_when_it_was_first_read_is_noted_once() -> None:
    registration = RegistrationFactory()
    before = timezone.now()
    first_read_at = _read(registration).first_read_at

    assert _read(registration).first_read_at == first_read_at
    assert before <= first_read_at <= timezone.now()
    assert Keyset.objects.get().issued_at <= datetime.now(UTC)


# K3: a retired unit gets none.


@pytest.mark.parametrize("was_read", [True, False])
def test_k3_a_retired_unit_gets_none(was_read: bool) -> None:
    registration = RegistrationFactory()
    if was_read:
        _read(registration)
    Unit.objects.update(retired_at=timezone.now())
    retired = Registration.objects.select_related("unit__model").get()
    before = every_row()

    with pytest.raises(UnitRetired):
        read_keyset(registration=retired, today=TODAY)

    assert every_row() == before


# Keys.


@pytest.fixture
def next_key(settings: Settings, tmp_path: Path) -> Key:
    """A staged key beside the active one, its file in a data folder of this test's own."""
    shutil.copytree(settings.DATA_DIR / "keys", tmp_path / "keys")
    settings.DATA_DIR = tmp_path
    secret = make_signing_key()
    kid, public = describe_signing_key(secret)
    write_secret(tmp_path / "keys" / "keysets" / kid, secret)
    return Key.objects.create(kid=kid, public=public, purpose="keysets", state="staged")


def _rotate(to: Key, old_state: str = "retired") -> None:
    Key.objects.filter(purpose="keysets", state="active").update(state=old_state)
    Key.objects.filter(pk=to.pk).update(state="active")


def _outcome(keyset: Keyset) -> Outcome:
    return verify(keyset.text, serial=keyset.unit.serial, keys=key_ring(), today=TODAY).outcome


def test_a_rotation_leaves_issued_keysets_alone(next_key: Key) -> None:
    registration = RegistrationFactory()
    first = _read(registration)

    _rotate(next_key)

    assert _read(registration) == first
    assert _outcome(first) == Outcome.INSTALLED


def test_the_new_key_signs_what_is_issued_next(next_key: Key) -> None:
    registration = RegistrationFactory()
    old = Key.objects.get(purpose="keysets", state="active")
    _read(registration)
    _rotate(next_key)
    _grant(registration, GATEWAY_AV)

    keyset = _read(registration)

    Key.objects.filter(pk=old.pk).update(state="revoked")
    assert _outcome(keyset) == Outcome.INSTALLED


def test_a_revoked_key_is_unknown(next_key: Key) -> None:
    keyset = _read(RegistrationFactory())

    _rotate(next_key, old_state="revoked")

    assert _outcome(keyset) == Outcome.UNKNOWN_KEY
    assert [jwk["kid"] for jwk in key_ring().to_jwks()["keys"]] == [next_key.kid]


def test_the_ring_has_every_key_that_is_not_revoked_and_no_hash_keys(next_key: Key) -> None:
    kids = Key.objects.filter(purpose="keysets").values_list("kid", flat=True)

    assert {jwk["kid"] for jwk in key_ring().to_jwks()["keys"]} == set(kids)
    assert len(kids) == 2


def test_a_node_without_the_active_keys_file_issues_nothing() -> None:
    stranger = Ed25519Signer.generate()
    absent = Key.objects.create(
        kid=stranger.kid.hex(),
        public=stranger.public_key.public_bytes_raw().hex(),
        purpose="keysets",
        state="staged",
    )
    registration = RegistrationFactory()
    _rotate(absent)
    before = every_row()

    with pytest.raises(KeyMissing):
        read_keyset(registration=registration, today=TODAY)

    assert every_row() == before


def test_without_an_active_key_nothing_is_issued() -> None:
    registration = RegistrationFactory()
    Key.objects.filter(purpose="keysets").update(state="retired")
    before = every_row()

    with pytest.raises(NoActiveKey):
        read_keyset(registration=registration, today=TODAY)

    assert every_row() == before


def test_a_keyset_that_was_issued_is_shown_without_any_key() -> None:
    registration = RegistrationFactory()
    first = _read(registration)
    Key.objects.filter(purpose="keysets").update(state="retired")

    assert read_keyset(registration=registration, today=TODAY) == first
