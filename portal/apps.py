from django.contrib.admin import apps


class SupportConfig(apps.AdminConfig):
    """Django's admin site as the support desk, under the portal's own login."""

    default_site = "desk.site.DeskSite"
    default = False  # it stands beside the app `portal`, it isn't its configuration
