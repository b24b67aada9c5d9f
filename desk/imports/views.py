"""The factory's record from the browser: send a file, look at what it would do, import it.

What takes long is streamed: the page grows by the rows done as they go, without JavaScript and without a
proxy's patience running out. Who closes the page stops it, and nothing is written.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from desk.access import DeskRequest, desk_page, render_desk
from desk.imports.kept_files import (
    ImportGone,
    claim_file,
    discard_file,
    discard_old,
    files_of,
    find_file,
    give_back,
    keep_file,
    used_up,
)
from portal.access import post_only
from portal.errors import RuleViolation
from portal.forms import add_refusal
from products.factory import COLUMNS, Problem, Steps, importing, previewing, problem_of_first_line, reading

PROBLEMS_SHOWN = 100
SECONDS_BETWEEN = 1.0
# Where a page is cut in two, to be continued: no value of the page can look like it, they are all escaped.
CUT = "<!-- goes on -->"
EXPLAINED = {
    "serial_number": ("12 hexadecimal digits, in any notation", "0006B1124416"),
    "model": ("the model's name as in the catalogue", "PRO 5060"),
    "authentication_code": ("8 letters and digits", "7KMD-P2QX"),
    "firmware": ("at most 32 characters; may be empty", "2.5.0.0e"),
    "warranty_ends_on": ("the last day of the warranty; may be empty", "2027-11-30"),
}
logger = logging.getLogger(__name__)


class UnitsFileForm(forms.Form):
    """A factory file."""

    refusal: RuleViolation | None = None
    file = forms.FileField(
        label="CSV file",
        required=False,
        allow_empty_file=True,
        max_length=255,
        help_text="In UTF-8.",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv", "required": True}),
    )

    def clean_file(self) -> TemporaryUploadedFile:
        file: TemporaryUploadedFile | None = self.cleaned_data["file"]
        if self.refusal:
            raise forms.ValidationError(str(self.refusal), code=self.refusal.code)
        if file is None:
            raise forms.ValidationError("Choose a file.", code="required")
        with reading(Path(file.temporary_file_path()))() as text:
            if problem := problem_of_first_line(text):
                raise forms.ValidationError(f"{problem[0].upper()}{problem[1:]}.", code="no-units-file")
        return file


class Report:
    """Keeps the first problems of a file, and counts all."""

    def __init__(self) -> None:
        self.shown: list[Problem] = []
        self.count = 0

    def add(self, problem: Problem) -> None:
        """Take one more in."""
        self.count += 1
        if self.count <= PROBLEMS_SHOWN:
            self.shown.append(problem)

    @property
    def more(self) -> int:
        """How many aren't shown."""
        return self.count - len(self.shown)


class StreamedPage(StreamingHttpResponse):
    """A page that is sent as it grows. `at_end` is called when nobody waits for it any more, begun or not."""

    at_end: Callable[[], None] | None = None

    def close(self) -> None:
        super().close()
        if self.at_end:
            self.at_end()


@desk_page("portal.operate")
def import_units(request: DeskRequest) -> HttpResponse:
    discard_old()
    if request.method != "POST":
        return _ask_for_file(request, UnitsFileForm(), status=200)
    form = UnitsFileForm(request.POST, request.FILES)
    form.refusal = getattr(request, "upload_refusal", None)
    if not form.is_valid():
        return _ask_for_file(request, form)
    token = keep_file(Path(form.cleaned_data["file"].temporary_file_path()), user=request.user)
    return redirect("desk:preview_import", token)


@desk_page("portal.operate")
@require_safe
def preview_import(request: DeskRequest, token: str) -> HttpResponseBase:
    discard_old()
    try:
        file = find_file(token, user=request.user)
        digest = file.digest()
    except (ImportGone, OSError):
        return _refuse(request, ImportGone(), status=404)

    def steps(report: Report) -> Steps[dict[str, object]]:
        return {"preview": (yield from previewing(reading(file.path), report=report.add))}

    return _stream(
        request, "desk/preview_import.html", {"title": "Preview", "file": file, "digest": digest}, steps
    )


