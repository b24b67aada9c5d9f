"""Names are searched without case, accents and composition, on both databases alike (R5)."""

import unicodedata

import pytest

from portal.models import Account, User
from portal.name_search import LONGEST_NAME, find_named, folded
from products.models import Registration
from tests.factories import AccountFactory, RegistrationFactory, UserFactory

FOUND_BY = [
    ("Zürich", "zurich"),
    ("Zurich", "zürich"),
    ("ZÜRICH", "Zu\u0308rich"),
    ("İstanbul", "istanbul"),
    ("istanbul", "İSTANBUL"),
    ("Isparta", "\u0131sparta"),
    ("Straße", "STRASSE"),
    ("Łódź", "lodz"),
    ("Tromsø", "tromso"),
    ("\uff21\uff43\uff4d\uff45", "acme"),
    ("\u0645\u06cc\u200c\u062e\u0648", "\u0645\u06cc\u062e\u0648"),
    ("Ελλάδα", "ελλαδα"),
    ("서울역", unicodedata.normalize("NFD", "서울역")),
]


@pytest.mark.parametrize(("name", "typed"), FOUND_BY)
def test_case_accents_and_composition_make_no_difference(name: str, typed: str) -> None:
    assert folded(name) == folded(typed)


@pytest.mark.django_db
@pytest.mark.usefixtures("keys", "catalogue")
@pytest.mark.parametrize(("name", "typed"), FOUND_BY)
def test_each_kind_of_name_is_found(name: str, typed: str) -> None:
    account, unit = AccountFactory(name=f"The {name} office"), RegistrationFactory(friendly_name=name)
    user = UserFactory(last_name=name)

    assert find_named(Account.objects.all(), typed, limit=5) == [account]
    assert find_named(User.objects.all(), typed, limit=5) == [user]
    assert find_named(Registration.objects.all(), typed, limit=5) == [unit]
    assert list(Registration.objects.matching(typed)) == [unit]


@pytest.mark.django_db
def test_a_renamed_row_is_found_by_its_new_name_only() -> None:
    account = AccountFactory(name="Lisbon")
    account.name = "Porto"
    account.save()

    assert find_named(Account.objects.all(), "porto", limit=5) == [account]
    assert not find_named(Account.objects.all(), "lisbon", limit=5)


@pytest.mark.django_db
def test_a_name_that_grows_when_it_is_folded_still_fits() -> None:
    account = AccountFactory(name="\ufdfa" * 80)

    account.refresh_from_db()
    assert len(account.search) == LONGEST_NAME
