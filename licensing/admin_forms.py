"""The shape of what staff type about licences, keys, and what models come with."""

import re
import uuid
from typing import Any

from django import forms

from licensing.activation import redeeming
from licensing.errors import CountOutOfRange
from licensing.keyset import UNLIMITED
from licensing.models import LARGEST_COUNT, ActivationKey, Service
from licensing.wording import count_in_words
from portal.admin_base import ReasonForm


class CountField(forms.CharField):
    """A count of licences: a number, Unlimited, or nothing."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            max_length=12,
            help_text="A number or “Unlimited”; empty where the service isn't counted.",
        )

    def clean(self, value: Any) -> int | None:
        text = str(super().clean(value)).replace(",", "").replace(" ", "")
        if not text:
            return None
        if text.lower() in {"unlimited", str(UNLIMITED)}:
            return UNLIMITED
        if not re.fullmatch("[0-9]{1,10}", text):
            raise forms.ValidationError("Type a number, Unlimited, or nothing.", code="invalid")
        if int(text) > LARGEST_COUNT:
            refusal = CountOutOfRange()
            raise forms.ValidationError(str(refusal), code=refusal.code)
        return int(text)

    def prepare_value(self, value: Any) -> Any:
        return count_in_words(UNLIMITED) if value == UNLIMITED else value


class ModelServiceForm(ReasonForm):
    """What a model comes with."""

    count = CountField()


class RevokeBatchForm(forms.Form):
    """Revoke all open keys of a batch."""

    reason = forms.CharField(max_length=200, help_text="Kept with the change, for later questions.")


class MakeKeysForm(ReasonForm):
    """Make a batch of activation keys."""

    service = forms.ModelChoiceField(Service.objects.filter(is_activation_offered=True))
    count = CountField()
    months = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=redeeming.MOST_MONTHS,
        label="Term",
        help_text="In months; empty: for ever.",
    )
    number = forms.IntegerField(
        min_value=1, max_value=redeeming.MOST_KEYS, initial=1, label="Number", help_text="How many keys."
    )

    token = forms.UUIDField(initial=uuid.uuid4, widget=forms.HiddenInput)

    class Meta:
        model = ActivationKey
        fields = ["service", "count", "months", "model"]
        help_texts = {"model": "For units of this model only; empty: for any."}

    field_order = ["service", "count", "months", "model", "number", "reason", "token"]