@desk_page("portal.operate")
@post_only("desk:preview_import", "token")
def confirm_import(request: DeskRequest, token: str) -> HttpResponseBase:
    try:
        file = claim_file(token, request.POST.get("digest", ""), user=request.user)
    except RuleViolation as refusal:
        return _refuse(request, refusal)

    def steps(report: Report) -> Steps[dict[str, object]]:
        with used_up(file):
            rows, new = yield from importing(reading(file.path), by=request.user, report=report.add)
        return {"rows": rows, "new": new, "known": rows - new}

    page = _stream(request, "desk/confirm_import.html", {"title": "Import", "file": file}, steps)
    page.at_end = partial(give_back, file)
    return page


@desk_page("portal.operate")
@post_only("desk:import_units")
def cancel_import(request: DeskRequest, token: str) -> HttpResponse:
    discard_file(token, user=request.user)
    return redirect("desk:import_units")


@desk_page("portal.operate")
@require_safe
def units_template(request: DeskRequest) -> HttpResponse:
    headers = {"Content-Disposition": 'attachment; filename="units.csv"'}
    return HttpResponse(f"{','.join(COLUMNS)}\r\n", content_type="text/csv; charset=utf-8", headers=headers)


def _ask_for_file(request: DeskRequest, form: UnitsFileForm, *, status: int = 422) -> HttpResponse:
    context: dict[str, object] = {
        "title": "Import units",
        "form": form,
        "columns": [(name, *EXPLAINED[name]) for name in COLUMNS],
        "files": files_of(request.user),
        "megabytes": settings.MAX_IMPORT_MEGABYTES,
    }
    return render_desk(request, "desk/import_units.html", context, status=status)


def _refuse(request: DeskRequest, refusal: RuleViolation, *, status: int = 422) -> HttpResponse:
    """Ask for a file anew, and say beside the field why."""
    form = UnitsFileForm({})
    form.errors.clear()
    add_refusal(form, refusal)
    return _ask_for_file(request, form, status=status)


def _stream(
    request: DeskRequest,
    template: str,
    context: dict[str, object],
    steps: Callable[[Report], Steps[dict[str, object]]],
) -> StreamedPage:
    """Send a page's beginning, the rows done as they go, the template's part `result`, and the page's end."""
    get_token(request)  # its cookie goes with the headers, before the form that needs it is rendered
    page = render_desk(request, template, {**context, "goes_on": mark_safe(CUT)}).content.decode()  # noqa: S308
    beginning, _, end = page.partition(CUT)

    def parts() -> Iterator[str]:
        yield beginning
        report = Report()
        result = context | {"report": report} | (yield from _follow(steps(report)))
        yield render_to_string(f"{template}#result", result, request)
        yield end

    return StreamedPage(parts(), headers={"X-Accel-Buffering": "no"})


def _follow(steps: Steps[dict[str, object]]) -> Generator[str, None, dict[str, object]]:
    """Tell the rows done as they go; return what came of it, a failure too: the answer has begun by then."""
    done, told_at = 0, -SECONDS_BETWEEN
    yield "<p>Rows read:"
    try:
        while True:
            rows = next(steps)
            if rows <= done:
                yield "</p><p>Rows written:"
            done = rows
            if time.monotonic() - told_at >= SECONDS_BETWEEN:
                yield f" {rows:,}"
                told_at = time.monotonic()
    except StopIteration as end:
        result: dict[str, object] = end.value
    except RuleViolation as refusal:
        result = {"failure": str(refusal)}
    except Exception:
        logger.exception("an import failed")
        result = {"failure": "Something went wrong, and nothing was written. The portal's log says more."}
    finally:
        steps.close()
    yield "</p>"
    return result
