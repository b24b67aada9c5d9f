"""Chainable queries of units and registrations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q

from portal.errors import SearchTooLong
from portal.name_search import folded, words_of
from products.notation import SERIAL_DIGITS, bare_serial, strip_separators

if TYPE_CHECKING:
    from portal.models import Account
    from products.models import Registration, Unit


class UnitQuerySet(models.QuerySet["Unit"]):
    """Units of the factory's record."""

    def locked(self, pks: Iterable[int]) -> Self:
        """Lock these units until the transaction ends, in order of pk, so that writers can't deadlock."""
        return self.filter(pk__in=pks).order_by("pk").select_for_update(no_key=True)

    def raise_version(self) -> int:
        """Note that the entitlements of these units change in this transaction, which makes keysets stale."""
        return self.update(version=F("version") + 1)


class RegistrationQuerySet(models.QuerySet["Registration"]):
    """Registrations, live and ended."""

    def live(self) -> Self:
        """Registrations that haven't ended."""
        return self.filter(ended_at=None)

    def visible_to(self, account: Account) -> Self:
        """The live registrations of an account, with units and models: every page starts from these."""
        return self.live().filter(account=account).select_related("unit__model")

    def ever_owned_by(self, account: Account) -> Self:
        """What an account has or had, with units and models: a unit's live one first, then the latest."""
        found = self.filter(account=account).select_related("unit__model", "released_by__membership")
        return found.order_by(F("ended_at").desc(nulls_first=True), "-pk")

    def matching(self, query: str) -> Self:
        """Those with every word of a query in name, serial, line or code, or with that serial number.

        A query that is too long finds nothing and runs no SQL: its page says so.
        """
        try:
            words = [folded(word) for word in words_of(query)]
        except SearchTooLong:
            return self.none()
        bare = [strip_separators(word).lower() or word for word in words]
        pairs = zip(words, bare, strict=True)
        every = Q(*(Q(search__contains=a) | Q(search__contains=b) for a, b in pairs))
        serial = bare_serial(query).lower()
        return self.filter(every | Q(search__contains=serial) if len(serial) == SERIAL_DIGITS else every)
