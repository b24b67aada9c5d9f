"""The shape of what people type at the desk about RMA cases."""

from typing import Any, cast

from django import forms

from licensing.models import RmaCase
from portal.forms import judged
from portal.models import User
from products.forms import TYPED_CODE
from products.models import ProductModel
from products.serials import normalize_serial


class WaiverForm(forms.Form):
    """What a lead waives; an empty reason withdraws the waiver."""

    warranty_waiver = forms.CharField(
        label="Let the ended warranty pass, because", max_length=200, required=False
    )
    waived_model = forms.ModelChoiceField(
        ProductModel.objects.all(), label="Let in a replacement of another model", required=False
    )
    model_waiver = forms.CharField(label="Let in that model, because", max_length=200, required=False)


class ReplacementForm(forms.Form):
    """The unit that replaces the failed one; empty while it isn't known."""

    replacement = forms.CharField(
        label="Replacement (serial number)",
        max_length=200,
        required=False,
        help_text="In any notation; it may be named later. For a transfer: the unit that gets the licenses.",
        widget=forms.TextInput(attrs=TYPED_CODE),
    )

    def __init__(self, *args: Any, kind: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        if kind == RmaCase.Kind.TRANSFER:
            self.fields["replacement"].label = "Licenses go to (serial number)"
            self.fields["replacement"].help_text = "The HF Primary of the new pair, or a unit without a pair."

    def clean_replacement(self) -> str:
        typed = self.cleaned_data["replacement"]
        return judged(normalize_serial, typed) if typed else ""


class OpenCaseForm(ReplacementForm, WaiverForm):
    """What an agent learns on the phone, and what a lead waives."""

    kind = forms.ChoiceField(
        label="What is to be done",
        choices=[
            (RmaCase.Kind.REPLACEMENT, "Replace the unit"),
            (RmaCase.Kind.TRANSFER, "Transfer its licenses only: the customer did the rest"),
        ],
    )
    symptom = forms.CharField(
        label="What is wrong with it", max_length=2000, widget=forms.Textarea(attrs={"rows": 4})
    )
    contact = forms.CharField(label="Contact", max_length=200, required=False)
    address = forms.CharField(
        label="Address of delivery", max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    ticket = forms.CharField(label="Their ticket number", max_length=40, required=False)

    field_order = ["kind", "replacement", "symptom", "contact", "address", "ticket"]

    def __init__(self, *args: Any, is_lead: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        if not is_lead:
            for name in WaiverForm.base_fields:
                del self.fields[name]

    def clean_kind(self) -> RmaCase.Kind:
        return RmaCase.Kind(self.cleaned_data["kind"])


class DecideForm(forms.Form):
    """Decline, cancel or undo: with a reason that the customer reads."""

    reason = forms.CharField(label="Reason", max_length=200, help_text="The customer reads it.")


class AssignForm(forms.Form):
    """Who gets the case, by user name, and who had it when the page was shown; empty means nobody."""

    assignee = forms.ChoiceField(label="Give it to", required=False)
    was = forms.CharField(max_length=150, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        people = User.objects.with_perm("portal.support", backend="portal.access.LoginBackend")
        self.people = {user.username: user for user in people.order_by("username")}
        choices = [("", "nobody"), *((name, name) for name in self.people)]
        cast("forms.ChoiceField", self.fields["assignee"]).choices = choices

    def clean_assignee(self) -> User | None:
        return self.people.get(self.cleaned_data["assignee"])

    def clean_was(self) -> User | None:
        return User.objects.filter(username=self.cleaned_data["was"]).first()


class NoteForm(forms.Form):
    """A note for the others at the desk."""

    text = forms.CharField(
        label="Note",
        max_length=2000,
        help_text="Only the staff reads it.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ShippingForm(forms.Form):
    """The customer's own number for the case, and the parcels' numbers."""

    ticket = forms.CharField(label="Their ticket number", max_length=40, required=False)
    sent_tracking = forms.CharField(label="Tracking number out", max_length=60, required=False)
    return_tracking = forms.CharField(label="Tracking number back", max_length=60, required=False)
