import pytest
from django.utils import timezone

from associations.models import AssociationType, Seat, Side
from associations.selectors import (
    MOST_OFFERED,
    associated,
    candidates,
    child_counts,
    in_role,
    live_seats,
    places_of,
    role_choices,
    seat_elsewhere,
    seat_of,
    sides_of,
    takes_standby,
)
from portal.models import Membership
from products.models import Registration, Unit
from tests.associations.support import hf, seated
from tests.factories import MembershipFactory, RegistrationFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]


def _units(member: Membership, *names: str, model: str = "PRO 5060") -> list[Registration]:
    return [
        RegistrationFactory(account=member.account, friendly_name=name, unit__model_name=model)
        for name in names
    ]


def _offered(member: Membership, unit: Registration, side: Side, query: str = "") -> list[tuple[str, str]]:
    rows = candidates(member.account, unit, side=side, query=query).rows
    return [(row.label, row.registration.friendly_name) for row in rows]


def test_a3_primaries_with_a_secondary_are_offered_and_secondaries_are_not(member: Membership) -> None:
    new, primary, secondary, alone = _units(member, "New", "Primary", "Secondary", "Alone")
    seated(primary, secondary, member)

    offered = _offered(member, new, Side.PARENT)

    assert offered == [("HF Primary", alone.friendly_name), ("HF Primary", primary.friendly_name)]


def test_a4_only_units_in_no_association_are_offered_as_children(member: Membership) -> None:
    new, primary, secondary, alone = _units(member, "New", "Primary", "Secondary", "Alone")
    seated(primary, secondary, member)

    assert ("HF Secondary", alone.friendly_name) in _offered(member, new, Side.CHILD)
    assert len(_offered(member, new, Side.CHILD)) == 1


def test_a4_a_spare_is_no_candidate(member: Membership) -> None:
    new, primary, secondary, spare = _units(member, "New", "Primary", "Secondary", "Spare")
    seated(primary, secondary, member)
    seated(primary, spare, member)

    assert _offered(member, new, Side.CHILD) == []


def test_what_ended_counts_no_more(member: Membership) -> None:
    new, primary, secondary = _units(member, "New", "Primary", "Secondary")
    seated(primary, secondary, member)
    Seat.objects.update(ended_at=timezone.now())

    assert len(_offered(member, new, Side.CHILD)) == 2


@pytest.mark.parametrize("side", Side)
def test_who_is_not_offered(member: Membership, side: Side) -> None:
    (new,) = _units(member, "New")
    _units(member, "Other model", model="PRO 4060")
    RegistrationFactory(friendly_name="Other account")
    retired, ended = _units(member, "Retired", "Ended")
    Unit.objects.filter(pk=retired.unit_id).update(retired_at=timezone.now())
    Registration.objects.filter(pk=ended.pk).update(ended_at=timezone.now())

    assert _offered(member, new, side) == []


def test_a_sonicpoint_is_offered_every_firewall(member: Membership) -> None:
    (point,) = _units(member, "Point", model="SonicPoint")
    _units(member, "Big")
    _units(member, "Small", model="TZ 170")
    _units(member, "Point G", model="SonicWALL SonicPoint G")

    assert _offered(member, point, Side.PARENT) == [("Firewall", "Big"), ("Firewall", "Small")]


def test_a_firewall_is_offered_children_of_all_types_in_the_order_of_figure_2(member: Membership) -> None:
    new, _ = _units(member, "New", "Second")
    _units(member, "Point", model="SonicPoint")
    _units(member, "Point G", model="SonicWALL SonicPoint G")

    assert _offered(member, new, Side.CHILD) == [
        ("SonicPoint", "Point"),
        ("SonicWALL SonicPoint G", "Point G"),
        ("HF Secondary", "Second"),
    ]


def test_a_secondary_has_its_place_already(member: Membership) -> None:
    primary, secondary, _ = _units(member, "Primary", "Secondary", "Alone")
    seated(primary, secondary, member)

    assert candidates(member.account, secondary, side=Side.PARENT).labels == []
    assert "HF Secondary" not in candidates(member.account, secondary, side=Side.CHILD).labels


def test_a_primary_is_offered_more_children_and_no_parent(member: Membership) -> None:
    primary, secondary, alone = _units(member, "Primary", "Secondary", "Alone")
    seated(primary, secondary, member)

    assert candidates(member.account, primary, side=Side.PARENT).labels == []
    assert _offered(member, primary, Side.CHILD) == [("HF Secondary", alone.friendly_name)]


@pytest.mark.parametrize("query", ["bern", "BERN  office", "serial", "code"])
def test_a_query_narrows_by_every_word(member: Membership, query: str) -> None:
    new, wanted, _ = _units(member, "New", "Bern Office", "Zurich Office")
    words = {"serial": wanted.unit.serial, "code": wanted.code}

    assert _offered(member, new, Side.PARENT, words.get(query, query)) == [("HF Primary", "Bern Office")]


