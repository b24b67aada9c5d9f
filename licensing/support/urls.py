"""The addresses of the desk's own pages, below /support/."""

from django.urls import URLPattern, URLResolver, path

from licensing.support import search, unit

app_name = "desk"

urlpatterns: list[URLPattern | URLResolver] = [
    path("search/", search.search, name="search"),
    path("units/<serial:serial>/", unit.unit, name="unit"),
]
