"""The addresses of the desk's own pages, below /support/."""

from django.urls import URLPattern, URLResolver, path

from desk.access import desk_page
from desk.accounts import views as accounts
from desk.cases import queues, work
from desk.cases import views as rma
from desk.corrections.registry import CORRECTIONS
from desk.corrections.views import correct
from desk.guide import views as guide
from desk.imports import views as import_units
from desk.proposals import views as proposals
from desk.records import views as records
from desk.search import views as search
from desk.unit import views as unit

app_name = "desk"

urlpatterns: list[URLPattern | URLResolver] = [
    path("search/", search.search, name="search"),
    path("records/", records.records, name="records"),
    path("guide/", guide.guide, name="guide"),
    path("guide/pictures/<slug:name>.png", guide.guide_picture, name="guide_picture"),
    path("units/<serial:serial>/", unit.unit, name="unit"),
    path("units/<serial:serial>/rma/", rma.open_case, name="open_case"),
    path("accounts/new/", accounts.open_customer, name="open_customer"),
    path("accounts/<uuid:uuid>/", accounts.account, name="account"),
    path("accounts/<uuid:uuid>/note/", accounts.note_account, name="note_account"),
    path("rma/", queues.cases, name="cases"),
    path("rma/<uuid:uuid>/", rma.case, name="case"),
    path("rma/<uuid:uuid>/dry-run/", rma.dry_run, name="dry_run"),
    path("rma/<uuid:uuid>/approve/", rma.approve_case, name="approve_case"),
    path("rma/<uuid:uuid>/waive/", rma.waive, name="waive"),
    path("rma/<uuid:uuid>/complete/", rma.complete_case, name="complete_case"),
    path("rma/<uuid:uuid>/received/", rma.receive_case, name="receive_case"),
    path("rma/<uuid:uuid>/assign/", work.assign_case, name="assign_case"),
    path("rma/<uuid:uuid>/note/", work.add_note, name="add_note"),
    path("rma/<uuid:uuid>/shipping/", work.note_shipping, name="note_shipping"),
    path("rma/<uuid:uuid>/to-a-lead/", work.hand_to_lead, name="hand_to_lead"),
    path("rma/<uuid:uuid>/mail/", rma.resend_mail, name="resend_mail"),
    path("rma/<uuid:uuid>/decline/", rma.decide_case, {"decision": "decline"}, name="decline_case"),
    path("rma/<uuid:uuid>/cancel/", rma.decide_case, {"decision": "cancel"}, name="cancel_case"),
    path("rma/<uuid:uuid>/undo/", rma.decide_case, {"decision": "undo"}, name="undo_case"),
    *(
        path(
            f"units/<serial:serial>/{kind.name.replace('_', '-')}/",
            desk_page(kind.permission)(correct),
            {"kind": kind},
            name=kind.name,
        )
        for kind in CORRECTIONS
    ),
    path("proposals/", proposals.proposals, name="proposals"),
    path("proposals/<uuid:uuid>/confirm/", proposals.confirm_proposal, name="confirm_proposal"),
    path("proposals/<uuid:uuid>/refuse/", proposals.refuse_proposal, name="refuse_proposal"),
    path("proposals/<uuid:uuid>/withdraw/", proposals.withdraw_proposal, name="withdraw_proposal"),
    path("import/", import_units.import_units, name="import_units"),
    path("import/units.csv", import_units.units_template, name="units_template"),
]
