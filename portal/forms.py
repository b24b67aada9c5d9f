"""How a rule's refusal gets beside the field that it is about; and the form that sets a password."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.core.validators import MaxLengthValidator

from portal import services
from portal.errors import RuleViolation

LONGEST_PASSWORD = 256


def add_refusal(form: forms.BaseForm, refusal: RuleViolation, *, message: str = "") -> None:
    """Show a refusal beside its field, with its code; above the form where it has no field there."""
    field = refusal.field if refusal.field in form.fields else None
    form.add_error(field, forms.ValidationError(message or str(refusal), code=refusal.code))


def judged[T](rule: Callable[[str], T], value: str) -> T:
    """Let a rule judge what was typed in a field's `clean_` method."""
    try:
        return rule(value)
    except RuleViolation as refusal:
        raise forms.ValidationError(str(refusal), code=refusal.code) from None


class NewPasswordForm(SetPasswordForm):
    """A password, twice."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.validators.append(MaxLengthValidator(LONGEST_PASSWORD))

    def save(self, commit: bool = True) -> Any:
        services.set_password(user=self.user, password=self.cleaned_data["new_password1"])
        return self.user
