"""The forms of corrections, which always take a reason."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from django import forms

from licensing.admin_forms import CountField
from licensing.errors import NotRegistered
from licensing.models import Service
from licensing.moves.release import find_account
from portal.errors import RuleViolation
from portal.forms import DayField, judged
from portal.models import Account
from products.errors import UnknownAccount
from products.forms import TYPED_CODE
from products.models import Registration
from products.serials import normalize_code, normalize_serial
from products.services import LONGEST_NAME_TYPED, normalize_friendly_name

STALE = "This isn't there any more. Choose again."


class CorrectionForm(forms.Form):
    """A change of customers' data is stored with its reason."""

    reason = forms.CharField(
        max_length=200,
        help_text="Kept with the change. The customer sees it.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )


class Option(NamedTuple):
    """One choice: the value that the form sends for it, the thing itself, and its description."""

    value: str
    thing: Any
    words: str


class ChoiceForm(CorrectionForm):
    """A choice of one of the present options; a single option is preselected."""

    choice = forms.ChoiceField(widget=forms.RadioSelect, error_messages={"invalid_choice": STALE})
    field_order = ("choice", "serial_number", "expires_on", "for_ever", "reason")

    def __init__(self, data: Any, *, options: Sequence[Option], label: str) -> None:
        super().__init__(data, initial={"choice": options[0].value if len(options) == 1 else ""})
        self.things = {option.value: option.thing for option in options}
        field = cast("forms.ChoiceField", self.fields["choice"])
        field.choices, field.label = [(option.value, option.words) for option in options], label

    def clean_choice(self) -> Any:
        return self.things[self.cleaned_data["choice"]]


class OtherUnitForm(ChoiceForm):
    """A choice of this unit's, and another unit."""

    serial_number = forms.CharField(
        label="Serial Number of the other unit",
        max_length=200,
        widget=forms.TextInput(attrs=TYPED_CODE),
    )

    def clean_serial_number(self) -> Registration:
        serial = judged(normalize_serial, self.cleaned_data["serial_number"])
        found = Registration.objects.live().select_related("account", "unit__model")
        registration = found.filter(unit__serial=serial).first()
        if registration is None:
            raise _shown(NotRegistered(serial=serial))
        return registration


class GrantForm(CorrectionForm):
    """A further licence: its service, its count and its last day."""

    service = forms.ModelChoiceField(Service.objects.all())
    count = CountField()
    expires_on = DayField(
        label="Last day",
        required=False,
        help_text="The last day that it runs, as in 2027-11-30; empty: for ever.",
    )
    field_order = ("service", "count", "expires_on", "reason")


class ExtendForm(ChoiceForm):
    """A licence and its new last day; "for ever" must be checked, not implied."""

    expires_on = DayField(label="Last day", required=False)
    for_ever = forms.BooleanField(label="For ever", required=False)

    def clean(self) -> dict[str, Any] | None:
        given = super().clean() or {}
        if "expires_on" in given and bool(given["expires_on"]) == given.get("for_ever"):
            self.add_error("expires_on", forms.ValidationError("Give a day, or for ever.", code="required"))
        return given


class MoveForm(CorrectionForm):
    """The receiving account, and the name there."""

    account = forms.CharField(
        label="Account",
        max_length=200,
        help_text="Its Account ID or its whole name.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    friendly_name = forms.CharField(
        required=False,
        max_length=LONGEST_NAME_TYPED,
        strip=False,
        help_text="Left empty, it keeps its name.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    field_order = ("account", "friendly_name", "reason")

    def clean_account(self) -> Account:
        typed = self.cleaned_data["account"]
        try:
            return find_account(typed)
        except UnknownAccount as refusal:
            named = list(Account.objects.filter(name__iexact=typed)[:2])
            if len(named) == 1:
                return named[0]
            if named:
                text = "More than one account has this name: give the Account ID."
                raise forms.ValidationError(text, code="ambiguous-account") from None
            raise _shown(refusal) from None

    def clean_friendly_name(self) -> str:
        return judged(normalize_friendly_name, self.cleaned_data["friendly_name"])


class RecordForm(CorrectionForm):
    """What the factory's record says of a unit."""

    warranty_ends_on = DayField(
        label="Warranty until", required=False, help_text="The last day of the warranty; empty: not recorded."
    )
    firmware = forms.CharField(
        required=False, max_length=200, help_text="At most 32 characters; empty: not recorded."
    )
    authentication_code = forms.CharField(
        label="Authentication Code",
        required=False,
        max_length=200,
        help_text="Only if the one in the record is wrong: XXXX-XXXX, from the label. Left empty, it stays.",
        widget=forms.TextInput(attrs=TYPED_CODE),
    )
    field_order = ("warranty_ends_on", "firmware", "authentication_code", "reason")


class NewCodeForm(CorrectionForm):
    """The new authentication code of a unit in stock."""

    authentication_code = forms.CharField(
        label="New Authentication Code",
        max_length=200,
        help_text="From the factory's record: XXXX-XXXX. The one before opens nothing any more.",
        widget=forms.TextInput(attrs=TYPED_CODE),
    )
    field_order = ("authentication_code", "reason")

    def clean_authentication_code(self) -> str:
        return judged(normalize_code, self.cleaned_data["authentication_code"])


def _shown(refusal: RuleViolation) -> forms.ValidationError:
    return forms.ValidationError(str(refusal), code=refusal.code)
