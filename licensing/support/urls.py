"""The addresses of the desk's own pages, below /support/."""

from django.urls import URLPattern, URLResolver, path

from licensing.support import import_units

app_name = "desk"

urlpatterns: list[URLPattern | URLResolver] = [
    path("import/", import_units.import_units, name="import_units"),
    path("import/units.csv", import_units.units_template, name="units_template"),
    path("import/<slug:token>/", import_units.preview_import, name="preview_import"),
    path("import/<slug:token>/confirm/", import_units.confirm_import, name="confirm_import"),
    path("import/<slug:token>/cancel/", import_units.cancel_import, name="cancel_import"),
]
