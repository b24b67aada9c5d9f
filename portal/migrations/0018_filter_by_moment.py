from django.db import migrations

from portal.name_search import search_index


class Migration(migrations.Migration):
    """The desk's lists are filtered by the moment of their rows, which lie in that order."""

    dependencies = [("portal", "0017_account_notes")]

    operations = [
        search_index("auditentry_moment", "portal_auditentry USING brin (at)"),
        search_index("mail_moment", "portal_mail USING brin (created_at)"),
        search_index("account_moment", "portal_account USING brin (created_at)"),
    ]
