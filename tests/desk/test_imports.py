"""The factory's record from the browser: send, preview, import; who may, and what becomes of the file."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client
from django.urls import reverse

from portal.models import AuditEntry, Key, User
from portal.roles import AGENT, LEAD, OPERATOR, load_roles
from products import factory
from products.factory import COLUMNS
from products.models import Unit
from tests.factories import MembershipFactory, UnitFactory, UserFactory
from tests.pages import Page
from tests.rows import every_row

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

HEADER = ",".join(COLUMNS)
GOOD = "0006B1124416,PRO 5060,7KMD-P2QX,2.5.0.0e,2027-06-30"
OTHER = "0006B112441C,TZ 170,W4TE-9HNB,,"
ADDRESS = "/support/import/"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path: Path) -> Path:
    """Where the files are kept, of each test its own."""
    settings.IMPORTS_FOLDER = tmp_path / "data" / "imports"
    return tmp_path / "data" / "imports"


def staff(role: str) -> User:
    load_roles()
    user = UserFactory(is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def operator(client: Client) -> User:
    user = staff(OPERATOR)
    client.force_login(user)
    return user


def send(client: Client, *lines: str, header: str = HEADER, content: bytes | None = None) -> HttpResponse:
    if content is None:
        content = "\n".join([header, *lines, ""]).encode()
    return client.post(ADDRESS, {"file": SimpleUploadedFile("units.csv", content, "text/csv")})


def previewed(client: Client, *lines: str) -> tuple[str, str]:
    """Send a file; the address of its preview, and the digest that the preview's form carries."""
    address = send(client, *lines)["Location"]
    return address, page(client.get(address)).root.one("input", name="digest").attrs["value"]


def page(response: HttpResponse | StreamingHttpResponse) -> Page:
    """A page, streamed or not, that is sound HTML."""
    if response.streaming:
        response = HttpResponse(response.getvalue(), status=response.status_code)
    found = Page(response)
    assert not found.problems
    return found


def tables(found: Page) -> list[list[list[str]]]:
    return [table.rows() for table in found.root.one(id="content-main").all("table")]


@pytest.mark.parametrize("role", [AGENT, LEAD])
def test_only_operators_import(client: Client, folder: Path, role: str) -> None:
    client.force_login(staff(role))

    for response in (client.get(ADDRESS), send(client, GOOD), client.post(f"{ADDRESS}x/confirm/")):
        assert response.status_code == 403
    assert not folder.exists()


def test_everybody_else_is_led_to_the_desks_login(client: Client, folder: Path) -> None:
    for member in (None, MembershipFactory().user):
        if member:
            client.force_login(member)
        for response in (client.get(ADDRESS), send(client, GOOD)):
            assert response["Location"].startswith(reverse("admin:login"))
    assert not folder.exists()


@pytest.mark.usefixtures("operator")
def test_the_page_explains_every_column_and_offers_a_file_with_the_first_line(client: Client) -> None:
    found = page(client.get(ADDRESS))

    assert [row[0] for row in tables(found)[-1]] == COLUMNS
    sample = client.get(reverse("desk:units_template"))
    assert sample.content.decode() == f"{HEADER}\r\n"
    assert "units.csv" in sample["Content-Disposition"]


def test_units_lead_to_the_page_whoever_may_import(client: Client, operator: User) -> None:
    address = reverse("admin:products_unit_changelist")
    assert any(link.attrs["href"] == ADDRESS for link in page(client.get(address)).root.all("a"))

    client.force_login(staff(AGENT))

    assert not any(link.attrs["href"] == ADDRESS for link in page(client.get(address)).root.all("a"))


def test_a_preview_tells_what_would_happen_and_writes_nothing(client: Client, operator: User) -> None:
    UnitFactory(serial="0006B1124499")
    known = "0006B1124499,PRO 5060,ABCD-1234,2.5.0.0e,"
    address = send(client, GOOD, OTHER, known)["Location"]
    before = every_row()

    found = page(client.get(address))

    assert every_row() == before
    models, first = tables(found)
    assert models == [["PRO 5060", "2", "1"], ["TZ 170", "1", "1"], ["3", "2"]]
    assert [row[1] for row in first] == ["0006B1124416", "0006B112441C", "0006B1124499"]
    assert [row[-1] for row in first] == ["new", "new", "there already"]
    for secret in ("7KMD", "P2QX", "W4TE", "ABCD-"):
        assert secret not in found.root.text


def test_a_confirmed_file_is_imported_and_deleted(client: Client, operator: User, folder: Path) -> None:
    address, digest = previewed(client, GOOD, OTHER)

    found = page(client.post(f"{address}confirm/", {"digest": digest}))

    assert "2 units are new" in found.root.text
    assert Unit.objects.count() == 2
    assert list(folder.iterdir()) == []
    entry = AuditEntry.objects.get(code="units-imported")
    assert (entry.actor, entry.data) == (operator, {"rows": 2, "created": 2})


