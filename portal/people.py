"""How a person is named to an account; the filter needs no `{% load %}`."""

from django import template

from portal.models import Account, User

register = template.Library()

SYSTEM = "the portal"
STAFF = "Support"
FOREIGN = "someone of another account"


@register.filter
def named_to(person: User | None, account: Account) -> str:
    """Who did something, for an account's members to read; None: the portal did it.

    No user name of one account is shown in another, and none of the staff's in any. Whoever belongs to no
    account any more keeps the name. Queries that read many people also select each one's `membership`.
    """
    if person is None:
        return SYSTEM
    if person.is_staff:
        return STAFF
    membership = getattr(person, "membership", None)  # Django's error for none is an AttributeError, too
    is_foreign = membership is not None and membership.account_id != account.pk
    return FOREIGN if is_foreign else person.get_username()
