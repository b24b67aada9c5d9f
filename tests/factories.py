"""Factories and helpers for arranging tests. Units have the authentication code CODE."""

import uuid
from datetime import date, datetime
from functools import cache

import factory
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.utils import timezone

from associations.models import AssociationType, Seat, Side
from associations.services import associate
from licensing.models import Licence
from portal.clock import today
from portal.models import Account, Membership, User
from portal.roles import load_roles
from products.codes import code_mac
from products.models import ProductModel, Registration, Unit
from products.services import register, search_text

CODE = "ABCD-1234"
LONG_AGO = date(2020, 1, 1)
PASSWORD = "correct horse battery staple"  # noqa: S105  (a test's)


@cache
def hashed(password: str) -> str:
    """Hash a password once in a process: the portal's hasher takes half a second on purpose."""
    return make_password(password)


def code_kid() -> str:
    """The id of the key that hashes the tests' authentication codes."""
    return next((settings.DATA_DIR / "keys" / "codes").iterdir()).name


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence("user{}".format)
    password = factory.LazyFunction(lambda: hashed(PASSWORD))


class AccountFactory(factory.django.DjangoModelFactory[Account]):
    class Meta:
        model = Account

    name = factory.Sequence("Account {}".format)


class MembershipFactory(factory.django.DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    account = factory.SubFactory(AccountFactory)
    user = factory.SubFactory(UserFactory)
    role = Membership.Role.OWNER


class UnitFactory(factory.django.DjangoModelFactory[Unit]):
    """A unit of the factory's record; `model_name` names its model in the shipped catalogue."""

    class Meta:
        model = Unit

    class Params:
        model_name = "PRO 5060"

    serial = factory.Sequence("{:012X}".format)
    model = factory.LazyAttribute(lambda unit: ProductModel.objects.get(name=unit.model_name))
    code_kid = factory.LazyFunction(code_kid)
    code_mac = factory.LazyAttribute(
        lambda unit: code_mac(unit.serial, CODE.replace("-", ""), kid=unit.code_kid)
    )
    firmware = "2.5.0.0e"


class RegistrationFactory(factory.django.DjangoModelFactory[Registration]):
    """A registered unit; `unit__model_name` names its model."""

    class Meta:
        model = Registration

    unit = factory.SubFactory(UnitFactory)
    account = factory.SubFactory(AccountFactory)
    friendly_name = factory.Sequence("Unit {}".format)
    code = factory.Sequence("R{:07d}".format)  # with its R, never part of a serial number
    search = factory.LazyAttribute(lambda r: search_text(r.unit, r.friendly_name, r.code))


class LicenceFactory(factory.django.DjangoModelFactory[Licence]):
    """A licence without an end that began long ago, for 10 if its service is counted."""

    class Meta:
        model = Licence

    begins_on = factory.LazyAttribute(lambda licence: min(LONG_AGO, licence.expires_on or LONG_AGO))
    expires_on = None
    counted_from = factory.LazyAttribute(lambda licence: (licence.expires_on or licence.begins_on).day)


def registrations(account: Account, count: int, model_name: str = "PRO 5060") -> list[Registration]:
    """Many registered units of one model, in two statements."""
    model = ProductModel.objects.get(name=model_name)
    units = Unit.objects.bulk_create(UnitFactory.build_batch(count, model=model, code_kid=code_kid()))
    return Registration.objects.bulk_create(
        RegistrationFactory.build(unit=unit, account=account) for unit in units
    )


def sharing(seat: Seat) -> str:
    """The UUID of the seat that now shares in a seat's group, in the form of pages; empty if none does."""
    return "".join(str(s.uuid) for s in Seat.objects.live().filter(group=seat.group, shares=True))


def log_in(client: Client, role: str = Membership.Role.OWNER, account: Account | None = None) -> Membership:
    """Log a client in as a new member of an account, by default a new one."""
    member = MembershipFactory(role=role, account=account or AccountFactory())
    client.force_login(member.user)
    return member


def staff(role: str = "", **facts: object) -> User:
    """A staff user with a role at the desk (portal.roles), or without one."""
    user = UserFactory(is_staff=True, **facts)
    if role:
        if not Group.objects.filter(name=role).exists():
            load_roles()
        user.groups.add(Group.objects.get(name=role))
    return user


def hf(
    parent: Registration, child: Registration, *, by: User, slug: str = "hf", day: date | None = None
) -> Seat:
    """Associate two units, as HF Primary and HF Secondary unless `slug` names another type."""
    type = AssociationType.objects.get(slug=slug)
    return associate(parent=parent, child=child, type=type, by=by, today=day or today())


def registered(
    member: Membership, serial: str, *, code: str = CODE, name: str = "", now: datetime | None = None
) -> Registration:
    """Register a unit to a member's account, as the member."""
    facts = {"account": member.account, "by": member.user, "now": now or timezone.now()}
    return register(serial_number=serial, authentication_code=code, friendly_name=name, **facts)


def pair(account: Account, by: User, model: str = "PRO 5060") -> tuple[Registration, Registration, Seat]:
    """Two registered units of one model, associated as HF Primary and HF Secondary."""
    primary, secondary = RegistrationFactory.create_batch(2, account=account, unit__model_name=model)
    return primary, secondary, hf(primary, secondary, by=by)


def pairs(account: Account, count: int) -> list[tuple[Registration, Registration, Seat]]:
    """Many pairs of one model, each as `pair` returns it, in four statements."""
    units, type = registrations(account, 2 * count), AssociationType.objects.get(slug="hf")
    together = [(*both, uuid.uuid4()) for both in zip(units[::2], units[1::2], strict=True)]
    Seat.objects.bulk_create(
        Seat(group=group, type=type, registration=primary, side=Side.PARENT) for primary, _, group in together
    )
    seats = Seat.objects.bulk_create(
        Seat(group=group, type=type, registration=secondary, side=Side.CHILD, shares=True)
        for _, secondary, group in together
    )
    know_tables()
    return [(primary, seat.registration, seat) for (primary, *_), seat in zip(together, seats, strict=True)]


def know_tables() -> None:
    """Update PostgreSQL's planner statistics, as autovacuum does soon after many rows were added.

    A test's rows are never committed, and autovacuum may have recorded that the tables are empty.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE associations_seat, products_registration, products_unit")


def add_points(primary: Registration, count: int) -> None:
    """Seat many access points of both kinds beside a unit, each kind in two statements."""
    for slug, model in (("sonicpoint", "SonicPoint"), ("sonicpoint-g", "SonicWALL SonicPoint G")):
        if points := registrations(primary.account, count // 2, model):
            type, group = AssociationType.objects.get(slug=slug), uuid.uuid4()
            parent = Seat(group=group, type=type, registration=primary, side=Side.PARENT)
            children = [Seat(group=group, type=type, registration=p, side=Side.CHILD) for p in points]
            Seat.objects.bulk_create([parent, *children])


def add_spares(seat: Seat, units: list[Registration]) -> None:
    """Seat many further units beside the primary of a seat, in one statement."""
    Seat.objects.bulk_create(
        Seat(group=seat.group, type=seat.type, registration=unit, side=Side.CHILD) for unit in units
    )
    know_tables()
