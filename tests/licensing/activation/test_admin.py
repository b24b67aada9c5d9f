"""Activation keys, parts of pools and trials at the desk."""

import csv
import io
import re
import uuid

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from licensing.activation.codes import known_macs, normalize_key
from licensing.activation.redeeming import revoke_key
from licensing.models import ActivationKey
from portal.models import AuditEntry, User
from products.models import ProductModel
from tests.factories import RegistrationFactory
from tests.licensing.support import CLIENT_AV, CONTENT_FILTER, VPN, make, redeem, service
from tests.pages import Page
from tests.rows import nothing_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys", "catalogue")]

KEYS = "/support/licensing/activationkey/"
ADD = f"{KEYS}add/"
SHOWN = r"\b[A-HJ-NP-Z2-9]{4}(?:-[A-HJ-NP-Z2-9]{4}){3}\b"


def _order(code: int = CLIENT_AV, **changes: str) -> dict[str, str]:
    """What a complete form sends, with some of it changed."""
    facts = {"count": "25", "months": "12", "model": "", "number": "3", "reason": "order 7"}
    facts["token"] = str(uuid.uuid4())
    return {"service": str(service(code).pk), **facts, **changes}


def _listed(desk: Client, query: str) -> list[ActivationKey]:
    return list(desk.get(KEYS, {"q": query}).context["cl"].result_list)


def test_a_batch_is_shown_in_the_answer(desk: Client, admin_user: User) -> None:
    response = desk.post(ADD, _order())

    shown = re.findall(SHOWN, response.text)
    rows = ActivationKey.objects.order_by("pk")
    assert response.status_code == 200
    assert [known_macs(normalize_key(key)) for key in shown] == [[row.mac] for row in rows]
    assert {(row.made_by, row.count, row.months) for row in rows} == {(admin_user, 25, 12)}
    assert AuditEntry.objects.get(code="activation-keys-made").reason == "order 7"


def test_the_keys_are_shown_once_and_kept_nowhere(desk: Client) -> None:
    response = desk.post(ADD, _order())
    keys = re.findall(SHOWN, response.text)

    later = "".join(
        desk.get(path).text for path in (KEYS, f"{KEYS}{ActivationKey.objects.first().pk}/change/")
    )
    kept = str([session.get_decoded() for session in Session.objects.all()]) + str(desk.cookies)

    assert len(keys) == 3
    assert not [key for key in keys if key in later + kept]
    assert "no-store" in response["Cache-Control"]


def test_a_batch_can_be_unlimited_for_ever_and_for_one_model(desk: Client) -> None:
    model = ProductModel.objects.get(name="TZ 170")

    desk.post(ADD, _order(count="unlimited", months="", model=str(model.pk), number="1"))

    key = ActivationKey.objects.get()
    assert (key.count, key.months, key.model) == (-1, None, model)


@pytest.mark.parametrize(
    ("code", "changes", "field"),
    [
        (CLIENT_AV, {"count": ""}, "count"),
        (CONTENT_FILTER, {}, "count"),
        (CLIENT_AV, {"count": "0"}, "count"),
        (CLIENT_AV, {"months": "0"}, "months"),
        (CLIENT_AV, {"months": "121"}, "months"),
        (CLIENT_AV, {"number": "0"}, "number"),
        (CLIENT_AV, {"number": "10001"}, "number"),
        (CLIENT_AV, {"reason": " "}, "reason"),
        (VPN, {"count": ""}, "service"),
    ],
)
def test_a_refused_batch_writes_nothing_and_says_where(
    desk: Client, code: int, changes: dict[str, str], field: str
) -> None:
    response = desk.post(ADD, _order(code, **changes))

    assert field in response.context["adminform"].form.errors
    assert not ActivationKey.objects.exists()


def test_the_form_brings_the_id_of_its_batch(desk: Client) -> None:
    ids = [Page(desk.get(ADD)).root.one("input", name="token").attrs["value"] for _ in range(2)]

    assert len({uuid.UUID(text) for text in ids}) == 2


@pytest.mark.parametrize("button", ["_save", "_csv"])
def test_a_form_that_is_sent_again_makes_no_second_batch(desk: Client, button: str) -> None:
    form = _order(**{button: "1"})
    keys = re.findall(SHOWN, desk.post(ADD, form).text)

    with nothing_written():
        response = desk.post(ADD, form | {"number": "5"})

    page = Page(response)
    assert (response.status_code, page.codes()) == (422, ["batch-made"])
    assert page.root.one("a", href=f"{KEYS}?q={form['token']}")
    assert not set(keys) & set(re.findall(SHOWN, response.text))


def test_the_keys_are_saved_as_csv_once(desk: Client) -> None:
    response = desk.post(ADD, _order(_csv="1"))

    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [known_macs(normalize_key(row["key"])) for row in rows] == [
        [row.mac] for row in ActivationKey.objects.order_by("pk")
    ]
    assert {(row["service"], row["count"], row["months"]) for row in rows} == {
        (str(service(CLIENT_AV)), "25", "12")
    }
    assert "attachment" in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("state", ["open", "redeemed", "revoked"])
