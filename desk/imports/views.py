"""The factory's record from the browser: a file is previewed, then sent again for import; none is stored."""

import hashlib
import io
from collections.abc import Callable

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from desk.access import DeskRequest, desk_page, render_desk
from portal.errors import RuleViolation
from portal.forms import add_refusal
from products import factory
from products.errors import ImportRefused
from products.factory import COLUMNS, Problem, problem_of_first_line

PROBLEMS_SHOWN = 100
EXPLAINED = {
    "serial_number": ("12 hexadecimal digits, in any notation", "0006B1124416"),
    "model": ("the model's name as in the catalogue", "PRO 5060"),
    "authentication_code": ("8 letters and digits", "7KMD-P2QX"),
    "firmware": ("at most 32 characters; may be empty", "2.5.0.0e"),
    "warranty_ends_on": ("the last day of the warranty; may be empty", "2027-11-30"),
}


class UploadTooLarge(RuleViolation):
    """The file is larger than the desk accepts from a browser."""

    code = "upload-too-large"
    field = "file"
    message = (
        "At most {megabytes} MB are accepted here. Split the file, or give it to "
        "`manage.py import_units`, which takes any length."
    )


class ImportChanged(RuleViolation):
    """The file to import isn't the one that was previewed."""

    code = "import-changed"
    field = "file"
    message = (
        "This isn't the file that you previewed. Nothing was written. Check this one before you import it."
    )


class UnitsFileForm(forms.Form):
    """A factory file; with the digest of the preview, it is imported."""

    file = forms.FileField(
        label="CSV file",
        allow_empty_file=True,
        max_length=255,
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        error_messages={"required": "Choose a file."},
    )
    digest = forms.CharField(required=False, max_length=64)

    def clean_file(self) -> bytes:
        file = self.cleaned_data["file"]
        if file.size > settings.MAX_IMPORT_MEGABYTES * 2**20:
            refusal = UploadTooLarge(megabytes=settings.MAX_IMPORT_MEGABYTES)
            raise forms.ValidationError(str(refusal), code=refusal.code)
        content: bytes = file.read()
        if problem := problem_of_first_line(_opener(content)()):
            raise forms.ValidationError(f"{problem[0].upper()}{problem[1:]}.", code="no-units-file")
        return content


class Report:
    """Stores the first problems of a file, and counts all."""

    def __init__(self) -> None:
        self.shown: list[Problem] = []
        self.count = 0

    def add(self, problem: Problem) -> None:
        """Add a problem."""
        self.count += 1
        if self.count <= PROBLEMS_SHOWN:
            self.shown.append(problem)

    @property
    def more(self) -> int:
        """The number of problems that aren't shown."""
        return self.count - len(self.shown)


@desk_page("portal.operate")
def import_units(request: DeskRequest) -> HttpResponse:
    form = UnitsFileForm(request.POST, request.FILES) if request.method == "POST" else UnitsFileForm()
    preview: dict[str, object] = {}
    if form.is_bound and form.is_valid():
        content, digest = form.cleaned_data["file"], form.cleaned_data["digest"]
        try:
            if digest and _import(request, content, digest):
                return redirect("admin:products_unit_changelist")
            preview = _preview(content)
        except RuleViolation as refusal:
            add_refusal(form, refusal)
    context: dict[str, object] = {
        "title": "Import units",
        "form": form,
        "columns": [(name, *EXPLAINED[name]) for name in COLUMNS],
        "megabytes": settings.MAX_IMPORT_MEGABYTES,
        **preview,
    }
    return render_desk(request, "desk/import_units.html", context, status=422 if form.errors else 200)


def _import(request: DeskRequest, content: bytes, digest: str) -> bool:
    """Import the very file that was previewed; if it has problems by now, the preview shows them instead."""
    if digest != hashlib.sha256(content).hexdigest():
        raise ImportChanged
    try:
        rows, new = factory.import_units(
            _opener(content), by=request.user, report=lambda problem: None, progress=lambda rows: None
        )
    except ImportRefused:
        return False
    messages.success(request, f"Rows read: {rows}. New units: {new}. There already: {rows - new}.")
    return True


def _preview(content: bytes) -> dict[str, object]:
    report = Report()
    preview = factory.preview_units(_opener(content), report=report.add)
    return {"preview": preview, "report": report, "digest": hashlib.sha256(content).hexdigest()}


@desk_page("portal.operate")
@require_safe
def units_template(request: DeskRequest) -> HttpResponse:
    headers = {"Content-Disposition": 'attachment; filename="units.csv"'}
    return HttpResponse(f"{','.join(COLUMNS)}\r\n", content_type="text/csv; charset=utf-8", headers=headers)


def _opener(content: bytes) -> Callable[[], io.TextIOWrapper]:
    """Return a function that opens a file as `products.factory_file.reading` does."""
    return lambda: io.TextIOWrapper(
        io.BytesIO(content), encoding="utf-8-sig", errors="surrogateescape", newline=""
    )
