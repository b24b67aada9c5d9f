"""The factory's record from the browser: send, preview, import; who may, and what becomes of the file."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from portal.models import AuditEntry, Key, User
from portal.roles import AGENT, LEAD, OPERATOR
from products.factory import COLUMNS
from products.models import Unit
from tests.factories import MembershipFactory, UnitFactory, staff
from tests.pages import Page
from tests.rows import nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

HEADER = ",".join(COLUMNS)
GOOD = "0006B1124416,PRO 5060,7KMD-P2QX,2.5.0.0e,2027-06-30"
OTHER = "0006B112441C,TZ 170,W4TE-9HNB,,"
ADDRESS = "/support/import/"


@pytest.fixture
def operator(client: Client) -> User:
    user = staff(OPERATOR)
    client.force_login(user)
    return user


def send(
    client: Client, *lines: str, header: str = HEADER, content: bytes | None = None, digest: str = ""
) -> HttpResponse:
    if content is None:
        content = "\n".join([header, *lines, ""]).encode()
    file = SimpleUploadedFile("units.csv", content, "text/csv")
    return client.post(ADDRESS, {"file": file, "digest": digest})


def digest_of(response: HttpResponse) -> str:
    """The digest that a preview's button carries."""
    return page(response).root.one("button", name="digest").attrs["value"]


def page(response: HttpResponse) -> Page:
    """A page that is sound HTML."""
    found = Page(response)
    assert not found.problems
    return found


def tables(found: Page) -> list[list[list[str]]]:
    return [table.rows() for table in found.root.one(id="content").all("table")]


def error(response: HttpResponse) -> str:
    assert response.status_code == 422
    return page(response).root.one(id="id_file_error").text


@pytest.mark.parametrize("role", [AGENT, LEAD])
def test_only_operators_import(client: Client, role: str) -> None:
    client.force_login(staff(role))

    for response in (client.get(ADDRESS), send(client, GOOD)):
        assert response.status_code == 403


def test_everybody_else_is_led_to_the_desks_login(client: Client) -> None:
    for member in (None, MembershipFactory().user):
        if member:
            client.force_login(member)
        for response in (client.get(ADDRESS), send(client, GOOD)):
            assert response["Location"].startswith(reverse("admin:login"))


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

    with nothing_written():
        found = page(send(client, GOOD, OTHER, known))

    models, first, _ = tables(found)
    assert models == [["PRO 5060", "2", "1"], ["TZ 170", "1", "1"], ["3", "2"]]
    assert [row[1] for row in first] == ["0006B1124416", "0006B112441C", "0006B1124499"]
    assert [row[-1] for row in first] == ["new", "new", "there already"]
    for secret in ("Q2X", "W4TE", "ABCD-"):
        assert secret not in found.root.one(id="told").text


def test_the_file_that_was_previewed_is_imported(client: Client, operator: User) -> None:
    digest = digest_of(send(client, GOOD, OTHER))

    response = send(client, GOOD, OTHER, digest=digest)

    assert response["Location"] == reverse("admin:products_unit_changelist")
    assert "New units: 2" in page(client.get(response["Location"])).root.text
    assert Unit.objects.count() == 2
    entry = AuditEntry.objects.get(code="units-imported")
    assert (entry.actor, entry.data) == (operator, {"rows": 2, "created": 2})


@pytest.mark.usefixtures("operator")
def test_a_form_that_is_sent_twice_imports_once(client: Client) -> None:
    digest = digest_of(send(client, GOOD))
    send(client, GOOD, digest=digest)
    units = list(Unit.objects.values())

    send(client, GOOD, digest=digest)

    assert list(Unit.objects.values()) == units


@pytest.mark.usefixtures("operator")
def test_another_file_than_the_previewed_one_is_refused(client: Client) -> None:
    digest = digest_of(send(client, GOOD))

    with nothing_written():
        response = send(client, OTHER, digest=digest)

    assert error(response)


@pytest.mark.usefixtures("operator")
def test_a_file_that_is_too_large_is_refused(client: Client, settings) -> None:
    settings.MAX_IMPORT_MEGABYTES = 1

    response = send(client, content=(f"{HEADER}\n" + f"{GOOD}\n" * 25_000).encode())

    assert "At most 1 MB" in error(response)


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
def test_what_is_no_units_file_is_refused_beside_the_field(client: Client, content: bytes) -> None:
    assert error(send(client, content=content))


@pytest.mark.usefixtures("operator")
def test_no_file_at_all_is_asked_for(client: Client) -> None:
    assert error(client.post(ADDRESS)) == "Choose a file."


@pytest.mark.usefixtures("operator")
def test_every_problem_is_counted_and_the_first_hundred_shown(client: Client) -> None:
    found = page(send(client, GOOD, *[f"{n},PRO 5060,ABCD-1234,," for n in range(150)]))

    problems = tables(found)[0]
    assert [row[0] for row in problems] == [str(line) for line in range(3, 103)]
    assert "150 problems in 151 rows" in found.root.text
    assert "And 50 more" in found.root.text
    assert not list(found.root.all("button", name="digest"))


@pytest.mark.usefixtures("operator")
def test_what_a_file_says_is_shown_as_text(client: Client) -> None:
    formula, script = "=HYPERLINK(A1)", "<script>x</script>"

    response = send(
        client, GOOD.replace("2.5.0.0e", formula), OTHER.replace("TZ 170", script), "\0,TZ 170,ABCD-1234,,"
    )

    content = response.content.decode()
    assert formula in content
    assert script not in content
    assert "\0" not in content


@pytest.mark.usefixtures("operator")
def test_a_file_of_known_units_has_nothing_to_import(client: Client) -> None:
    send(client, GOOD, digest=digest_of(send(client, GOOD)))

    found = page(send(client, GOOD))

    assert not list(found.root.all("button", name="digest"))


@pytest.mark.usefixtures("operator")
def test_a_record_that_changed_since_the_preview_refuses_the_import(client: Client) -> None:
    digest = digest_of(send(client, GOOD, OTHER))
    UnitFactory(serial="0006B1124416", firmware="3")

    found = page(send(client, GOOD, OTHER, digest=digest))

    assert [row[0] for row in tables(found)[0]] == ["2"]
    assert Unit.objects.count() == 1


@pytest.mark.usefixtures("operator")
def test_without_keys_the_page_says_so(client: Client) -> None:
    Key.objects.all().delete()

    assert error_above(send(client, GOOD))
    assert not Unit.objects.exists()


def error_above(response: HttpResponse) -> str:
    assert response.status_code == 422
    return page(response).root.one(role="alert").text


@pytest.mark.usefixtures("operator")
def test_pages_work_under_the_strict_policy(client: Client) -> None:
    for response in (client.get(ADDRESS), send(client, GOOD)):
        assert "Content-Security-Policy" in response
        for element in page(response).root.all():
            assert "style" not in element.attrs
            assert element.tag != "script" or "src" in element.attrs or element.attrs.get("type")
