from django.urls import path

from associations import views

urlpatterns = [
    path("products/<serial:serial>/association/", views.create_association, name="create_association"),
    path("products/<serial:serial>/association/child/", views.choose_child, name="choose_child"),
]
