"""The shape of what people type about products."""

from django import forms

from portal.forms import judged
from products.models import Survey
from products.serials import normalize_code, normalize_serial
from products.services import LONGEST_NAME_TYPED, normalize_friendly_name

TYPED_CODE = {"class": "code", "autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}


class RegisterForm(forms.Form):
    """Add New Product. Whether the unit exists and is free is for the service to decide."""

    serial_number = forms.CharField(
        label="Serial Number",
        max_length=200,
        help_text="12 digits and letters A to F, from the label on the appliance.",
        widget=forms.TextInput(attrs=TYPED_CODE),
    )
    friendly_name = forms.CharField(
        label="Friendly Name",
        required=False,
        max_length=LONGEST_NAME_TYPED,
        strip=False,
        help_text=(
            "May be up to 30 characters (Ex. “San Jose Branch Office”). Left empty, it is the model's name."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    authentication_code = forms.CharField(
        label="Authentication Code",
        max_length=200,
        help_text="XXXX-XXXX, on the label beside the serial number.",
        widget=forms.TextInput(attrs=TYPED_CODE),
    )

    def clean_serial_number(self) -> str:
        return judged(normalize_serial, self.cleaned_data["serial_number"])

    def clean_friendly_name(self) -> str:
        return judged(normalize_friendly_name, self.cleaned_data["friendly_name"])

    def clean_authentication_code(self) -> str:
        return judged(normalize_code, self.cleaned_data["authentication_code"])


class AssociateForm(RegisterForm):
    """Associate new products: a unit that is in the account already needs no authentication code."""

    friendly_name = forms.CharField(
        label="Friendly Name",
        required=False,
        max_length=LONGEST_NAME_TYPED,
        strip=False,
        help_text="May be up to 30 characters (Ex. “San Jose Branch Office”).",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    authentication_code = forms.CharField(
        label="Authentication Code",
        required=False,
        max_length=200,
        help_text="Needed only if the product isn't registered yet: XXXX-XXXX, on its label.",
        widget=forms.TextInput(attrs=TYPED_CODE),
    )

    def clean_authentication_code(self) -> str:
        typed = self.cleaned_data["authentication_code"]
        return judged(normalize_code, typed) if typed else ""


class RenameForm(forms.Form):
    """Another friendly name for a registered product."""

    friendly_name = forms.CharField(
        label="Friendly Name",
        required=False,
        max_length=LONGEST_NAME_TYPED,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_friendly_name(self) -> str:
        return judged(normalize_friendly_name, self.cleaned_data["friendly_name"])


class SurveyForm(forms.ModelForm):
    """Product Survey: three questions, all optional."""

    class Meta:
        model = Survey
        fields = ["protects", "users", "bought_at"]
        labels = {
            "protects": "What does this unit protect?",
            "users": "How many users are behind it?",
            "bought_at": "Where was it bought?",
        }
