"""The shape of what people type about licences."""

from django import forms

from licensing.activation_keys import normalize_key
from licensing.releasing import find_account
from licensing.terms import LARGEST_COUNT
from portal.forms import judged
from portal.models import Account
from products.forms import TYPED_CODE
from products.serials import normalize_serial
from products.services import normalize_friendly_name


class ActivationKeyForm(forms.Form):
    """Activate, Upgrade or Renew: one key."""

    activation_key = forms.CharField(
        label="Activation Key",
        max_length=200,
        help_text="16 letters and digits, as in XXXX-XXXX-XXXX-XXXX.",
        widget=forms.TextInput(attrs={**TYPED_CODE, "autofocus": True}),
    )

    def clean_activation_key(self) -> str:
        return judged(normalize_key, self.cleaned_data["activation_key"])


class ReleaseForm(forms.Form):
    """Release this product: to which account, and under which name."""

    account = forms.CharField(
        label="Account ID",
        max_length=200,
        help_text="Who gets the product finds its Account ID below My Products.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    friendly_name = forms.CharField(
        label="Friendly Name there",
        required=False,
        max_length=200,
        strip=False,
        help_text="At most 30 characters. Left empty, it keeps its name; its new owner may change that.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_account(self) -> Account:
        return judged(find_account, self.cleaned_data["account"])

    def clean_friendly_name(self) -> str:
        return judged(normalize_friendly_name, self.cleaned_data["friendly_name"])


class ShareForm(forms.Form):
    """Share: how many licences go from which unit to which."""

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
