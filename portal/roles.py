"""Who may do what at the desk: three roles, kept as Django groups and loaded like the catalogue."""

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q

from portal.models import User

AGENT, LEAD, OPERATOR = "support agent", "support lead", "operator"
DESK_APPS = ("portal", "products", "associations", "licensing")

# What each role may do, as app.action_model or one of User's own permissions; all may look at everything.
MAY = {
    AGENT: ["portal.support"],
    LEAD: [
        "portal.support",
        "portal.lead",
        *(f"portal.{action}_{model}" for model in ("account", "membership") for action in ("add", "change")),
        "portal.delete_membership",
    ],
    OPERATOR: [
        "portal.operate",
        *(f"portal.{action}_user" for action in ("add", "change")),
        *(f"products.{action}_productmodel" for action in ("add", "change")),
        *(f"associations.{action}_associationtype" for action in ("add", "change")),
        *(f"associations.{action}_typemodel" for action in ("add", "delete")),
        *(f"licensing.{action}_service" for action in ("add", "change")),
        *(f"licensing.{action}_modelservice" for action in ("add", "change", "delete")),
        *(f"licensing.{action}_activationkey" for action in ("add", "delete")),
    ],
}


@transaction.atomic
def load_roles() -> None:
    """Create the roles that are missing, and give each exactly the permissions in MAY."""
    looking = Q(content_type__app_label__in=DESK_APPS, codename__startswith="view_")
    for name, allowed in MAY.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set(Permission.objects.filter(looking | _named(allowed)))


def roles_of(user: User) -> list[str]:
    """The names of a user's roles."""
    return sorted(user.groups.filter(name__in=MAY).values_list("name", flat=True))


def _named(permissions: Iterable[str]) -> Q:
    found = Q(pk=None)
    for permission in permissions:
        app, codename = permission.split(".")
        found |= Q(content_type__app_label=app, codename=codename)
    return found