def test_a_query_without_a_hit_keeps_the_labels(member: Membership) -> None:
    new, _ = _units(member, "New", "Bern")

    found = candidates(member.account, new, side=Side.PARENT, query="nowhere")

    assert (found.rows, found.labels, found.has_more) == ([], ["HF Primary"], False)


@pytest.mark.parametrize("count", [MOST_OFFERED, MOST_OFFERED + 1])
def test_at_most_100_are_offered(member: Membership, count: int) -> None:
    (new,) = _units(member, "New")
    RegistrationFactory.create_batch(count, account=member.account)

    found = candidates(member.account, new, side=Side.PARENT)

    assert len(found.rows) == MOST_OFFERED
    assert found.has_more == (count > MOST_OFFERED)


def test_a_candidates_value_names_type_and_serial(member: Membership) -> None:
    new, other = _units(member, "New", "Other")

    (row,) = candidates(member.account, new, side=Side.PARENT).rows

    assert row.value == f"hf:{other.unit.serial}"


@pytest.mark.parametrize("count", [1, 20])
def test_the_queries_do_not_grow_with_the_rows(
    member: Membership, count: int, django_assert_num_queries
) -> None:
    new, *_ = _units(member, "New", *(f"Unit {i}" for i in range(count)))

    with django_assert_num_queries(4):
        rows = candidates(member.account, new, side=Side.PARENT).rows
        assert all(row.registration.unit.model.name for row in rows)


def test_sides_of(member: Membership) -> None:
    firewall, point = _units(member, "Small", model="TZ 170") + _units(member, "Point", model="SonicPoint")
    (hf,) = _units(member, "Big")

    assert [sides_of(unit) for unit in (firewall, point, hf)] == [{"parent"}, {"child"}, {"parent", "child"}]


def test_live_seats_of_a_secondary_show_its_pair_parents_first(member: Membership) -> None:
    primary, secondary, spare, stranger = _units(member, "Primary", "Secondary", "Spare", "Stranger")
    for child in (secondary, spare):
        seated(primary, child, member)
    (point,) = _units(member, "Point", model="SonicPoint")
    seated(stranger, point, member, "sonicpoint")

    seats = live_seats(secondary)

    assert [seat.registration for seat in seats] == [primary, secondary, spare]


def test_live_seats_of_an_access_point_show_no_other_access_points(member: Membership) -> None:
    (firewall,) = _units(member, "Firewall", model="TZ 170")
    points = _units(member, "Point 1", "Point 2", model="SonicPoint")
    for point in points:
        seated(firewall, point, member, "sonicpoint")

    assert [seat.registration for seat in live_seats(points[0])] == [firewall, points[0]]


def _counts(unit: Registration) -> list[tuple[str, int, int]]:
    return [(row.label, row.count, row.spares) for row in child_counts(unit)]


def test_child_counts_of_a_unit_alone(member: Membership) -> None:
    (unit,) = _units(member, "Alone")

    assert _counts(unit) == [("SonicPoint", 0, 0), ("SonicWALL SonicPoint G", 0, 0), ("HF Secondary", 0, 0)]


def test_child_counts_of_a_primary(member: Membership) -> None:
    primary, secondary, spare = _units(member, "Primary", "Secondary", "Spare")
    (point,) = _units(member, "Point", model="SonicPoint")
    for child in (secondary, spare):
        seated(primary, child, member)
    seated(primary, point, member, "sonicpoint")

    assert _counts(primary) == [
        ("SonicPoint", 1, 0),
        ("SonicWALL SonicPoint G", 0, 0),
        ("HF Secondary", 2, 1),
    ]


def test_child_counts_of_a_secondary_name_its_primary(member: Membership) -> None:
    primary, secondary = _units(member, "Primary", "Secondary")
    seated(primary, secondary, member)

    assert _counts(secondary)[-1] == ("HF Primary", 1, 0)


def test_child_counts_of_models_without_hf(member: Membership) -> None:
    firewall, point = _units(member, "Small", model="TZ 170") + _units(member, "Point", model="SonicPoint")

    assert _counts(firewall) == [("SonicPoint", 0, 0), ("SonicWALL SonicPoint G", 0, 0)]
    assert _counts(point) == []


def test_child_counts_forget_what_ended(member: Membership) -> None:
    primary, secondary = _units(member, "Primary", "Secondary")
    seated(primary, secondary, member)
    Seat.objects.update(ended_at=timezone.now())

    assert _counts(primary)[-1] == _counts(secondary)[-1] == ("HF Secondary", 0, 0)


# What pages of changes ask


def test_a5_with_children_secondaries_are_offered_too_but_not_ones_own(member: Membership) -> None:
    new, own, primary, secondary = _units(member, "New", "Own", "Primary", "Secondary")
    seated(new, own, member)
    seated(primary, secondary, member)

    rows = candidates(member.account, new, side=Side.CHILD, with_children=True).rows

    assert [row.registration for row in rows] == [secondary]


