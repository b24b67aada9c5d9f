"""The outbox: a mail is a row in the transaction of what it tells."""

from collections.abc import Iterable

from portal.models import Account, Mail


def post(
    *, to: Iterable[str], subject: str, body: str, account: Account | None = None, about: str = ""
) -> int:
    """Put a mail to each address into the outbox; return how many. Empty addresses get none."""
    addresses = dict.fromkeys(address for address in to if address)
    rows = [Mail(to=to, subject=subject, body=body, account=account, about=about) for to in addresses]
    return len(Mail.objects.bulk_create(rows))
