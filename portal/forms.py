"""What forms share: a refusal beside its field, texts sent without a form, days, and a new password."""

import datetime
from collections.abc import Callable
from typing import Any, NamedTuple

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest

from portal import services
from portal.days import read_day
from portal.errors import RuleViolation, SearchTooLong
from portal.name_search import words_of

LONGEST_PASSWORD = 256


def add_refusal(form: forms.BaseForm, refusal: RuleViolation, *, message: str = "") -> None:
    """Show a refusal beside its field, with its code; above the form if the form hasn't got the field."""
    field = refusal.field if refusal.field in form.fields else None
    form.add_error(field, forms.ValidationError(message or str(refusal), code=refusal.code))


def judged[T](rule: Callable[[str], T], value: str) -> T:
    """Apply a rule in a field's `clean_` method: its refusal becomes the field's error."""
    try:
        return rule(value)
    except RuleViolation as refusal:
        raise forms.ValidationError(str(refusal), code=refusal.code) from None


class DayField(forms.DateField):
    """A day as YYYY-MM-DD, which is also what browsers' date pickers send: 03/04/2028 would be ambiguous."""

    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    input_formats = ("%Y-%m-%d",)
    default_error_messages = {"invalid": "Write the day as YYYY-MM-DD, such as 2028-04-03."}

    def strptime(self, value: str, format: str) -> datetime.date:
        return judged(read_day, value)


def sent_text(request: HttpRequest, name: str) -> str:
    """The text sent under a name outside of a form's fields, by the request's own method; empty without one.

    PostgreSQL's texts can't contain a NUL, so the substitute character replaces it.
    """
    sent = request.POST if request.method == "POST" else request.GET
    return sent.get(name, "").replace("\0", "\N{SUBSTITUTE}")


class Search(NamedTuple):
    """What was typed into a page's search box and, if that is too much, why: then nothing is searched."""

    text: str
    too_long: SearchTooLong | None = None


def typed_search(request: HttpRequest) -> Search:
    """Read a page's search box."""
    typed = request.GET.get("q", "").strip()
    try:
        words_of(typed)
    except SearchTooLong as refusal:
        return Search(typed, refusal)
    return Search(typed)


class NewPasswordForm(SetPasswordForm):
    """A new password, typed twice."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.validators.append(MaxLengthValidator(LONGEST_PASSWORD))

    def save(self, commit: bool = True) -> Any:
        services.set_password(user=self.user, password=self.cleaned_data["new_password1"])
        return self.user