def test_a6_other_parents_are_offered_to_a_secondary_whose_parent_changes(member: Membership) -> None:
    primary, secondary, spare, other, others, free = _units(
        member, "Primary", "Secondary", "Spare", "Other", "Others", "Free"
    )
    for parent, child in ((primary, secondary), (primary, spare), (other, others)):
        seated(parent, child, member)

    rows = candidates(member.account, secondary, side=Side.PARENT, changing=hf()).rows

    assert [(row.registration, row.is_shared) for row in rows] == [(free, False), (other, True)]


def test_a6_only_the_type_that_changes_is_offered(member: Membership) -> None:
    (point,) = _units(member, "Point", model="SonicPoint")
    firewall, other = _units(member, "Firewall", "Other")
    seat = seated(firewall, point, member, "sonicpoint")

    rows = candidates(member.account, point, side=Side.PARENT, changing=seat.type).rows

    assert [row.registration for row in rows] == [other]


def test_takes_standby_until_somebody_shares(member: Membership) -> None:
    primary, secondary, spare = _units(member, "Primary", "Secondary", "Spare")
    assert takes_standby(primary, hf())
    seats = [seated(primary, child, member) for child in (secondary, spare)]

    assert not takes_standby(primary, hf())
    Seat.objects.filter(pk=seats[0].pk).update(ended_at=timezone.now())
    assert takes_standby(primary, hf())
    assert not takes_standby(primary, AssociationType.objects.get(slug="sonicpoint"))


def test_seat_elsewhere_is_the_seat_beside_another_parent(member: Membership) -> None:
    primary, secondary, other = _units(member, "Primary", "Secondary", "Other")
    seat = seated(primary, secondary, member)

    assert seat_elsewhere(secondary, hf(), other) == seat
    assert seat_elsewhere(secondary, hf(), primary) is None
    assert seat_elsewhere(other, hf(), primary) is None
    assert seat_elsewhere(primary, hf(), other) is None


def test_seat_of_finds_a_childs_seat_from_either_page_live_or_ended(member: Membership) -> None:
    primary, secondary, other = _units(member, "Primary", "Secondary", "Other")
    seat = seated(primary, secondary, member)
    parents = Seat.objects.get(registration=primary)

    for _ in range(2):
        found = [seat_of(member.account, unit, seat.uuid) for unit in (primary, secondary, other)]
        assert found == [seat, seat, None]
        Seat.objects.update(ended_at=timezone.now())
    assert seat_of(member.account, primary, parents.uuid) is None
    assert seat_of(MembershipFactory().account, primary, seat.uuid) is None


def test_associated_lists_the_sharing_child_first_and_is_narrowed(member: Membership) -> None:
    primary, sharing, bern, aarau = _units(member, "Primary", "Zurich", "Bern", "Aarau")
    for child in (sharing, bern, aarau):
        seated(primary, child, member)

    place, found = associated(primary, hf()), associated(primary, hf(), "BERN")

    assert [row.registration for row in place.rows] == [sharing, aarau, bern]
    assert (place.label, place.side, place.has_more) == ("HF Secondary", Side.CHILD, False)
    assert [row.registration for row in found.rows] == [bern]


def test_associated_of_a_child_lists_its_parent_with_its_own_seat(member: Membership) -> None:
    primary, secondary, spare = _units(member, "Primary", "Secondary", "Spare")
    seat, _ = (seated(primary, child, member) for child in (secondary, spare))

    place = associated(secondary, hf())

    assert (place.label, place.side) == ("HF Primary", Side.PARENT)
    assert [(row.registration, child) for row, child in place.items] == [(primary, seat)]


def test_places_of_tell_roles_and_partners(member: Membership) -> None:
    primary, secondary, spare, alone = _units(member, "Primary", "Secondary", "Spare", "Alone")
    for child in (secondary, spare):
        seated(primary, child, member)

    places = places_of([primary, secondary, spare, alone])

    assert {unit: (place.seat.label, place.partner) for unit, place in places.items()} == {
        primary.pk: ("HF Primary", secondary),
        secondary.pk: ("HF Secondary", primary),
        spare.pk: ("HF Secondary", primary),
    }


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("hf:parent", {"Primary"}),
        ("hf:child", {"Secondary", "Spare"}),
        ("none", {"Alone", "Firewall", "Point"}),
        ("", {"Primary", "Secondary", "Spare", "Alone", "Firewall", "Point"}),
        ("sonicpoint:child", set()),
        ("nothing:child", set()),
    ],
)
def test_units_are_found_by_their_role(member: Membership, role: str, names: set[str]) -> None:
    primary, secondary, spare, _, firewall = _units(
        member, "Primary", "Secondary", "Spare", "Alone", "Firewall"
    )
    (point,) = _units(member, "Point", model="SonicPoint")
    for child in (secondary, spare):
        seated(primary, child, member)
    seated(firewall, point, member, "sonicpoint")

    found = Registration.objects.visible_to(member.account).filter(in_role(role))

    assert set(found.values_list("friendly_name", flat=True)) == names


def test_the_roles_are_those_of_sharing_types_and_none() -> None:
    assert role_choices()[:2] == [("hf:parent", "HF Primary"), ("hf:child", "HF Secondary")]
    assert [value for value, _ in role_choices()][2:] == ["none"]
