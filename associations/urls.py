from django.urls import path

from associations import views

urlpatterns = [
    path("products/<serial:serial>/association/", views.create_association, name="create_association"),
    path("products/<serial:serial>/association/child/", views.choose_child, name="choose_child"),
    path(
        "products/<serial:serial>/associated/<slug:slug>/",
        views.associated_products,
        name="associated_products",
    ),
    path(
        "products/<serial:serial>/associated/<slug:slug>/register/",
        views.associate_product,
        name="associate_product",
    ),
    path(
        "products/<serial:serial>/associations/<uuid:uuid>/remove/",
        views.remove_association,
        name="remove_association",
    ),
    path(
        "products/<serial:serial>/associations/<uuid:uuid>/parent/", views.change_parent, name="change_parent"
    ),
    path(
        "products/<serial:serial>/associations/<uuid:uuid>/standby/", views.make_standby, name="make_standby"
    ),
]
