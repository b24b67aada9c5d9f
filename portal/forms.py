"""How a rule's refusal gets beside the field that it is about."""

from collections.abc import Callable

from django import forms

from portal.errors import RuleViolation


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
