from django.urls import path

from licensing.views import entitlements as history_views
from licensing.views import readiness as readiness_views
from licensing.views import rma as rma_views
from licensing.views import service_management as views
from licensing.views import services as service_views

urlpatterns = [
    path("products/<serial:serial>/", views.service_management, name="service_management"),
    path("products/<serial:serial>/name/", views.rename_product, name="rename_product"),
    path("products/<serial:serial>/keyset/", views.license_keyset, name="license_keyset"),
    path("products/<serial:serial>/keyset/applied/", readiness_views.confirm_applied, name="confirm_applied"),
    path("readiness/", readiness_views.readiness, name="readiness"),
    path("products/<serial:serial>/keyset/file/", views.keyset_file, name="keyset_file"),
    path("products/<serial:serial>/keyset/pair/", views.pair_keysets_file, name="pair_keysets_file"),
    path("products/<serial:serial>/entitlements/", history_views.entitlements, name="entitlements"),
    path(
        "products/<serial:serial>/entitlements.csv", history_views.entitlements_csv, name="entitlements_csv"
    ),
    path("products/<serial:serial>/key/", service_views.redeem_key, name="redeem_key"),
    path("products/<serial:serial>/services/<int:code>/trial/", service_views.free_trial, name="free_trial"),
    path(
        "products/<serial:serial>/services/<int:code>/share/",
        service_views.share_licenses,
        name="share_licenses",
    ),
    path("products/<serial:serial>/release/", service_views.release_product, name="release_product"),
    path(
        "products/<serial:serial>/associations/<uuid:uuid>/swap/", service_views.swap_roles, name="swap_roles"
    ),
    path("products/<serial:serial>/replace/", rma_views.replace_appliance, name="replace_appliance"),
    path("products/<serial:serial>/transfer/", rma_views.transfer_licenses, name="transfer_licenses"),
    path("rma/", rma_views.rma_cases, name="rma_cases"),
    path("rma/<uuid:uuid>/", rma_views.rma_case, name="rma_case"),
    path("rma/<uuid:uuid>/cancel/", rma_views.cancel_case, name="cancel_case"),
    path(".well-known/jwks.json", views.jwks, name="jwks"),
]
