from django.urls import path

from licensing.views import (
    entitlements,
    keysets,
    readiness,
    release,
    rma,
    service_management,
    services,
    swap,
    undo,
)

urlpatterns = [
    path("products/<serial:serial>/", service_management.service_management, name="service_management"),
    path("products/<serial:serial>/name/", service_management.rename_product, name="rename_product"),
    path("products/<serial:serial>/keyset/", keysets.license_keyset, name="license_keyset"),
    path("products/<serial:serial>/keyset/applied/", readiness.confirm_applied, name="confirm_applied"),
    path("readiness/", readiness.readiness, name="readiness"),
    path("readiness.csv", readiness.readiness_csv, name="readiness_csv"),
    path("products/<serial:serial>/keyset/file/", keysets.keyset_file, name="keyset_file"),
    path("products/<serial:serial>/keyset/pair/", keysets.pair_keysets_file, name="pair_keysets_file"),
    path("products/<serial:serial>/entitlements/", entitlements.entitlements, name="entitlements"),
    path("products/<serial:serial>/entitlements.csv", entitlements.entitlements_csv, name="entitlements_csv"),
    path("products/<serial:serial>/key/", services.redeem_key, name="redeem_key"),
    path("products/<serial:serial>/services/<int:code>/trial/", services.free_trial, name="free_trial"),
    path(
        "products/<serial:serial>/services/<int:code>/share/", services.share_licenses, name="share_licenses"
    ),
    path("products/<serial:serial>/release/", release.release_product, name="release_product"),
    path(
        "products/<serial:serial>/offers/<uuid:uuid>/withdraw/", release.withdraw_offer, name="withdraw_offer"
    ),
    path("offers/<uuid:uuid>/", release.offer, name="offer"),
    path("offers/<uuid:uuid>/accept/", release.accept_offer, name="accept_offer"),
    path("offers/<uuid:uuid>/decline/", release.decline_offer, name="decline_offer"),
    path("products/<serial:serial>/associations/<uuid:uuid>/swap/", swap.swap_roles, name="swap_roles"),
    path("products/<serial:serial>/replace/", rma.replace_appliance, name="replace_appliance"),
    path("products/<serial:serial>/transfer/", rma.transfer_licenses, name="transfer_licenses"),
    path("rma/", rma.rma_cases, name="rma_cases"),
    path("rma/<uuid:uuid>/", rma.rma_case, name="rma_case"),
    path("rma/<uuid:uuid>/cancel/", rma.cancel_case, name="cancel_case"),
    path("activity/<uuid:uuid>/undo/", undo.undo_act, name="undo_act"),
    path(".well-known/jwks.json", keysets.jwks, name="jwks"),
]
