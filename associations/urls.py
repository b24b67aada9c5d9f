from django.urls import path

from associations.views import associated_products, changes, create_association

urlpatterns = [
    path(
        "products/<serial:serial>/association/",
        create_association.create_association,
        name="create_association",
    ),
    path("products/<serial:serial>/association/child/", create_association.choose_child, name="choose_child"),
    path(
        "products/<serial:serial>/associated/<slug:slug>/",
        associated_products.associated_products,
        name="associated_products",
    ),
    path(
        "products/<serial:serial>/associated/<slug:slug>/register/",
        associated_products.associate_product,
        name="associate_product",
    ),
    path(
        "products/<serial:serial>/associations/<uuid:uuid>/remove/",
        changes.remove_association,
        name="remove_association",
    ),
    path(
        "products/<serial:serial>/associations/<uuid:uuid>/parent/",
        changes.change_parent,
        name="change_parent",
    ),
    path(
        "products/<serial:serial>/associations/<uuid:uuid>/standby/",
        changes.make_standby,
        name="make_standby",
    ),
]
