"""What the tests of associations share: units, actions, pages and rows."""

from collections.abc import Callable

from django.test import Client

from associations.models import AssociationType, Seat
from associations.services import associate, change_parent, make_standby, remove_association
from licensing.keysets.issuing import read_keyset
from licensing.models import Service
from portal.clock import today
from portal.models import AuditEntry, Membership
from products.models import Registration, Unit
from tests.factories import LicenceFactory, RegistrationFactory, sharing
from tests.pages import Element, Page

type Pair = tuple[Registration, Registration, Seat]
"""Primary, secondary and the secondary's seat."""


def unit(member: Membership, name: str = "Other", model: str = "PRO 5060") -> Registration:
    return RegistrationFactory(account=member.account, friendly_name=name, unit__model_name=model)


def units(member: Membership, count: int, model: str = "PRO 5060") -> list[Registration]:
    return RegistrationFactory.create_batch(count, account=member.account, unit__model_name=model)


def hf() -> AssociationType:
    return AssociationType.objects.get(slug="hf")


def seated(
    parent: Registration, child: Registration, member: Membership, slug: str = "hf", reason: str = ""
) -> Seat:
    type = AssociationType.objects.get(slug=slug)
    return associate(parent=parent, child=child, type=type, by=member.user, today=today(), reason=reason)


def remove(seat: Seat, member: Membership, reason: str = "") -> None:
    remove_association(seat=seat, by=member.user, reason=reason)


def change(seat: Seat, parent: Registration, member: Membership, reason: str = "") -> Seat:
    return change_parent(seat=seat, parent=parent, by=member.user, today=today(), reason=reason)


def promote(seat: Seat, member: Membership, reason: str = "") -> Seat:
    return make_standby(seat=seat, instead=sharing(seat), by=member.user, today=today(), reason=reason)


def live() -> set[tuple[str, str, bool]]:
    """Every live seat: who sits where."""
    return set(Seat.objects.live().values_list("registration__friendly_name", "side", "shares"))


def names(*registrations: Registration) -> list[str]:
    return [registration.friendly_name for registration in registrations]


def versions() -> dict[str, int]:
    return dict(Unit.objects.values_list("registrations__friendly_name", "version"))


def raised(action: Callable[[], object]) -> set[str]:
    """The units whose version an action raised."""
    before = versions()
    action()
    return {name for name, version in versions().items() if version != before[name]}


def generations(*registrations: Registration) -> list[int]:
    return [read_keyset(registration=unit, today=today()).generation for unit in registrations]


def license_to(registration: Registration, code: int = 4) -> None:
    LicenceFactory(registration=registration, service=Service.objects.get(code=code))


def entries(code: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(code=code).order_by("pk"))


def assert_one_action(code: str, member: Membership, *expected: Registration, reason: str) -> None:
    """Assert one audit row for each unit, all of one action, with the actor and the reason."""
    found = entries(code)
    assert sorted(entry.serial for entry in found) == sorted(r.unit.serial for r in expected)
    assert {(e.actor, e.account, e.reason) for e in found} == {(member.user, member.account, reason)}
    assert len({entry.action for entry in found}) == 1


# Pages


def url(registration: Registration, rest: str = "") -> str:
    return f"/products/{registration.unit.serial}/{rest}"


def listed(registration: Registration, slug: str = "hf") -> str:
    return url(registration, f"associated/{slug}/")


def act(registration: Registration, seat: Seat, action: str) -> str:
    return url(registration, f"associations/{seat.uuid}/{action}/")


def typed(serial: str, name: str = "", code: str = "") -> dict[str, str]:
    return {"serial_number": serial, "friendly_name": name, "authentication_code": code}


def register(client: Client, place: Registration, sent: dict[str, str], *, follow: bool = False):
    """Send the form Associate new products."""
    return client.post(f"{listed(place)}register/", sent, follow=follow)


def rows(page: Page) -> list[list[str]]:
    """Name and serial number of each row of Associated Products."""
    return [row[:2] for row in page.section("associated").one("table").rows()]


def asked(page: Page) -> Element:
    return page.root.one("div", id="asked")
