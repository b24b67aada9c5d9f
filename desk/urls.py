"""The addresses of the desk's own pages, below /support/."""

from django.urls import URLPattern, URLResolver, path

from desk.cases import views as rma
from desk.corrections import associations as associating
from desk.corrections import licences as corrections
from desk.imports import views as import_units
from desk.search import views as search
from desk.unit import views as unit

app_name = "desk"

urlpatterns: list[URLPattern | URLResolver] = [
    path("search/", search.search, name="search"),
    path("units/<serial:serial>/", unit.unit, name="unit"),
    path("units/<serial:serial>/rma/", rma.open_case, name="open_case"),
    path("rma/", rma.case_list, name="cases"),
    path("rma/<uuid:uuid>/", rma.case, name="case"),
    path("rma/<uuid:uuid>/dry-run/", rma.dry_run, name="dry_run"),
    path("rma/<uuid:uuid>/approve/", rma.approve_case, name="approve_case"),
    path("rma/<uuid:uuid>/waive/", rma.waive, name="waive"),
    path("rma/<uuid:uuid>/complete/", rma.complete_case, name="complete_case"),
    path("rma/<uuid:uuid>/received/", rma.receive_case, name="receive_case"),
    path("rma/<uuid:uuid>/mail/", rma.resend_mail, name="resend_mail"),
    path("rma/<uuid:uuid>/decline/", rma.decide_case, {"decision": "decline"}, name="decline_case"),
    path("rma/<uuid:uuid>/cancel/", rma.decide_case, {"decision": "cancel"}, name="cancel_case"),
    path("rma/<uuid:uuid>/undo/", rma.decide_case, {"decision": "undo"}, name="undo_case"),
    path("units/<serial:serial>/associate/", associating.associate, name="associate"),
    path("units/<serial:serial>/remove/", associating.remove, name="remove"),
    path("units/<serial:serial>/change-parent/", associating.change_parent, name="change_parent"),
    path("units/<serial:serial>/swap/", associating.swap, name="swap"),
    path("units/<serial:serial>/make-standby/", associating.make_standby, name="make_standby"),
    path("units/<serial:serial>/extend/", corrections.extend, name="extend"),
    path("units/<serial:serial>/revoke/", corrections.revoke, name="revoke"),
    path("units/<serial:serial>/reissue/", corrections.reissue, name="reissue"),
    path("units/<serial:serial>/move/", corrections.move, name="move"),
    path("units/<serial:serial>/release/", corrections.release, name="release"),
    path("units/<serial:serial>/take-back/", corrections.take_back, name="take_back"),
    path("units/<serial:serial>/open/", corrections.open_again, name="open"),
    path("import/", import_units.import_units, name="import_units"),
    path("import/units.csv", import_units.units_template, name="units_template"),
]
