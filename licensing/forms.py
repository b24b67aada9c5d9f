"""The shape of what people type about licences."""

from django import forms

from licensing.activation_keys import normalize_key
from licensing.terms import LARGEST_COUNT
from portal.forms import judged
from products.forms import TYPED_CODE
from products.serials import normalize_serial


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