@pytest.mark.usefixtures("operator")
def test_a_form_that_is_sent_twice_imports_once(client: Client) -> None:
    address, digest = previewed(client, GOOD)
    page(client.post(f"{address}confirm/", {"digest": digest}))
    before = every_row()

    again = client.post(f"{address}confirm/", {"digest": digest})

    assert again.status_code == 422
    assert every_row() == before


@pytest.mark.usefixtures("operator")
def test_two_clicks_at_once_import_once(client: Client) -> None:
    address, digest = previewed(client, GOOD)
    first = client.post(f"{address}confirm/", {"digest": digest})
    next(iter(first.streaming_content))  # under way, not done

    second = client.post(f"{address}confirm/", {"digest": digest})

    assert second.status_code == 422
    assert client.get(address).status_code == 404


def test_a_closed_page_stops_the_import_and_it_can_be_started_again(
    client: Client, operator: User, monkeypatch
) -> None:
    monkeypatch.setattr(factory, "BATCH", 2)
    address, digest = previewed(client, GOOD, OTHER, *rows(5))
    before = every_row()
    for parts in range(5):  # the last time one batch is written
        response = client.post(f"{address}confirm/", {"digest": digest})
        stream = iter(response.streaming_content)
        for _ in range(parts):
            next(stream)

        leave(response)

        assert every_row() == before

    page(client.post(f"{address}confirm/", {"digest": digest}))

    assert Unit.objects.count() == 7


def leave(response: HttpResponse) -> None:
    """Close a page as a server does when its client has gone; as with Django's client, connections stay."""
    response._iterator.close()  # Django's client lays one of its own round a page that has begun
    request_finished.disconnect(close_old_connections)
    response.close()
    request_finished.connect(close_old_connections)


def rows(count: int) -> list[str]:
    return [f"{number:012X},PRO 5060,ABCD-{number:04d},," for number in range(count)]


def test_a_long_import_tells_how_far_it_is(client: Client, operator: User, monkeypatch) -> None:
    monkeypatch.setattr(factory, "BATCH", 2)
    address = send(client, *rows(5))["Location"]

    parts = [part.decode() for part in client.get(address).streaming_content]

    assert any(part.strip() == "2" for part in parts)
    assert len(parts) > 4


def kept(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_is_kept_is_for_its_owner_only(client: Client, operator: User, folder: Path) -> None:
    send(client, GOOD)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert kept(folder).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_a_digest_of_another_file_is_refused(
    client: Client, operator: User, folder: Path, digest: str
) -> None:
    address, right = previewed(client, GOOD)
    before = every_row()

    response = client.post(f"{address}confirm/", {"digest": digest})

    assert response.status_code == 422
    assert page(response).root.one("ul", _class="errorlist").text
    assert every_row() == before
    assert "1 unit is new" in page(client.post(f"{address}confirm/", {"digest": right})).root.text


def test_a_file_that_changed_since_its_preview_is_refused(
    client: Client, operator: User, folder: Path
) -> None:
    address, digest = previewed(client, GOOD)
    kept(folder).write_text(f"{HEADER}\n{OTHER}\n")

    response = client.post(f"{address}confirm/", {"digest": digest})

    assert response.status_code == 422
    assert not Unit.objects.exists()


def test_another_operator_doesnt_find_the_file(client: Client, operator: User) -> None:
    address, digest = previewed(client, GOOD)
    client.force_login(staff(OPERATOR))

    assert client.get(address).status_code == 404
    assert client.post(f"{address}confirm/", {"digest": digest}).status_code == 422
    client.post(f"{address}cancel/")

    client.force_login(operator)
    assert client.get(address).status_code == 200


def test_a_cancelled_file_is_deleted(client: Client, operator: User, folder: Path) -> None:
    address, _ = previewed(client, GOOD)

    response = client.post(f"{address}cancel/")

    assert response["Location"] == ADDRESS
    assert list(folder.iterdir()) == []
    assert client.get(address).status_code == 404


def test_files_of_a_day_ago_go_with_the_next_visit(client: Client, operator: User, folder: Path) -> None:
    send(client, GOOD)
    (folder / "tmp123.upload.csv").touch()
    (folder / "9.xyz.claimed").touch()
    for path in folder.iterdir():
        os.utime(path, (time.time() - 25 * 3600,) * 2)
    send(client, OTHER)

    client.get(ADDRESS)

    assert len(list(folder.iterdir())) == 1


def test_files_that_wait_are_listed_to_who_sent_them(client: Client, operator: User) -> None:
    address = send(client, GOOD)["Location"]

    assert any(link.attrs["href"] == address for link in page(client.get(ADDRESS)).root.all("a"))
    client.force_login(staff(OPERATOR))
    assert not any(link.attrs["href"] == address for link in page(client.get(ADDRESS)).root.all("a"))


@pytest.mark.usefixtures("operator")
def test_a_file_that_is_too_large_is_refused_and_not_kept(client: Client, folder: Path, settings) -> None:
    settings.MAX_IMPORT_MEGABYTES = 1

    response = send(client, content=(f"{HEADER}\n" + f"{GOOD}\n" * 25_000).encode())

    assert response.status_code == 422
    assert "At most 1 MB" in page(response).root.one("ul", _class="errorlist").text
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"serial_number,model\n",
        b"PK\x03\x04\x00\x00\x00\x08\x00" * 5000,
        f"{HEADER}\n{GOOD}\n".encode("utf-16"),
        b'"' + HEADER.encode(),
        HEADER.replace(",", ";").encode(),
        b"\x00" * 100,
    ],
    ids=["empty", "an empty line", "other columns", "a zip", "UTF-16", "a quote", "semicolons", "NUL bytes"],
)
@pytest.mark.usefixtures("operator")
def test_what_is_no_units_file_is_refused_beside_the_field(
    client: Client, folder: Path, content: bytes
) -> None:
    response = send(client, content=content)

    assert response.status_code == 422
    assert page(response).root.one("ul", _class="errorlist").text
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("operator")
def test_no_file_at_all_is_asked_for(client: Client) -> None:
    response = client.post(ADDRESS)

    assert response.status_code == 422
    assert page(response).root.one("ul", _class="errorlist").text == "Choose a file."


