"""How a rule's refusal gets beside the field that it is about, what a search is for, and days."""

import datetime
from collections.abc import Callable
from typing import NamedTuple

from django import forms
from django.http import HttpRequest

from portal.days import read_day
from portal.errors import RuleViolation, SearchTooLong
from portal.finding import words_of


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


class DayField(forms.DateField):
    """A day as YYYY-MM-DD, which a browser's own picker sends too; nobody guesses what 03/04/2028 means."""

    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    input_formats = ("%Y-%m-%d",)
    default_error_messages = {"invalid": "Write the day as YYYY-MM-DD, such as 2028-04-03."}

    def strptime(self, value: str, format: str) -> datetime.date:
        return judged(read_day, value)


class Search(NamedTuple):
    """What a page's box asks for, and why that is too much: then nothing is looked for."""

    text: str
    too_long: SearchTooLong | None = None


def typed_search(request: HttpRequest) -> Search:
    """What was typed into a page's box."""
    typed = request.GET.get("q", "").replace("\0", "").strip()  # PostgreSQL takes no NUL in a comparison
    try:
        words_of(typed)
    except SearchTooLong as refusal:
        return Search(typed, refusal)
    return Search(typed)
