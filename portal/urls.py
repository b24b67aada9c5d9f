"""Every address of the portal."""

from allauth.account import views as allauth_views
from django.contrib import admin
from django.urls import include, path, register_converter

from portal import activity_views, views
from products.serials import SerialConverter

register_converter(SerialConverter, "serial")
handler500 = "portal.views.server_error"

urlpatterns = [
    path("", views.main_page, name="main_page"),
    path("activity/", activity_views.activity, name="activity"),
    path("help/", views.help_page, {"topic": "index"}, name="help_index"),
    path("help/<slug:topic>/", views.help_page, name="help_page"),
    path("login/", allauth_views.login, name="account_login"),
    path("login/inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("logout/", allauth_views.logout, name="account_logout"),
    path("password/<uidb64>/<token>/", views.SetPassword.as_view(), name="set_password"),
    path("support/", include("desk.urls")),
    path("support/", admin.site.urls),
    path("", include("products.urls")),
    path("", include("associations.urls")),
    path("", include("licensing.urls")),
]
