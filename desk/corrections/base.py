"""A correction: something that Support puts right about a unit, with a reason, through a service."""

from collections.abc import Sequence
from enum import Enum, auto
from functools import cached_property
from typing import Any, ClassVar, cast

from django.http import QueryDict

from desk.access import DeskRequest
from desk.corrections.forms import ChoiceForm, CorrectionForm, Option
from portal.errors import RuleViolation
from portal.models import Account
from products.models import Registration, Unit


class Subject(Enum):
    """What a correction is about, in the order of the links on a unit's page."""

    REGISTERED = auto()  # a unit that is registered
    ASSOCIATED = auto()  # a registered unit in an association
    RETIRED = auto()
    RECORDED = auto()  # a unit of the factory's record, whether registered or not
    SERIAL = auto()  # a serial number, even without a unit


class Correction:
    """The base of all corrections. A class with a `name` gets an address, a page and links to it.

    `intro` and `preview` say what it would change; `nothing` and `obstacle` say why it can't be done now.
    `effects` say what it would do once the form is filled in, and have to be confirmed. `did` completes
    "Support has …" in the mail to the owners; `renews`: the unit gets another keyset that says the same.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    button: ClassVar[str]
    link: ClassVar[str] = ""  # the link's text, if it isn't the title
    subject: ClassVar[Subject] = Subject.REGISTERED
    permission: ClassVar[str] = "portal.lead"
    form: ClassVar[type[CorrectionForm]] = CorrectionForm
    did: ClassVar[str] = "changed something"
    renews: ClassVar[bool] = False

    def __init__(
        self, request: DeskRequest, serial: str, unit: Unit | None, registration: Registration | None
    ) -> None:
        self.request, self.by, self.serial = request, request.user, serial
        self.unit = cast("Unit", unit)  # None if there is only a serial number
        self.registration = cast("Registration", registration)  # None unless the unit is registered

    @property
    def intro(self) -> str:
        return ""

    @cached_property
    def preview(self) -> Sequence[str]:
        return ()

    @property
    def nothing(self) -> str:
        return ""

    @property
    def obstacle(self) -> RuleViolation | None:
        return None

    def ask(self, sent: QueryDict | None) -> CorrectionForm:
        """The form for it, with what was sent."""
        return self.form(sent)

    def effects(self, given: dict[str, Any]) -> Sequence[str]:
        """What the form asks for would do, if that must be seen before. A rule may refuse it."""
        return ()

    def accounts(self, given: dict[str, Any]) -> list[Account]:
        """The accounts whose owners get a mail about it: by default the unit's, if anybody owns it."""
        return [self.registration.account] if self.registration else []

    def perform(self, given: dict[str, Any]) -> str:
        """Do what the form asks for, and return a sentence that says so: the mail has it, too.

        A rule may refuse it.
        """
        raise NotImplementedError


class Choice(Correction):
    """A correction of one of several `options`. `asked` labels the choice, `none` says that there is none."""

    asked: ClassVar[str]
    none: ClassVar[str]
    form: ClassVar[type[ChoiceForm]] = ChoiceForm

    @cached_property
    def options(self) -> list[Option]:
        raise NotImplementedError

    @property
    def nothing(self) -> str:
        return "" if self.options else self.none

    def ask(self, sent: QueryDict | None) -> ChoiceForm:
        return self.form(sent, options=self.options, label=self.asked)
