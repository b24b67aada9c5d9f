"""What becomes of files in requests, before any view is asked: Django reads them with the first value."""

from tempfile import NamedTemporaryFile
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, TemporaryFileUploadHandler
from django.http import HttpRequest
from django.urls import reverse

from desk.imports.kept_files import UploadTooLarge, folder


class ArrivingFile(TemporaryUploadedFile):
    """A file that is written, as it comes, to the folder where it is kept; it goes with the request."""

    def __init__(self, name: str | None, content_type: str | None) -> None:
        file = NamedTemporaryFile(prefix="arriving.", dir=folder())  # noqa: SIM115  (its mode is 0600)
        UploadedFile.__init__(self, file, name, content_type)


class UnitsFileHandler(TemporaryFileUploadHandler):
    """Take factory files from operators, at their page, up to the limit; read past every other file.

    A file goes to the data folder as it comes, never to a folder that others can look into. One that is too
    large leaves its refusal on the request, for the view to tell.
    """

    request: HttpRequest
    is_too_large = False

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803  (Django's)
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> None:
        self.is_too_large = content_length > settings.MAX_IMPORT_MEGABYTES * 2**20

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        if not self._is_expected():
            raise SkipFile
        if self.is_too_large:
            refusal = UploadTooLarge(megabytes=settings.MAX_IMPORT_MEGABYTES)
            self.request.upload_refusal = refusal  # type: ignore[attr-defined]
            raise SkipFile
        FileUploadHandler.new_file(self, *args, **kwargs)
        self.file = ArrivingFile(self.file_name, self.content_type)

    def _is_expected(self) -> bool:
        user = self.request.user
        return self.request.path_info == reverse("desk:import_units") and user.has_perm("portal.operate")
