"""The addresses of the desk's own pages, below /support/."""

from django.urls import URLPattern, URLResolver, path

from licensing.support import rma

app_name = "desk"

urlpatterns: list[URLPattern | URLResolver] = [
    path("rma/", rma.case_list, name="cases"),
    path("rma/<uuid:uuid>/", rma.case, name="case"),
    path("rma/<uuid:uuid>/approve/", rma.approve_case, name="approve_case"),
    path("rma/<uuid:uuid>/complete/", rma.complete, name="complete_case"),
    path("rma/<uuid:uuid>/received/", rma.receive_case, name="receive_case"),
    path("rma/<uuid:uuid>/mail/", rma.resend_mail, name="resend_mail"),
    *(
        path(f"rma/<uuid:uuid>/{decision}/", rma.decide_case, {"decision": decision}, name=f"{decision}_case")
        for decision in ("decline", "cancel", "undo")
    ),
    path("units/<serial:serial>/rma/", rma.open_case, name="open_case"),
]