def test_the_list_is_filtered_by_state(desk: Client, admin_user: User, state: str) -> None:
    first, second, _ = make(number=3)
    redeem(RegistrationFactory(), first, by=admin_user)
    revoked = ActivationKey.objects.get(mac__in=known_macs(normalize_key(second)))
    revoke_key(key=revoked, reason="never paid", by=admin_user)

    (row,) = desk.get(KEYS, {"state": state}).context["cl"].result_list

    assert [bool(row.redeemed_at), bool(row.revoked_at)] == [state == "redeemed", state == "revoked"]


def test_the_list_is_narrowed_to_a_batch(desk: Client) -> None:
    make(number=2)
    make()
    batch = ActivationKey.objects.order_by("pk").first().batch

    assert [row.batch for row in _listed(desk, f" {batch} ")] == [batch] * 2


def test_a_batch_is_revoked_at_once(desk: Client, admin_user: User) -> None:
    first, *_ = make(number=3)
    redeem(RegistrationFactory(), first, by=admin_user)
    key = ActivationKey.objects.first()

    response = desk.post(f"{KEYS}{key.pk}/batch/", {"reason": "never paid"})

    assert response["Location"] == f"{KEYS}?q={key.batch}"
    assert ActivationKey.objects.filter(revoked_at__isnull=False, redeemed_at=None).count() == 2
    entry = AuditEntry.objects.get(code="activation-keys-revoked")
    assert (entry.reason, entry.data["number"], entry.actor) == ("never paid", 2, admin_user)


@pytest.mark.parametrize(
    ("facts", "is_over", "code"),
    [({"reason": " "}, False, "required"), ({"reason": "again"}, True, "batch-ended")],
)
def test_a_batch_is_not_revoked(desk: Client, facts: dict[str, str], is_over: bool, code: str) -> None:
    make()
    key = ActivationKey.objects.get()
    if is_over:
        ActivationKey.objects.update(revoked_at=timezone.now())

    with nothing_written():
        response = desk.post(f"{KEYS}{key.pk}/batch/", facts)

    assert (response.status_code, Page(response).codes()) == (422, [code])


def test_keys_are_found_by_the_last_four(desk: Client) -> None:
    key, _ = make(number=2)

    assert [row.last_four for row in _listed(desk, key[-4:].lower())] == [key[-4:]]


def test_keys_are_found_by_the_whole_key(desk: Client) -> None:
    key, other = make(number=2)

    (row,) = _listed(desk, f" {key.lower().replace('-', ' ')}")

    assert [row.mac] == known_macs(normalize_key(key))
    assert _listed(desk, other[:-1]) == []


def test_the_list_says_where_a_key_was_redeemed(desk: Client, admin_user: User) -> None:
    registration = RegistrationFactory()
    redeem(registration, *make(), by=admin_user)

    page = desk.get(KEYS)

    assert registration.unit.serial in page.text
    assert "redeemed" in page.text


def test_a_key_is_revoked_with_a_reason(desk: Client, admin_user: User) -> None:
    make()
    key = ActivationKey.objects.get()

    response = desk.post(f"{KEYS}{key.pk}/delete/", {"post": "yes", "reason": "never paid"})

    key.refresh_from_db()
    assert (response.status_code, response["Location"]) == (302, f"{KEYS}{key.pk}/change/")
    assert key.revoked_at
    assert AuditEntry.objects.get(code="activation-key-revoked").reason == "never paid"


def test_a_key_is_not_revoked_without_a_reason(desk: Client) -> None:
    make()
    key = ActivationKey.objects.get()

    desk.post(f"{KEYS}{key.pk}/delete/", {"post": "yes", "reason": " "})

    key.refresh_from_db()
    assert key.revoked_at is None


def test_only_an_open_key_offers_to_be_revoked(desk: Client, admin_user: User) -> None:
    first, _ = make(number=2)
    redeem(RegistrationFactory(), first, by=admin_user)
    redeemed, still_open = ActivationKey.objects.order_by("redeemed_at", "pk")
    if redeemed.redeemed_at is None:
        redeemed, still_open = still_open, redeemed

    pages = {row.pk: desk.get(f"{KEYS}{row.pk}/change/").text for row in (redeemed, still_open)}

    assert f"{KEYS}{still_open.pk}/delete/" in pages[still_open.pk]
    assert f"{KEYS}{redeemed.pk}/delete/" not in pages[redeemed.pk]


def test_a_stale_click_revokes_no_redeemed_key(desk: Client, admin_user: User) -> None:
    redeem(RegistrationFactory(), *make(), by=admin_user)
    key = ActivationKey.objects.get()

    page = desk.post(f"{KEYS}{key.pk}/delete/", {"post": "yes", "reason": "too late"}, follow=True)

    key.refresh_from_db()
    assert key.revoked_at is None
    assert page.status_code == 200


def test_nothing_of_a_key_is_edited(desk: Client) -> None:
    make()
    key = ActivationKey.objects.get()

    response = desk.post(f"{KEYS}{key.pk}/change/", _order(months="99"))

    key.refresh_from_db()
    assert (response.status_code, key.months) == (403, 12)
