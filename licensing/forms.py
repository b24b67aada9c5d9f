"""The shape of what people type about licences."""

from typing import Any, cast

from django import forms

from licensing.activation.codes import normalize_key
from licensing.models import LARGEST_COUNT
from licensing.moves.release import find_account
from portal.forms import DayField, judged
from portal.models import Account
from products.forms import TYPED_CODE
from products.models import Registration
from products.serials import normalize_serial
from products.services import LONGEST_NAME_TYPED, normalize_friendly_name


class ActivationKeyForm(forms.Form):
    """Activate, Upgrade or Renew: one key and, where that is offered, the day on which its licence begins."""

    activation_key = forms.CharField(
        label="Activation Key",
        max_length=200,
        help_text="16 letters and digits, as in XXXX-XXXX-XXXX-XXXX.",
        widget=forms.TextInput(attrs={**TYPED_CODE, "autofocus": True}),
    )
    begins_on = DayField(required=False)

    def clean_activation_key(self) -> str:
        return judged(normalize_key, self.cleaned_data["activation_key"])


class ReleaseForm(forms.Form):
    """Release this product: the receiving account, and the name there."""

    account = forms.CharField(
        label="Account ID",
        max_length=200,
        help_text="Who gets the product finds its Account ID below My Products.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    friendly_name = forms.CharField(
        label="Friendly Name there",
        required=False,
        max_length=LONGEST_NAME_TYPED,
        strip=False,
        help_text="At most 30 characters. Left empty, it keeps its name; its new owner may change that.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_account(self) -> Account:
        return judged(find_account, self.cleaned_data["account"])

    def clean_friendly_name(self) -> str:
        return judged(normalize_friendly_name, self.cleaned_data["friendly_name"])


class ShareForm(forms.Form):
    """Share: how many licenses go from which unit to which."""

    source = forms.CharField(label="From", max_length=200)
    to = forms.CharField(
        label="To (serial number)",
        max_length=200,
        help_text="Any unit of your account; the one that holds the license takes back.",
        widget=forms.TextInput(attrs=TYPED_CODE),
    )
    count = forms.IntegerField(label="How many", min_value=1, max_value=LARGEST_COUNT)

    def clean_to(self) -> str:
        return judged(normalize_serial, self.cleaned_data["to"])


class AskForm(forms.Form):
    """Ask Support for a replacement."""

    symptom = forms.CharField(
        label="What is wrong with it",
        max_length=2000,
        help_text="What the unit does, or doesn't do any more: lights, noises, since when.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    contact = forms.CharField(
        label="Contact",
        max_length=200,
        required=False,
        help_text="Whom Support may call, and when.",
    )
    ticket = forms.CharField(
        label="Your ticket",
        max_length=40,
        required=False,
        help_text="Your own number for this, if you have one: our mails name it.",
    )
    address = forms.CharField(
        label="Address of delivery",
        max_length=1000,
        required=False,
        help_text="Where the replacement is sent to; empty: the address that Support knows.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    keep_address = forms.BooleanField(label="Keep this address for the next time", required=False)


class TransferForm(AskForm):
    """Ask Support for the licenses of a former unit, after the customer has done the rest."""

    failed = forms.ChoiceField(label="The failed unit", widget=forms.RadioSelect)

    field_order = ["failed", "symptom", "contact", "ticket"]

    def __init__(self, *args: Any, units: list[Registration], **options: Any) -> None:
        super().__init__(*args, **options)
        del self.fields["address"], self.fields["keep_address"]
        choice = cast("forms.ChoiceField", self.fields["failed"])
        choice.choices = [(unit.unit.serial, f"{unit} ({unit.unit.serial})") for unit in units]
