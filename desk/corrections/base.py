"""What a correction is: something that Support puts right about a unit, with a reason, through a service."""

from collections.abc import Sequence
from enum import Enum, auto
from functools import cached_property
from typing import Any, ClassVar, cast

from django.http import QueryDict

from desk.access import DeskRequest
from desk.corrections.forms import ChoiceForm, CorrectionForm, Option
from portal.errors import RuleViolation
from products.models import Registration, Unit


class Subject(Enum):
    """What a correction is about, in the order in which a unit's page leads to them."""

    REGISTERED = auto()  # a unit that somebody has
    ASSOCIATED = auto()  # such a unit that is in an association
    RETIRED = auto()
    SERIAL = auto()  # a serial number, whether there is such a unit or not


class Correction:
    """One class for each. Given a `name`, it has its address, its page and the links to it.

    `intro` and `preview` tell what it would change, `nothing` and `obstacle` why there is nothing to ask for.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    button: ClassVar[str]
    link: ClassVar[str] = ""  # what leads there, where that isn't the title
    subject: ClassVar[Subject] = Subject.REGISTERED
    permission: ClassVar[str] = "portal.lead"
    form: ClassVar[type[CorrectionForm]] = CorrectionForm

    def __init__(
        self, request: DeskRequest, serial: str, unit: Unit | None, registration: Registration | None
    ) -> None:
        self.request, self.by, self.serial = request, request.user, serial
        self.unit = cast("Unit", unit)  # none is there for a serial number's alone
        self.registration = cast("Registration", registration)  # is there for a registered unit's

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
        """The form that asks for it, with what was sent."""
        return self.form(sent)

    def perform(self, given: dict[str, Any]) -> str:
        """Do what the form was sent for, and say what was done. A rule may refuse it."""
        raise NotImplementedError


class Choice(Correction):
    """A correction of one of several `options`; there may be `none`. `asked` is what one chooses."""

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
