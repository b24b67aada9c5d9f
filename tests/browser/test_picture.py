"""The README's picture: Service Management of a pair. `pytest --pictures` writes it anew."""

import datetime
from pathlib import Path

import pytest

from licensing.grants.giving import grant_licence
from licensing.models import Licence, Service
from portal.models import User
from products.models import Registration, Unit
from tests.browser.guard import Guard
from tests.browser.pictures import FOLDER, scan_lines
from tests.browser.steps import FIRST, NEW, register_to_association, step_5_choose_parent

PICTURE = FOLDER / "service-management.png"
# The registration codes of the source's figures, and expiries that don't move with the day.
CODES = {FIRST.serial: "5JQHYENA", NEW.serial: "K3YU89HX"}
EXPIRIES = {
    2: datetime.date(2004, 11, 17),
    3: datetime.date(2039, 6, 7),
    5: datetime.date(2004, 10, 31),
    6: datetime.date(2039, 6, 7),
}


@pytest.fixture
def fixed(owner: User, support: User) -> None:
    """The licences of the source's last table, on days that stay."""
    Licence.objects.all().delete()
    for code, expires_on in EXPIRIES.items():
        service = Service.objects.get(code=code)
        grant_licence(
            unit=Unit.objects.get(serial=FIRST.serial),
            service=service,
            count=3 if service.is_counted else None,
            expires_on=expires_on,
            reason="picture",
            by=support,
            today=datetime.date(2004, 1, 1),
        )


@pytest.mark.usefixtures("fixed")
def test_picture_of_a_pair(guard: Guard, owner: User, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    page = guard.open(user=owner)
    register_to_association(page)
    step_5_choose_parent(page, FIRST.serial)
    page.wait_for_url(f"**/products/{NEW.serial}/")
    for registration in Registration.objects.filter(unit__serial__in=CODES).select_related("unit"):
        Registration.objects.filter(pk=registration.pk).update(code=CODES[registration.unit.serial])

    page.goto(f"/products/{FIRST.serial}/")
    page.mouse.move(0, 0)
    path = PICTURE if pytestconfig.getoption("--pictures") else tmp_path / PICTURE.name
    page.screenshot(path=path, full_page=True)

    assert len(set(scan_lines(path))) > 200