@pytest.mark.usefixtures("operator")
def test_every_problem_is_counted_and_the_first_hundred_shown(client: Client) -> None:
    address = send(client, GOOD, *[f"{n},PRO 5060,ABCD-1234,," for n in range(150)])["Location"]

    found = page(client.get(address))

    problems = tables(found)[0]
    assert [row[0] for row in problems] == [str(line) for line in range(3, 103)]
    assert "150 problems in 151 rows" in found.root.text
    assert "And 50 more" in found.root.text
    assert not list(found.root.all("input", name="digest"))


@pytest.mark.usefixtures("operator")
def test_what_a_file_says_is_shown_as_text(client: Client) -> None:
    formula, script = "=HYPERLINK(A1)", "<script>x</script>"
    address = send(
        client, GOOD.replace("2.5.0.0e", formula), OTHER.replace("TZ 170", script), "\0,TZ 170,ABCD-1234,,"
    )["Location"]

    response = client.get(address)
    content = response.getvalue().decode()

    assert formula in content
    assert script not in content
    assert "\0" not in content


@pytest.mark.usefixtures("operator")
def test_a_file_of_known_units_has_nothing_to_import(client: Client) -> None:
    address, digest = previewed(client, GOOD)
    page(client.post(f"{address}confirm/", {"digest": digest}))

    found = page(client.get(send(client, GOOD)["Location"]))

    assert not list(found.root.all("input", name="digest"))


@pytest.mark.usefixtures("operator")
def test_a_record_that_changed_since_the_preview_refuses_the_import(client: Client) -> None:
    address, digest = previewed(client, GOOD, OTHER)
    UnitFactory(serial="0006B1124416", firmware="3")

    found = page(client.post(f"{address}confirm/", {"digest": digest}))

    assert [row[0] for row in tables(found)[0]] == ["2"]
    assert Unit.objects.count() == 1
    assert client.get(address).status_code == 200


@pytest.mark.parametrize("break_it", ["keys", "file"])
def test_what_goes_wrong_on_the_way_is_told_on_the_page(
    client: Client, operator: User, folder: Path, break_it: str
) -> None:
    address = send(client, GOOD)["Location"]
    response = client.get(address)
    if break_it == "keys":
        Key.objects.all().delete()
    else:
        kept(folder).unlink()

    found = page(response)

    assert found.root.one("p", _class="errornote").text
    assert not Unit.objects.exists()


def test_nobody_elses_files_are_stored(client: Client, folder: Path) -> None:
    big = b"x" * 5_000_000

    client.post(reverse("account_login"), {"file": SimpleUploadedFile("a.csv", big)})

    assert not folder.exists()


@pytest.mark.usefixtures("operator")
def test_pages_work_under_the_strict_policy(client: Client) -> None:
    address, digest = previewed(client, GOOD)
    answers: list[Callable[[], HttpResponse]] = [
        lambda: client.get(ADDRESS),
        lambda: client.get(address),
        lambda: client.post(f"{address}confirm/", {"digest": digest}),
    ]

    for answer in answers:
        response = answer()
        assert "Content-Security-Policy" in response
        for element in page(response).root.all():
            assert "style" not in element.attrs
            assert element.tag != "script" or "src" in element.attrs or element.attrs.get("type")
