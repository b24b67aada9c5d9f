"""Days are written in one way and end with the year 9998: every field of every form that takes one."""

import datetime
from collections.abc import Iterator

import pytest
from django import forms
from django.contrib import admin
from django.db import models
from django.test import RequestFactory
from django.urls import get_resolver

from portal.days import LAST_DAY, day_after, read_day
from portal.errors import DayTooLate
from portal.forms import DayField
from tests.factories import UserFactory
from tests.test_architecture import APPS

OTHER_NOTATIONS = [
    "03/04/2028",
    "3.4.2028",
    "20280403",
    "2028-4-3",
    "2028-W14-1",
    "28-04-03",
    "2028-04-31",
    "2028-04-03T00:00",
    "2028-04-03-",
    "-2028-04-03",
    "٢٠٢٨-٠٤-٠٣",  # Arabic digits, which Python takes for a number
    "tomorrow",
]


def own_forms(form: type[forms.BaseForm] = forms.BaseForm) -> Iterator[type[forms.BaseForm]]:
    """The portal's own forms as their modules declare them."""
    for child in form.__subclasses__():
        if child.__module__.partition(".")[0] in APPS:
            yield child
        yield from own_forms(child)


def shown_fields() -> Iterator[tuple[str, forms.Field]]:
    """The fields of all forms, and at the desk those for all columns that hold a day or a moment.

    The desk's own forms get theirs from the desk, not as their classes declare them.
    """
    get_resolver()._populate()  # every view's module is there, and with it every form
    request = RequestFactory().get("/support/")
    request.user = UserFactory.build(is_staff=True, is_superuser=True)
    desks = admin.site._registry.values()
    built = {kind for desk in desks for kind in (desk.form, getattr(desk, "add_form", None))}
    for form in own_forms():
        if form not in built:
            yield from ((f"{form.__module__}.{form.__name__}.{n}", f) for n, f in form.base_fields.items())
    for desk in desks:
        pages = [None] if desk.has_add_permission(request) else []
        pages += [desk.model()] if desk.has_change_permission(request) else []
        for row in pages:
            fields = desk.get_form(request, row, change=row is not None).base_fields
            yield from ((f"{desk}: {name}", field) for name, field in fields.items())
        for column in desk.opts.get_fields():
            if isinstance(column, models.DateField) and not isinstance(column, models.DateTimeField):
                yield str(column), desk.formfield_for_dbfield(column, request)


def day_fields() -> dict[str, forms.Field]:
    """Those of them that take a day."""
    return {
        name: field
        for name, field in shown_fields()
        if isinstance(field, forms.DateField) or getattr(field.widget, "input_type", "") == "date"
    }


def test_every_field_for_a_day_is_walked() -> None:
    assert {
        "licensing.views.entitlements.DayForm.on",
        "desk.corrections.forms.ExtendForm.expires_on",
        "desk.corrections.forms.GrantForm.expires_on",
        "licensing.Licence.expires_on",
        "products.Unit.warranty_ends_on",
    } <= set(day_fields())


def test_no_form_takes_a_moment() -> None:
    moments = (forms.DateTimeField, forms.SplitDateTimeField)

    assert not [name for name, field in shown_fields() if isinstance(field, moments)]


def test_every_field_takes_what_is_written_as_it_says_and_the_pickers_day() -> None:
    for field in day_fields().values():
        assert field.clean(" 2028-04-03 ") == datetime.date(2028, 4, 3)
        assert field.clean(str(LAST_DAY)) == LAST_DAY
        assert (field.widget.input_type, field.widget.format) == ("date", "%Y-%m-%d")


@pytest.mark.parametrize("typed", OTHER_NOTATIONS)
def test_every_field_refuses_any_other_notation_with_one_sentence(typed: str) -> None:
    for name, field in day_fields().items():
        with pytest.raises(forms.ValidationError) as refused:
            field.clean(typed)

        assert (name, refused.value.code) == (name, "invalid")
        assert refused.value.messages == [DayField.default_error_messages["invalid"]]


@pytest.mark.parametrize("typed", ["9999-01-01", "9999-12-31"])
def test_every_field_refuses_a_day_that_has_no_next_year(typed: str) -> None:
    for field in day_fields().values():
        with pytest.raises(forms.ValidationError) as refused:
            field.clean(typed)

        assert refused.value.code == DayTooLate.code


def test_a_day_is_read_in_one_notation() -> None:
    assert read_day("2028-02-29") == datetime.date(2028, 2, 29)
    for typed in [*OTHER_NOTATIONS, "", "2027-02-29", "2028-04-03 ", "10000-01-01"]:
        with pytest.raises(ValueError):  # noqa: PT011  (any of them: forms and files say it in their words)
            read_day(typed)
    with pytest.raises(DayTooLate):
        read_day("9999-01-01")


def test_behind_the_calendars_end_is_no_day() -> None:
    assert day_after(LAST_DAY) == datetime.date(9999, 1, 1)
    assert day_after(datetime.date.max) is None
