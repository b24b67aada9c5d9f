"""The addresses of the desk's own pages, below /support/."""

from django.urls import URLPattern, URLResolver, path

from licensing.support import rma, search, unit

app_name = "desk"

urlpatterns: list[URLPattern | URLResolver] = [
    path("search/", search.search, name="search"),
    path("units/<serial:serial>/", unit.unit, name="unit"),
    path("units/<serial:serial>/rma/", rma.open_case, name="open_case"),
    path("rma/", rma.case_list, name="cases"),
    path("rma/<uuid:uuid>/", rma.case, name="case"),
    path("rma/<uuid:uuid>/approve/", rma.approve_case, name="approve_case"),
    path("rma/<uuid:uuid>/complete/", rma.complete_case, name="complete_case"),
    path("rma/<uuid:uuid>/received/", rma.receive_case, name="receive_case"),
    path("rma/<uuid:uuid>/mail/", rma.resend_mail, name="resend_mail"),
    path("rma/<uuid:uuid>/decline/", rma.decide_case, {"decision": "decline"}, name="decline_case"),
    path("rma/<uuid:uuid>/cancel/", rma.decide_case, {"decision": "cancel"}, name="cancel_case"),
    path("rma/<uuid:uuid>/undo/", rma.decide_case, {"decision": "undo"}, name="undo_case"),
]
