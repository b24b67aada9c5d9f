"""The database alone refuses what A2 and A9 rule out: rows are inserted past the services."""

import uuid

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import UniqueConstraint
from django.utils import timezone

from associations.models import AssociationType, Seat, TypeModel
from products.models import Registration
from tests.factories import AccountFactory, RegistrationFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@pytest.fixture
def units() -> list[Registration]:
    return RegistrationFactory.create_batch(4, account=AccountFactory())


def _insert(registration: Registration, side: str, group: uuid.UUID, **fields: object) -> Seat:
    type = AssociationType.objects.get(slug=fields.pop("slug", "hf"))
    with transaction.atomic():
        return Seat.objects.create(registration=registration, type=type, side=side, group=group, **fields)


@pytest.fixture
def group(units: list[Registration]) -> uuid.UUID:
    """The group of a pair: the first unit with the second as its sharing child."""
    group = uuid.uuid4()
    _insert(units[0], "parent", group)
    _insert(units[1], "child", group, shares=True)
    return group


def _names(error: IntegrityError, name: str) -> bool:
    """Whether this constraint refused: SQLite names a unique one by its columns, PostgreSQL by its name."""
    constraint = next(c for model in (Seat, TypeModel) for c in model._meta.constraints if c.name == name)
    if connection.vendor == "postgresql" or not isinstance(constraint, UniqueConstraint):
        return name in str(error)
    columns = [part.split(".")[-1].removesuffix("_id") for part in str(error).split(": ")[1].split(", ")]
    return columns == [expression.name for expression in constraint.expressions]


def _refused(constraint: str, *seat: object, **fields: object) -> None:
    with pytest.raises(IntegrityError) as refusal:
        _insert(*seat, **fields)
    assert _names(refusal.value, constraint)


def test_a_chain_downwards(units: list[Registration], group: uuid.UUID) -> None:
    _refused("seat_one_in_type", units[1], "parent", uuid.uuid4())


def test_a_chain_upwards(units: list[Registration], group: uuid.UUID) -> None:
    _refused("seat_one_in_type", units[0], "child", uuid.uuid4())


def test_a_self_association(units: list[Registration], group: uuid.UUID) -> None:
    _refused("seat_one_in_type", units[0], "child", group)


def test_a_second_parent(units: list[Registration], group: uuid.UUID) -> None:
    _insert(units[2], "parent", other := uuid.uuid4())

    _refused("seat_one_in_type", units[1], "child", other)


def test_two_primaries(units: list[Registration], group: uuid.UUID) -> None:
    _refused("seat_one_parent", units[2], "parent", group)


def test_two_sharing_children(units: list[Registration], group: uuid.UUID) -> None:
    _refused("seat_one_sharing", units[2], "child", group, shares=True)


def test_a_parent_that_shares(units: list[Registration]) -> None:
    _refused("seat_only_children_share", units[2], "parent", uuid.uuid4(), shares=True)


def test_a_child_that_shares_by_two_types(units: list[Registration], group: uuid.UUID) -> None:
    _refused("seat_one_source", units[1], "child", uuid.uuid4(), shares=True, slug="sonicpoint")


def test_an_unknown_side(units: list[Registration]) -> None:
    _refused("seat_side_known", units[2], "uncle", uuid.uuid4())


def test_spares_are_as_many_as_one_likes(units: list[Registration], group: uuid.UUID) -> None:
    seats = [_insert(unit, "child", group) for unit in units[2:]]

    assert all(seat.is_spare for seat in seats)


def test_ended_seats_stand_in_nobodys_way(units: list[Registration], group: uuid.UUID) -> None:
    Seat.objects.update(ended_at=timezone.now())

    _insert(units[1], "parent", group)
    _insert(units[0], "child", group, shares=True)

    assert Seat.objects.live().count() == 2


@pytest.mark.parametrize(
    ("side", "constraint"), [("child", "typemodel_once"), ("uncle", "typemodel_side_known")]
)
def test_a_model_of_a_type(side: str, constraint: str) -> None:
    entry = TypeModel.objects.filter(type__slug="hf", side="child").first()

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        TypeModel.objects.create(type=entry.type, model=entry.model, side=side)

    assert _names(refusal.value, constraint)
