from django.urls import path

from products import views

urlpatterns = [
    path("products/", views.my_products, name="my_products"),
    path("products/register/", views.register, name="register"),
    path("products/<serial:serial>/survey/", views.product_survey, name="product_survey"),
]
