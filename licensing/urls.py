from django.urls import path

from licensing import views

urlpatterns = [
    path("products/<serial:serial>/", views.service_management, name="service_management"),
    path("products/<serial:serial>/name/", views.rename_product, name="rename_product"),
    path("products/<serial:serial>/keyset/", views.license_keyset, name="license_keyset"),
    path(".well-known/jwks.json", views.jwks, name="jwks"),
]
