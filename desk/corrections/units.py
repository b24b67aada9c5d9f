from functools import cached_property
from typing import Any, ClassVar

from django.conf import settings
from django.http import QueryDict
from django.utils import timezone

from desk.corrections.base import Choice, Correction, Subject
from desk.corrections.forms import ChoiceForm, CorrectionForm, MoveForm, NewCodeForm, Option, RecordForm
from licensing.four_eyes.proposals import propose
from licensing.guards import check_no_parts
from licensing.keysets.issuing import reissue_keyset
from licensing.models import Proposal
from licensing.moves import release
from portal.clock import today
from portal.errors import RuleViolation
from portal.forms import sent_text
from portal.models import Account
from products.attempts import FailedAttempts, attempts_at, forgive_attempts
from products.errors import NotRetired
from products.models import Registration
from products.record import correct_record, record_change


class Leaving(Correction):
    """A correction that takes a unit out of its account; `becomes` says what becomes of its licences.

    `returns` says where the parts go that other units have of them.
    """

    becomes: ClassVar[str]
    returns: ClassVar[str]

    @cached_property
    def plan(self) -> release.Release:
        return release.plan_release(self.registration)

    @property
    def obstacle(self) -> RuleViolation | None:
        """The rule that now keeps the unit in its account."""
        try:
            self.check()
        except RuleViolation as refusal:
            return refusal
        return None

    def check(self) -> None:
        """Raise what `licensing.moves.release.check_release` raises."""
        release.check_release(self.registration)

    def terms(self, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments for the services that take a unit out of its account."""
        seen = sent_text(self.request, "seen")
        facts = {"registration": self.registration, "by": self.by, "seen": seen}
        return given | facts | {"today": today(), "now": timezone.now()}


class Move(Leaving):
    name = "move"
    title = "Move to another account"
    did = "moved a unit to another account"
    button = "Move"
    intro = "Its own licenses go with it; what it has of other units' licenses returns to those."
    becomes = "goes with it"
    returns = "come back first, and go with it"
    form = MoveForm

    def accounts(self, given: dict[str, Any]) -> list[Account]:
        return [] if settings.FOUR_EYES else [self.registration.account, given["account"]]

    def perform(self, given: dict[str, Any]) -> str:
        if settings.FOUR_EYES:
            return self._propose(given)
        release.release_to_account(**self.terms(given))
        return f"Moved: {self.serial} is registered in {given['account']} now."

    def _propose(self, given: dict[str, Any]) -> str:
        """Have a second lead confirm it."""
        propose(
            kind=Proposal.Kind.MOVE,
            about=self.registration,
            data=given | {"account": str(given["account"].uuid)},
            seen=sent_text(self.request, "seen"),
            by=self.by,
            now=timezone.now(),
        )
        return "Proposed: nothing is done until another support lead confirms it."


class Release(Leaving):
    name = "release"
    title = button = "Release to stock"
    did = "released a unit to stock"
    intro = (
        "Its own licenses stay with the registration that ends: nobody has them any more. What it has of "
        "other units' licenses returns to those."
    )
    becomes = "nobody has it any more"
    returns = "stand in the way"
    form = NewCodeForm

    def check(self) -> None:
        """Also raise PartsElsewhere."""
        super().check()
        check_no_parts(self.plan.licences)

    def perform(self, given: dict[str, Any]) -> str:
        release.release_to_stock(**self.terms(given))
        return f"Released: {self.serial} is in stock, under its new authentication code."


class Reissue(Correction):
    name = "reissue"
    title = "Reissue the keyset"
    did = "issued a new keyset"
    renews = True
    link = "Reissue keyset"
    button = "Reissue"

    @property
    def intro(self) -> str:
        return (
            f"The latest generation is {self.unit.last_generation}. The next reader gets a higher one, "
            "whatever it says; appliances take no older one then."
        )

    def perform(self, given: dict[str, Any]) -> str:
        reissue_keyset(registration=self.registration, reason=given["reason"], by=self.by)
        return "Whoever reads the keyset next gets a new generation."


class CorrectRecord(Correction):
    name = "record"
    title = "Correct the record"
    did = "corrected the record of a unit"
    button = "Correct"
    subject = Subject.RECORDED
    intro = (
        "What the factory's record says of this unit. First you see what changes: nothing is written before "
        "you confirm. An authentication code is never shown."
    )
    form = RecordForm

    def ask(self, sent: QueryDict | None) -> CorrectionForm:
        present = {"warranty_ends_on": self.unit.warranty_ends_on, "firmware": self.unit.firmware}
        return self.form(sent, initial=present)

    def effects(self, given: dict[str, Any]) -> list[str]:
        facts = {name: value for name, value in given.items() if name != "reason"}
        return [part[0].upper() + part[1:] for part in record_change(self.unit, **facts).parts]

    def perform(self, given: dict[str, Any]) -> str:
        return f"Corrected: {correct_record(unit=self.unit, **given, by=self.by)}."


class TakeBack(Correction):
    name = "take_back"
    title = "Take back into stock"
    button = "Take back"
    subject = Subject.RETIRED
    intro = "A retired unit that is in order again can be registered by whoever has its new code."
    form = NewCodeForm

    @property
    def obstacle(self) -> RuleViolation | None:
        return None if self.unit.retired_at else NotRetired(serial=self.serial)

    def perform(self, given: dict[str, Any]) -> str:
        release.take_back(unit=self.unit, **given, by=self.by)
        return f"Taken back: {self.serial} can be registered under its new authentication code."


class Open(Choice):
    name = "open"
    title = "Open what failed attempts have closed"
    did = "opened what failed attempts had closed"
    link = "Open again"
    button = "Open again"
    subject = Subject.SERIAL  # a typo's attempts count too
    permission = "portal.support"
    asked = "For whom"
    none = "No account has tried wrongly here in the last 24 hours."

    @cached_property
    def options(self) -> list[Option]:
        live = Registration.objects.live().filter(unit__serial=self.serial).select_related("account").first()
        owner = live.account if live else None
        return [
            Option(f"{scope}:{row.account.uuid}", (row.account, serial), f"{row.account}: {words}")
            for row in attempts_at(self.serial, now=timezone.now(), owner=owner)
            for scope, serial, words in (
                ("unit", self.serial, f"this unit ({_in_words(row)})"),
                ("account", None, "all that it has tried"),
            )
        ]

    def ask(self, sent: QueryDict | None) -> ChoiceForm:
        form = super().ask(sent)
        form.initial["choice"] = (
            self.options[0].value if self.options else ""
        )  # this unit, for who tried most
        return form

    def accounts(self, given: dict[str, Any]) -> list[Account]:
        return [given["choice"][0]]

    def perform(self, given: dict[str, Any]) -> str:
        account, serial = given["choice"]
        attempts = forgive_attempts(
            account=account, by=self.by, reason=given["reason"], now=timezone.now(), serial=serial
        )
        return f"{attempts} failed attempts of {account} no longer count."


def _in_words(row: FailedAttempts) -> str:
    """How often an account failed at a serial number, and until when that closes it: 5 failed attempts, …"""
    until = max((end.until for end in row.closed.values()), default=None)
    state = f"closed until {until:%d %b %Y, %H:%M} UTC" if until else "not closed"
    return f"{row.number} failed attempts, {state}"
