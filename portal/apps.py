from django.contrib.admin import apps


class DeskConfig(apps.AdminConfig):
    """Django's admin site as the support desk, under the portal's own login."""

    default_site = "desk.site.DeskSite"
    default = False  # the app `portal` itself needs none
